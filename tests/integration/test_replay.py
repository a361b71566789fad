# SPDX-License-Identifier: Apache-2.0
"""Mails of the quarantine once more, its caps, and what goes when it is old."""
import datetime
import email.utils
import fcntl
import json
import os
import re
import subprocess
import time

from conftest import COMMAND, FIXTURES, wait_for
from lmtp import deliver
from test_other import FIELD, MAIL, SAID, crlf, forward_conf, forwarded, other, target  # noqa: F401

REPORT = crlf((FIXTURES / "gzip_multipart.eml").read_bytes())
CUT = crlf((FIXTURES / "truncated_gzip.eml").read_bytes())


def held(mail, days):
    """As the MTA has had it for so long."""
    when = email.utils.format_datetime(datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days))
    return b"Received: from a by b; %s\r\n" % when.encode() + mail


def replay(intake, *args, code=0):
    run = subprocess.run([str(COMMAND), "-c", str(intake.conf), "replay", *args], capture_output=True, text=True,
                         timeout=120)
    assert run.returncode == code, (run.returncode, run.stdout, run.stderr)
    return run.stdout


def put(intake, mail, folder="", sender="dmarc@first.example", received=1700000000):
    """As an older version would have kept it."""
    import hashlib
    name = hashlib.sha256(mail).hexdigest()
    base = intake.quarantine / folder
    (base / "why" / (name + ".json")).write_text(json.dumps({
        "reason": "an old version could not read it", "kept": received + 5, "received": received, "transport": "lmtp",
        "session": "0001.1", "from": sender, "recipients": ["rua@first.example"], "sha256": name}))
    (base / "tmp" / name).write_bytes(mail)  # a daemon may look at any time
    (base / "tmp" / name).rename(base / "new" / name)
    return name


def tree(intake):
    return sorted((str(p.relative_to(intake.quarantine)), p.read_bytes()) for p in intake.quarantine.rglob("*")
                  if p.is_file() and p.name != "dmarc-intake.lock")


def test_what_reads_now_is_stored_and_leaves(world):
    intake = world.intake()
    name, cut = put(intake, REPORT), put(intake, CUT)
    before = tree(intake)
    out = replay(intake, "--dry-run", code=65)
    assert "%s would be stored, would leave" % name[:16] in out and "2 mails, 1 would leave, 1 would stay" in out
    assert tree(intake) == before and intake.records() == []
    out = replay(intake, code=65)  # beside the daemon; the cut one stays
    assert "%s stored, left" % name[:16] in out and "%s kept, stays" % cut[:16] in out
    assert "2 mails, 1 left, 1 stay, 0 in other hands, 2 records stored, 0 duplicates" in out
    assert len(intake.records()) == 2 and intake.kept() == [CUT]
    why, = intake.quarantine.glob("why/*.json")  # untouched, with its reason
    assert why.stem == cut and "an old version" in why.read_text()
    # envelope and time of the first delivery
    row = intake.rows("SELECT intake_received, intake_envelope_from FROM aggregate_report")
    assert row == [(1700000000, "dmarc@first.example")], row
    # the same mail again: known
    assert deliver(intake.listen, REPORT)[0].startswith("250 2.0.0 stored")
    assert len(intake.records()) == 2


def test_names_and_classes(world):
    intake = world.intake()
    name = put(intake, REPORT, ".Other")
    assert "0 mails" in replay(intake)  # kept and waiting only
    assert intake.records() == []
    replay(intake, "--other", "0" * 10, code=66)
    assert other(intake) == [REPORT]
    assert "1 left" in replay(intake, "--other", name[:8])
    assert other(intake) == [] and len(intake.records()) == 2
    replay(intake, "--other", "../x", code=64)


def test_a_mail_moves_to_where_it_belongs(world):
    intake = world.intake()
    put(intake, MAIL)  # kept by a version that was too careful
    put(intake, CUT, ".Other")  # taken for something else
    out = replay(intake, "--kept", "--other", code=65)
    assert intake.kept() == [CUT] and other(intake) == [MAIL]
    assert "2 left, " in out
    before = tree(intake)
    replay(intake, "--kept", "--other", code=65)
    assert tree(intake) == before  # and they stay there


def test_a_full_quarantine_can_be_replayed(world):
    """No room to move one mail must not keep the others from being stored."""
    intake = world.intake(extra="[quarantine]\nmax_mails = 3\n")
    put(intake, MAIL, received=1600000000), put(intake, CUT)  # the oldest comes first
    name = put(intake, REPORT)
    out = replay(intake, code=75)
    assert "full, stays" in out and "%s stored, left" % name[:16] in out
    assert len(intake.records()) == 2 and sorted(intake.kept()) == sorted([MAIL, CUT])


def test_sink_away_nothing_leaves(world):
    intake = world.intake()
    put(intake, REPORT, ".Waiting")
    intake.stop()
    lock = subprocess.Popen(["sqlite3", str(intake.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        lock.stdin.write("BEGIN EXCLUSIVE;\nSELECT 1;\n")
        lock.stdin.flush()
        assert lock.stdout.readline() == "1\n"
        conf = intake.conf.read_text()
        intake.conf.write_text(conf + "[lmtp]\nprogress_timeout = 2s\n")
        out = replay(intake, code=75)
        assert "later, stays" in out
    finally:
        lock.communicate("ROLLBACK;\n", timeout=60)
    assert len(list(intake.quarantine.glob(".Waiting/new/*"))) == 1
    assert "1 left" in replay(intake)
    assert len(intake.records()) == 2 and not list(intake.quarantine.glob(".Waiting/new/*"))


def test_one_that_somebody_has_in_hand_is_left_alone(world):
    intake = world.intake()
    name = put(intake, REPORT)
    with open(intake.quarantine / "new" / name, "r+b") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        assert "1 in other hands" in replay(intake)
    assert intake.kept() == [REPORT] and intake.records() == []
    assert "1 left" in replay(intake)


def test_two_at_once_store_once(world):
    intake = world.intake()
    names = [put(intake, re.sub(rb"Message-ID: <", b"Message-ID: <%d." % i, REPORT)) for i in range(20)]
    runs = [subprocess.Popen([str(COMMAND), "-c", str(intake.conf), "replay"], stdout=subprocess.PIPE, text=True)
            for _ in range(3)]
    outs = [r.communicate(timeout=120)[0] for r in runs]
    assert [r.returncode for r in runs] == [0, 0, 0]
    left = [re.search(r"(\d+) mails, (\d+) left", o) for o in outs]
    assert sum(int(m.group(2)) for m in left) == len(names)
    assert len(intake.records()) == 2 and intake.kept() == []


def test_what_was_refused_is_forwarded_when_the_server_is_repaired(world, target):  # noqa: F811
    t = target(answers={"RCPT": "550 5.1.1 unknown"})
    intake = world.intake(extra=forward_conf(t.port))
    deliver(intake.listen, MAIL)
    assert other(intake) == [MAIL]
    assert "stays" in replay(intake, "--other", code=65)
    t.answers.clear()
    assert "would be forwarded, would leave" in replay(intake, "--other", "--dry-run") and t.mails == []
    assert other(intake) == [MAIL]
    assert "forwarded, left" in replay(intake, "--other")
    (sender, _, data), = t.mails
    assert sender == "postmaster@test.example" and data.endswith(MAIL) and data.startswith(FIELD)
    assert other(intake) == []


def test_check_asks_the_server(world, target):  # noqa: F811
    t = target()
    intake = world.intake(extra=forward_conf(t.port))

    def check():
        run = subprocess.run([str(COMMAND), "-c", str(intake.conf), "check"], capture_output=True, text=True, timeout=60)
        return run.returncode, run.stdout

    code, out = check()
    assert code == 0 and "server for forwarding: ok\n" in out and t.mails == []
    t.answers["greeting"] = "554 5.7.1 not you"
    code, out = check()
    assert code == 75 and "server for forwarding: 127.0.0.1 port" in out and "554 5.7.1 not you" in out


def test_a_full_quarantine_does_not_stop_reports(world):
    """Four fifths of the cap are for rubbish; then it stays with the MTA."""
    intake = world.intake(extra="[quarantine]\nmax_mails = 5\n")
    for i in range(4):
        assert deliver(intake.listen, CUT + b"%d\r\n" % i)[0].startswith("250 2.0.0 kept")
    for mail in (held(CUT, 0), MAIL):
        assert deliver(intake.listen, mail)[0].startswith("452 4.3.1 ")
    # a copy of a kept one is there already
    assert deliver(intake.listen, CUT + b"0\r\n")[0].startswith("250 2.0.0 kept")
    # reports with nothing wrong need no room
    assert deliver(intake.listen, REPORT)[0].startswith("250 2.0.0 stored")
    assert len(intake.records()) == 2 and len(intake.kept()) == 4
    assert "full: 4 mails of 5" in intake.log()
    # a report in somebody's words: 452, stored all the same, and again later
    mail = forwarded(SAID)
    assert deliver(intake.listen, mail)[0].startswith("452 4.3.1 ")
    # room again
    for p in list(intake.quarantine.glob("new/*"))[:2]:
        p.unlink()
    assert deliver(intake.listen, mail)[0].startswith("250 2.0.0 stored and taken")
    assert len(intake.records()) == 2


def test_a_full_quarantine_by_bytes(world):
    intake = world.intake(extra="[quarantine]\nmax_bytes = 10000\n")
    assert deliver(intake.listen, CUT + b"a" * 4000)[0].startswith("250 2.0.0 kept")
    assert deliver(intake.listen, CUT + b"b" * 4000)[0].startswith("452 4.3.1 ")
    assert deliver(intake.listen, REPORT)[0].startswith("250 2.0.0 stored")


def test_waiting_mails_have_room_left(world):
    """The last fifth is theirs."""
    intake = world.intake(extra="[intake]\nhold_limit = 1s\n[lmtp]\nprogress_timeout = 1s\n[quarantine]\nmax_mails = 5\n")
    for i in range(4):
        assert deliver(intake.listen, CUT + b"%d\r\n" % i)[0].startswith("250 2.0.0 kept")
    lock = subprocess.Popen(["sqlite3", str(intake.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        lock.stdin.write("BEGIN EXCLUSIVE;\nSELECT 1;\n")
        lock.stdin.flush()
        assert lock.stdout.readline() == "1\n"
        assert deliver(intake.listen, REPORT)[0].startswith("250 2.0.0 kept for later")
    finally:
        lock.communicate("ROLLBACK;\n", timeout=60)


def test_what_cannot_be_read_does_not_go_back_either(world):
    """Without room in its own place it waits in the last fifth, once the MTA has held it for long."""
    intake = world.intake(extra="[intake]\nhold_limit = 3d\nreplay_interval = 1s\n[quarantine]\nmax_mails = 5\n")
    for i in range(4):
        assert deliver(intake.listen, CUT + b"%d\r\n" % i)[0].startswith("250 2.0.0 kept")
    assert deliver(intake.listen, held(CUT, 1))[0].startswith("452 4.3.1 ")
    assert deliver(intake.listen, held(MAIL, 4))[0].startswith("452 4.3.1 ")  # is no report
    assert deliver(intake.listen, held(CUT, 4))[0].startswith("250 2.0.0 kept for later")
    # it goes to its place as soon as there is room
    for path in list(intake.quarantine.glob("new/*"))[:2]:
        path.unlink()
    wait_for(lambda: not list(intake.quarantine.glob(".Waiting/new/*")))
    assert len(intake.kept()) == 3


def test_what_is_old_goes_and_the_log_says_so(world):
    intake = world.intake(extra="[quarantine]\nmax_age = 240s\n")
    put(intake, CUT), put(intake, MAIL, ".Other"), put(intake, REPORT, ".Waiting")
    young = put(intake, CUT + b"x")
    old = time.time() - 2 * 86400
    for path in intake.quarantine.rglob("new/*"):
        if path.name != young:
            os.utime(path, (old, old))
    intake.stop()
    conf = intake.conf.read_text()
    intake.conf.write_text(conf + "[intake]\nreplay_interval = 1d\n")
    intake.start()
    wait_for(lambda: "kept=2 waiting=1 other=1" in intake.log())
    # not at once: a clock that is months ahead at the start may still be set
    assert "older than max_age" not in intake.log()
    wait_for(lambda: "quarantine: 2 mails older than max_age removed" in intake.log())
    assert [p.name for p in intake.quarantine.glob("new/*")] == [young]
    assert [p.stem for p in intake.quarantine.glob("why/*")] == [young]
    assert len(list(intake.quarantine.glob(".Waiting/new/*"))) == 1  # never


def test_check_and_report_tell_what_lies_there(world):
    intake = world.intake()
    put(intake, CUT), put(intake, CUT + b"x"), put(intake, MAIL, ".Other")
    when = int(time.time()) - 10 * 86400  # not yet too old
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(when))
    for path in intake.quarantine.rglob("new/*"):
        os.utime(path, (when, when))
    deliver(intake.listen, REPORT)
    for command in ("check", "report"):
        run = subprocess.run([str(COMMAND), "-c", str(intake.conf), command], capture_output=True, text=True, timeout=60)
        assert run.returncode == 0, run.stderr
        assert "quarantine: 2 mails cannot be read or stored (dmarc-intake replay --kept), the oldest since %s UTC" % since \
            in run.stdout
        assert "quarantine: 1 mails are not reports, the oldest since" in run.stdout
        assert "wait for a sink" not in run.stdout
