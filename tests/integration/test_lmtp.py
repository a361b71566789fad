# SPDX-License-Identifier: Apache-2.0
"""dmarc-intake-lmtpd, driven by a raw client over unix and TCP sockets."""

import grp
import os
import pathlib
import pwd
import signal
import socket
import sqlite3
import stat
import subprocess
import tempfile
import threading
import time

import pytest
from conftest import free_port

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", TREE / "build"))
PROGRAM = BUILD / "dmarc-intake-lmtpd"
WAIT_S = 60

REPORT = """<?xml version="1.0"?>
<feedback><report_metadata><org_name>r.example</org_name>
<email>noreply@r.example</email><report_id>%s</report_id>
<date_range><begin>1700000000</begin><end>1700086399</end></date_range>
</report_metadata><policy_published><domain>d.example</domain><p>none</p>
<pct>100</pct></policy_published><record><row><source_ip>192.0.2.1</source_ip>
<count>3</count><policy_evaluated><disposition>none</disposition>
<dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
<identifiers><header_from>d.example</header_from></identifiers>
<auth_results><spf><domain>d.example</domain><result>fail</result></spf>
</auth_results></record></feedback>
"""


def report_mail(report_id):
    body = (REPORT % report_id).replace("\n", "\r\n")
    return (
        "From: noreply@r.example\r\nTo: dmarc@d.example\r\n"
        f"Subject: Report Domain: d.example Report-ID: {report_id}\r\n"
        f"Message-ID: <{report_id}@r.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: application/xml; name=r.xml\r\n"
        "Content-Disposition: attachment; filename=r.xml\r\n\r\n" + body
    ).encode()


def human_mail(text):
    """No report: it must lie in the quarantine, byte for byte."""
    return b"From: a@b.example\r\nSubject: hello\r\n\r\n" + text + b"\r\n"


class Server:
    def __init__(self, folder, listen=None, conf="", lmtp="", env=None):
        self.folder = pathlib.Path(folder)
        self.state = self.folder / "state"
        self.state.mkdir(exist_ok=True)
        self.socket = self.folder / "lmtp.sock"
        self.listen = listen or f"unix:{self.socket}"
        self.conf = self.folder / "intake.conf"
        self.write(conf, lmtp)
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            [PROGRAM, "-c", self.conf], stderr=self.log, stdout=self.log,
            env=dict(os.environ, **(env or {})))

    def write(self, conf="", lmtp=""):
        self.conf.write_text(
            f"[intake]\nstate_path = {self.state}\nlog = stderr\n{conf}\n"
            f"[lmtp]\nlisten = {self.listen}\n{lmtp}\n")

    def wait_ready(self):
        self.wait_log("ready on")
        return self

    def log_text(self):
        return (self.folder / "log").read_text(errors="replace")

    def wait_log(self, text, count=1):
        end = time.monotonic() + WAIT_S
        while self.log_text().count(text) < count:
            assert time.monotonic() < end, f"no {text!r}:\n{self.log_text()}"
            assert self.process.poll() is None or text in self.log_text(), \
                self.log_text()
            time.sleep(0.02)

    def client(self, **more):
        if self.listen.startswith("unix:"):
            s = socket.socket(socket.AF_UNIX)
            s.connect(str(self.socket))
        else:
            host, port = self.listen[5:].rsplit(":", 1)
            s = socket.create_connection((host.strip("[]"), int(port)))
        return Client(s, **more)

    def kept(self, mail):
        """How many files below the state folder are this mail."""
        return sum(p.read_bytes() == mail
                   for p in self.state.rglob("*") if p.is_file())

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.log.close()
        assert code == 0, self.log_text()
        assert "ERROR:" not in self.log_text(), self.log_text()
        assert "runtime error" not in self.log_text(), self.log_text()


class Client:
    def __init__(self, sock, greeted=True):
        self.sock = sock
        self.sock.settimeout(WAIT_S)
        self.rest = b""
        if greeted:
            assert self.reply().startswith("220 ")
            assert self.ask("LHLO test.example").startswith("250 ")

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        while b"\n" not in self.rest:
            more = self.sock.recv(65536)
            if not more:
                assert not self.rest, self.rest
                return None
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        assert line.endswith(b"\r"), line
        return line[:-1].decode()

    def reply(self):
        """The last line of a reply; None at the end of the connection."""
        line = self.line()
        while line is not None and line[3:4] == "-":
            line = self.line()
        return line

    def ask(self, line):
        self.send(line + "\r\n")
        return self.reply()

    def start(self, recipients=("dmarc@d.example",), more=""):
        assert self.ask(f"MAIL FROM:<noreply@r.example>{more}")[:9] == \
            "250 2.1.0"
        for r in recipients:
            assert self.ask(f"RCPT TO:<{r}>")[:9] == "250 2.1.5"

    def data(self, mail, recipients=("dmarc@d.example",)):
        self.start(recipients)
        assert self.ask("DATA")[:3] == "354"
        stuffed = (b"\r\n" + mail).replace(b"\r\n.", b"\r\n..")[2:]
        self.send(stuffed + b".\r\n")
        return [self.reply() for _ in recipients]

    def is_closed(self):
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.sock.close()


@pytest.fixture
def serve(tmp_path):
    """Start a server with these settings; it must end well."""
    servers = []

    def start(**settings):
        s = Server(tmp_path, **settings)
        servers.append(s)
        return s.wait_ready()

    yield start
    for s in servers:
        s.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp("lmtp")).wait_ready()
    yield s
    s.stop()


@pytest.fixture
def client(shared):
    c = shared.client()
    yield c
    c.close()


def test_greeting_and_lhlo(shared):
    c = shared.client(greeted=False)
    assert c.reply().startswith("220 ")
    c.send("lhlo test.example\r\n")
    lines = [c.line()]
    while lines[-1][3] == "-":
        lines.append(c.line())
    words = {line[4:] for line in lines[1:]}
    assert words == {"8BITMIME", "BINARYMIME", "CHUNKING", "SIZE",
                     "ENHANCEDSTATUSCODES", "PIPELINING", "SMTPUTF8"}
    c.close()


@pytest.mark.parametrize("line,reply", [
    ("HELO x", "500 "),
    ("EHLO x", "500 "),
    ("LHLO", "501 5.5.4"),
    ("NOOP", "250 2.0.0"),
    ("NOOP x y", "250 2.0.0"),
    ("RSET", "250 2.0.0"),
    ("VRFY postmaster", "252 "),
    ("HELP", "214 "),
    ("NONSENSE", "500 5.5.1"),
    ("", "500 5.5.1"),
    ("NOOP \0", "500 5.5.2"),
    ("NOOP \xe4", "500 5.5.2"),
    ("DATA", "503 5.5.1"),
    ("RCPT TO:<a@b>", "503 5.5.1"),
    ("BDAT 0 LAST", "503 5.5.1"),
    ("MAIL FROM:a@b", "501 5.1.7"),
    ("MAIL FROM:<a@b> FOO=1", "555 5.5.4"),
    ("MAIL FROM:<a@b> SIZE=999999999999", "552 5.3.4"),
    ("MAIL FROM:<\xe4@b>", "501 5.6.7"),
    ("QUIT", "221 2.0.0"),
])
def test_one_command(client, line, reply):
    assert client.ask(line)[:len(reply)] == reply
    if line != "QUIT":
        assert client.ask("NOOP")[:3] == "250"
    else:
        assert client.is_closed()


def test_bare_lf_ends_a_command(client):
    client.send("NOOP\nNOOP\n")
    assert [client.reply()[:3], client.reply()[:3]] == ["250", "250"]


def test_order(shared):
    c = shared.client(greeted=False)
    c.reply()
    assert c.ask("MAIL FROM:<a@b>")[:9] == "503 5.5.1"
    c.ask("LHLO x")
    c.start()
    assert c.ask("MAIL FROM:<a@b>")[:9] == "503 5.5.1"
    assert c.ask("RSET")[:3] == "250"
    assert c.ask("RCPT TO:<a@b>")[:9] == "503 5.5.1"
    assert c.ask("MAIL FROM:<>")[:3] == "250"
    assert c.ask("DATA")[:9] == "503 5.5.1"
    assert c.ask("RCPT TO:<a@b> NOTIFY=NEVER")[:9] == "555 5.5.4"
    assert c.ask("RCPT TO:<>")[:9] == "501 5.1.3"
    assert c.ask("DATA")[:9] == "503 5.5.1"
    assert c.ask("LHLO y")[:3] == "250"
    assert c.ask("RCPT TO:<a@b>")[:9] == "503 5.5.1"
    c.close()


def test_a_report_is_stored(shared, client):
    (reply,) = client.data(report_mail("stored.1"))
    assert reply.startswith("250 2.0.0 stored ")
    (reply,) = client.data(report_mail("stored.1"))
    assert reply.startswith("250 2.0.0 stored ")
    shared.wait_log("<stored.1@r.example>", 2)
    first, second = [line for line in shared.log_text().splitlines()
                     if "<stored.1@r.example>" in line]
    for word in ("from=<noreply@r.example>", " to=1 ", "org=r.example",
                 "domain=d.example", "records=1", "status=stored (250 2.0.0"):
        assert word in first
    assert "duplicates=0" in first and "duplicates=1" in second


def test_one_reply_for_each_accepted_recipient(client):
    c = client
    c.send("MAIL FROM:<a@b>\r\nRCPT TO:<a@d>\r\nRCPT TO:<bad\r\n"
           "RCPT TO:<c@d>\r\nRCPT TO:<a@d>\r\nDATA\r\n")
    assert [c.reply()[:3] for _ in range(6)] == \
        ["250", "250", "501", "250", "250", "354"]
    c.send(human_mail(b"three replies") + b".\r\nNOOP x\r\nRSET\r\n")
    assert [c.reply()[:9] for _ in range(5)] == ["250 2.0.0"] * 5


def test_pipelined_without_recipient(client):
    client.send("MAIL FROM:<a@b>\r\nRCPT TO:<bad\r\nDATA\r\nRSET\r\n")
    assert [client.reply()[:3] for _ in range(4)] == \
        ["250", "501", "503", "250"]


def test_many_mails_in_one_write(shared, client):
    mails = [human_mail(b"pipelined %d" % i) for i in range(20)]
    client.send(b"".join(
        b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT %d LAST\r\n%s"
        % (len(m), m) for m in mails) + b"QUIT\r\n")
    replies = [client.reply()[:3] for _ in range(61)]
    assert replies == ["250"] * 60 + ["221"]
    assert [shared.kept(m) for m in mails] == [1] * 20


@pytest.mark.parametrize("text", [
    b"plain", b".", b"..", b".\r\n.\r\n..", b"\r\n\r\n",
    b"a\n.\nMAIL FROM:<x@y>\nb", b"a\n.\r\nb", b"a\r.\rb", b"a\r.\r\nb",
    b"a\r\r\n.b", b"NUL \0.\r\n\0", b"\xff\xfe 8 bit", b"x" * 70000,
    b"long\r\n" * 30000, b"y" * 3000000,
], ids=lambda t: repr(t[:12]))
def test_bytes_are_kept_as_they_came(shared, client, text):
    mail = human_mail(b"case " + bytes(repr(text[:40]), "ascii") + b"\r\n"
                      + text)
    (reply,) = client.data(mail)
    assert reply[:9] == "250 2.0.0"
    assert shared.kept(mail) == 1
    assert client.ask("NOOP")[:3] == "250"


def test_smuggled_end_is_not_an_end(shared, client):
    client.start()
    assert client.ask("DATA")[:3] == "354"
    start = human_mail(b"smuggled")
    for end in (b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r",
                b"\r\n\0.\r\n"):
        start += b"x" + end + b"MAIL FROM:<evil@x>\r\n"
    client.send(start)
    client.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.reply()
    client.sock.settimeout(WAIT_S)
    client.send(b"\r\n.\r\n")
    assert client.reply()[:9] == "250 2.0.0"
    assert "evil@x" not in shared.log_text()


def test_dribbled_bytes(shared, client):
    mail = human_mail(b"dribble\r\n.dot\r\nend")
    client.start()
    assert client.ask("DATA")[:3] == "354"
    for b in mail.replace(b"\r\n.", b"\r\n..") + b".\r\n":
        client.send(bytes([b]))
    assert client.reply()[:9] == "250 2.0.0"
    assert shared.kept(mail) == 1


def test_bdat(shared, client):
    mail = human_mail(b"chunks\r\n.\r\n\n.\n\0")
    client.start(recipients=("a@d", "b@d"), more=" BODY=BINARYMIME")
    assert client.ask("DATA")[:9] == "503 5.5.1"
    client.send(b"BDAT 10\r\n" + mail[:10])
    assert client.reply()[:9] == "250 2.0.0"
    assert client.ask("RCPT TO:<c@d>")[:9] == "503 5.5.1"
    assert client.ask("DATA")[:9] == "503 5.5.1"
    assert client.ask("NOOP")[:3] == "250"
    client.send(b"BDAT %d\r\n" % (len(mail) - 10) + mail[10:])
    assert client.reply()[:9] == "250 2.0.0"
    client.send("BDAT 0 LAST\r\n")
    assert [client.reply()[:9] for _ in range(2)] == ["250 2.0.0"] * 2
    assert shared.kept(mail) == 1
    assert client.ask("BDAT 0 LAST")[:9] == "503 5.5.1"


def test_bdat_is_swallowed_when_refused(client):
    chunk = b"MAIL FROM:<evil@x>\r\nRCPT TO:<a@b>\r\nDATA\r\n"
    client.send(b"BDAT %d LAST\r\n" % len(chunk) + chunk)
    assert client.reply()[:9] == "503 5.5.1"
    assert client.ask("MAIL FROM:<a@b>")[:3] == "250"
    client.send(b"BDAT %d\r\n" % len(chunk) + chunk)
    assert client.reply()[:9] == "503 5.5.1"
    assert client.ask("NOOP")[:3] == "250"
    assert client.ask("RSET")[:3] == "250"


def test_bdat_reset(shared, client):
    half = human_mail(b"half a mail, then RSET")
    client.start()
    client.send(b"BDAT %d\r\n" % len(half) + half)
    assert client.reply()[:3] == "250"
    assert client.ask("RSET")[:3] == "250"
    mail = human_mail(b"the next one")
    assert client.data(mail)[0][:3] == "250"
    assert shared.kept(mail) == 1 and shared.kept(half) == 0


def test_bdat_without_size_ends_the_connection(client):
    client.start()
    assert client.ask("BDAT x\r\nNOOP")[:9] == "501 5.5.4"
    assert client.reply() is None


@pytest.mark.parametrize("extra,reply", [(0, "250"), (1, "500 5.5.2"),
                                         (100, "500"), (200000, "500")])
def test_line_limit(client, extra, reply):
    line = "NOOP " + "x" * (4096 - 7 + extra)
    assert client.ask(line)[:len(reply)] == reply
    assert client.ask("NOOP")[:3] == "250"
    client.send(line + "\r\nNOOP\r\nVRFY x\r\n")
    assert [client.reply()[:3] for _ in range(3)] == \
        [reply[:3], "250", "252"]


def test_smtputf8(shared, client):
    assert client.ask("MAIL FROM:<ä@ö.example> SMTPUTF8")[:3] == "250"
    assert client.ask("RCPT TO:<ü@d.example>")[:3] == "250"
    assert client.ask("RSET")[:3] == "250"
    assert client.ask("MAIL FROM:<a@b>")[:3] == "250"
    assert client.ask("RCPT TO:<ü@d.example>")[:9] == "501 5.6.7"


def test_client_gone_before_the_dot(shared):
    mail = human_mail(b"never complete")
    c = shared.client()
    c.start()
    c.ask("DATA")
    c.send(mail)
    c.close()
    shared.wait_log("connection lost before the mail was complete")
    assert shared.kept(mail) == 0


def test_client_gone_after_the_dot(shared):
    mail = b"Message-ID: <nobody-waits@b.example>\r\n" + human_mail(b"complete, and nobody waits")
    c = shared.client()
    c.start()
    assert c.ask("DATA")[:3] == "354"  # or who is gone by then would not be asked for the mail
    c.send(mail + b".\r\n")
    c.close()
    shared.wait_log("nobody-waits@b.example")  # its verdict: before that it may be on its way from tmp/ to new/
    assert shared.kept(mail) == 1


def test_strangers_text_in_the_log(shared, client):
    mail = (b"Message-ID: <a b\"status=stored\x1b[31m>\r\n"
            b"From: x\r\n\r\nlog\r\n")
    client.ask('MAIL FROM:<"a status=stored (x)"@b>')
    client.ask("RCPT TO:<c@d>")
    client.ask("DATA")
    client.send(mail + b".\r\n")
    assert client.reply()[:3] == "250"
    shared.wait_log("(x)")
    text = shared.log_text()
    assert "\x1b" not in text
    line = next(line for line in text.splitlines() if "(x)" in line)
    assert 'from="\\"a status=stored (x)\\"@b"' in line


def test_recipients(serve):
    s = serve(conf="recipients = dmarc@d.example, *@r.example, postmaster@*")
    c = s.client()
    c.ask("MAIL FROM:<>")
    for address, code in (
            ("dmarc@d.example", "250 2.1.5"),
            ("DMARC+tag@D.example", "250 2.1.5"),
            ("any@r.example", "250 2.1.5"),
            ("postmaster@any.example", "250 2.1.5"),
            ("other@d.example", "550 5.1.1"),
            ("dmarc@other.example", "550 5.1.1")):
        assert c.ask(f"RCPT TO:<{address}>")[:9] == code, address
    c.ask("DATA")
    c.send(human_mail(b"four of six") + b".\r\n")
    assert [c.reply()[:3] for _ in range(4)] == ["250"] * 4
    assert c.ask("NOOP")[:3] == "250"
    assert "to=other@d.example status=refused" in s.log_text()


def test_refused_recipients_count_too(serve):
    """Each takes memory until the mail is over."""
    c = serve(conf="recipients = ours@d", lmtp="recipients = 2").client()
    c.ask("MAIL FROM:<a@b>")
    assert [c.ask(f"RCPT TO:<{r}@d>")[:9] for r in ("x", "y", "z", "ours")] == ["550 5.1.1"] * 2 + ["452 4.5.3"] * 2
    assert c.ask("RSET")[:3] == "250"
    c.start(("ours@d",))


def test_recipient_limit(serve):
    c = serve(lmtp="recipients = 2").client()
    c.start(("a@d", "b@d"))
    assert c.ask("RCPT TO:<c@d>")[:9] == "452 4.5.3"
    assert c.ask("DATA")[:3] == "354"
    c.send(human_mail(b"two") + b".\r\n")
    assert [c.reply()[:3] for _ in range(2)] == ["250"] * 2


def test_size_limits(serve):
    s = serve(conf="\n[limits]\nmessage = 10000\nmessage_hard = 20000\n")
    c = s.client()
    kept = human_mail(b"k" * 15000)
    assert c.data(kept)[0][:9] == "250 2.0.0"
    assert s.kept(kept) == 1
    s.wait_log("status=kept")
    over = human_mail(b"o" * 20001)
    replies = c.data(over, ("a@d", "b@d"))
    assert [r[:9] for r in replies] == ["552 5.3.4"] * 2
    assert s.kept(over) == 0
    c.start()
    c.send(b"BDAT 30000\r\n" + b"x" * 30000 + b"BDAT 1 LAST\r\nx")
    assert [c.reply()[:9] for _ in range(2)] == ["250 2.0.0", "552 5.3.4"]
    assert c.ask("MAIL FROM:<a@b> SIZE=20001")[:9] == "552 5.3.4"
    assert c.ask("MAIL FROM:<a@b> SIZE=20000")[:9] == "250 2.1.0"


def test_sink_away(serve):
    """451, or kept as waiting when the MTA has it for long; then replayed."""
    s = serve(conf="replay_interval = 1",
              lmtp="budget = 4\nprogress_timeout = 2")
    c = s.client()
    assert c.data(report_mail("away.0"))[0].startswith("250 2.0.0 stored")
    other = sqlite3.connect(next(s.state.glob("*.db")),
                            isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    replies = c.data(report_mail("away.1"), ("a@d", "b@d"))
    assert [r[:9] for r in replies] == ["451 4.3.0"] * 2
    old = (b"Received: from r.example by mx.example; "
           b"Mon, 01 Jan 2024 00:00:00 +0000\r\n" + report_mail("away.2"))
    assert c.data(old)[0].startswith("250 2.0.0 kept for later")
    assert s.kept(old) == 1
    other.execute("ROLLBACK")
    s.wait_log("waiting mails left the quarantine")
    assert s.kept(old) == 0
    rows = other.execute("SELECT report_id FROM aggregate_report").fetchall()
    assert sorted(rows) == [("away.0",), ("away.2",)]
    other.close()
    assert ": replay: from=<noreply@r.example>" in s.log_text()


def test_no_space_for_temporary_files(serve):
    s = serve(conf="\n[limits]\ntemporary = 1M\nmessage_memory = 64K\n")
    c = s.client()
    big, small = human_mail(b"b" * 3000000), human_mail(b"small")
    assert [r[:9] for r in c.data(big, ("a@d", "b@d"))] == ["452 4.3.1"] * 2
    c.start()
    c.send(b"BDAT %d LAST\r\n" % len(big) + big)
    assert c.reply()[:9] == "452 4.3.1"
    assert c.data(small)[0][:3] == "250"
    assert s.kept(big) == 0 and s.kept(small) == 1
    s.wait_log("status=full", 2)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_becomes_the_owner_of_the_state_folder():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        state = pathlib.Path(folder) / "state"
        state.mkdir()
        nobody = pwd.getpwnam("nobody")
        os.chown(state, nobody.pw_uid, nobody.pw_gid)
        s = Server(folder, lmtp="socket_mode = 0600").wait_ready()
        status = pathlib.Path(f"/proc/{s.process.pid}/status").read_text()
        ids = {line.split()[0]: set(line.split()[1:])
               for line in status.splitlines()
               if line.startswith(("Uid:", "Gid:", "CapEff:"))}
        mail = human_mail(b"as nobody")
        assert s.client().data(mail)[0][:3] == "250"
        assert s.kept(mail) == 1
        owners = {p.stat().st_uid for p in state.rglob("*")}
        s.stop()
    assert ids["Uid:"] == {str(nobody.pw_uid)}
    assert ids["Gid:"] == {str(nobody.pw_gid)}
    assert ids["CapEff:"] == {"0" * 16}
    assert owners == {nobody.pw_uid}


def test_deaf_client(serve):
    """It sends and sends and never reads: the connection ends."""
    s = serve(lmtp="command_timeout = 1")
    c = s.client()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        while True:
            c.send(b"NOOP\r\n" * 10000)
    assert s.client().ask("NOOP")[:3] == "250"


def test_timeouts(serve):
    s = serve(lmtp="idle_timeout = 8\ncommand_timeout = 2")
    start = time.monotonic()
    idle, half, data = s.client(), s.client(), s.client()
    half.send("NOO")
    data.start()
    data.ask("DATA")
    data.send("x\r\n")
    for c, least, most in (half, 1.9, 7.5), (idle, 7.9, 30), (data, 7.9, 30):
        assert c.reply()[:9] == "421 4.4.2"
        assert c.reply() is None
        assert least < time.monotonic() - start < most
    slow = s.client()
    start = time.monotonic()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(100):  # a byte now and then does not help
            slow.send("x")
            time.sleep(0.2)
    assert time.monotonic() - start < 19


def test_connection_cap(serve):
    s = serve(lmtp="connections = 3")
    clients = [s.client() for _ in range(3)]
    c = s.client(greeted=False)
    assert c.reply().startswith("421 4.3.2 too many connections")
    assert c.reply() is None
    assert clients[0].ask("QUIT")[:3] == "221"
    assert clients[0].is_closed()
    end = time.monotonic() + WAIT_S
    while True:
        c = s.client(greeted=False)
        if c.reply()[:3] == "220":
            break
        assert time.monotonic() < end
    assert clients[1].ask("NOOP")[:3] == "250"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_tcp(serve, host):
    if host == "[::1]" and not pathlib.Path("/proc/net/if_inet6").exists():
        pytest.skip("no IPv6 here")
    s = serve(listen=f"inet:{host}:{free_port()}")
    mail = human_mail(b"over TCP")
    assert s.client().data(mail)[0][:9] == "250 2.0.0"
    assert s.kept(mail) == 1


def test_tcp_network_refused(serve):
    s = serve(listen=f"inet:127.0.0.1:{free_port()}",
              lmtp="networks = 192.0.2.0/24, 127.0.0.2, 2001:db8::/32")
    c = s.client(greeted=False)
    assert c.reply()[:3] in ("421", "554")
    assert c.reply() is None
    s.wait_log("127.0.0.1")
    host, port = s.listen[5:].rsplit(":", 1)
    sock = socket.create_connection(
        (host, int(port)), source_address=("127.0.0.2", 0))
    assert Client(sock).ask("NOOP")[:3] == "250"


def test_socket_mode(serve):
    s = serve(lmtp="socket_mode = 0620")
    assert stat.S_IMODE(s.socket.stat().st_mode) == 0o620


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_socket_owner_and_group(serve):
    s = serve(lmtp="socket_owner = nobody\nsocket_group = daemon")
    st = s.socket.stat()
    assert (st.st_uid, st.st_gid) == (pwd.getpwnam("nobody").pw_uid,
                                      grp.getgrnam("daemon").gr_gid)


def test_stale_socket_is_replaced(serve, tmp_path):
    old = socket.socket(socket.AF_UNIX)
    old.bind(str(tmp_path / "lmtp.sock"))
    old.close()
    assert serve().client().ask("NOOP")[:3] == "250"


def end_of(server):
    code = server.process.wait(WAIT_S)
    server.log.close()
    return code, server.log_text()


def test_socket_in_use(serve, tmp_path):
    first = serve()
    other = tmp_path / "other"
    other.mkdir()
    code, log = end_of(Server(other, listen=first.listen))
    assert code == 75 and "another process uses it" in log
    assert first.client().ask("NOOP")[:3] == "250"


def test_port_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        code, log = end_of(Server(tmp_path, listen=f"inet:127.0.0.1:{port}"))
    assert code == 75 and "Address already in use" in log


def test_address_that_is_not_there_yet(tmp_path):
    code, log = end_of(Server(tmp_path, listen="inet:192.0.2.1:2424"))
    assert code == 75 and "Cannot assign requested address" in log


def test_socket_path_is_a_file(tmp_path):
    (tmp_path / "lmtp.sock").write_text("precious")
    code, log = end_of(Server(tmp_path))
    assert code == 78 and "no socket" in log
    assert (tmp_path / "lmtp.sock").read_text() == "precious"


@pytest.mark.parametrize("listen,text", [
    ("unix:/nonexistent/folder/sock", "folder is missing"),
    ("unix:/tmp/" + "x" * 200, "bytes"),
    ("inet:127.0.0.1:99999", "listen"),
    ("inet:24", "listen"),
])
def test_bad_listen(tmp_path, listen, text):
    code, log = end_of(Server(tmp_path, listen=listen))
    assert code == 78 and text in log


def test_usage():
    def run(*words):
        return subprocess.run([PROGRAM, *words], capture_output=True,
                              timeout=WAIT_S, check=False)
    assert run("-V").returncode == 0
    assert b"dmarc-intake-lmtpd" in run("-V").stdout
    assert run("-h").returncode == 0
    assert run("-x").returncode == 64
    assert run("more").returncode == 64
    assert run("-c", "/nonexistent").returncode == 78


def test_term_ends_idle_sessions(serve):
    s = serve()
    c, greeted = s.client(), s.client()
    greeted.start()
    s.process.send_signal(signal.SIGTERM)
    assert c.reply()[:9] == "421 4.3.2" and c.reply() is None
    assert greeted.reply()[:9] == "421 4.3.2" and greeted.reply() is None
    assert s.process.wait(WAIT_S) == 0
    assert not s.socket.exists()


def test_term_with_a_mail_in_hand(serve):
    s = serve()
    c, chunks = s.client(), s.client()
    mail, other = human_mail(b"in hand"), human_mail(b"in chunks")
    c.start()
    c.ask("DATA")
    c.send(mail[:20])
    chunks.start()
    chunks.send(b"BDAT 20\r\n" + other[:20])
    chunks.reply()
    s.process.send_signal(signal.SIGTERM)
    s.wait_log("stopping, 2 connections")
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        for _ in range(100):
            s.client(greeted=False).close()
            time.sleep(0.05)
    c.send(mail[20:] + b".\r\n")
    assert c.reply()[:9] == "250 2.0.0"
    assert c.reply()[:9] == "421 4.3.2"
    assert c.reply() is None
    assert s.process.poll() is None
    chunks.send(b"BDAT %d LAST\r\n" % (len(other) - 20) + other[20:])
    assert chunks.reply()[:9] == "250 2.0.0"
    assert chunks.reply()[:9] == "421 4.3.2"
    assert s.process.wait(WAIT_S) == 0
    assert s.kept(mail) == 1 and s.kept(other) == 1


def test_term_does_not_wait_for_ever(serve):
    s = serve(lmtp="command_timeout = 1")
    c = s.client()
    c.start()
    c.ask("DATA")
    c.send("half a mail")
    s.process.send_signal(signal.SIGTERM)
    assert c.reply()[:9] == "421 4.3.2"
    assert s.process.wait(WAIT_S) == 0


def test_hup(serve):
    s = serve(conf="recipients = old@d")
    c = s.client()
    c.start(("old@d",))
    s.write("recipients = new@d\nlog_level = debug",
            lmtp="socket_mode = 0600")
    s.process.send_signal(signal.SIGHUP)
    s.wait_log("configuration read again")
    assert "lmtp.socket_mode" in s.log_text()
    assert c.ask("RCPT TO:<new@d>")[:3] == "550"  # this mail began before
    c.ask("RSET")
    c.start(("new@d",))
    assert c.ask("RCPT TO:<old@d>")[:3] == "550"
    s.write("nonsense = 1")
    s.process.send_signal(signal.SIGHUP)
    s.wait_log("the configuration stays as it was")
    c.ask("RSET")
    c.start(("new@d",))


def test_sessions_side_by_side(serve):
    s = serve()
    failed = []

    def deliver(number):
        try:
            c = s.client()
            for i in range(20):
                (reply,) = c.data(report_mail(f"side.{number}.{i}"))
                assert reply.startswith("250 2.0.0 stored"), reply
            assert c.ask("QUIT")[:3] == "221"
            c.close()
        except Exception as problem:  # told below, in the main thread
            failed.append(problem)

    threads = [threading.Thread(target=deliver, args=(n,)) for n in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed
    s.wait_log("status=stored", 200)


def test_systemd_activation(tmp_path):
    """The socket is there before the daemon and stays after it."""
    linked = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True,
                            check=True).stdout
    if "libsystemd" not in linked:
        pytest.skip("built without libsystemd")
    activate = "/usr/bin/systemd-socket-activate"
    if not os.path.exists(activate):
        pytest.skip("no systemd-socket-activate")
    state, sock = tmp_path / "state", tmp_path / "s.sock"
    state.mkdir()
    conf = tmp_path / "c.conf"
    conf.write_text(f"[intake]\nstate_path = {state}\nlog = stderr\n"
                    "[lmtp]\nlisten = unix:/nonexistent/x\n")
    with open(tmp_path / "log", "wb") as log:
        p = subprocess.Popen([activate, "-l", str(sock), PROGRAM, "-c", conf],
                             stderr=log, stdout=log)
    end = time.monotonic() + WAIT_S
    s = socket.socket(socket.AF_UNIX)
    while s.connect_ex(str(sock)) != 0:  # it is there before somebody listens
        assert time.monotonic() < end
        time.sleep(0.05)
    c = Client(s)
    assert c.data(human_mail(b"activated"))[0][:3] == "250"
    p.send_signal(signal.SIGTERM)
    assert c.reply()[:9] == "421 4.3.2"
    assert p.wait(WAIT_S) == 0
    assert sock.exists()
