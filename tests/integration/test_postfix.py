# SPDX-License-Identifier: Apache-2.0
"""Report mails come in by SMTP, go through a real Postfix's queue and a
transport map entry over LMTP, and are rows in SQLite, each record once."""
import json
import subprocess
import threading
import time

import pytest
from conftest import BUILD, FIXTURES, TOP, free_port, needs_postfix, wait_for
import mailgen

pytestmark = needs_postfix

REPORT = FIXTURES / "gzip_multipart.eml"


def send_all(postfix, paths, seconds=120):
    """Many distinct mails in by SMTP, over a few sessions at once."""
    def worker(mine):
        import smtplib
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as smtp:
            for path in mine:
                with open(path, "rb") as f:
                    smtp.sendmail("noreply@reporter.example", ["reports@test.example"], f.read())

    threads = [threading.Thread(target=worker, args=(paths[i::4],)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(seconds)
        assert not t.is_alive()


def counted(intake):
    """{report_id: records}, to compare with what was sent."""
    return dict(intake.rows("SELECT r.report_id, count(*) FROM aggregate_record AS c JOIN aggregate_report AS r"
                            " ON r.id = c.report_id WHERE r.complete GROUP BY r.id"))


def check_each_once(intake, expected):
    reports = intake.rows("SELECT report_id, count(*) FROM aggregate_report GROUP BY 1 HAVING count(*) > 1")
    assert reports == []
    assert counted(intake) == expected


@pytest.mark.parametrize("transport", ["unix", "tcp", "chroot"])
def test_a_report_goes_all_the_way(world, transport):
    env = {}
    if transport == "tcp":
        listen = "inet:127.0.0.1:%d" % free_port()
        nexthop = listen
    elif transport == "unix":
        listen = nexthop = "unix:%s/lmtp.sock" % world.folder
    else:
        # as Debian ships Postfix: the lmtp client sees the queue folder only
        (world.folder / "postfix/queue/dmarc-intake").mkdir(parents=True)
        listen = "unix:%s/postfix/queue/dmarc-intake/lmtp.sock" % world.folder
        nexthop, env = "unix:dmarc-intake/lmtp.sock", {"LMTP_CHROOT": "y"}
    intake = world.intake(listen=listen)
    postfix = world.postfix(nexthop, **env)
    postfix.send_file(REPORT)
    wait_for(lambda: len(intake.records()) == 2)
    assert [r[0] for r in intake.records()] == ["1767229200.4711"] * 2
    wait_for(postfix.is_drained)
    wait_for(lambda: "status=sent (250 2.0.0" in postfix.log())  # postlogd writes it, when it gets round to it
    assert "status=stored" in intake.log()
    assert intake.kept() == []


def test_every_shape_of_an_aggregate_report_mail(world):
    """All fixtures that the golden documents know as aggregate reports, whole."""
    mails, reports = [], set()
    for path in sorted((TOP / "tests/golden").glob("*.eml.ndjson")):
        documents = [d for d in map(json.loads, path.read_text().splitlines())
                     if d["_index"].startswith("dmarc_aggregate")]
        if documents:
            mails.append(FIXTURES / path.name.removesuffix(".ndjson"))
            reports |= {(d.get("org_name"), d.get("report_id"), d["published_policy"].get("domain")) for d in documents}
    assert len(mails) >= 14
    intake = world.intake()
    postfix = world.postfix(intake.listen)
    for path in mails:
        postfix.send_file(path)
    wait_for(lambda: postfix.log().count("status=sent (250") == len(mails))
    assert set(intake.rows("SELECT org_name, report_id, domain FROM aggregate_report WHERE complete")) == reports
    assert "status=bounced" not in postfix.log() and "status=deferred" not in postfix.log()


def test_server_away_the_queue_holds_then_drains(world):
    paths, expected = mailgen.write(40, str(world.folder / "mails"), seed=2)
    intake = world.intake()
    postfix = world.postfix(intake.listen)
    send_all(postfix, paths[:10])
    wait_for(postfix.is_drained)
    assert intake.stop() == 0
    send_all(postfix, paths[10:])
    wait_for(lambda: "status=deferred" in postfix.log())
    wait_for(lambda: len(postfix.queue()) == 30)
    assert sum(counted(intake).values()) == sum(list(expected.values())[:10])
    intake.start()
    postfix.flush()
    wait_for(postfix.is_drained, 60)
    check_each_once(intake, expected)
    assert "status=bounced" not in postfix.log()


def test_one_file_many_times_is_one_record_set(world):
    intake = world.intake()
    for sessions in ("1", "20"):
        address = intake.listen
        subprocess.run(["smtp-source", "-L", "-A", "-c", "-s", sessions, "-m", "200", "-F",
                        str(FIXTURES / "zip_single_part.eml"), "-f", "noreply@reporter.example",
                        "-t", "reports@test.example", address], check=True, timeout=120, stdout=subprocess.DEVNULL)
    assert len(intake.records()) == 3
    assert intake.rows("SELECT count(*) FROM aggregate_report") == [(1,)]
    assert intake.log().count("status=stored") == 400
    # and in another mail, from another queue, still the same report
    postfix = world.postfix(intake.listen)
    postfix.send_file(FIXTURES / "zip_single_part_again.eml")
    wait_for(postfix.is_drained)
    wait_for(lambda: intake.log().count("status=stored") == 401)
    assert len(intake.records()) == 3


def test_what_cannot_be_read_is_kept_byte_for_byte(world):
    intake = world.intake()
    sent = (FIXTURES / "truncated_gzip.eml").read_bytes().replace(b"\n", b"\r\n")
    mail = world.folder / "sent.eml"
    mail.write_bytes(sent)
    for _ in range(2):  # a second copy is kept once
        run = subprocess.run([str(BUILD / "tests/lmtp_send"), "-t", "reports@test.example", intake.listen, str(mail)],
                             capture_output=True, text=True, timeout=60)
        assert run.returncode == 0 and "250 2.0.0" in run.stdout, run.stdout + run.stderr
    kept = intake.kept()
    assert len(kept) == 1
    assert kept[0] in (sent, sent.replace(b"\r\n", b"\n"))
    assert intake.records() == []
    why = list(intake.quarantine.glob("why/*.json"))
    assert len(why) == 1 and "reports@test.example" in why[0].read_text()
    # through Postfix the mail has one more header, and the rest is the same
    postfix = world.postfix(intake.listen)
    postfix.send_file(FIXTURES / "truncated_gzip.eml")
    wait_for(postfix.is_drained)
    wait_for(lambda: "status=sent (250 2.0.0" in postfix.log())
    kept = intake.kept()
    assert len(kept) == 2
    body = (FIXTURES / "truncated_gzip.eml").read_bytes().split(b"\n\n", 1)[1]
    assert all(k.replace(b"\r\n", b"\n").rstrip(b"\n").endswith(body.rstrip(b"\n")) for k in kept)


def test_killed_in_the_middle_every_record_once(world):
    paths, expected = mailgen.write(200, str(world.folder / "mails"), seed=3)
    intake = world.intake()
    postfix = world.postfix(intake.listen)
    sender = threading.Thread(target=send_all, args=(postfix, paths))
    sender.start()
    kills = 0
    for share in (0.2, 0.5, 0.8):
        wait_for(lambda s=share: len(counted(intake)) >= s * len(paths), 60, 0.005)
        intake.kill()
        kills += 1
        time.sleep(0.3)
        intake.start()
        postfix.flush()
    sender.join(120)
    postfix.flush()
    wait_for(postfix.is_drained, 90)
    assert kills == 3
    check_each_once(intake, expected)
    assert intake.kept() == []
    assert "status=bounced" not in postfix.log()
