#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""seeds.py TREE FOLDER - what the fuzz targets start from: FOLDER/TARGET/NAME.

Made out of tests/fixtures and conf/, so that a new fixture is a seed too.
"""
import email
import email.policy
import gzip
import io
import json
import pathlib
import re
import sys
import zipfile
import zlib

tree, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
fixtures = tree / "tests" / "fixtures"
SEED_MAX = 64 * 1024


def seed(target, name, data):
    if len(data) <= SEED_MAX:
        folder = out / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / re.sub(r"[^A-Za-z0-9._-]", "_", name)).write_bytes(data)


def unpacked(data):
    """What is in it, if it is packed."""
    try:
        if data[:2] == b"\x1f\x8b":
            return gzip.decompress(data)
        if data[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(data)) as z:
                return z.read(z.namelist()[-1])
    except (OSError, EOFError, IndexError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        pass
    return data


def report(name, data):
    data = unpacked(data)
    start = data.lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t\0")[:1]
    if start in (b"<", b"{"):
        seed("aggregate" if start == b"<" else "tls", name, data)


def mail(name, data):
    seed("message", name, data)
    seed("plain", name, data)
    seed("lmtp_data", name, b"\x07" + re.sub(rb"(?<!\r)\n", b"\r\n", data)[:4096] + b"\r\n.\r\n")
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    feedback = None
    for n, part in enumerate(message.walk()):
        kind = part.get_content_type()
        payload = part.get_payload(decode=True) or b""
        if kind == "message/feedback-report":
            # the parser of email makes a message of it
            inner = part.get_payload()
            feedback = inner[0].as_bytes() if isinstance(inner, list) else payload
        elif feedback is not None and kind in ("message/rfc822", "text/rfc822-headers"):
            inner = part.get_payload()
            sample = inner[0].as_bytes() if isinstance(inner, list) else payload
            for keep in range(3):
                seed("failure", "%s.%d" % (name, keep), bytes([keep]) + feedback + b"\0" + sample)
            feedback = None
        elif payload:
            report("%s.%d" % (name, n), payload)
    if name.startswith("failure_text"):
        seed("failure", name, b"\2" + (message.get_payload(decode=True) or b""))


for path in sorted(fixtures.rglob("*")):
    if not path.is_file() or path.suffix in (".py", ".pyc"):
        continue
    data = path.read_bytes()
    if path.suffix == ".eml":
        mail(path.name, data)
    elif path.suffix in (".gz", ".zip"):
        seed("attachment", path.name, bytes([0 if path.suffix == ".gz" else 1]) + data)
        seed("message", path.name, data)
        report(path.name, data)
    else:
        report(path.name, data)
seed("attachment", "base64", b"\2" + b"H4sIAAAAAAAA\r\nA0vOzy1ILEkFAA==\n--\nUEsDBA==\n")
seed("attachment", "uu", b"\3" + (fixtures / "uuencoded.eml").read_bytes())

# every key, once with its default and once as it stands there
conf = (tree / "conf" / "dmarc-intake.conf").read_text()
seed("conf", "as-it-is", conf.encode())
seed("conf", "all-keys", re.sub(r"(?m)^#([a-z_0-9]+ = )", r"\1", conf).replace("_file", "_path").encode())
for n, section in enumerate(re.split(r"(?m)^(?=\[)", conf)):
    seed("conf", "section-%d" % n, re.sub(r"(?m)^#([a-z_0-9]+ = )", r"\1", section).encode())

for n, line in enumerate((
        "LHLO mx.example", "LHLO [192.0.2.1]", "EHLO x", "MAIL FROM:<> SIZE=1000 BODY=8BITMIME SMTPUTF8",
        "mail from:<@a.example,@b.example:\"o d\\\"d\"@c.example> BODY=BINARYMIME RET=HDRS ENVID=x+2B",
        "RCPT TO:<a+b@d.example> ORCPT=rfc822;a@b NOTIFY=NEVER", "RCPT TO:<Postmaster>", "RCPT TO:<a@[IPv6:2001:db8::1]>",
        "DATA", "BDAT 100 LAST", "BDAT 0", "RSET", "NOOP x", "VRFY a@b", "HELP", "QUIT", "MAIL FROM:<j\u00f6rg@d\u00f6.example> SMTPUTF8")):
    seed("lmtp_command", "line-%d" % n, line.encode())
seed("lmtp_data", "dots", b"\0" + b"a\r\n..\r\n.b\r\n.\r\r\n\n.\n\r.\r\n.\r\nQUIT\r\n")
seed("lmtp_data", "only-a-dot", b"\3.\r\nRSET\r\n")

for n, value in enumerate((
        "mx.d.example; dkim=pass header.d=r.example header.s=k1 header.b=\"AbC/+=\"; spf=pass smtp.mailfrom=b@r.example",
        "mx.d.example 1; none", "mx.d.example; dmarc=pass (p=reject (sp=none) \\) dis=none) header.from=r.example",
        "mx.d.example;\r\n\tspf=softfail reason=\"no (such) host\" smtp.helo=[192.0.2.1];\r\n arc=none",
        "(c)mx.d.example(c)1(c);(c)auth(c)/(c)1(c)=(c)pass(c)smtp(c).(c)auth(c)=(c)\"a b\"@c.example(c)")):
    seed("auth_results", "value-%d" % n, value.encode())

WHOLE = {"type": "cluster_block_exception", "reason": "index [x] blocked"}
replies = {
    0: [{"errors": True, "items": [{"index": {"status": s, **({"error": WHOLE} if s > 299 else {})}} for s in row]}
        for row in ((201, 200, 429, 403, 400), (201,) * 5, (503,) * 5)],
    1: [{"status": 400, "error": {"root_cause": [WHOLE], "type": t, "reason": "r"}}
        for t in ("mapper_parsing_exception", "illegal_argument_exception", "cluster_block_exception")],
    2: [{"name": "one", "version": {"number": v, "distribution": d}} for v, d in (("3.6.0", "opensearch"), ("8.19.21", ""))],
    3: [{"timed_out": False, "_shards": {"failed": 0}, "hits": {
        "total": {"value": 2}, "hits": [{"_source": {"policy": {"domain": "d.example"}}}, {"_source": {}}]}}],
}
for kind, bodies in replies.items():
    for n, body in enumerate(bodies):
        status = {1: bytes([1, 44])}.get(kind, b"\0\0")
        seed("elastic_reply", "reply-%d-%d" % (kind, n), status + bytes([kind]) + json.dumps(body).encode())

structure = ('(("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 12 1 NIL NIL NIL)("application" "zip" ("name" "r!d!1!2.zip") '
             'NIL NIL "base64" 500 NIL ("attachment" ("filename" "r!d!1!2.zip")) NIL) "mixed" ("boundary" "b") NIL NIL)')
for n, text in enumerate((
        "* OK [CAPABILITY IMAP4rev1 IDLE MOVE UIDPLUS NAMESPACE LITERAL+] ready\r\nI1 OK done\r\n",
        "* 12 EXISTS\r\n* OK [UIDVALIDITY 1700000000] valid\r\n* OK [UIDNEXT 13] next\r\nI2 OK [READ-WRITE] in\r\n",
        "* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL\r\n* LIST (\\HasNoChildren) \"/\" {7}\r\nArchive\r\nI3 NO [TRYCREATE] no\r\n",
        "* 1 FETCH (UID 7 FLAGS (\\Seen $x) RFC822.SIZE 1234)\r\n* 3 EXPUNGE\r\n* BYE over\r\n",
        "* 1 FETCH (UID 7 BODYSTRUCTURE %s BODY[HEADER.FIELDS (SUBJECT)] {24}\r\nSubject: Report Domain: d BODY[TEXT]<0> "
        "\"a\\\"b\\\\\")\r\n" % structure,
        "* 1 FETCH (UID 7 BODY[] {13}\r\nFrom: a\r\n\r\nb\r\n FLAGS ())\r\n+ idling\r\nI9 BAD what\r\n")):
    seed("imap_reply", "reply-%d" % n, b"\x05" + text.encode())
