# SPDX-License-Identifier: Apache-2.0
"""Postfix's lmtp client cuts lines that are longer than its limit, 998 bytes
unless somebody sets it to 0: a report of one line is read all the same."""
import pathlib
import subprocess

import pytest
from conftest import needs_postfix, wait_for
from report import record, report_xml, seeded

pytestmark = needs_postfix

MAIL = ("From: noreply@reporter.example\r\nTo: reports@test.example\r\nSubject: one line\r\nMIME-Version: 1.0\r\n"
        "Message-ID: <folded-%s@reporter.example>\r\nContent-Type: text/xml; charset=utf-8\r\n"
        "Content-Transfer-Encoding: %s\r\n\r\n%s\r\n")


def one_line(name, count, org):
    """A report without a line end; the folds fall wherever they fall."""
    rng = seeded(name)
    xml = report_xml([record(rng, "test.example", ip="192.0.2.%d" % (i + 1)) for i in range(count)],
                     org=org, domain="test.example", report_id=name)
    return "".join(line.strip() for line in xml.splitlines())


def with_default_limit(postfix):
    """As Postfix is without the setting that postfix-up, like our guide, makes."""
    master = pathlib.Path(postfix.folder) / "etc/master.cf"
    text = master.read_text()
    assert " -o lmtp_line_length_limit=0" in text
    master.write_text(text.replace(" -o lmtp_line_length_limit=0", ""))
    limit = subprocess.run(["postconf", "-c", str(master.parent), "-h", "lmtp_line_length_limit"], check=True,
                           capture_output=True, text=True, timeout=30)
    assert limit.stdout.strip() in ("998", "$smtp_line_length_limit", "990"), limit.stdout
    subprocess.run(["postfix", "-c", str(master.parent), "reload"], check=True, timeout=30,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("encoding, org", [("7bit", "Reporter Inc"), ("8bit", "Prüfer und Söhne " * 80)])
def test_a_report_of_one_line_through_the_default_limit(world, encoding, org):
    intake = world.intake()
    postfix = world.postfix(intake.listen)
    with_default_limit(postfix)
    xml = one_line("folded-" + encoding, 40, org.strip())
    assert "\n" not in xml and len(xml) > 20 * 998
    import smtplib
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as smtp:
        smtp.sendmail("noreply@reporter.example", ["reports@test.example"], (MAIL % (encoding, encoding, xml)).encode(),
                      mail_options=["BODY=8BITMIME"] if encoding == "8bit" else [])
    wait_for(lambda: len(intake.records()) == 40)
    wait_for(postfix.is_drained)
    assert {r[2] for r in intake.records()} == {"192.0.2.%d" % (i + 1) for i in range(40)}
    assert intake.rows("SELECT DISTINCT org_name FROM aggregate_report") == [(org.strip(),)]
    errors = intake.rows("SELECT * FROM aggregate_report")
    assert "lines that a relay folded rejoined" in str(errors), errors
    assert "Invalid XML" not in str(errors)
    assert "status=stored" in intake.log() and intake.kept() == []
