# SPDX-License-Identifier: Apache-2.0
"""Bytes that are made to be read in two ways: what Postfix's queue holds is what
arrives, no end of DATA but the one, no chunk that becomes commands, and no part
of a broken mail that nobody sees. Each case has its verdict; those of size and
depth are in test_bombs.py."""
import base64
import random
import re
import socket
import subprocess
import time

import pytest

from conftest import needs_postfix, wait_for
from test_bombs import MAIL, REPORT
from test_lmtp import client, human_mail, shared  # noqa: F401
from lmtp import deliver

# --- what the queue of the MTA holds arrives ---

# a body, as it is said to Postfix between DATA and the final dot (before the dots are doubled)
BODIES = {
    "dots": b".\r\n..\r\n...\r\n.a\r\n a.\r\n.",
    "bare LF": b"a\nb\n\nc",
    "bare CR": b"a\rb\r\rc\r\r\nd\r",
    "CR dot CR LF": b"a\r.\r\nMAIL FROM:<evil@x.example>\r\nb",
    "LF dot LF": b"a\n.\nMAIL FROM:<evil@x.example>\nb",
    "NUL": b"a\0b\r\n\0.\r\n\0\0",
    "8 bit": bytes(range(128, 256)) + b"\r\n\xff\xfe\xc3",
    "commands": b"RSET\r\nMAIL FROM:<evil@x.example>\r\nRCPT TO:<a@b>\r\nDATA\r\nQUIT",
    "empty lines": b"\r\n\r\n\r\n\r\n",
    "no body": b"",
    "a line of 5,000": b"x" * 5000,
    "lines around the buffers": b"".join(b"." * (n % 5) + b"y" * n + b"\r\n" for n in range(2040, 2060)),
    "lines around 4096": b"".join(b"." + b"z" * n + b"\r\n" for n in range(4090, 4100)),
    "100,000 dots": b".\r\n" * 100000,
}


def say_to_postfix(port, name, body):
    """As no library does: the bytes as they are, with the dots doubled."""
    with socket.create_connection(("127.0.0.1", port), 60) as s, s.makefile("rb") as lines:
        def hear(code):
            while True:
                line = lines.readline()
                assert line.startswith(code), line
                if line[3:4] != b"-":
                    return

        hear(b"220")
        for command, code in ((b"EHLO t", b"250"), (b"MAIL FROM:<a@reporter.example> BODY=8BITMIME", b"250"),
                              (b"RCPT TO:<reports@test.example>", b"250"), (b"DATA", b"354")):
            s.sendall(command + b"\r\n")
            hear(code)
        mail = b"Subject: torture, %s\r\nMessage-ID: <%s@t>\r\n\r\n" % (name.encode(), name.replace(" ", ".").encode()) + body
        s.sendall(re.sub(rb"(^|\n)\.", rb"\1..", mail) + b"\r\n.\r\n")
        hear(b"250")


@needs_postfix
def test_what_the_queue_holds_arrives(world):
    """No server yet: postcat tells what waits. Then it comes, and lies in the quarantine byte for byte."""
    listen = "unix:%s" % (world.folder / "lmtp.sock")
    # Postfix mends or refuses what is bare, unless it is told not to: this is about what it lets through
    postfix = world.postfix(listen, POSTFIX_SETTINGS="smtpd_forbid_bare_newline = no\ncleanup_replace_stray_cr_lf = no\n")
    for name, body in BODIES.items():
        say_to_postfix(postfix.port, name, body)
    wait_for(lambda: len(postfix.queue()) == len(BODIES), 60)
    held = []
    for queue_id in postfix.queue():
        run = subprocess.run(["postcat", "-c", str(postfix.folder / "etc"), "-bhq", queue_id], check=True, timeout=30,
                             capture_output=True)
        held.append(run.stdout.replace(b"\n", b"\r\n"))
    assert any(b"\0" in mail for mail in held) and any(b"a\rb" in mail for mail in held)
    intake = world.intake(listen=listen)
    postfix.flush()
    wait_for(postfix.is_drained, 60)
    other = [p.read_bytes() for sub in ("new", "cur") for p in (intake.quarantine / ".Other" / sub).glob("*")]
    kept = {re.search(rb"Message-ID: <(.*)@t>", mail).group(1): mail for mail in intake.kept() + other}
    for mail in held:
        assert kept.get(re.search(rb"Message-ID: <(.*)@t>", mail).group(1)) == mail
    assert len(kept) == len(BODIES) and "evil" not in intake.log()


# --- no end but the one ---

ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\r.\r", b"\n\r.\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n. \r\n",
        b"\r\n.\r\r\n", b"\r\r.\r\n", b"\r\n.\t\r\n", b"\xe2\x80\xa8.\r\n", b"\x0b.\r\n", b"\x85.\r\n"]


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_no_command_is_smuggled_out_of_data(shared, client, end):  # noqa: F811
    """One mail, with the commands in it, wherever the pieces of it end."""
    commands = b"MAIL FROM:<evil@x>\r\nRCPT TO:<a@b>\r\nDATA\r\nSubject: evil\r\n\r\n"
    for cut in range(len(end) + 1):
        client.start()
        assert client.ask("DATA")[:3] == "354"
        start = human_mail(b"smuggled %d %s" % (cut, repr(end).encode())) + b"x"
        client.send(start + end[:cut])
        if cut > 0:
            time.sleep(0.02)  # so that it comes in two pieces
        client.send(end[cut:] + commands + b"y\r\n.\r\nNOOP\r\n")
        assert [client.reply()[:9], client.reply()[:9]] == ["250 2.0.0", "250 2.0.0"]
        # a dot at the start of a line is taken off, and nothing else
        mail = (start + end + commands + b"y\r\n").replace(b"\r\n.", b"\r\n")
        assert shared.kept(mail) == 1, cut
    assert "evil@x" not in shared.log_text()


def test_pipelined_behind_a_refused_data(shared, client):  # noqa: F811
    """No recipient: what a client sends all the same is taken for commands, and none of them opens a mail of its own."""
    client.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<>\r\nDATA\r\n" + human_mail(b"not asked for") + b".\r\nRSET\r\nNOOP\r\n")
    replies = [client.reply()[:3]]
    while replies[-2:] != ["250", "250"]:
        replies.append(client.reply()[:3])
    assert replies[:3] == ["250", "501", "503"] and set(replies[3:-2]) == {"500"}


# --- chunks ---

def test_chunks_that_end_anywhere(shared, client):  # noqa: F811
    """A mail cut at each byte, all in one write with the next one: what is in it is never a command."""
    mail = human_mail(b"chunks\r\n.\r\nQUIT\r\nBDAT 5 LAST\r\n\n.\n\r.\r\0\xff")
    for n in range(0, len(mail) + 1):
        told = mail + b"%d" % n
        client.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT %d\r\n%sBDAT %d LAST\r\n%sNOOP\r\n"
                    % (n, told[:n], len(told) - n, told[n:]))
        assert [client.reply()[:3] for _ in range(5)] == ["250"] * 5
        assert shared.kept(told) == 1, n


@pytest.mark.parametrize("line, reply", [
    (b"BDAT", "501"), (b"BDAT -1 LAST", "501"), (b"BDAT 1x", "501"), (b"BDAT 5 LASTLY", "501"), (b"BDAT 5 FIRST", "501"),
    (b"BDAT 18446744073709551616 LAST", "501"), (b"BDAT 5 LAST\0", "500"), (b"BDAT 5\0 LAST", "500"), (b"BDAT\t5 LAST", "500"),
    (b"BDAT\0 5", "500"), (b"bdat\xa05", "500"), (b"BDAT" + b" " * 5000 + b"5 LAST", "500"), (b"BDAT 5 LAST" + b" " * 70000, "500"),
], ids=lambda v: repr(v[:14]) if isinstance(v, bytes) else v)
def test_chunk_of_unknown_size_is_no_command(shared, line, reply):  # noqa: F811
    """It cannot be told where it ends: the connection does."""
    c = shared.client()
    c.start()
    c.send(line + b"\r\nRSET\r\nMAIL FROM:<evil2@x>\r\nRCPT TO:<a@b>\r\nDATA\r\n" + human_mail(b"evil2") + b".\r\n")
    assert c.reply()[:3] == reply
    assert c.is_closed()
    c.close()
    assert "evil2@x" not in shared.log_text()


def test_chunk_that_never_ends(shared):  # noqa: F811
    """It costs no memory to say that it will be large, and half of it is no mail."""
    c = shared.client()
    c.start()
    c.send(b"BDAT 9223372036854775807 LAST\r\n" + human_mail(b"half of a very large one") + b".\r\nQUIT\r\n")
    c.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        c.reply()
    c.close()
    shared.wait_log("connection lost before the mail was complete")
    assert shared.kept(human_mail(b"half of a very large one") + b".\r\nQUIT\r\n") == 0


# --- bytes in commands ---

@pytest.mark.parametrize("line, reply", [
    (b"NOOP\0", "500"), (b"\0NOOP", "500"), (b"NOOP\xff", "500"), (b"N\xc3\x96OP", "500"), (b"NOOP\x7f", "500"), (b"NOOP\x1b[0m", "500"),
    (b"MAIL FROM:<a\0@b>", "500"), (b"MAIL FROM:<a@b>\0", "500"), (b"MAIL FROM:<a@b>\rRCPT TO:<c@d>", "500"),
    (b"MAIL FROM:<\xff@b>", "501"), (b"MAIL FROM:<\xff@b> SMTPUTF8", "501"), (b"MAIL FROM:<\xc3\xa4@b> SMTPUTF8", "250"),
    (b"MAIL FROM:<a@b>\x00 SIZE=1", "500"), (b'MAIL FROM:<"a\0b"@c>', "500"), (b"LHLO a\0b", "500"), (b"LHLO \xff", "500"),
    (b"RSET\r", "500"), (b"\r", "500"), (b"", "500"), (b" ", "500"), (b"DATA\0", "500"), (b"QUIT\0", "500"), (b"\xef\xbb\xbfNOOP", "500"),
], ids=lambda v: repr(v) if isinstance(v, bytes) else v)
def test_bytes_that_no_command_has(shared, line, reply):  # noqa: F811
    """One reply, and the conversation goes on as it was."""
    c = shared.client()
    c.send(line + b"\r\nRSET\r\nVRFY x\r\n")
    assert [c.reply()[:3] for _ in range(3)] == [reply, "250", "252"]
    c.close()
    assert b"\0" not in shared.log_text().encode(errors="replace") and "\x1b" not in shared.log_text()


# --- MIME ---

SUBJECT = b"Subject: Report domain: test.example Submitter: bomb.example Report-ID: <b>\r\n"
HEAD = MAIL.replace(b"Subject: x\r\n", SUBJECT)
XML = base64.encodebytes(REPORT).replace(b"\n", b"\r\n")
PART = b"Content-Type: application/xml\r\nContent-Transfer-Encoding: base64\r\n\r\n" + XML
TEXT = b"Content-Type: text/plain\r\n\r\nhello\r\n"


def multi(body, boundary=b"b", kind=b"mixed"):
    return HEAD + b'Content-Type: multipart/%s; boundary="%s"\r\n\r\n' % (kind, boundary) + body


# broken mail: what becomes of it; "stored" where the report is found in spite of it, "kept" where a reader must look
BROKEN = {
    "no end of the last part": (multi(b"--b\r\n" + TEXT + b"--b\r\n" + PART), "stored"),
    "no part before the end": (multi(b"--b--\r\n--b\r\n" + PART), "kept"),
    "a part behind the end": (multi(b"--b\r\n" + TEXT + b"--b--\r\n--b\r\n" + PART + b"--b--\r\n"), "kept"),
    "delimiters with blanks": (multi(b"--b  \t\r\n" + TEXT + b"--b \r\n" + PART + b"--b--  \r\n"), "stored"),
    "line ends of LF": (multi(b"--b\r\n" + PART + b"--b--\r\n").replace(b"\r\n", b"\n"), "stored"),
    "line ends of CR CR LF": (multi(b"--b\r\n" + PART + b"--b--\r\n").replace(b"\r\n", b"\r\r\n"), "stored"),
    "line ends of LF in the body only": (HEAD + multi(b"--b\r\n" + PART + b"--b--\r\n")[len(HEAD):].replace(b"\r\n", b"\n"),
                                         "stored"),
    "the boundary is a part of another": (
        multi(b"--b\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n" + PART + b"--bb--\r\n--b--\r\n"), "stored"),
    "the same boundary inside": (
        multi(b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + PART + b"--b--\r\n--b--\r\n"), "stored"),
    "no boundary at all": (HEAD + b"Content-Type: multipart/mixed\r\n\r\n--b\r\n" + PART + b"--b--\r\n", "kept"),
    "an empty boundary": (multi(b"--\r\n" + PART + b"----\r\n", b""), "stored"),
    "another boundary than it says": (multi(b"--c\r\n" + PART + b"--c--\r\n"), "kept"),
    "two Content-Type": (HEAD + b"Content-Type: text/plain\r\n" + multi(b"--b\r\n" + PART + b"--b--\r\n")[len(HEAD):], "stored"),
    "two Content-Type, the other way": (
        multi(b"--b\r\n" + PART + b"--b--\r\n").replace(b"\r\n\r\n--b", b"\r\nContent-Type: text/plain\r\n\r\n--b", 1), "kept"),
    "two encodings": (multi(b"--b\r\nContent-Transfer-Encoding: 7bit\r\n" + PART + b"--b--\r\n"), "stored"),
    "an encoding that nobody knows": (multi(b"--b\r\n" + PART.replace(b": base64", b": x-base65") + b"--b--\r\n"), "stored"),
    "base64 that is none": (multi(b"--b\r\n" + PART.replace(b": base64", b": 7bit") + b"--b--\r\n"), "stored"),
    "an encoding with a comment": (multi(b"--b\r\n" + PART.replace(b": base64", b": (x) BASE64 (y)") + b"--b--\r\n"), "stored"),
    "base64 with other bytes in it": (multi(b"--b\r\n" + PART.replace(b"\r\n", b" *\r\n") + b"--b--\r\n"), "kept"),
    "base64 in lines of one": (multi(b"--b\r\n" + PART[:-len(XML)] + b"\r\n".join(
        XML[i:i + 1] for i in range(len(XML)) if XML[i] > 32) + b"\r\n--b--\r\n"), "stored"),
    "base64, cut in the middle": (multi(b"--b\r\n" + PART[:-60] + b"\r\n--b--\r\n"), "kept"),
    "header without an end": (HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n--b\r\n" + PART, "stored"),
    "a header line that is none": (
        multi(b"--b\r\nnonsense\r\n" + PART + b"--b--\r\n"), "stored"),
    "a NUL in a header": (multi(b"--b\r\nX: a\0b\r\n" + PART + b"--b--\r\n"), "stored"),
    "a NUL before the boundary": (multi(b"--b\r\n" + PART + b"\0--b--\r\n"), "stored"),
    "the type in pieces": (multi(b"--b\r\n" + PART.replace(b"application/xml", b"application\r\n /\r\n xml") + b"--b--\r\n"), "stored"),
    "a type of three": (multi(b"--b\r\n" + PART.replace(b"application/xml", b"a/b/c") + b"--b--\r\n"), "stored"),
    "message/partial": (HEAD + b'Content-Type: message/partial; id=x; number=1; total=2\r\n\r\n' + MAIL + PART, "stored"),
    "a mail in a mail in a mail": (HEAD + (b"Content-Type: message/rfc822\r\n\r\n" + MAIL) * 3 + PART, "stored"),
    "an encoded multipart": (
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(b"--b\r\n" + PART + b"--b--\r\n"), "kept"),
    "two reports, one is broken": (
        multi(b"--b\r\n" + PART + b"--b\r\n" + PART[:-80] + b"\r\n--b--\r\n"), "stored and kept"),
    "a report between the parts": (multi(REPORT + b"\r\n--b\r\n" + TEXT + b"--b--\r\n"), "kept"),
    "a report behind the parts": (multi(b"--b\r\n" + TEXT + b"--b--\r\n" + REPORT + b"\r\n"), "kept"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_every_part_is_seen_or_the_mail_is_kept(world, name):
    mail, wanted = BROKEN[name]
    intake = world.intake()
    begin = time.monotonic()
    (told,) = deliver(intake.listen, mail)
    assert time.monotonic() - begin < 20
    assert re.fullmatch(r"250 2\.0\.0 (.*) \S+", told).group(1) == wanted, intake.log()
    assert len(intake.records()) == ("stored" in wanted)
    assert intake.kept() == ([mail] if "kept" in wanted else [])


SECOND = REPORT.replace(b"<report_id>b<", b"<report_id>second<") + b"\r\n"
XML2 = base64.encodebytes(SECOND).replace(b"\n", b"\r\n")
PART2 = PART.replace(XML, XML2)
BASE64 = PART[:-len(XML)]  # the header of a part
INNER = b"Content-Type: multipart/mixed; boundary=c\r\n"
ENCODED = b"Content-Transfer-Encoding: base64\r\n"


def two(between, behind=b"--b--\r\n", **kind):
    """Two parts: the first is a whole report, the other comes last."""
    return multi(b"--b\r\n" + PART + between + PART2 + behind, **kind)


# a report, and another where something is broken: both are stored, or the first, and a reader must look
TWO = {
    "behind the end, with a delimiter": (two(b"--b--\r\n--b\r\n"), "stored and kept"),
    "behind the end, as it is": (multi(b"--b\r\n" + PART + b"--b--\r\n" + SECOND), "stored and kept"),
    "behind the end, base64": (multi(b"--b\r\n" + PART + b"--b--\r\n" + XML2), "stored and kept"),
    "before the first, as it is": (multi(SECOND + b"--b\r\n" + PART + b"--b--\r\n"), "stored and kept"),
    "before the first, base64": (multi(XML2 + b"--b\r\n" + PART + b"--b--\r\n"), "stored and kept"),
    "in a multipart with another boundary": (two(b"--b\r\n" + INNER + b"\r\n--d\r\n"), "stored and kept"),
    "in a multipart without one": (two(b"--b\r\nContent-Type: multipart/mixed\r\n\r\n--d\r\n"), "stored and kept"),
    "in a multipart that is encoded": (
        multi(b"--b\r\n" + PART + b"--b\r\n" + INNER + ENCODED + b"\r\n"
              + base64.encodebytes(b"--c\r\n" + PART2 + b"--c--\r\n") + b"--b--\r\n"), "stored and kept"),
    "in a mail in the mail, behind its end": (
        multi(b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + MAIL + INNER + b"\r\n--c\r\n" + PART + b"--c--\r\n"
              + PART2 + b"--b--\r\n"), "stored and kept"),
    "behind a blank before the delimiter": (two(b" --b\r\n"), "stored and kept"),
    "behind a delimiter that is longer": (two(b"--bx\r\n"), "stored and kept"),
    "behind a delimiter in another case": (
        HEAD + INNER.replace(b"=c", b"=C0") + b"\r\n--C0\r\n" + PART + b"--c0\r\n" + PART2 + b"--C0--\r\n", "stored and kept"),
    "inner parts that the outer delimiter ends": (
        multi(b"--b\r\n" + INNER + b"\r\n--c\r\n" + PART + b"--b\r\n" + PART2 + b"--b--\r\n"), "stored"),
    "inner parts that the outer end ends": (
        multi(b"--b\r\n" + INNER + b"\r\n--c\r\n" + PART + b"--b--\r\n--c\r\n" + PART2 + b"--c--\r\n"), "stored and kept"),
    "delimiters in a mail of one part": (HEAD + PART + b"--b\r\n" + PART2 + b"--b--\r\n", "stored and kept"),
    "two documents in a part": (multi(b"--b\r\n" + BASE64 + base64.encodebytes(REPORT + SECOND) + b"--b--\r\n"), "stored and kept"),
    "two base64 in a part": (multi(b"--b\r\n" + PART + XML2 + b"--b--\r\n"), "stored and kept"),
    "base64 that is called text": (multi(b"--b\r\n" + PART + b"--b\r\nContent-Type: text/plain\r\n\r\n" + XML2 + b"--b--\r\n"),
                                   "stored"),
    "called a picture": (two(b"--b\r\n").replace(b"application/xml", b"image/png"), "stored"),
    "half of a mail": (two(b"--b\r\nContent-Type: message/partial; id=x; number=1; total=2\r\n\r\n" + MAIL), "stored"),
    "a mail in base64": (
        multi(b"--b\r\n" + PART + b"--b\r\nContent-Type: message/rfc822\r\n" + ENCODED + b"\r\n"
              + base64.encodebytes(MAIL + PART2) + b"--b--\r\n"), "stored"),
    "a mail without From": (two(b"--b\r\nContent-Type: message/rfc822\r\n\r\n"), "stored"),
    "alternatives": (two(b"--b\r\n", kind=b"alternative"), "stored"),
    "signed": (two(b"--b\r\n", kind=b"signed"), "stored"),
    "encrypted, as it says": (two(b"--b\r\n", kind=b"encrypted"), "stored"),
    "a digest": (multi(b"--b\r\n\r\n" + MAIL + PART + b"--b\r\n\r\n" + MAIL + PART2 + b"--b--\r\n", kind=b"digest"), "stored"),
}


@pytest.mark.parametrize("name", TWO)
def test_no_report_is_dropped_beside_another(world, name):
    mail, wanted = TWO[name]
    intake = world.intake()
    (told,) = deliver(intake.listen, mail)
    assert re.fullmatch(r"250 2\.0\.0 (.*) \S+", told).group(1) == wanted, intake.log()
    assert len(intake.records()) == (1 if "kept" in wanted else 2)
    assert intake.kept() == ([mail] if "kept" in wanted else [])


@pytest.mark.parametrize("between", [
    b"--b--\r\n_______\r\nreports mailing list\r\nhttps://lists.example/listinfo/reports?x=%s\r\n" % (b"a" * 70),
    b"--b--\r\n\r\n\r\n", b"--b--", b"--b--\r\nThis mail was scanned. Content is confidential.\r\n"],
    ids=["list", "blanks", "no line end", "scanner"])
def test_a_footer_is_no_part(world, between):
    intake = world.intake()
    mail = multi(b"This is a multi-part message in MIME format.\r\n--b\r\n" + PART + between)
    assert deliver(intake.listen, mail)[0].startswith("250 2.0.0 stored ")
    assert intake.kept() == []


def test_broken_at_random(world):
    """Wherever a report mail is broken: it is stored or kept, never taken for a person's, and never lost."""
    rng = random.Random(20261127)
    whole = multi(b"--b\r\n" + TEXT + b"--b\r\n" + PART + b"--b--\r\n")
    pieces = [b"\r\n", b"\n", b"\r", b"\0", b"--b\r\n", b"--b--\r\n", b"\r\n\r\n", b"Content-Type: multipart/mixed; boundary=c\r\n",
              b"Content-Transfer-Encoding: quoted-printable\r\n", b"(", b'"', b"=", b"\xff", b";", b" "]
    intake = world.intake()
    verdicts = {}
    for _ in range(400):
        mail = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(HEAD), len(mail))
            mail[at:at + rng.choice((0, 0, 1, 5, 40))] = rng.choice(pieces)
        (told,) = deliver(intake.listen, bytes(mail))
        verdict = re.fullmatch(r"250 2\.0\.0 (.*) \S+", told).group(1)
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
        assert verdict != "taken, not a report", bytes(mail)
        if "kept" in verdict:
            assert bytes(mail) in intake.kept()
    assert verdicts["stored"] > 50 and verdicts["kept"] > 50, verdicts
