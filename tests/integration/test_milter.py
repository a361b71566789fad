# SPDX-License-Identifier: Apache-2.0
"""dmarc-intake-milter with the real Postfix, the real Sendmail, and a plain
milter client for what no MTA does on purpose."""
import os
import pathlib
import shutil
import signal
import smtplib
import socket
import socketserver
import sqlite3
import struct
import subprocess
import threading
import time

import pytest

from conftest import BUILD, FIXTURES, SERVERS, free_port, needs_postfix, wait_for

MILTER = BUILD / "dmarc-intake-milter"
RUA, PERSON = "rua@test.example", "person@test.example"
REPORT = (FIXTURES / "gzip_octet_stream.eml").read_bytes()
HUMAN = b"From: a@b.example\r\nSubject: hello\r\nMessage-ID: <h@b.example>\r\n\r\nGood morning\r\n"

pytestmark = pytest.mark.skipif(not MILTER.exists(), reason="built without the milter")


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
    def __init__(self, folder, socket_name="milter.sock", **keys):
        self.folder = folder
        self.socket = folder / socket_name
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        self.state = folder / "state"
        self.state.mkdir(exist_ok=True)
        self.database = self.state / "intake.db"
        self.log_file, self.conf = folder / "milter.log", folder / "milter.conf"
        self.configure(**keys)
        self.process = None

    def configure(self, recipients=RUA, **keys):
        self.conf.write_text(
            "[intake]\nrecipients = %s\nstate_path = %s\nlog = stderr\n[sqlite]\npath = %s\n"
            "[milter]\nlisten = unix:%s\nsocket_mode = 0666\n%s"
            % (recipients, self.state, self.database, self.socket,
               "".join("%s = %s\n" % pair for pair in keys.items())))

    def start(self):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([str(MILTER), "-c", str(self.conf)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        wait_for(self.is_listening)
        return self

    def is_listening(self):
        assert self.process.poll() is None, self.log()
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(str(self.socket))
            except OSError:
                return False
        return "ready on" in self.log()

    def stop(self, sig=signal.SIGTERM, seconds=30):
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.send_signal(sig)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            pytest.fail("signal %s does not end it: %s" % (sig, self.log()))

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
    def __init__(self, top, milter, sink):
        self.folder, self.port = top / "sendmail", free_port()
        run = subprocess.run([str(SERVERS / "sendmail-up"), str(self.folder), str(self.port),
                              "local:%s" % milter.socket, str(sink.port)],
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


@pytest.mark.parametrize("kind", MTAS)
def test_the_way_of_mail(site, kind):
    """A report is stored and discarded, people get theirs, with forged headers gone."""
    milter = site.milter()
    mta = site.mta(kind, milter)
    send(mta.port, REPORT, RUA)
    assert milter.records() > 0  # durable before the MTA's 250
    records = milter.records()
    send(mta.port, HUMAN, PERSON)
    to, text = site.one()
    assert to == [PERSON] and "X-DMARC-Intake" not in text and len(site.mails) == 1

    send(mta.port, REPORT, RUA, PERSON)
    wait_for(lambda: len(site.mails) == 2, 30)
    assert site.mails[-1][0] == [PERSON], "ours is removed, the other one gets it"
    assert milter.records() == records, "a copy is a duplicate"

    forged = b"X-DMARC-Intake: stored; forged\r\nx-dmarc-intake: twice\r\n"
    send(mta.port, forged + HUMAN, RUA)
    wait_for(lambda: len(site.mails) == 3, 30)
    to, text = site.mails[-1]
    assert to == [RUA] and text.count("X-DMARC-Intake:") == 1
    assert "X-DMARC-Intake: not a report\r\n" in text
    assert "forged" not in text and "twice" not in text

    send(mta.port, (FIXTURES / "truncated_gzip.eml").read_bytes(), RUA)
    wait_for(lambda: len(site.mails) == 4, 30)
    assert "X-DMARC-Intake: not stored; " in site.mails[-1][1]
    assert "status=stored (discard)" in milter.log() and "status=other (accept)" in milter.log()


@pytest.mark.parametrize("kind", MTAS)
def test_trouble(site, kind):
    """The sink is away: 4xx, or accepted for others; and stored when it is back."""
    milter = site.milter(progress_timeout="2s", budget="8s")
    mta = site.mta(kind, milter)
    send(mta.port, REPORT, RUA)
    other = REPORT.replace(b"Message-ID: <", b"Message-ID: <again-")
    records = milter.records()
    db = milter.lock()
    try:
        assert code_of(mta.port, (FIXTURES / "two_reports.eml").read_bytes(), RUA) in (451, 452)
        assert code_of(mta.port, other, RUA, PERSON) == 250
        to, text = site.one()
        assert to == sorted([RUA, PERSON]) and "X-DMARC-Intake: not stored; nothing can be" in text
        milter.configure(progress_timeout="2s", budget="8s", on_error="accept")
        milter.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: "configuration read again" in milter.log())
        assert code_of(mta.port, other, RUA) == 250
        wait_for(lambda: len(site.mails) == 2, 30)
    finally:
        db.close()
    assert milter.records() == records
    send(mta.port, (FIXTURES / "two_reports.eml").read_bytes(), RUA)
    assert milter.records() > records and len(site.mails) == 2


@pytest.mark.parametrize("kind", MTAS)
def test_accept_and_stopped(site, kind):
    milter = site.milter(action="accept")
    mta = site.mta(kind, milter)
    send(mta.port, REPORT, RUA)
    assert "X-DMARC-Intake: stored; reports=1 records=" in site.one()[1]
    assert milter.stop() == 0
    assert code_of(mta.port, HUMAN, PERSON) == 250
    wait_for(lambda: len(site.mails) == 2, 30)


@needs_postfix
def test_chrooted_smtpd(site):
    milter = site.milter(socket_name="postfix/queue/dmarc-intake/milter.sock")
    mta = site.mta(Postfix, milter, chroot=True)
    send(mta.port, REPORT, RUA)
    assert milter.records() > 0 and not site.mails
    assert "warning: connect to Milter" not in mta.log()


# --- a milter client: what no MTA does on purpose ---

NODATA, LEADSPC, SILENT = 0x200, 0x100000, 0xfe080


class Client:
    def __init__(self, milter, version=6, steps=0x1fffff, actions=0x1ff):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(30)
        self.s.connect(str(milter.socket))
        self.trips = 0
        self.tell(b"O", struct.pack("!III", version, actions, steps))
        kind, data = self.hear()
        assert kind == b"O"
        self.version, self.actions, self.steps = struct.unpack("!III", data[:12])
        assert self.steps & ~steps == 0 and self.actions & ~actions == 0, "more than was offered"

    def tell(self, kind, data=b""):
        self.s.sendall(struct.pack("!I", len(data) + 1) + kind + data)

    def hear(self):
        head = self.take(5)
        return head[4:], self.take(struct.unpack("!I", head[:4])[0] - 1)

    def take(self, size):
        data = b""
        while len(data) < size:
            more = self.s.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def step(self, kind, data, silent):
        """One command; its answer, or None where none was agreed on."""
        self.tell(kind, data)
        if self.steps & silent:
            return None
        self.trips += 1
        return self.hear()[0]

    def mail(self, mail, *to, stop=None, macros=True):
        """Tell a mail; the answers to its last command told."""
        head, _, body = mail.replace(b"\r\n", b"\n").partition(b"\n\n")
        fields = []
        for line in head.split(b"\n"):
            if line[:1] in b" \t":
                fields[-1] += b"\n" + line
            else:
                fields.append(line)
        commands = [(b"M", b"<noreply@reporter.example>\0", 0x4000)]
        commands += [(b"R", b"<%s>\0" % r.encode(), 0x8000) for r in to]
        if not self.steps & NODATA and self.version > 3:
            commands += [(b"T", b"", 0x10000)]
        for field in fields:
            name, value = field.split(b":", 1)
            if not self.steps & LEADSPC:
                value = value[1:] if value[:1] == b" " else value
            commands += [(b"L", name + b"\0" + value + b"\0", 0x80)]
        commands += [(b"N", b"", 0x40000)]
        body = body.replace(b"\n", b"\r\n")
        commands += [(b"B", body[at:at + 65535], 0x80000) for at in range(0, len(body), 65535)]
        for kind, data, silent in commands[:stop]:
            if macros:
                self.tell(b"D", kind + b"i\0QUEUE1\0")
            answer = self.step(kind, data, silent)
            if answer not in (None, b"c"):
                return [answer]
        if stop is not None:
            return []
        self.tell(b"E")
        self.trips += 1
        answers = []
        while not answers or answers[-1][0] not in b"acdrty":
            answers.append(b"".join(self.hear()))
        return answers

    def close(self):
        self.s.close()


def test_actions_and_abort(site):
    milter = site.milter()
    c = Client(milter)
    assert c.mail(REPORT, RUA) == [b"d"]
    records = milter.records()
    assert records > 0
    for stop in range(1, 8):  # abort in each phase, then the next mail
        c.mail(REPORT, RUA, stop=stop)
        c.tell(b"A")
    c.tell(b"A")
    assert c.mail(HUMAN, PERSON) == [b"a"]
    before = c.trips
    assert c.mail(HUMAN, PERSON) == [b"a"]
    assert c.trips - before == 1, "one round trip for a mail that is not ours"
    c.tell(b"Q")
    c.close()
    c = Client(milter)
    answers = c.mail(REPORT, RUA, PERSON, macros=False)
    assert answers == [b"-<%s>\0" % RUA.encode(), b"c"]
    assert milter.records() == records
    assert "no-queue-id-" in milter.log() and "QUEUE1: " in milter.log()
    c.tell(b"Q")
    c.close()


def test_odd_order(site):
    """Commands without their mail, a mail without end, a peer that goes away."""
    milter = site.milter()
    for kind, data in ((b"R", b"<rua@test.example>\0"), (b"L", b"A\0b\0"), (b"N", b""), (b"B", b"x"), (b"E", b""),
                       (b"A", b""), (b"M", b"\0"), (b"M", b""), (b"R", b""), (b"L", b"x"), (b"Z", b"?"),
                       (b"K", b"")):
        c = Client(milter)
        c.tell(kind, data)
        c.close()
    for stop in range(0, 9):
        c = Client(milter)
        c.mail(REPORT, RUA, stop=stop)
        c.close()
    c = Client(milter)
    c.mail(REPORT, RUA, stop=3)  # and MAIL again: the first one is forgotten
    c.tell(b"M", b"<again@reporter.example>\0")
    c.close()
    c = Client(milter)
    assert c.mail(REPORT, RUA) == [b"d"], "still alive"
    c.close()
    assert milter.stop() == 0


@pytest.mark.parametrize("version,steps,actions", [(2, 0x7f, 0x3f), (4, 0x3ff, 0x3f), (6, 0x1fffff, 0x1ff),
                                                  (6, 0x1fffff, 0x1)])
def test_versions(site, version, steps, actions):
    milter = site.milter()
    c = Client(milter, version, steps, actions)
    assert c.mail(REPORT, RUA) == [b"d"]
    assert milter.records() > 0
    answers = c.mail(HUMAN, RUA)
    assert answers[-1] == b"c" and b"hX-DMARC-Intake\0" in answers[0] and b"not a report\0" in answers[0]
    mixed = c.mail(REPORT, RUA, PERSON)
    if actions & 8:
        assert mixed == [b"-<%s>\0" % RUA.encode(), b"c"]
    else:  # it does not let us: accepted, with the header
        assert len(mixed) == 2 and mixed[0].startswith(b"hX-DMARC-Intake\0") and mixed[1] == b"c"
    assert c.mail(HUMAN, PERSON)[-1] in (b"a", b"c")
    c.close()


@pytest.mark.parametrize("match,to,mail,last", [
    ("content", PERSON, REPORT, b"c"), ("content", PERSON, HUMAN, b"a"), ("content", RUA, HUMAN, b"a"),
    ("content", RUA, REPORT, b"d"), ("both", RUA, HUMAN, b"c"), ("both", PERSON, REPORT, b"c"),
    ("recipient", PERSON, REPORT, b"a")])
def test_match(site, match, to, mail, last):
    milter = site.milter(match=match)
    c = Client(milter)
    answers = c.mail(mail, to)
    assert answers[-1] == last
    assert (milter.records() > 0) == (mail == REPORT and match != "recipient")
    assert (b"hX-DMARC-Intake" in answers[0]) == (last == b"c")
    c.close()


def test_quarantine_action(site):
    milter = site.milter(action="quarantine")
    c = Client(milter)
    answers = c.mail(REPORT, RUA)
    assert answers[0].startswith(b"q") and answers[1].startswith(b"h") and answers[-1] == b"c"
    answers = c.mail(REPORT, RUA, PERSON)  # others' mail is never held
    assert not any(a.startswith(b"q") for a in answers)
    c.close()


def test_progress_is_told(site):
    milter = site.milter(budget="8s", progress_timeout="6s")
    c = Client(milter)
    assert c.mail(REPORT, RUA) == [b"d"]
    db = milter.lock()
    try:
        answers = c.mail((FIXTURES / "two_reports.eml").read_bytes(), RUA)
    finally:
        db.close()
    assert answers.count(b"p") >= 2, answers
    assert answers[-1].startswith((b"y451", b"t", b"y452"))
    c.close()


def test_killed_after_the_commit(site):
    """The MTA never saw the discard: a duplicate later, never a loss."""
    milter = site.milter(budget="60s", progress_timeout="60s")
    c = Client(milter)
    assert c.mail(HUMAN, RUA)[-1] == b"c"
    for n in range(3):
        c = Client(milter)

        def until_killed():
            try:
                c.mail(REPORT, RUA)
            except (EOFError, OSError):
                pass

        t = threading.Thread(target=until_killed, daemon=True)
        t.start()
        time.sleep(0.01 * n)
        milter.stop(signal.SIGKILL)
        t.join(10)
        c.close()
        milter.start()
    c = Client(milter)
    assert c.mail(REPORT, RUA) == [b"d"]
    records = milter.records()
    assert records > 0
    assert c.mail(REPORT, RUA) == [b"d"]
    assert milter.records() == records
    c.close()


def test_stop_waits_for_the_mail_in_hand(site):
    milter = site.milter(budget="30s", progress_timeout="30s")
    c = Client(milter)
    assert c.mail(HUMAN, RUA)[-1] == b"c"
    send_in(milter, c)
    db = milter.lock()
    answers = []
    t = threading.Thread(target=lambda: answers.extend(c.mail(REPORT, RUA)), daemon=True)
    t.start()
    time.sleep(0.5)
    milter.process.send_signal(signal.SIGTERM)
    time.sleep(1.5)
    assert milter.process.poll() is None
    db.close()
    t.join(20)
    assert answers[-1:] == [b"d"]
    assert milter.process.wait(20) == 0
    milter.process = None
    c.close()


def send_in(milter, c):
    """One mail, so that the database is there."""
    assert c.mail((FIXTURES / "two_reports.eml").read_bytes(), RUA) == [b"d"]


def test_needs_recipients(site):
    milter = Milter(site.folder)
    milter.conf.write_text("[intake]\nstate_path = %s\nlog = stderr\n[milter]\nlisten = unix:%s\n"
                           % (milter.state, milter.socket))
    run = subprocess.run([str(MILTER), "-c", str(milter.conf)], capture_output=True, text=True, timeout=20)
    assert run.returncode == 78 and "recipients" in run.stderr


MILTERTEST = """
conn = mt.connect("%s")
if conn == nil then error "no connection" end
if mt.negotiate(conn, nil, nil, nil) ~= nil then error "negotiate" end
for round = 1, 2 do
    mt.macro(conn, SMFIC_MAIL, "i", "LUA" .. round)
    if mt.mailfrom(conn, "<a@b.example>") ~= nil then error "mailfrom" end
    if mt.rcptto(conn, "<rua@test.example>") ~= nil then error "rcptto" end
    if mt.header(conn, "From", " a@b.example") ~= nil then error "header" end
    if round == 1 then
        if mt.abort(conn) ~= nil then error "abort" end
    end
end
if mt.header(conn, "X-DMARC-Intake", " forged") ~= nil then error "header" end
if mt.eoh(conn) ~= nil then error "eoh" end
if mt.bodystring(conn, "Good morning\\r\\n") ~= nil then error "body" end
if mt.eom(conn) ~= nil then error "eom" end
if mt.getreply(conn) ~= SMFIR_CONTINUE and mt.getreply(conn) ~= SMFIR_ACCEPT then error "reply" end
if not mt.eom_check(conn, MT_HDRADD, "X-DMARC-Intake") then error "no header" end
if not mt.eom_check(conn, MT_HDRDELETE, "X-DMARC-Intake") then error "forged one left" end
mt.disconnect(conn)
"""


@pytest.mark.skipif(shutil.which("miltertest") is None, reason="no miltertest here")
def test_miltertest(site):
    """An independent client."""
    milter = site.milter()
    script = site.folder / "human.lua"
    script.write_text(MILTERTEST % ("unix:%s" % milter.socket))
    run = subprocess.run(["miltertest", "-s", str(script)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "LUA2: " in milter.log() and "LUA1: " not in milter.log()
