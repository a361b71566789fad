# SPDX-License-Identifier: Apache-2.0
"""What the tests of dmarc-intake-milter share: the daemon, the real Postfix and
Sendmail with it, where they deliver, and a plain milter client."""
import os
import pathlib
import re
import shutil
import signal
import smtplib
import socket
import socketserver
import sqlite3
import subprocess
import threading
import time

import pytest

import milter_client
from conftest import BUILD, FIXTURES, SERVERS, free_port, needs_postfix, wait_for

MILTER = BUILD / "dmarc-intake-milter"
RUA, PERSON = "rua@test.example", "person@test.example"


def fresh(name):
    """A fixture as its sender has it: a mail that was held for days would wait with us (hold_limit)."""
    mail = (FIXTURES / name).read_bytes().replace(b"\r\n", b"\n")
    while mail.startswith((b"Received:", b"Return-Path:", b" ", b"\t")):
        mail = mail.partition(b"\n")[2]
    return mail


REPORT, TWO = fresh("gzip_octet_stream.eml"), fresh("two_reports.eml")
HUMAN = b"From: a@b.example\r\nSubject: hello\r\nMessage-ID: <h@b.example>\r\n\r\nGood morning\r\n"

needs_milter = pytest.mark.skipif(not MILTER.exists(), reason="built without the milter")


class Sink:
    """Where the MTA delivers: SMTP or LMTP; keeps what came."""

    def __init__(self):
        self.mails = mails = []

        class Session(socketserver.StreamRequestHandler):
            timeout = 60

            def handle(self):
                self.say(b"220 sink ESMTP")
                lmtp, to = False, []
                while line := self.rfile.readline():
                    verb = line[:4].upper()
                    if verb == b"QUIT":
                        return self.say(b"221 bye")
                    if verb == b"DATA":
                        self.say(b"354 go on")
                        data = b""
                        while (line := self.rfile.readline()) not in (b".\r\n", b""):
                            data += line
                        mails.append((sorted(to), data.decode("latin1")))
                        for _ in to if lmtp else [0]:
                            self.say(b"250 taken")
                        to = []
                        continue
                    lmtp = lmtp or verb == b"LHLO"
                    if verb == b"RCPT":
                        to.append(line.split(b"<")[1].split(b">")[0].decode())
                    self.say(b"250 fine")

            def say(self, text):
                self.wfile.write(text + b"\r\n")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def one(self):
        wait_for(lambda: self.mails, 30)
        return self.mails[-1]


class Milter:
    """dmarc-intake-milter; keys are those of [milter], more is more of the file."""

    def __init__(self, folder, socket_name="milter.sock", listen=None, **keys):
        self.folder = folder
        self.socket = folder / socket_name
        self.listen = listen or "unix:%s" % self.socket
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        self.state = folder / "state"
        self.state.mkdir(exist_ok=True)
        self.database, self.quarantine = self.state / "intake.db", self.state / "quarantine"
        self.log_file, self.conf = folder / "milter.log", folder / "milter.conf"
        self.configure(**keys)
        self.process = None

    def configure(self, recipients=RUA, more="", socket_mode="0666", **keys):
        self.conf.write_text(
            "[intake]\nrecipients = %s\nstate_path = %s\nlog = stderr\n[sqlite]\npath = %s\n"
            "[quarantine]\npath = %s\n[milter]\nlisten = %s\nsocket_mode = %s\n%s%s"
            % (recipients, self.state, self.database, self.quarantine, self.listen, socket_mode,
               "".join("%s = %s\n" % pair for pair in keys.items()), more))

    def start(self):
        self.starts = self.log().count("ready on")
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([str(MILTER), "-c", str(self.conf)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        wait_for(self.is_listening)
        return self

    def is_listening(self):
        assert self.process.poll() is None, self.log()
        try:
            self.connect().close()
        except OSError:
            return False
        # it listens before the socket has its owner and mode
        return self.log().count("ready on") > self.starts

    def stop(self, sig=signal.SIGTERM, seconds=30):
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.send_signal(sig)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                return process.wait(0.1)
            except subprocess.TimeoutExpired:
                self.knock()
        process.kill()
        process.wait(10)
        pytest.fail("signal %s does not end it: %s" % (sig, self.log()))

    def knock(self):
        """libmilter looks every 5 s whether it shall end, and at each connection."""
        try:
            self.connect().close()
        except OSError:
            pass

    def connect(self):
        if self.listen.startswith("inet"):
            port, host = self.listen.partition(":")[2].split("@")
            return socket.create_connection((host, int(port)), 30)
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(30)
        s.connect(str(self.socket))
        return s

    def waiting(self):
        return list(self.quarantine.glob(".Waiting/new/*"))

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def records(self):
        if not self.database.exists():
            return 0
        db = sqlite3.connect("file:%s?mode=ro" % self.database, uri=True, timeout=20)
        try:
            return db.execute("SELECT count(*) FROM aggregate_record AS c JOIN aggregate_report AS r"
                              " ON r.id = c.report_id WHERE r.complete").fetchone()[0]
        except sqlite3.OperationalError as e:
            if "no such table" in str(e):
                return 0
            raise
        finally:
            db.close()

    def lock(self):
        """The database is somebody else's until the returned one is closed."""
        db = sqlite3.connect(self.database, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        return db


def send(port, mail, *to):
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as s:
        # Sendmail refuses a bare LF
        s.sendmail("noreply@reporter.example", list(to), mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


def code_of(port, mail, *to):
    """The MTA's answer to the mail."""
    try:
        send(port, mail, *to)
    except smtplib.SMTPDataError as e:
        return e.smtp_code
    return 250


class Postfix:
    def __init__(self, top, milter, sink, chroot=False):
        self.folder, self.port = top / "postfix", free_port()
        where = "unix:dmarc-intake/milter.sock" if chroot else "unix:%s" % milter.socket
        settings = ("smtpd_milters = { %s, default_action=accept, connect_timeout=5s }\n"
                    "header_checks =" % where)
        run = subprocess.run([str(SERVERS / "postfix-up"), str(self.folder), str(self.port),
                              "inet:127.0.0.1:%d" % sink.port],
                             env={**os.environ, "POSTFIX_SETTINGS": settings}, capture_output=True, text=True,
                             timeout=60)
        assert run.returncode == 0, run.stderr
        if chroot:
            master = self.folder / "etc" / "master.cf"
            text = master.read_text()
            assert " inet n - n - - smtpd" in text
            master.write_text(text.replace(" inet n - n - - smtpd", " inet n - y - - smtpd"))
            subprocess.run(["postfix", "-c", str(self.folder / "etc"), "reload"], check=True, timeout=30,
                           capture_output=True)
            time.sleep(1)

    def log(self):
        path = self.folder / "maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self):
        subprocess.run([str(SERVERS / "postfix-down"), str(self.folder)], timeout=60, capture_output=True,
                       check=True)


class Sendmail:
    """flags: of the milter, ", F=T"."""

    def __init__(self, top, milter, sink, flags="", port=None):
        self.folder, self.port = top / "sendmail", port or free_port()
        run = subprocess.run([str(SERVERS / "sendmail-up"), str(self.folder), str(self.port),
                              "local:%s%s" % (milter.socket, flags), str(sink.port)],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=240)
        if run.returncode == 77:
            pytest.skip(run.stderr.strip().splitlines()[-1])
        assert run.returncode == 0, run.stderr
        wait_for(self.is_listening, 70)

    def is_listening(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except OSError:
            return False
        return True

    def log(self):
        return "".join(p.read_text(errors="replace")[-2000:] for p in self.folder.glob("*.log"))

    def stop(self):
        subprocess.run([str(SERVERS / "sendmail-down"), str(self.folder)], timeout=60, check=True)


MTAS = [pytest.param(Postfix, marks=needs_postfix),
        pytest.param(Sendmail, marks=pytest.mark.skipif(os.geteuid() != 0, reason="needs root"))]


@pytest.fixture
def site(tmp_path_factory):
    top = pathlib.Path("/tmp") / ("intake-milter.%d.%d" % (os.getpid(), free_port()))
    top.mkdir(mode=0o711)
    things, sink = [], Sink()

    class Site:
        folder = top
        mails = sink.mails
        one = staticmethod(sink.one)

        keep = staticmethod(things.append)

        def milter(self, **keys):
            things.append(Milter(top, **keys))
            return things[-1].start()

        def mta(self, kind, milter, **args):
            things.append(kind(top, milter, sink, **args))
            return things[-1]

    try:
        yield Site()
    finally:
        for thing in reversed(things):
            print("--- log\n" + thing.log()[-3000:])
            thing.stop()
        sink.close()
        shutil.rmtree(top, ignore_errors=True)


class Client(milter_client.Client):
    def __init__(self, milter, *args, **keys):
        super().__init__(milter.connect(), *args, **keys)


def send_in(milter, c):
    """One mail, so that the database is there."""
    assert c.mail(TWO, RUA)[-1] == b"d"
