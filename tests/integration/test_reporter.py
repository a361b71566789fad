# SPDX-License-Identifier: Apache-2.0
"""Whose report is it: Authentication-Results as the mail server adds them, and
forged ones; which reports are stored then, and which are kept with a reason."""
import json
import smtplib
import sqlite3
import subprocess

import pytest

from conftest import BUILD, needs_postfix, wait_for
from lmtp import deliver
from milter import MTAS, RUA, needs_milter, send, site  # noqa: F401

OURS = "Authentication-Results: mx.test.example; "
PROOF = OURS + "dkim=pass header.d=reporter.example\n"
FOREIGN = "Received: from a by b.evil.example\n"


def aggregate(number, top="", domain="test.example", inside=""):
    """One report in a mail; top stands above its header, inside in it."""
    return (top + "Subject: Report domain: %s Submitter: reporter.example Report-ID: %d\n" % (domain, number)
            + "From: dmarc@reporter.example\n" + inside + "Content-Type: text/xml\n\n"
            "<feedback><report_metadata><org_name>reporter.example</org_name><email>dmarc@reporter.example</email>"
            "<report_id>%d</report_id><date_range><begin>1767225600</begin><end>1767311999</end></date_range>"
            "</report_metadata><policy_published><domain>%s</domain><p>none</p></policy_published><record><row>"
            "<source_ip>192.0.2.1</source_ip><count>1</count><policy_evaluated><disposition>none</disposition>"
            "</policy_evaluated></row><identifiers><header_from>%s</header_from></identifiers></record></feedback>\n"
            % (number, domain, domain)).encode()


def tls(number, top="", domain="test.example"):
    report = {"organization-name": "Reporter Inc.", "contact-info": "tls@reporter.example", "report-id": str(number),
              "date-range": {"start-datetime": "2026-01-01T00:00:00Z", "end-datetime": "2026-01-01T23:59:59Z"},
              "policies": [{"policy": {"policy-type": "sts", "policy-domain": domain},
                            "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0}}]}
    return (top + "TLS-Report-Domain: %s\nTLS-Report-Submitter: reporter.example\nFrom: tls@reporter.example\n" % domain
            + "Content-Type: application/tlsrpt+json\n\n" + json.dumps(report) + "\n").encode()


def failure(number, top=""):
    return (top + "From: ruf@reporter.example\nMessage-ID: <%d@reporter.example>\nMIME-Version: 1.0\n" % number
            + "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
            "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: auth-failure\nVersion: 1\n"
            "User-Agent: x/1\nAuth-Failure: dmarc\nReported-Domain: test.example\nSource-IP: 192.0.2.1\n"
            "Arrival-Date: Thu, 1 Jan 2026 12:00:00 +0000\n\n"
            "--b\nContent-Type: text/rfc822-headers\n\nFrom: a@test.example\nSubject: s%d\n\n--b--\n" % number).encode()


def settings(**keys):
    """Sections of the tests' file may stand twice."""
    return "[intake]\n" + "".join("%s = %s\n" % pair for pair in keys.items())


def stored(intake):
    """What each kind has, by its number."""
    return sorted(intake.rows("SELECT 'aggregate ' || report_id FROM aggregate_report WHERE complete UNION ALL"
                              " SELECT 'tls ' || report_id FROM smtp_tls_report UNION ALL"
                              " SELECT 'failure ' || substr(intake_message_id, 1, 1) FROM failure_report"))


def reasons(intake):
    return [json.loads(p.read_text())["reason"] for p in intake.quarantine.glob("why/*.json")]


MAILS = {"aggregate": aggregate, "tls": tls, "failure": failure}
KEPT = {"no": (), "aggregate": ("aggregate",), "tls": ("tls",), "all": ("aggregate", "tls", "failure")}


@pytest.mark.parametrize("required", KEPT)
def test_each_value_of_require_reporter_auth(world, required):
    intake = world.intake(extra=settings(authserv_id="mx.test.example", require_reporter_auth=required))
    unproved = OURS + "dkim=pass header.d=evil.example; spf=fail smtp.mailfrom=reporter.example\n"
    for kind, mail in MAILS.items():
        assert deliver(intake.listen, mail(1, PROOF))[0].startswith("250 2.0.0")
        assert deliver(intake.listen, mail(2, unproved))[0].startswith("250 2.0.0")
    wanted = [(kind + " 1",) for kind in MAILS] + [(kind + " 2",) for kind in MAILS if kind not in KEPT[required]]
    assert stored(intake) == sorted(wanted)
    assert len(intake.kept()) == len(KEPT[required])
    for reason in reasons(intake):
        assert "reporter.example is not authenticated: dkim=pass dmarc=none spf=fail, of evil.example" in reason
    marks = intake.rows("SELECT kind, aligned, dkim, domain FROM view_reporter WHERE kind = 'aggregate' ORDER BY id")
    assert marks[0] == ("aggregate", 1, "pass", "reporter.example")
    assert marks[1:] == ([] if "aggregate" in KEPT[required] else [("aggregate", 0, "pass", "evil.example")])


def test_reports_for(world):
    intake = world.intake(extra=settings(reports_for="test.example, *.wide.example"))
    for number, domain in enumerate(["test.example", "a.wide.example", "wide.example", "them.example"]):
        for mail in (aggregate, tls):
            assert deliver(intake.listen, mail(number, domain=domain))[0].startswith("250 2.0.0")
    assert stored(intake) == [("aggregate 0",), ("aggregate 1",), ("tls 0",), ("tls 1",)]
    assert sorted(r.partition("about ")[2] for r in reasons(intake)) == [
        "them.example, which is not in reports_for"] * 2 + ["wide.example, which is not in reports_for"] * 2


# what the mail server has found out, by the sender, and what the mail brings along itself
SENDERS = {
    "proved": "dkim=pass header.d=reporter.example",
    "denied": "dkim=fail header.d=reporter.example; dmarc=fail header.from=reporter.example",
    "folded": "spf=pass (it is; dkim=fail header.d=reporter.example) smtp.mailfrom=x@mail.reporter.example",
}
BROUGHT = {
    ("proved", ""): 1,
    ("folded", ""): 1,
    ("denied", ""): 0,
    ("silent", ""): 0,
    # by other hosts, and in our name below what can be ours
    ("silent", "Authentication-Results: mx.evil.example; dkim=pass header.d=reporter.example\n"): 0,
    ("silent", FOREIGN + PROOF): 0,
    ("silent", "X-A: b\nDate: Thu, 1 Jan 2026 12:00:00 +0000\n" + PROOF): 0,
    # on top of all that the sender wrote, and below what ours say
    ("denied", PROOF): 0,
    ("denied", "X-A: b\n" + PROOF + FOREIGN): 0,
    # a server that does not remove it is believed: see dmarc-intake.conf(5)
    ("silent", PROOF): 1,
}


def prepending(more=""):
    table = ", ".join("{%s@sender.example = PREPEND %s%s}" % (name, OURS, told) for name, told in SENDERS.items())
    return "smtpd_sender_restrictions = check_sender_access inline:{ %s }\n%s" % (table, more)


def send_as(postfix, name, mail):
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as smtp:
        smtp.sendmail(name + "@sender.example", ["reports@test.example"], mail)


@needs_postfix
def test_what_postfix_says_and_what_a_sender_forges(world):
    intake = world.intake(extra=settings(authserv_id="$j"))
    postfix = world.postfix(intake.listen, POSTFIX_SETTINGS=prepending())
    for number, (name, brought) in enumerate(BROUGHT):
        send_as(postfix, name, aggregate(number, brought))
    wait_for(lambda: len(intake.records()) == len(BROUGHT), 60)
    rows = dict(intake.rows("SELECT report_id, intake_reporter_auth_aligned FROM aggregate_report"))
    assert rows == {str(number): aligned for number, aligned in enumerate(BROUGHT.values())}


# in our name, and as a pattern or a simple filter does not see it
UNSEEN = [PROOF] + [PROOF.replace(" mx.test.example", text) for text in (
    "\n mx.test.example", " (x) mx.test.example", "(x)\n\tmx.test.example", ' "mx.test.example"',
    ' mx."test.example"', " MX.test.example", " (\\)) MX.test.example")] + [PROOF.replace(":", " :", 1)]


@needs_postfix
def test_a_server_that_removes_what_is_forged(world):
    """The header_checks of the manual page."""
    checks = world.folder / "checks"
    checks.write_text("/^Authentication-Results:[[:space:]]*mx\\.test\\.example\\b/ IGNORE\n")
    intake = world.intake(extra=settings(authserv_id="$j", require_reporter_auth="all"))
    postfix = world.postfix(intake.listen, POSTFIX_SETTINGS="header_checks = regexp:%s\n" % checks)
    for number, brought in enumerate(UNSEEN):
        send_as(postfix, "silent", aggregate(number, brought))
        wait_for(lambda: len(intake.kept()) + len(intake.records()) == number + 1, 60)
    assert intake.records() == []
    assert all("reporter.example is not authenticated: dkim=none dmarc=none spf=none" in why for why in reasons(intake))


@needs_postfix
def test_a_kept_mail_remembers_who_brought_it(world):
    """Kept as one about a foreign domain; stored and still proved when that is ours."""
    intake = world.intake(extra=settings(authserv_id="$j", require_reporter_auth="all", reports_for="us.example"))
    postfix = world.postfix(intake.listen, POSTFIX_SETTINGS=prepending())
    send_as(postfix, "proved", aggregate(1))
    wait_for(lambda: len(intake.kept()) == 1, 60)
    assert intake.stop() == 0
    intake.conf.write_text(intake.conf.read_text().replace("us.example", "test.example"))
    subprocess.run([str(BUILD / "dmarc-intake"), "-c", str(intake.conf), "replay", "--kept"], check=True, timeout=60)
    assert intake.kept() == []
    assert intake.rows("SELECT report_id, intake_reporter_auth_aligned FROM aggregate_report") == [("1", 1)]


@needs_milter
@pytest.mark.parametrize("kind", MTAS)
def test_the_milter_knows_the_name_of_its_server(site, kind):
    """$j is the macro; and a milter is not shown the Received of its own server."""
    daemon = site.milter(more=settings(authserv_id="$j"))
    mta = site.mta(kind, daemon)
    send(mta.port, aggregate(1, PROOF), RUA)
    send(mta.port, aggregate(2, FOREIGN + PROOF), RUA)
    with sqlite3.connect("file:%s?mode=ro" % daemon.database, uri=True) as db:
        rows = db.execute("SELECT report_id, intake_reporter_auth_aligned FROM aggregate_report ORDER BY 1").fetchall()
    assert rows == [("1", 1), ("2", 0)]
