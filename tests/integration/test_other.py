# SPDX-License-Identifier: Apache-2.0
"""Mails that are not reports: none is stored, none is lost, and where they are
forwarded the sender hears 250 only when the next server has them."""
import base64
import os
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest
from conftest import FIXTURES, Intake, free_port, needs_postfix, wait_for
from lmtp import deliver

OTHER = FIXTURES / "other"
EXPECTED = dict(line.split() for line in (OTHER / "expected").read_text().splitlines())
FIELD = b"X-DMARC-Intake-Forwarded: "
REPORT = FIXTURES / "gzip_multipart.eml"


def crlf(data):
    return re.sub(rb"(?<!\r)\n", b"\r\n", data)


def on_the_wire(path):
    """As it arrives by LMTP: each line ends in CRLF, the last one too."""
    data = crlf(path.read_bytes())
    return data if data.endswith(b"\r\n") or not data else data + b"\r\n"


# no Received: nobody can say that the MTA has held it for long
MAIL = b"From: kai@far.example\r\nSubject: Hi\r\nMessage-ID: <hi@far.example>\r\n\r\nHi\r\n"


def forward_conf(port, more="", timeout="5s"):
    return ("[intake]\nother = forward\nforward_to = people@far.example\n%s"
            "[smtp]\nport = %d\ntls = no\ntimeout = %s\n" % (more, port, timeout))


class Target:
    """An SMTP server that notes what it gets and answers what a test wants;
    slow: so many seconds after the mail is there."""

    def __init__(self, answers=None, hang=None, context=None, login=None, slow=0):
        self.answers, self.hang, self.slow = answers or {}, hang, slow
        self.context, self.login = context, login
        self.mails = []  # (sender, recipients, bytes)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.secured, args=(s,), daemon=True).start()

    def secured(self, s):
        try:
            s.settimeout(30)
            self.talk(self.context.wrap_socket(s, server_side=True) if self.context else s)
        except OSError:  # the client did not like the certificate
            s.close()

    def talk(self, s):
        s.settimeout(30)
        with s, s.makefile("rb") as lines:
            def say(verb, default):
                s.sendall(self.answers.get(verb, default).encode() + b"\r\n")

            say("greeting", "220 target.example ESMTP")
            sender, recipients = None, []
            for line in lines:
                verb = line[:4].decode().upper()
                if verb == self.hang:
                    time.sleep(20)
                    return
                if verb in ("EHLO", "HELO"):
                    say(verb, "250-target.example\r\n250 AUTH PLAIN" if self.login else "250 target.example")
                elif verb == "AUTH":
                    s.sendall(b"334 \r\n")
                    said = base64.b64decode(lines.readline()).decode().split("\0")[1:]
                    known = said == self.login
                    s.sendall(b"235 2.7.0 ok\r\n" if known else b"535 5.7.8 wrong\r\n")
                elif verb == "MAIL":
                    sender, recipients = line[10:].split(b">")[0].strip(b"<: "), []
                    say(verb, "250 2.1.0 ok")
                elif verb == "RCPT":
                    recipients.append(line[8:].split(b">")[0].strip(b"<: "))
                    say(verb, "250 2.1.5 ok")
                elif verb == "DATA":
                    say(verb, "354 go on")
                    if "DATA" in self.answers:
                        continue
                    data = b""
                    for part in lines:
                        if part == b".\r\n":
                            break
                        data += part[1:] if part.startswith(b".") else part
                    if "." not in self.answers:
                        self.mails.append((sender.decode(), [r.decode() for r in recipients], data))
                    time.sleep(self.slow)
                    say(".", "250 2.0.0 queued")
                elif verb == "NOOP":
                    say(verb, "250 2.0.0 ok")
                elif verb == "QUIT":
                    say(verb, "221 bye")
                    return
                else:
                    say(verb, "500 what?")

    def close(self):
        self.socket.close()


@pytest.fixture
def target():
    targets = []

    def make(**args):
        targets.append(Target(**args))
        return targets[-1]

    yield make
    for t in targets:
        t.close()


def other(intake):
    return sorted(p.read_bytes() for p in (intake.quarantine / ".Other").glob("[nc][eu][wr]/*"))


def test_the_corpus_is_large():
    assert len(EXPECTED) >= 100
    assert sorted(EXPECTED) == sorted(p.name for p in OTHER.glob("*.eml"))


def test_no_record_and_no_mail_lost(world):
    intake = world.intake()
    wrong = []
    for name, expected in EXPECTED.items():
        mail = on_the_wire(OTHER / name)
        code, = deliver(intake.listen, mail)
        status = re.findall(r"status=(\S+)", intake.log())[-1]
        there = {"other": other, "kept": Intake.kept}.get(status, lambda _: [])(intake)
        if not code.startswith("250 2.0.0") or status != expected or mail not in there:
            wrong.append((name, expected, code, status, intake.log().splitlines()[-1]))
    assert wrong == []
    assert intake.rows("SELECT count(*) FROM aggregate_report") == [(0,)]
    for table in ("failure_report", "tls_report", "smtp_tls_report"):
        assert intake.rows("SELECT count(*) FROM %s" % table) in ([], [(0,)])
    assert len(other(intake)) + len(intake.kept()) == len(EXPECTED)


def test_all_of_them_are_forwarded_unchanged(world, target):
    t = target()
    intake = world.intake(extra=forward_conf(t.port))
    for name, expected in EXPECTED.items():
        if expected == "kept":
            continue
        mail = on_the_wire(OTHER / name)
        before = len(t.mails)
        assert deliver(intake.listen, mail, sender="someone@far.example")[0].startswith("250"), name
        assert len(t.mails) == before + 1, name
        sender, recipients, data = t.mails[-1]
        assert (sender, recipients) == ("postmaster@test.example", ["people@far.example"])
        head, body = data.split(b"\r\n", 1)
        assert head.startswith(FIELD + b"not a report; ")
        assert body.rstrip(b"\r\n") == crlf(mail).rstrip(b"\r\n"), name
    assert other(intake) == [] and intake.kept() == []
    assert "status=other (250 2.0.0: forwarded)" in intake.log()


def test_a_bounce_stays_one(world, target):
    t = target()
    intake = world.intake(extra=forward_conf(t.port, "forward_from = intake@test.example\n"))
    deliver(intake.listen, on_the_wire(OTHER / "dsn_postfix.eml"), sender="")
    deliver(intake.listen, on_the_wire(OTHER / "short.eml"), sender="kai@far.example")
    assert [m[0] for m in t.mails] == ["", "intake@test.example"]


@pytest.mark.parametrize("where, answers", [
    ("greeting", {"greeting": "421 4.3.2 full"}), ("greeting for good", {"greeting": "554 5.7.1 not you"}),
    ("sender", {"MAIL": "451 4.3.0 later"}), ("recipient", {"RCPT": "450 4.2.0 greylisted"}),
    ("data", {"DATA": "451 4.3.0 later"}), ("mail", {".": "452 4.3.1 no room"}), ("hang up", {"MAIL": "421 4.4.2 bye"})])
def test_trouble_that_passes_is_451(world, target, where, answers):
    intake = world.intake(extra=forward_conf(target(answers=answers).port))
    mail = MAIL
    assert deliver(intake.listen, mail)[0].startswith("451 4.3.0 "), where
    assert other(intake) == [] and intake.kept() == []
    # a report is stored all the same
    assert deliver(intake.listen, on_the_wire(REPORT))[0].startswith("250 2.0.0 stored")


def test_nobody_there_or_nobody_answers_is_451(world, target):
    t = target(hang="DATA")
    conf = forward_conf(free_port(), timeout="60s")
    intake = world.intake(extra=conf)
    start = time.monotonic()
    assert deliver(intake.listen, MAIL)[0].startswith("451 4.3.0 ")
    assert time.monotonic() - start < 20
    intake.stop()
    intake.conf.write_text(intake.conf.read_text().replace(conf, forward_conf(t.port)))
    intake.start()
    start = time.monotonic()
    assert deliver(intake.listen, MAIL)[0].startswith("451 4.3.0 ")
    assert time.monotonic() - start < 20
    assert other(intake) == []


def test_a_late_answer_to_the_mail_is_waited_for(world, target):
    """The server has it by then: not heard, it would get it again at each try."""
    t = target(slow=5)
    intake = world.intake(extra=forward_conf(t.port).replace("5s", "2s") + "[lmtp]\nprogress_timeout = 2s\n")
    assert deliver(intake.listen, MAIL)[0].startswith("250 2.0.0 ")
    assert len(t.mails) == 1
    assert other(intake) == []


@pytest.mark.parametrize("answers", [
    {"MAIL": "550 5.7.1 sender no"}, {"RCPT": "550 5.1.1 secret-name unknown"}, {"DATA": "554 5.0.0 no"},
    {".": "552 5.3.4 too large"}])
def test_refused_for_good_is_kept_with_the_reason(world, target, answers):
    intake = world.intake(extra=forward_conf(target(answers=answers).port))
    mail = MAIL
    reply, = deliver(intake.listen, mail)
    # nothing internal: not who refused, nor why
    assert reply.startswith("250 2.0.0 taken, not a report")
    assert "secret" not in reply and "127.0.0.1" not in reply
    assert other(intake) == [mail]
    why, = (intake.quarantine / ".Other/why").glob("*.json")
    assert list(answers.values())[0] in why.read_text()
    assert list(answers.values())[0] in intake.log()


def test_a_mail_the_mta_held_too_long_is_kept(world):
    intake = world.intake(extra=forward_conf(free_port(), "hold_limit = 1d\n"))
    mail = b"Received: from a by b; Fri, 02 Jan 2015 03:04:05 +0000\r\n" + MAIL
    assert deliver(intake.listen, mail)[0].startswith("250")
    assert other(intake) == [mail]


def test_never_forwarded_twice(world, target):
    t = target()
    intake = world.intake(extra=forward_conf(t.port))
    mail = MAIL
    deliver(intake.listen, mail)
    back = b"Received: from target.example; now\r\n" + t.mails[0][2]
    assert deliver(intake.listen, back)[0].startswith("250")
    assert len(t.mails) == 1 and other(intake) == [back]
    assert "forwarded before, and back again" in intake.log()


def forwarded(words, subject="Fwd: Report domain: test.example Submitter: reporter.example"):
    return crlf((
        "From: boss@test.example\nTo: dmarc-reports@test.example\nSubject: %s\nMessage-ID: <w%d@test.example>\n"
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n%s\n"
        "--b\nContent-Type: message/rfc822\n\n" % (subject, len(words), words)).encode()
        + REPORT.read_bytes() + b"\n--b--\n")


SAID = "Hello,\n\nwhy do so many of our mails fail here? Please look into it.\n"


@pytest.mark.parametrize("words, is_said", [
    (SAID, True), ("", False), ("FYI", False), ("-- \nThe boss, head of everything at Test Example Limited\n", False),
    ("> why do so many of our mails fail here?\n", False), ("Sent from my handheld communication device\n", False),
    ("---------- Forwarded message ---------\nFrom: Reporter <dmarc@reporter.example>\nDate: yesterday\n", False),
    (SAID + "\n---------- Forwarded message ---------\nFrom: Reporter\n", True)])
def test_words_of_the_forwarder(world, target, words, is_said):
    t = target()
    intake = world.intake(extra=forward_conf(t.port))
    mail = forwarded(words)
    reply, = deliver(intake.listen, mail)
    assert len(intake.records()) == 2
    assert reply.startswith("250 2.0.0 stored and taken" if is_said else "250 2.0.0 stored")
    assert len(t.mails) == is_said
    assert ("status=stored+other" in intake.log()) == is_said
    assert other(intake) == []


def test_words_are_kept_apart_where_nothing_is_forwarded(world):
    intake = world.intake()
    mail = forwarded(SAID)
    deliver(intake.listen, mail)
    assert len(intake.records()) == 2
    assert other(intake) == [mail] and intake.kept() == []


@needs_postfix
def test_through_postfix_and_back(world):
    """Postfix forwards for us; the address leads back here, by mistake."""
    sink = "inet:127.0.0.1:%d" % free_port()
    intake = world.intake()
    postfix = world.postfix(intake.listen, POSTFIX_SETTINGS="transport_maps = inline:{ {test.example=intake:%s}, "
                            "{far.example=intake:%s} }\nrelay_domains = test.example, far.example" % (intake.listen, sink))
    intake.stop()
    conf = intake.conf.read_text()
    intake.conf.write_text(conf + forward_conf(postfix.port))
    intake.start()
    dump = world.folder / "dump"
    dump.mkdir(mode=0o777)
    dump.chmod(0o777)
    run = subprocess.Popen(["smtp-sink", "-u", "postfix", "-L", "-d", str(dump / "mail."), sink, "10"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        postfix.send_file(OTHER / "news_html.eml")
        wait_for(lambda: list(dump.iterdir()) and postfix.is_drained())
    finally:
        run.terminate()
        run.wait(10)
    mail, = [p.read_bytes() for p in dump.iterdir()]
    assert FIELD in mail and b"X-Mail-Args: <postmaster@test.example>" in mail
    assert b"X-Rcpt-Args: <people@far.example>" in mail
    assert (OTHER / "news_html.eml").read_bytes().split(b"\n\n", 1)[1].split(b"\n")[0] in mail
    intake.stop()
    intake.conf.write_text((conf + forward_conf(postfix.port)).replace("people@far.example", "people@test.example"))
    intake.start()
    postfix.send_file(OTHER / "news_html.eml")
    wait_for(lambda: len(other(intake)) == 1 and postfix.is_drained())
    assert intake.log().count("forwarded before, and back again") == 1
    assert "status=bounced" not in postfix.log()


def make_certificate(folder, name):
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=DNS:%s,IP:127.0.0.1" % name, "-keyout", str(key), "-out", str(cert)],
                   check=True, capture_output=True, timeout=60)
    return key, cert


@needs_postfix
def test_starttls_is_verified(world):
    key, cert = make_certificate(world.folder, "localhost")
    intake = world.intake()
    postfix = world.postfix("discard:", POSTFIX_SETTINGS="smtpd_tls_security_level = encrypt\nsmtpd_tls_cert_file = %s\n"
                            "smtpd_tls_key_file = %s\ntransport_maps = inline:{ {test.example=discard:} }" % (cert, key))
    intake.stop()
    conf = intake.conf.read_text() + forward_conf(postfix.port).replace("people@far.example", "people@test.example")
    for tls, ca, reply in (("starttls", cert, "250"), ("starttls", None, "451"), ("may", None, "250"), ("no", None, "451")):
        intake.conf.write_text(conf.replace("tls = no", "tls = %s\n%s" % (tls, "cert_path = %s" % ca if ca else "")))
        intake.start()
        mail = b"Subject: %s\r\n\r\nHello\r\n" % os.urandom(8).hex().encode()
        assert deliver(intake.listen, mail)[0].startswith(reply), (tls, ca, intake.log()[-600:])
        intake.stop()
    assert "certificate" in intake.log()


def test_login_over_tls(world, target):
    key, cert = make_certificate(world.folder, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    t = target(context=context, login=["intake", "a secret"])
    secret = world.folder / "secret"
    secret.write_text("a secret\n")
    intake = world.intake(extra=forward_conf(t.port).replace(
        "tls = no", "tls = tls\ncert_path = %s\nuser = intake\npassword_file = %s" % (cert, secret)))
    assert deliver(intake.listen, MAIL)[0].startswith("250")
    assert len(t.mails) == 1
    # a password that is wrong is not the mail's fault
    t.login[1] = "another"
    assert deliver(intake.listen, MAIL + b"2\r\n")[0].startswith("451 4.3.0 ")
    assert "a secret" not in intake.log() and other(intake) == []
