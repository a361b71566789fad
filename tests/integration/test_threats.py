# SPDX-License-Identifier: Apache-2.0
"""What SECURITY.md says, where no other test does: nothing that a report names is
asked for, secrets stay where they are, and no cell of a table is a formula."""
import base64
import csv
import io
import os
import pathlib
import signal
import socketserver
import subprocess
import threading
import urllib.request

import pytest
from conftest import BUILD, COMMAND, wait_for
from dovecot import Imapd
from elastic_stub import Stub
from lmtp import deliver
from test_reporter import aggregate, failure, reasons, settings, tls

SECRET = "hush-hush-Pa55"


class Trap:
    """A web server that nobody should ask; also what speaks the words of another protocol."""

    def __init__(self, greeting=b"", answer=None):
        self.heard = heard = []

        class Visit(socketserver.StreamRequestHandler):
            timeout = 30

            def handle(self):
                self.wfile.write(greeting)
                if not greeting:
                    heard.append(self.rfile.readline())
                    self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n<x/>")
                while greeting and (line := self.rfile.readline()):
                    heard.append(line)
                    self.wfile.write(answer(line))

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Visit)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def mail(kind, body, name="r.xml", head=""):
    return ("From: dmarc@reporter.example\nMessage-ID: <1@reporter.example>\nMIME-Version: 1.0\n%sContent-Type: %s\n\n%s"
            % (head, kind, body)).encode()


def baits(url):
    """Every place of a report and its mail that can hold an address."""
    plain = aggregate(1).decode()
    body = plain.partition("\n\n")[2]
    doctype = '<!DOCTYPE feedback SYSTEM "%s/dtd" [<!ENTITY x SYSTEM "%s/entity">]>' % (url, url)
    schema = ('<feedback xmlns="%s/ns" xmlns:xi="http://www.w3.org/2001/XInclude" xmlns:s="http://www.w3.org/2001/XMLSchema'
              '-instance" s:schemaLocation="%s/ns %s/schema">' % (url, url, url))
    named = body.replace("<email>", "<extra_contact_info>%s/contact</extra_contact_info><email>" % url)
    return {
        "a DTD and an entity": mail("text/xml", doctype + body.replace("reporter.example", "&x;")),
        "a style sheet": mail("text/xml", '<?xml-stylesheet href="%s/style" type="text/xsl"?>%s' % (url, named)),
        "a schema and an inclusion": mail(
            "text/xml", body.replace("<feedback>", schema + '<xi:include href="%s/include"/>' % url)),
        "every text": mail("text/xml", named.replace("reporter.example", url + "/text").replace("none", url)),
        "fields of the header": mail(
            "text/xml", body.replace("<report_id>1<", "<report_id>2<"),
            head="List-Unsubscribe: <%s/u>\nContent-Location: %s/l\nContent-Base: %s/\nDisposition-Notification-To: a@%s\n"
            % (url, url, url, url.removeprefix("http://"))),
        "a body elsewhere": mail('message/external-body; access-type=URL; URL="%s/body"' % url, "Content-Type: text/xml\n\n"),
        "a TLS report": tls(3).replace(b"tls@reporter.example", url.encode() + b"/tls").replace(
            b'"policy-type": "sts"', b'"policy-type": "sts", "policy-string": ["url: %s"]' % url.encode()),
        "a failure report": failure(4).replace(
            b"Auth-Failure: dmarc\n", b"Auth-Failure: dmarc\nReported-URI: %s/uri\n" % url.encode()),
    }


def test_nothing_that_a_report_names_is_fetched(world):
    """Names are looked up, where [enrich] is on; here it is off, as in all tests but those of names."""
    trap = Trap()
    try:
        url = "http://127.0.0.1:%d" % trap.port
        intake = world.intake(extra=settings(cage="no"))  # no wall is what keeps it
        for name, bait in baits(url).items():
            assert deliver(intake.listen, bait)[0].startswith("250 2.0.0"), name
        assert trap.heard == []
        assert len(intake.rows("SELECT 1 FROM aggregate_report WHERE complete")) >= 3
        assert any("DOCTYPE" in reason for reason in reasons(intake))
        for format in ("text", "csv", "json"):
            subprocess.run([str(COMMAND), "-c", str(intake.conf), "report", "--format", format], check=True, timeout=60,
                           stdout=subprocess.DEVNULL)
        assert trap.heard == []
        urllib.request.urlopen(url + "/seen", timeout=10).read()
        assert trap.heard == [b"GET /seen HTTP/1.1\r\n"]  # it does hear
    finally:
        trap.close()


def test_a_forged_report_hides_no_true_one(world):
    """The same names, id and range, and other numbers: both are there, whichever came first."""
    intake = world.intake()
    true, forged = aggregate(1), aggregate(1).replace(b"<count>1<", b"<count>999<")
    other = aggregate(2).replace(b"<count>1<", b"<count>999<")
    for report in (forged, true, aggregate(2), other, forged, true):
        assert deliver(intake.listen, report)[0].startswith("250 2.0.0 stored")
    assert sorted((r[0], r[3]) for r in intake.records()) == [("1", 1), ("1", 999), ("2", 1), ("2", 999)]


def test_no_cell_is_a_formula(world):
    names = ["=HYPERLINK(1)", "+1", "-1+cmd|x!A1", "@SUM(1)", "\t=1", '"=1']
    intake = world.intake()
    for n, name in enumerate(names):
        name = name.replace('"', "&quot;")
        report = aggregate(n).replace(b"<org_name>reporter.example<", b"<org_name>%s<" % name.encode())
        assert deliver(intake.listen, report.replace(b"<domain>test.", b"<domain>=%d.test." % n))[0].startswith("250")
    for args in (["report", "--format", "csv"], ["parse", "--format", "csv", str(world.folder / "m.eml")]):
        (world.folder / "m.eml").write_bytes(aggregate(9).replace(b"<org_name>reporter", b"<org_name>=reporter"))
        run = subprocess.run([str(COMMAND), "-c", str(intake.conf), *args], capture_output=True, text=True, timeout=60)
        assert run.returncode == 0, run.stderr
        cells = [cell for row in csv.reader(io.StringIO(run.stdout, newline="")) for cell in row]
        assert [cell for cell in cells if cell[:1] in ("'",)], "none was tamed"
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "@", "\t", "\r")]
        assert not [cell for cell in cells if cell[:1] == "-" and not cell[1:].replace(".", "").isdigit()]


def seen_outside(process):
    """What anybody may read of it."""
    proc = pathlib.Path("/proc/%d" % process.pid)
    return proc.joinpath("cmdline").read_bytes() + proc.joinpath("comm").read_bytes()


FORMS = [SECRET, base64.b64encode(b"intake:" + SECRET.encode()).decode(), SECRET.replace("-", "%2D"),
         base64.b64encode(b"\0intake\0" + SECRET.encode()).decode(), base64.b64encode(SECRET.encode()).decode()]


def is_clean(*texts):
    for text in texts:
        text = text if isinstance(text, str) else text.decode(errors="replace")
        for form in FORMS:
            assert form not in text, text[max(0, text.index(form) - 200):]


@pytest.mark.parametrize("keys", [
    "hosts = {host}\nuser = intake\npassword = {secret}", "hosts = {host}\nuser = intake\npassword_file = {file}",
    "hosts = http://intake:{secret}@{host}", "hosts = {host}\napi_key = {secret}", "hosts = {host}\nbearer_token = {secret}",
], ids=["password", "file", "url", "api key", "token"])
def test_secrets_of_a_sink(world, keys):
    """Not in the log at its most talkative, a reply, the quarantine, a process list or what check says."""
    stub = Stub()
    file = world.folder / "secret"
    file.write_text(SECRET + "\n")
    keys = keys.format(host="127.0.0.1:%d" % stub.port, secret=SECRET, file=file)
    try:
        intake = world.intake(extra=settings(log_level="debug") + "[lmtp]\nprogress_timeout = 1s\n"
                              "[elasticsearch]\ntimeout = 1s\n%s\n" % keys)
        replies = deliver(intake.listen, aggregate(1))
        assert replies[0].startswith("250") and SECRET not in str(stub.documents)
        assert any(form in str(stub.headers) for form in FORMS), "it was not sent"
        for stub.always in (401, 403, 503, "garbage", "not http"):
            replies += deliver(intake.listen, aggregate(2))
        stub.stop()
        replies += deliver(intake.listen, aggregate(3))
        intake.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "configuration read again" in intake.log())
        check = subprocess.run([str(COMMAND), "-c", str(intake.conf), "check", "--print"], capture_output=True, timeout=60)
        assert any(reply.startswith("451") for reply in replies)
        is_clean(intake.log(), "\n".join(replies), seen_outside(intake.process), check.stdout, check.stderr,
                 *(p.read_bytes() for p in intake.quarantine.rglob("*") if p.is_file()))
    finally:
        stub.stop()


class Account:
    """As dovecot.Imapd wants a server."""

    def __init__(self, port):
        self.port = port


@pytest.mark.parametrize("auth", ["plain", "login"])
def test_secrets_of_a_mailbox(tmp_path, auth):
    """A server that says no, and repeats what it heard."""
    tags = [b""]

    def answer(line):
        tag, _, command = line.strip().partition(b" ")
        if command == b"CAPABILITY":
            return b"* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN\r\n%s OK done\r\n" % tag
        if command.startswith(b"AUTHENTICATE LOGIN"):
            tags[0] = tag
            return b"+ UGFzc3dvcmQ6\r\n"
        return b"%s NO [AUTHENTICATIONFAILED] no: %s\r\n" % (tag if command else tags[0], line.strip())

    trap = Trap(b"* OK ready\r\n", answer)
    daemon = Imapd(tmp_path / "imapd", Account(trap.port), "intake", password=SECRET, auth=auth)
    try:
        assert daemon.once() == 77, daemon.log()
        assert any(form.encode() in b"".join(trap.heard) for form in FORMS), "it was not sent"
        daemon.start()
        wait_for(lambda: daemon.log().count("Login denied") == 2)
        is_clean(daemon.log(), seen_outside(daemon.process))
    finally:
        daemon.stop()
        trap.close()


def test_no_option_takes_a_secret():
    """What stands on a command line, everybody on the machine can read."""
    programs = [[COMMAND]] + [[COMMAND, name] for name in ("parse", "ingest", "replay", "report", "setup", "check",
                                                           "import-config", "serve", "doctor", "reclassify")]
    programs += [[p] for p in BUILD.glob("dmarc-intake-*[a-z]") if p.is_file() and os.access(p, os.X_OK)]
    told = "".join(subprocess.run([*map(str, p), "--help" if len(p) == 2 else "-h"], capture_output=True, text=True,
                                  timeout=30).stdout for p in programs)
    words = {word.strip("[],") for word in told.split() if word.strip("[],").startswith("--")}
    assert "--admin-password-file" in words and len(words) > 20
    secret = {w for w in words if any(part in w for part in ("password", "secret", "token", "key"))}
    assert {w for w in secret if not w.endswith("-file")} <= {"--new-passwords"}
