# SPDX-License-Identifier: Apache-2.0
"""dmarc-intake-imapd at the real Dovecot."""
import base64
import http.server
import imaplib
import itertools
import json
import os
import random
import re
import select
import signal
import socket
import socketserver
import tempfile
import threading
import time
import urllib.parse

import pytest

import mailgen
from conftest import FIXTURES, Intake, free_port, wait_for
from dovecot import Imapd, a_dovecot, crlf, dovecot, needs_dovecot  # noqa: F401
from lmtp import deliver

pytestmark = needs_dovecot

AGGREGATE = crlf((FIXTURES / "gzip_octet_stream.eml").read_bytes())
FAILURE = crlf((FIXTURES / "failure_headers.eml").read_bytes())
TLS = crlf((FIXTURES / "tls_gzip.eml").read_bytes())
UNREADABLE = crlf((FIXTURES / "truncated_gzip.eml").read_bytes())
HUMAN = crlf((FIXTURES / "human.eml").read_bytes())
MAILS = (AGGREGATE, HUMAN, FAILURE, TLS, UNREADABLE)
users = ("user%d" % n for n in itertools.count())


@pytest.fixture
def user():
    return next(users)


@pytest.fixture
def imapd(dovecot, user, tmp_path):  # noqa: F811
    """One that ends with the test."""
    made = []

    def make(server=dovecot, user=user, folder="imapd", **args):
        made.append(Imapd(tmp_path / folder, server, user, **args))
        return made[-1]

    yield make
    for daemon in made:
        print("--- log\n" + daemon.log()[-5000:])
        daemon.kill()


def sorted_out(folders, sep="/", prefix=""):
    """Where each of MAILS is, and the human one untouched."""
    archive = prefix + "Archive" + sep
    assert {name: [mail for _, mail in mails] for name, mails in folders.items() if mails} == {
        "INBOX": [HUMAN], archive + "Aggregate": [AGGREGATE], archive + "Failure": [FAILURE],
        archive + "SMTP-TLS": [TLS], archive + "Invalid": [UNREADABLE]}
    assert "Seen" not in folders["INBOX"][0][0]
    return True


def test_each_in_its_folder(dovecot, imapd, user):  # noqa: F811
    dovecot.deliver(user, *MAILS)
    daemon = imapd()
    assert daemon.once() == 65  # one cannot be read
    sorted_out(dovecot.folders(user), sep=".")
    assert len(daemon.records()) > 0
    assert daemon.once() == 0  # nothing is new, and the human mail is known
    assert "2: no report" not in daemon.log().split("connected")[2]


CAPABILITIES = {"no IDLE": "IMAP4rev1 NAMESPACE UIDPLUS MOVE LITERAL+", "no MOVE": "IMAP4rev1 UIDPLUS IDLE",
                "no UIDPLUS": "IMAP4rev1 IDLE", "nothing": "IMAP4rev1"}


@pytest.mark.parametrize("name", CAPABILITIES)
def test_server_that_can_less(imapd, user, name):
    with a_dovecot(DOVECOT_CAPABILITY=CAPABILITIES[name]) as server:
        server.deliver(user, *MAILS[:2])
        daemon = imapd(server).start()
        wait_for(lambda: "Archive.Aggregate" in server.counts(user))
        server.deliver(user, *MAILS[2:])
        wait_for(lambda: server.counts(user).get("Archive.Invalid"))
        wait_for(lambda: server.counts(user).get("INBOX") == 1)
        sorted_out(server.folders(user), sep=".")
        assert daemon.stop() == 0


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_encrypted(dovecot, imapd, user, tls):  # noqa: F811
    dovecot.deliver(user, *MAILS)
    port = dovecot.port + (tls == "tls")
    daemon = imapd(tls=tls, port=port)
    assert daemon.once() == 78  # nobody vouches for the certificate
    assert "certificate" in daemon.log()
    assert dovecot.counts(user) == {"INBOX": len(MAILS)}
    daemon = imapd(folder="with-ca", tls=tls, port=port, cert_path=dovecot.folder / "ca.pem")
    assert daemon.once() == 65
    sorted_out(dovecot.folders(user), sep=".")


def test_wrong_password(dovecot, imapd, user):  # noqa: F811
    daemon = imapd(password="no")
    assert daemon.once() == 77
    assert "AUTHENTICATIONFAILED" in daemon.log()
    daemon.start()  # tries again, but not at once
    wait_for(lambda: daemon.log().count("AUTHENTICATIONFAILED") == 2)
    assert daemon.stop() == 0


def test_login_is_refused_behind_another_trouble(dovecot, imapd, user):  # noqa: F811
    """The first rest for a password is as long as ever: a server may lock us out."""
    relay = Between(dovecot.port, b"AUTHENTICATE",
                    lambda seen, line: seen == 1 or b"%s NO [AUTHENTICATIONFAILED] No.\r\n" % line.split()[0])
    try:
        daemon = imapd(port=relay.port).start()
        wait_for(lambda: "AUTHENTICATIONFAILED" in daemon.log())
        time.sleep(4)
        assert relay.seen == 2
        assert daemon.stop() == 0
    finally:
        relay.close()


@pytest.mark.parametrize("word", [b"AUTHENTICATE", b"SELECT", b"RFC822.SIZE"])
def test_words_of_the_server_are_escaped(dovecot, imapd, user, word):  # noqa: F811
    relay = Between(dovecot.port, word, lambda _, line: b"%s NO \x1b[2J\r\xff no.\r\n" % line.split()[0])
    try:
        daemon = imapd(port=relay.port)
        dovecot.deliver(user, AGGREGATE)
        assert daemon.once() in (75, 77, 78)
        assert "\\x1b[2J\\x0d\\xff no." in daemon.log_file.read_bytes().decode("ascii", "backslashreplace")
        assert b"\x1b" not in daemon.log_file.read_bytes()
    finally:
        relay.close()


class Issuer(http.server.BaseHTTPRequestHandler):
    """Whom Dovecot asks what a token is worth (RFC 7662)."""
    users = {}

    def do_POST(self):  # noqa: N802
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        user = self.users.get(form["token"][0])
        body = json.dumps({"active": user is not None, "username": user}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def takes_tokens():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer) as issuer, tempfile.NamedTemporaryFile("w") as oauth:
        threading.Thread(target=issuer.serve_forever, daemon=True).start()
        oauth.write("introspection_mode = post\nintrospection_url = http://127.0.0.1:%d/\n"
                    "username_attribute = username\nactive_attribute = active\nactive_value = true\n"
                    % issuer.server_port)
        oauth.flush()
        with a_dovecot(DOVECOT_SETTINGS="auth_mechanisms = plain xoauth2 oauthbearer\npassdb {\n  driver = oauth2\n"
                       "  mechanisms = xoauth2 oauthbearer\n  args = %s\n}\n" % oauth.name) as server:
            yield server
        issuer.shutdown()


@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
def test_login_with_a_token(takes_tokens, imapd, user, tmp_path, auth):
    """One that is void is told, and the next is tried without a restart."""
    void, good = "a-void-token.of-" + auth, "ya29.good-token_of/%s==" % auth
    Issuer.users[good] = user
    path = tmp_path / "token"
    path.write_text(void + "\n")
    takes_tokens.deliver(user, *MAILS)
    daemon = imapd(takes_tokens, auth=auth, password=None, token_path=path)
    assert daemon.once() == 77
    word = "AUTHENTICATIONFAILED" if auth == "oauthbearer" else '{\\"status\\":\\"401\\"'  # in base64 on the wire
    assert "Login denied (" in daemon.log() and word in daemon.log()
    path.write_text(good + "\n")
    assert daemon.once() == 65  # one of the mails cannot be read
    sorted_out(takes_tokens.folders(user), sep=".")
    assert "Login: user=<%s>, method=%s," % (user, auth.upper()) in takes_tokens.log()
    assert void not in daemon.log() and good not in daemon.log()
    assert base64.b64encode(good.encode()).decode()[:20] not in daemon.log()


def test_token_that_is_renewed(takes_tokens, imapd, user, tmp_path):
    """By a file of the same name, as mv does it: beside a daemon in its cage."""
    path, tokens = tmp_path / "token", ["first." + user, "second." + user]
    path.write_text(tokens[0])
    Issuer.users[tokens[0]] = user
    daemon = imapd(takes_tokens, auth="xoauth2", password=None, token_path=path).start()
    wait_for(lambda: "connected" in daemon.log())
    (tmp_path / "next").write_text(tokens[1])
    (tmp_path / "next").rename(path)
    Issuer.users[tokens[1]] = Issuer.users.pop(tokens[0])
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.log().count("connected") == 2)
    assert "denied" not in daemon.log() and daemon.stop() == 0


def test_nobody_there(imapd, tmp_path):
    daemon = imapd(port=1)
    assert daemon.once() == 75
    daemon.start()
    wait_for(lambda: daemon.log().count("; trying again") == 1)
    time.sleep(2)  # tried again by now, and the cause told once
    assert daemon.log().count("; trying again") == 1
    assert daemon.stop() == 0


def test_within_a_second(dovecot, imapd, user):  # noqa: F811
    dovecot.deliver(user, HUMAN)
    daemon = imapd(check_timeout="1h").start()
    wait_for(lambda: "connected" in daemon.log())
    seconds = []
    for n in range(5):
        time.sleep(0.5)
        mail = AGGREGATE.replace(b"Message-ID: <", b"Message-ID: <%d." % n)
        begin = time.monotonic()
        dovecot.deliver(user, mail)
        wait_for(lambda: daemon.log().count("status=stored") == n + 1, step=0.005)
        seconds.append(time.monotonic() - begin)
    print("arrival to record, s:", ["%.3f" % s for s in seconds])
    assert sorted(seconds)[1] < 1  # the machine may have other things to do at times
    assert daemon.stop() == 0


def test_changes_nothing(dovecot, imapd, user):  # noqa: F811
    dovecot.deliver(user, *MAILS)
    before = dovecot.folders(user)
    daemon = imapd()
    assert daemon.once("--test") == 65
    after = dovecot.folders(user)
    assert [m for _, m in after["INBOX"]] == [m for _, m in before["INBOX"]] == list(MAILS)
    assert list(after) == list(before) == ["INBOX"]
    assert not any("Seen" in flags for flags, _ in after["INBOX"])
    assert "would be moved to Archive/Aggregate" in daemon.log()
    assert not daemon.database.exists() and not (daemon.state / "imap").exists()


MARKS = {"seen": {"INBOX": 5}, "none": {"INBOX": 5}, "delete": {"INBOX": 1, "Archive.Invalid": 1}}


@pytest.mark.parametrize("mark", MARKS)
def test_marks(dovecot, imapd, user, mark):  # noqa: F811
    dovecot.deliver(user, *MAILS)
    daemon = imapd(mark=mark)
    assert daemon.once() == 65
    assert dovecot.counts(user) == MARKS[mark]
    seen = {mail for flags, mail in dovecot.folders(user)["INBOX"] if "Seen" in flags}
    assert seen == ({AGGREGATE, FAILURE, TLS} if mark == "seen" else set())
    lines = daemon.log().count("status=")
    assert daemon.once() == 0
    assert daemon.log().count("status=") == lines  # none is read again


def test_prefix_and_names(imapd, user):
    folder = "Berichte/Entwürfe & 日本"
    with a_dovecot(DOVECOT_INBOX="prefix = INBOX.\n  separator = .") as server:
        server.deliver(user, AGGREGATE)
        daemon = imapd(server, archive_folder=folder)
        assert daemon.once() == 0
        name = "INBOX.Berichte.Entw&APw-rfe &- &ZeVnLA-.Aggregate"
        with imaplib.IMAP4("127.0.0.1", server.port) as c:
            c.login(user, "pw")
            assert c.select('"%s"' % name) == ("OK", [b"1"])
            assert name in c.lsub()[1][-1].decode()


def test_two_accounts_and_folders(dovecot, imapd, user):  # noqa: F811
    other = next(users)
    with imaplib.IMAP4("127.0.0.1", dovecot.port) as c:
        c.login(user, "pw")
        c.create("Reports.Here")
        c.append("Reports.Here", None, None, AGGREGATE)
    dovecot.deliver(user, TLS)
    dovecot.deliver(other, FAILURE)
    second = "[imap second]\nhost = 127.0.0.1\nport = %d\ntls = no\nuser = %s\npassword = pw\n" % (dovecot.port, other)
    daemon = imapd(reports_folder="INBOX, Reports/Here", sections=second)
    assert daemon.once() == 0
    assert dovecot.counts(user) == {"Archive.Aggregate": 1, "Archive.SMTP-TLS": 1}
    assert dovecot.counts(other) == {"Archive.Failure": 1}


def test_two_servers_at_one_address(dovecot, imapd, user):  # noqa: F811
    """As tunnels make them: the port tells which is which."""
    with a_dovecot() as other:
        dovecot.deliver(user, AGGREGATE)
        other.deliver(user, TLS)
        daemon = imapd(sections="[imap u]\nhost = 127.0.0.1\nport = %d\ntls = no\nuser = %s\npassword = pw\n" %
                       (other.port, user))
        assert daemon.once() == 0
        assert dovecot.counts(user) == {"Archive.Aggregate": 1}
        assert other.counts(user) == {"Archive.SMTP-TLS": 1}


def test_folder_that_is_not_there(dovecot, imapd, user):  # noqa: F811
    daemon = imapd(reports_folder="Nowhere")
    assert daemon.once() == 78
    assert "mailbox \"Nowhere\": NO" in daemon.log()


@pytest.mark.parametrize("code", ["UNAVAILABLE", "INUSE", "SERVERBUG"])
def test_folder_that_is_not_there_for_now(dovecot, imapd, user, code):  # noqa: F811
    relay = Between(dovecot.port, b"SELECT", lambda _, line: b"%s NO [%s] No.\r\n" % (line.split()[0], code.encode()))
    try:
        daemon = imapd(port=relay.port)
        assert daemon.once() == 75
        assert "warn t/INBOX: mailbox" in daemon.log()
    finally:
        relay.close()


def test_one_process_at_a_time(dovecot, imapd, user):  # noqa: F811
    daemon = imapd(check_timeout="1h").start()
    wait_for(lambda: "connected" in daemon.log())
    second = imapd()
    assert second.once() == 75
    assert "another process reads this mailbox" in second.log()


def test_reload(dovecot, imapd, user):  # noqa: F811
    other = next(users)
    dovecot.deliver(other, AGGREGATE)
    daemon = imapd().start()
    wait_for(lambda: "connected" in daemon.log())
    daemon.conf.write_text(daemon.conf.read_text().replace("user = " + user, "user = " + other))
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: dovecot.counts(other) == {"Archive.Aggregate": 1})
    assert daemon.stop() == 0


def test_reload_amid_the_only_look(dovecot, imapd, user):  # noqa: F811
    """--once looks again then: 0 says that all mails are settled."""
    def reload(seen, _):
        if seen == 1:
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "configuration read again" in daemon.log())
            time.sleep(0.2)  # and the threads know

    relay = Between(dovecot.port, b"RFC822.SIZE", reload)
    try:
        dovecot.deliver(user, AGGREGATE)
        daemon = imapd(port=relay.port)
        assert daemon.once() == 0
        assert dovecot.counts(user) == {"Archive.Aggregate": 1}
        assert relay.seen == 2
    finally:
        relay.close()


def test_human_mails_are_not_fetched(dovecot, imapd, user):  # noqa: F811
    picture = base64.encodebytes(bytes(200000)).replace(b"\n", b"\r\n")
    large = (b"From: a@b.example\r\nSubject: holidays\r\nMIME-Version: 1.0\r\n"
             b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nLook!\r\n"
             b"--x\r\nContent-Type: image/jpeg; name=beach.jpg\r\nContent-Transfer-Encoding: base64\r\n\r\n"
             + picture + b"\r\n--x--\r\n")

    def sizes():
        """What each session got; Dovecot tells of it after its end."""
        return [int(n) for n in re.findall(r"imap\(%s\).*Logged out.* out=(\d+)" % user, dovecot.log())]

    dovecot.deliver(user, *[large] * 20, AGGREGATE)
    daemon = imapd()
    assert daemon.once() == 0
    wait_for(lambda: len(sizes()) == 1)
    assert 0 < sizes()[0] < 20 * 3000 + 20000
    assert daemon.once() == 0  # not even their structure is asked for again
    wait_for(lambda: len(sizes()) == 2)
    assert sizes()[1] < 2000


@pytest.mark.parametrize("spare", [0, -1])
def test_limit_of_a_mail(dovecot, imapd, user, spare):  # noqa: F811
    limit = len(AGGREGATE) + spare
    dovecot.deliver(user, AGGREGATE, TLS)
    daemon = imapd(sections="[limits]\nmessage = %d\n" % limit)
    assert daemon.once() == (0 if spare == 0 else 65)
    where = "Archive.Aggregate" if spare == 0 else "Archive.Invalid"
    assert dovecot.counts(user) == {where: 1, "Archive.SMTP-TLS": 1}
    assert spare == 0 or "%d bytes are more than %d" % (len(AGGREGATE), limit) in daemon.log()


def test_more_than_one_round_takes(dovecot, imapd, user):  # noqa: F811
    dovecot.deliver(user, HUMAN, TLS, HUMAN, FAILURE, AGGREGATE)
    daemon = imapd(sections="[limits]\nimap_mails = 2\n")
    assert daemon.once() == 0
    assert dovecot.counts(user) == {"INBOX": 2, "Archive.SMTP-TLS": 1, "Archive.Failure": 1, "Archive.Aggregate": 1}


def test_more_than_one_round_takes_and_only_told(dovecot, imapd, user):  # noqa: F811
    dovecot.deliver(user, *MAILS)
    daemon = imapd(sections="[limits]\nimap_mails = 2\n")
    assert daemon.once("--test", seconds=30) == 65
    assert sorted(daemon.statuses()) == [1, 3, 4, 5]  # not the human one
    assert daemon.log().count("would be ") == 4
    assert dovecot.counts(user) == {"INBOX": len(MAILS)}


def test_more_than_one_round_takes_and_sink_away(dovecot, imapd, user):  # noqa: F811
    """What cannot be stored now is not asked for again at once."""
    relay = Between(dovecot.port, b"RFC822.SIZE", lambda *_: False)
    away = "[limits]\nimap_mails = 5\n[elasticsearch]\nhosts = 127.0.0.1:%d\n[sqlite]\n" % free_port()
    try:
        dovecot.deliver(user, *[TLS.replace(b"Message-ID: <", b"Message-ID: <%d." % n) for n in range(8)])
        assert imapd(port=relay.port, mails=2, sections=away).once(seconds=30) == 75
        daemon = imapd(folder="again", port=relay.port, mails=2, check_timeout="1h", sections=away).start()
        wait_for(lambda: daemon.log().count("status=later") >= 5)
        time.sleep(1)
        assert relay.seen < 10
        assert daemon.stop() == 0
    finally:
        relay.close()


def test_server_dies_in_idle(dovecot, imapd, user):  # noqa: F811
    daemon = imapd(check_timeout="1h").start()
    wait_for(lambda: "connected" in daemon.log())
    time.sleep(0.5)
    assert dovecot.kill_sessions()
    dovecot.deliver(user, AGGREGATE)
    wait_for(lambda: "moved to" in daemon.log())  # who looks into a folder that is being made may be in its way
    assert dovecot.counts(user) == {"Archive.Aggregate": 1}
    assert "; trying again" in daemon.log()
    assert daemon.log().count("connected") == 2
    assert daemon.stop() == 0


def large_mails(count):
    """Report mails of about a megabyte, that no gzip makes small. Behind their parts stands what cannot be a part."""
    for n in range(count):
        noise = b"# " + base64.encodebytes(os.urandom(700000)).replace(b"\n", b"\r\n# ") + b"\r\n"
        yield AGGREGATE.replace(b"Message-ID: <", b"Message-ID: <%d." % n) + noise


def test_server_dies_amid_a_mail(dovecot, imapd, user):  # noqa: F811
    """Each record once, each mail in its folder; twice where Dovecot was killed inside of a MOVE, between the copy and
    the end of the original."""
    mails = list(large_mails(60))
    dovecot.deliver(user, *mails)
    daemon = imapd().start()
    wait_for(lambda: daemon.log().count("status=") >= 1, step=0.01)
    killed = 0
    for _ in range(3):
        killed += len(dovecot.kill_sessions())
        seen = daemon.log().count("status=")
        wait_for(lambda: daemon.log().count("status=") > seen or not dovecot.counts(user).get("INBOX"), 60, 0.01)
    assert killed > 0
    wait_for(lambda: not dovecot.counts(user).get("INBOX"), 60)
    folders = {name: {data for _, data in found} for name, found in dovecot.folders(user).items() if found}
    assert folders == {"Archive.Aggregate": set(mails)}
    assert len(daemon.records()) == 1
    assert daemon.stop() == 0


def test_server_dies_after_each_mail(dovecot, imapd, user):  # noqa: F811
    """The rests do not grow while mails are read: the last would be more than two minutes."""
    mails = list(large_mails(8))
    daemon = imapd().start()
    for n, mail in enumerate(mails, 1):
        dovecot.deliver(user, mail)
        wait_for(lambda: daemon.log().count("moved to") == n)
        assert dovecot.kill_sessions()
    assert {data for _, data in dovecot.folders(user)["Archive.Aggregate"]} == set(mails)
    # not each time: where a word of ours was not read before the kill, the cause is another one
    assert daemon.log().count("; trying again") < len(mails)
    assert daemon.stop() == 0


class Between:
    """A relay in front of the server. Each time before a word of the client reaches it, act(how often by now, the line) is
    called, and cuts the line when it says so; bytes are the answer, and the server does not learn of it."""

    def __init__(self, port, word, act):
        self.seen = 0
        outer = self

        class Session(socketserver.BaseRequestHandler):
            def handle(self):
                with socket.create_connection(("127.0.0.1", port)) as server:
                    while True:
                        ready, _, _ = select.select([self.request, server], [], [], 60)
                        if not ready:
                            return
                        for one in ready:
                            data = one.recv(65536)
                            if not data:
                                return
                            if one is self.request and word in data:
                                outer.seen += 1
                                answer = act(outer.seen, data)
                                if answer is True:
                                    return
                                if answer:
                                    one.sendall(answer)
                                    continue
                            (server if one is self.request else self.request).sendall(data)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Session)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def test_line_is_cut_between_store_and_move(dovecot, imapd, user):  # noqa: F811
    relay = Between(dovecot.port, b" UID MOVE ", lambda seen, _: seen <= 3)
    try:
        dovecot.deliver(user, *MAILS)
        daemon = imapd(port=relay.port).start()
        wait_for(lambda: dovecot.counts(user).get("INBOX") == 1, 60)
        wait_for(lambda: daemon.log().count("moved to") == 4)
        sorted_out(dovecot.folders(user), sep=".")
        assert relay.seen > 3
        assert "duplicates=1" not in daemon.log()  # what was judged is moved, not read again
        assert daemon.stop() == 0
    finally:
        relay.close()


@pytest.mark.parametrize("answer", [b"%s NO [NOPERM] No.\r\n", None])
def test_copied_once(imapd, user, answer):
    """A server without MOVE that does not let the original go, or is lost before, gets no second copy."""
    with a_dovecot(DOVECOT_CAPABILITY=CAPABILITIES["no MOVE"]) as server:
        relay = Between(server.port, b" UID STORE ",
                        lambda seen, line: seen <= 2 and (answer is None or answer % line.split()[0]))
        try:
            server.deliver(user, *MAILS)
            daemon = imapd(port=relay.port).start()
            wait_for(lambda: daemon.log().count("moved to") == 4)
            sorted_out(server.folders(user), sep=".")
            assert relay.seen > 2
            assert daemon.stop() == 0
        finally:
            relay.close()


def test_reports_are_read_in_the_archive(dovecot, imapd, user):  # noqa: F811
    """A mail that is where it belongs is not moved there again and again."""
    dovecot.deliver(user, UNREADABLE)
    assert imapd().once() == 65
    daemon = imapd(folder="again", reports_folder="INBOX, Archive/Invalid").start()
    wait_for(lambda: "status=kept (left as it is" in daemon.log())
    dovecot.deliver(user, UNREADABLE, AGGREGATE)
    wait_for(lambda: daemon.log().count("status=kept (left as it is") == 2)
    wait_for(lambda: daemon.log().count("moved to") == 2)
    time.sleep(1)
    assert daemon.log().count("moved to") == 2
    assert dovecot.counts(user) == {"Archive.Invalid": 2, "Archive.Aggregate": 1}
    assert daemon.stop() == 0


def test_folder_is_made_by_somebody_else_at_once(dovecot, imapd, user):  # noqa: F811
    def make(*_):
        c = imaplib.IMAP4("127.0.0.1", dovecot.port)
        c.login(user, "pw")
        assert c.create("Archive.Aggregate")[0] == "OK"
        c.logout()

    relay = Between(dovecot.port, b" CREATE ", make)
    try:
        dovecot.deliver(user, AGGREGATE)
        assert imapd(port=relay.port).once() == 0
        assert relay.seen == 1
        assert dovecot.counts(user) == {"Archive.Aggregate": 1}
    finally:
        relay.close()


@pytest.mark.parametrize("body", [b"NIL", b'""', b"{0}\r\n"])
def test_server_gives_a_mail_of_no_bytes(dovecot, imapd, user, body):  # noqa: F811
    def empty(seen, line):
        return seen <= 3 and b"* 1 FETCH (UID 1 BODY[] %s)\r\n%s OK Done.\r\n" % (body, line.split()[0])

    relay = Between(dovecot.port, b"BODY.PEEK[]", empty)
    try:
        dovecot.deliver(user, AGGREGATE)
        daemon = imapd(port=relay.port).start()
        wait_for(lambda: "1: the server does not give this mail" in daemon.log())
        assert dovecot.counts(user) == {"INBOX": 1}
        assert daemon.stop() == 0
        assert daemon.once() == 0  # it can now, and the mail was not forgotten
        assert dovecot.counts(user) == {"Archive.Aggregate": 1}
        assert relay.seen == 4
    finally:
        relay.close()


@pytest.mark.parametrize("status", [b"NO [SERVERBUG] Broken.", b"OK Done."])
def test_server_does_not_give_a_mail(dovecot, imapd, user, status):  # noqa: F811
    relay = Between(dovecot.port, b"BODY.PEEK[]",
                    lambda seen, line: seen <= 4 and b"%s %s\r\n" % (line.split()[0], status))
    try:
        dovecot.deliver(user, AGGREGATE)
        daemon = imapd(port=relay.port)
        assert daemon.once() == 75
        assert "1: the server did not give this mail" in daemon.log()
        daemon.start()
        wait_for(lambda: "tried again in an hour" in daemon.log())
        assert daemon.stop() == 0
        assert daemon.once() == 0
        assert dovecot.counts(user) == {"Archive.Aggregate": 1}
    finally:
        relay.close()


def test_mail_is_taken_away_before_it_is_given(dovecot, imapd, user):  # noqa: F811
    def take_away(*_):
        c = imaplib.IMAP4("127.0.0.1", dovecot.port)
        c.login(user, "pw")
        c.select()
        c.store("1", "+FLAGS", "\\Deleted")
        c.expunge()
        c.logout()

    relay = Between(dovecot.port, b"BODY.PEEK[]", take_away)
    try:
        dovecot.deliver(user, AGGREGATE)
        daemon = imapd(port=relay.port)
        assert daemon.once() == 75
        assert daemon.once() == 0
        assert relay.seen == 1
    finally:
        relay.close()


def test_sink_away(dovecot, imapd, user, tmp_path):  # noqa: F811
    port = free_port()
    dovecot.deliver(user, *MAILS)
    daemon = imapd(sections="[elasticsearch]\nhosts = 127.0.0.1:%d\n[sqlite]\n" % port).start()
    wait_for(lambda: "records cannot be stored" in daemon.log())
    assert daemon.log().count("warn elasticsearch: ") == 1  # looked at before the first mail
    wait_for(lambda: set(daemon.statuses()) >= {1, 3, 4, 5})
    wait_for(lambda: dovecot.counts(user) == {"INBOX": 4, "Archive.Invalid": 1})
    assert [daemon.statuses()[n] for n in (1, 3, 4)] == ["later"] * 3
    assert daemon.stop() == 0
    daemon.conf.write_text(daemon.conf.read_text().replace("[elasticsearch]\nhosts = 127.0.0.1:%d\n" % port, ""))
    assert daemon.once() == 0
    sorted_out(dovecot.folders(user), sep=".")


def test_list_is_cut(dovecot, imapd, user):  # noqa: F811
    """The mails that wait for a sink, and that half a list does not name, are not forgotten."""
    def cut(seen, _):
        return seen == 2 and b"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 2000)\r\n* BYE\r\n"

    relay = Between(dovecot.port, b"RFC822.SIZE", cut)
    away = "[elasticsearch]\nhosts = 127.0.0.1:%d\n" % free_port()
    try:
        dovecot.deliver(user, AGGREGATE, FAILURE, TLS)
        daemon = imapd(port=relay.port, sections=away + "[sqlite]\n")
        assert daemon.once() == 75
        daemon.conf.write_text(daemon.conf.read_text().replace(away, ""))
        assert daemon.once() == 75
        assert relay.seen == 2 and "list of mails: the server says goodbye" in daemon.log()
        assert daemon.once() == 0
        assert dovecot.counts(user) == {"Archive.Aggregate": 1, "Archive.Failure": 1, "Archive.SMTP-TLS": 1}
    finally:
        relay.close()


def test_last_of_all_uids(dovecot, imapd, user):  # noqa: F811
    """There is no UID behind it, and 0 is none to ask for."""
    last = b"* 1 FETCH (UID 4294967295 FLAGS () RFC822.SIZE 2000)\r\n%s OK Done.\r\n"
    relay = Between(dovecot.port, b"RFC822.SIZE", lambda seen, line: seen == 1 and last % line.split()[0])
    try:
        dovecot.deliver(user, AGGREGATE)
        daemon = imapd(port=relay.port)
        assert daemon.once() == 75  # Dovecot has none with it
        assert daemon.once() == 0
    finally:
        relay.close()


def test_archive_is_full(imapd, user):
    settings = "mail_plugins = quota\nprotocol imap {\n  mail_plugins = quota\n}\nplugin {\n" \
               "  quota = maildir\n  quota_rule = *:messages=1\n}\n"
    with a_dovecot(DOVECOT_CAPABILITY="IMAP4rev1 UIDPLUS IDLE", DOVECOT_SETTINGS=settings) as server:
        server.deliver(user, AGGREGATE, TLS)
        daemon = imapd(server).start()
        wait_for(lambda: "OVERQUOTA" in daemon.log() or "uota" in daemon.log())
        wait_for(lambda: daemon.log().count("connected") >= 3)
        assert server.counts(user) == {"INBOX": 2}
        assert daemon.log().count("; trying again") == 1  # the cause once, and longer rests each time
        assert len(daemon.records()) > 0 and "duplicates=1" not in daemon.log()
        assert daemon.stop() == 0


def kill_ten_times(dovecot, imapd, user, count):  # noqa: F811
    expected = {}
    mails = []
    for report_id, records, mail in mailgen.mails(count, 42):
        expected[report_id] = records
        mails.append(crlf(mail.encode()))
    mails[count // 2:count // 2] = [HUMAN, UNREADABLE]
    daemon, rng = imapd(), random.Random(1)
    for n in range(10):  # there is always something to do at the kill
        dovecot.deliver(user, *mails[n * len(mails) // 10:(n + 1) * len(mails) // 10])
        told = daemon.log().count("status=")
        daemon.start()
        wait_for(lambda: daemon.log().count("status=") > told, 60, 0.001)
        time.sleep(rng.random() / 20)
        daemon.kill()
    assert daemon.once(seconds=300) in (0, 65)
    folders = dovecot.folders(user)
    assert [mail for _, mail in folders["INBOX"]] == [HUMAN] and "Seen" not in folders["INBOX"][0][0]
    assert {mail for _, mail in folders["Archive.Invalid"]} == {UNREADABLE}
    # a MOVE of before the kill may still be at its copy when the next look finds the original: twice then
    moved = {mail for _, mail in folders["Archive.Aggregate"]}
    assert moved == {mail for mail in mails if mail not in (HUMAN, UNREADABLE)}
    found = {}
    for report_id, *_ in daemon.records():
        found[report_id] = found.get(report_id, 0) + 1
    assert found == expected


def test_killed_ten_times(dovecot, imapd, user):  # noqa: F811
    kill_ten_times(dovecot, imapd, user, 300)


@pytest.mark.skipif(not os.environ.get("INTAKE_TEST_LONG"), reason="long: INTAKE_TEST_LONG=1")
def test_2000_mails_killed_ten_times(dovecot, imapd, user):  # noqa: F811
    kill_ten_times(dovecot, imapd, user, 2000)


def test_same_records_as_lmtp(dovecot, imapd, user, tmp_path):  # noqa: F811
    mails = [crlf(p.read_bytes()) for p in sorted(FIXTURES.glob("*.eml")) + sorted(FIXTURES.glob("other/*.eml"))]
    mails = [mail for mail in mails if b"\r\n\r\n" in mail]
    by_lmtp = Intake(tmp_path / "lmtp").start()
    try:
        for mail in mails:
            deliver(by_lmtp.listen, mail)
    finally:
        by_lmtp.stop()
    dovecot.deliver(user, *mails)
    by_imap = imapd()
    by_imap.once()
    assert by_imap.records() == by_lmtp.records() != []
    for table in ("aggregate_report", "failure_report", "tls_report"):
        sql = "SELECT count(*) FROM " + table
        assert by_imap.rows(sql) == by_lmtp.rows(sql) != [(0,)]
    kept = {mail for _, mail in dovecot.folders(user)["Archive.Invalid"]}
    assert kept == set(by_lmtp.kept())
