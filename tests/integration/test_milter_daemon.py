# SPDX-License-Identifier: Apache-2.0
"""The milter as a daemon: its sockets and rights, signals, and the mails that
wait with it."""
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import zlib

import pytest

from conftest import free_port, preload, wait_for
from milter import (HUMAN, MILTER, PERSON, REPORT, RUA, TWO, Client, Milter, needs_milter, send_in,
                    site)  # noqa: F401
from report import head_xml, record, record_xml, seeded

pytestmark = needs_milter
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
HELD = b"Received: from r.example by mx.r.example; Thu, 01 Jan 2026 00:00:00 +0000\n"


# --- mails that wait ---

def large_mail(count):
    """A report with so many records; 1,000 different ones over and over."""
    import base64
    rng = seeded("large")
    block = "".join(record_xml(record(rng, "test.example")) for _ in range(1000)).encode()
    z = zlib.compressobj(1, zlib.DEFLATED, 31)
    packed = z.compress(head_xml(org="large.example", domain="test.example", report_id="large").encode())
    packed += b"".join(z.compress(block) for _ in range(count // 1000)) + z.compress(b"</feedback>\n") + z.flush()
    return (b"From: noreply@large.example\nMessage-ID: <large@large.example>\nMIME-Version: 1.0\n"
            b"Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(packed))


def test_larger_than_the_budget(site):
    """It does not start over for ever: it waits here, and goes on in the background."""
    count = 300000
    milter = site.milter(budget="1s", more="[intake]\nreplay_interval = 1s\n")
    c = Client(milter)
    assert c.mail(large_mail(count), RUA)[-1] == b"d"
    assert "status=waiting (discard" in milter.log()
    wait_for(lambda: milter.records() == count, 120)
    wait_for(lambda: not milter.waiting())
    wait_for(lambda: "replay: from=<noreply@reporter.example>" in milter.log())
    c.close()


def test_held_for_days(site):
    """The sender's queue would give up soon: a report never bounces."""
    keys = {"progress_timeout": "1s", "more": "[intake]\nreplay_interval = 1s\n"}
    milter = site.milter(**keys)
    c = Client(milter)
    send_in(milter, c)
    records = milter.records()
    db = milter.lock()
    try:
        assert c.mail(REPORT, RUA)[-1][:4] == b"y451"
        assert c.mail(HELD + REPORT, RUA) == [b"d"]
        answers = c.mail(HELD + REPORT.replace(b"Message-ID: <", b"Message-ID: <2."), RUA, PERSON)
        assert answers == [b"-<%s>\0" % RUA.encode(), b"c"]
        assert c.mail(HELD + HUMAN, RUA)[-1] == b"c", "a person's mail never waits"
        assert len(milter.waiting()) == 2
        assert milter.waiting()[0].read_bytes().startswith(HELD.replace(b"\n", b"\r\n"))
        milter.configure(action="accept", **keys)
        milter.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: "configuration read again" in milter.log())
        c.close()
        c = Client(milter)
        added, end = c.mail(HELD + REPORT, RUA)
        assert end == b"c" and added.startswith(b"hX-DMARC-Intake\0") and b"waiting; its reports are stored later\0" in added
    finally:
        db.close()
    wait_for(lambda: not milter.waiting(), 30)
    assert milter.records() > records
    c.close()


def test_stop_with_a_mail_that_waits(site):
    """The background work is given up at a stop, and taken up at the next start."""
    keys = {"progress_timeout": "1s", "more": "[intake]\nreplay_interval = 1s\n[lmtp]\nprogress_timeout = 60s\n"}
    milter = site.milter(**keys)
    c = Client(milter)
    send_in(milter, c)
    records = milter.records()
    db = milter.lock()
    try:
        assert c.mail(HELD + REPORT, RUA) == [b"d"]
        c.close()
        time.sleep(1.5)  # it is being tried again now, and has 60 s
        begin = time.monotonic()
        assert milter.stop() == 0
        assert time.monotonic() - begin < 30
    finally:
        db.close()
    assert len(milter.waiting()) == 1 and milter.records() == records
    milter.start()
    wait_for(lambda: not milter.waiting(), 30)
    assert milter.records() > records


# --- signals ---

def test_reload(site):
    milter = site.milter()
    old = Client(milter)
    milter.listen += ".other"
    milter.configure(action="accept", socket_mode="0600")
    milter.process.send_signal(signal.SIGUSR1)
    wait_for(lambda: "configuration read again, needs a restart: " in milter.log())
    line, = [x for x in milter.log().splitlines() if "needs a restart" in x]
    assert "milter.listen" in line and "milter.socket_mode" in line and "action" not in line
    assert stat.S_IMODE(milter.socket.stat().st_mode) == 0o666
    new = Client(milter)
    assert new.mail(REPORT, RUA)[-1] == b"c"
    assert old.mail(REPORT, RUA) == [b"d"], "a connection keeps what it began with"
    for broken in ("[milter]\naction = burn\n", "[milter]\nmatch = recipient\n"):  # the second: whose?
        before = milter.log().count("stays as it was")
        milter.conf.write_text(broken)
        milter.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: milter.log().count("stays as it was") > before)
    third = Client(milter)
    assert third.mail(REPORT, RUA)[-1] == b"c"
    for c in (old, new, third):
        c.close()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_ends(site, sig):
    milter = site.milter()
    c = Client(milter)  # a connection that says nothing does not keep it
    assert c.mail(REPORT, RUA) == [b"d"]
    assert milter.stop(sig) == 0
    assert "stopping" in milter.log()
    c.close()
    milter.start()
    assert Client(milter).mail(REPORT, RUA) == [b"d"]


def in_hand(milter, c, answers):
    """A mail whose end of message waits for the database; the thread that sent it."""
    def mail():
        try:
            answers.extend(c.mail(REPORT, RUA))
        except (EOFError, OSError):
            answers.append(None)

    c.answers = []
    t = threading.Thread(target=mail, daemon=True)
    t.start()
    wait_for(lambda: b"p" in c.answers)  # it is told so after an eighth of the budget
    assert t.is_alive()
    return t


def test_stop_waits_for_the_mail_in_hand(site):
    milter = site.milter(budget="24s", progress_timeout="24s")
    c = Client(milter)
    send_in(milter, c)
    db, answers = milter.lock(), []
    t = in_hand(milter, c, answers)
    milter.process.send_signal(signal.SIGTERM)
    time.sleep(1.5)
    assert milter.process.poll() is None
    db.close()
    t.join(40)
    assert answers[-1:] == [b"d"]
    assert milter.process.wait(20) == 0
    milter.process = None
    c.close()


LATE_ANSWERS = r"""
#include <poll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
ssize_t writev(int fd, const struct iovec *v, int count) { poll(0, 0, 500); return syscall(SYS_writev, fd, v, count); }
"""


def test_stop_waits_for_the_last_answer(site, tmp_path, monkeypatch):
    """It is libmilter's to send, after our part, whenever its thread has the processor again."""
    monkeypatch.setenv("LD_PRELOAD", preload(tmp_path, LATE_ANSWERS, MILTER))
    milter, answers = site.milter(), []
    c = Client(milter)
    t = threading.Thread(target=lambda: answers.extend(c.mail(REPORT, RUA)), daemon=True)
    t.start()
    wait_for(lambda: "status=stored" in milter.log(), step=0.01)
    assert milter.stop() == 0
    t.join(20)
    assert answers == [b"d"]
    c.close()


def test_a_second_signal_hurries(site):
    """Then the mail in hand has no answer, and comes again."""
    milter = site.milter(budget="24s", progress_timeout="24s")
    c = Client(milter)
    send_in(milter, c)
    records, db, answers = milter.records(), milter.lock(), []
    try:
        t = in_hand(milter, c, answers)
        milter.process.send_signal(signal.SIGTERM)
        wait_for(lambda: milter.knock() or "stopping" in milter.log())
        time.sleep(0.5)
        assert milter.process.poll() is None
        milter.process.send_signal(signal.SIGTERM)
        assert milter.process.wait(20) == 75
        milter.process = None
        t.join(20)
    finally:
        db.close()
    assert answers[-1] is None and b"d" not in answers
    assert "1 mails are still in hand and end now" in milter.log()
    assert milter.records() == records
    milter.start()
    c = Client(milter)
    assert c.mail(REPORT, RUA) == [b"d"] and milter.records() > records


# --- sockets and rights ---

def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("kind,host", [("inet", "127.0.0.1"), ("inet6", "::1")])
def test_tcp(site, kind, host):
    if kind == "inet6":
        try:
            socket.create_server((host, 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("no IPv6 here")
    milter = site.milter(listen="%s:%d@%s" % (kind, free_port(), host))
    c = Client(milter)
    assert c.mail(REPORT, RUA) == [b"d"] and milter.records() > 0
    c.close()


@pytest.mark.parametrize("host,text", [("127.0.0.1", "Address already in use"),
                                       ("192.0.2.1", "Cannot assign requested address")])
def test_tcp_in_use(site, host, text):
    with socket.create_server(("127.0.0.1", 0)) as other:
        milter = Milter(site.folder, listen="inet:%d@%s" % (other.getsockname()[1], host))
        run = subprocess.run([str(MILTER), "-c", str(milter.conf)], capture_output=True, text=True, timeout=20)
    assert run.returncode == 75 and text in run.stderr, run.stderr


def test_the_way_to_the_socket(site):
    """A dead one is replaced; a living one, and what is no socket, is not."""
    milter = site.milter()
    again = subprocess.run([str(MILTER), "-c", str(milter.conf)], capture_output=True, text=True, timeout=20)
    assert again.returncode == 75 and str(milter.socket) in again.stderr
    c = Client(milter)
    assert c.mail(REPORT, RUA) == [b"d"], "the first one has it still"
    c.close()
    milter.stop(signal.SIGKILL)
    assert milter.socket.is_socket()
    milter.start()
    assert Client(milter).mail(REPORT, RUA) == [b"d"]
    milter.stop()
    milter.socket.unlink(missing_ok=True)
    milter.socket.write_text("precious")
    again = subprocess.run([str(MILTER), "-c", str(milter.conf)], capture_output=True, text=True, timeout=20)
    assert again.returncode == 78 and milter.socket.read_text() == "precious"
    milter.socket.unlink()


def may_connect(path, uid):
    """May a user without groups?"""
    code = ("import os, socket, sys\nos.setgroups([]); os.setgid(%d); os.setuid(%d)\n"
            "socket.socket(socket.AF_UNIX).connect(sys.argv[1])" % (uid, uid))
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=20)
    assert run.returncode == 0 or "PermissionError" in run.stderr, run.stderr
    return run.returncode == 0


@needs_root
def test_socket_rights(site):
    nobody = pwd.getpwnam("nobody")
    milter = site.milter(socket_mode="0660")
    assert mode_of(milter.socket) == 0o660 and not may_connect(milter.socket, nobody.pw_uid)
    milter.stop()
    milter.configure(socket_mode="0600", socket_owner="nobody", socket_group="daemon")
    milter.start()
    s = milter.socket.stat()
    assert stat.S_IMODE(s.st_mode) == 0o600 and s.st_uid == nobody.pw_uid
    assert may_connect(milter.socket, nobody.pw_uid) and not may_connect(milter.socket, pwd.getpwnam("daemon").pw_uid)
    milter.stop()
    milter.configure(socket_mode="0600", socket_owner="nobody-is-called-so")
    run = subprocess.run([str(MILTER), "-c", str(milter.conf)], capture_output=True, text=True, timeout=20)
    assert run.returncode == 78 and "nobody-is-called-so" in run.stderr


@needs_root
def test_gives_up_the_rights_of_root(site):
    """It becomes the owner of its folder, in every thread, and its files are his."""
    user = pwd.getpwnam("daemon")
    milter = Milter(site.folder)
    os.chown(milter.state, user.pw_uid, user.pw_gid)
    site.keep(milter.start())
    c = Client(milter)
    assert c.mail(REPORT, RUA) == [b"d"] and milter.records() > 0
    threads = list(os.scandir("/proc/%d/task" % milter.process.pid))
    assert len(threads) > 3
    for thread in threads:
        with open(thread.path + "/status") as f:
            ids = {line.split(":")[0]: line.split()[1:] for line in f if line.startswith(("Uid", "Gid", "CapEff"))}
        assert set(ids["Uid"]) == {str(user.pw_uid)} and set(ids["Gid"]) == {str(user.pw_gid)}, ids
        assert int(ids["CapEff"][0], 16) == 0
    assert milter.database.stat().st_uid == user.pw_uid
    assert milter.quarantine.stat().st_uid == user.pw_uid
    c.close()
    assert milter.stop() == 0
