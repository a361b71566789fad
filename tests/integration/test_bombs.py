# SPDX-License-Identifier: Apache-2.0
"""What is made to exhaust its reader: each ends with a verdict and a reason,
within 2 s of processor time and 64 MiB of memory.

The program runs below a small process of its own: ru_maxrss begins with what
the process before exec had, and pytest has much."""
import base64
import gzip
import io
import random
import struct
import subprocess
import sys
import zipfile

import pytest
from conftest import COMMAND
from quine import gzip_quine, zip_quine

SECONDS, MIB = 2.0, 64
RUN = """
import os, resource, sys
pid = os.fork()
if pid == 0:
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
    with open(sys.argv[1], "wb") as err, open(os.devnull, "wb") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
    os.execv(sys.argv[2], sys.argv[2:])
_, status, used = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss)
"""

HEAD = (b'<?xml version="1.0"?><feedback><report_metadata><org_name>bomb.example</org_name><email>a@bomb.example</email>'
        b"<report_id>b</report_id><date_range><begin>1767225600</begin><end>1767311999</end></date_range>"
        b"</report_metadata><policy_published><domain>test.example</domain><p>none</p></policy_published>")
TAIL = b"</feedback>"
RECORD = (b"<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row><identifiers><header_from>test.example"
          b"</header_from></identifiers></record>")
REPORT = HEAD + RECORD + TAIL
MAIL = b"From: a@bomb.example\r\nTo: b@test.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 0, 0, 0)), data, method)
    return out.getvalue()


def gzipped(pieces, level=6):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=level, mtime=0) as z:
        for p in pieces:
            z.write(p)
    return out.getvalue()


def mailed(data, kind=b"application/zip"):
    return (MAIL + b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + base64.encodebytes(data).replace(b"\n", b"\r\n"))


def forty_two(levels=5):
    z = zipped(("0.xml", REPORT))
    for level in range(levels):
        z = zipped(*(("%d-%d.zip" % (level, i), z) for i in range(16)))
    return z


def nested(depth):
    z = REPORT
    for i in range(depth):
        z = zipped(("r.zip", z))
    return z


def layers_of_gzip():
    """Each layer stays below 200 to 1, all of them together do not."""
    rng = random.Random(1)
    data = HEAD + b"".join(base64.b64encode(rng.randbytes(30)) + b" " * 9000 for _ in range(50000)) + TAIL
    return gzipped([gzipped([data])])


def patched(z, local, central):
    """Other bytes in the fields of a zip's only member: (offset, bytes)."""
    z = bytearray(z)
    at = z.index(b"PK\1\2")
    for offset, data in local:
        z[offset:offset + len(data)] = data
    for offset, data in central:
        z[at + offset:at + offset + len(data)] = data
    return bytes(z)


def lying(size):
    said = struct.pack("<I", size)
    return patched(zipped(("r.xml", HEAD + b" " * (60 << 20) + TAIL)), [(22, said)], [(24, said)])


def of_method(number, data):
    said = struct.pack("<H", number)
    return patched(zipped(("r.xml", data), method=zipfile.ZIP_STORED), [(8, said)], [(10, said)])


# LZMA properties that ask for a dictionary of 4 GiB
LZMA = b"\x09\x04\x05\x00\x5d\xff\xff\xff\xff" + bytes(4096)


def multiparts(depth, tail=b"\r\nx\r\n"):
    return MAIL + b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i) for i in range(depth)) + tail


def parts(count, part=b"Content-Type: text/plain\r\n\r\nx\r\n"):
    return (MAIL + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + (b"--b\r\n" + part) * count + b"--b--\r\n")


def one_part(header):
    return MAIL + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n' + header + b"\r\n\r\nx\r\n--b--\r\n"


def noise(size, seed=1):
    """Letters that gzip cannot pack well; nothing that XML minds."""
    return base64.b64encode(random.Random(seed).randbytes(size))


ENTITIES = b'<!DOCTYPE f [<!ENTITY a0 "lol">' + b"".join(
    b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 12)) + b"]>"

# name: (file, what is said, or None when it is a report)
BOMBS = {
    "42.zip": (forty_two, "packed more than 4 times"),
    "42.zip in a mail": (lambda: mailed(forty_two()), "packed more than 4 times"),
    "42.zip, less deep": (lambda: forty_two(3), "members"),
    "zip in zip, 60 deep": (lambda: nested(60), "packed more than 4 times"),
    "gzip that holds itself": (gzip_quine, "packed more than 4 times"),
    "gzip that holds itself, in a mail": (lambda: mailed(gzip_quine(), b"application/gzip"), "packed more than 4 times"),
    "zip that holds itself": (zip_quine, "packed more than 4 times"),
    "zip that holds itself, in a mail": (lambda: mailed(zip_quine()), "packed more than 4 times"),
    "100 zips that hold themselves": (lambda: mailed(zipped(*(("%d.zip" % i, zip_quine()) for i in range(99)))),
                                      "packed more than 4 times"),
    "gzip, 1000 to 1": (lambda: gzipped([HEAD] + [b" " * (1 << 20)] * 200 + [TAIL], 9), "times its size"),
    "gzip, 1000 to 1, in a mail": (
        lambda: mailed(gzipped([HEAD] + [b" " * (1 << 20)] * 200 + [TAIL], 9)), "times its size"),
    "gzip in gzip, each below the ratio": (layers_of_gzip, "times its size"),
    "zip, 1000 to 1": (lambda: zipped(("r.xml", HEAD + b" " * (200 << 20) + TAIL)), "times its size"),
    "zip that says less than it holds": (lambda: lying(100), "zip"),
    "zip that says more than it holds": (lambda: lying(0xfffffff0), "zip"),
    "zip by PPMd": (lambda: of_method(98, b"\x0f\xff" + noise(3000)), "ppmd"),
    "zip by LZMA": (lambda: of_method(14, LZMA), "lzma"),
    "zip by LZMA that is whole": (lambda: zipped(("r.xml", REPORT), method=zipfile.ZIP_LZMA), "lzma"),
    "zip by xz": (lambda: of_method(95, LZMA), "xz"),
    "zip of 50,000 members": (lambda: zipped(*(("%d.txt" % i, b"x") for i in range(50000))), "members"),
    "entities": (lambda: ENTITIES + b"<feedback>&a11;</feedback>", "DOCTYPE"),
    "entities behind a declaration": (lambda: b'<?xml version="1.0"?>' + ENTITIES + REPORT[21:], "DOCTYPE"),
    "DOCTYPE of 100 MB": (lambda: b"<?xml version='1.0'?><!DOCTYPE feedback [" + b"<!ENTITY a 'b'>" * 7000000, ""),
    "unknown entities": (lambda: HEAD + b"&lol;" * 2000000 + TAIL, "tag or comment"),
    "depth": (lambda: HEAD + b"<a>" * 5000000, "nested deeper"),
    "open tags": (lambda: HEAD + b"<" * 20000000, ""),
    "1 MB attribute": (lambda: HEAD + b'<a b="' + b"x" * 1000000 + b'"/>' + RECORD + TAIL, "tag or comment"),
    "100 MB attribute": (lambda: HEAD + b'<a b="' + b"x" * 100000000 + b'"/>' + RECORD + TAIL, "tag or comment"),
    "100,000 attributes": (
        lambda: HEAD + b"<a" + b"".join(b" a%d=''" % i for i in range(100000)) + b"/>" + TAIL, "different names"),
    "attributes, below the limit of a tag": (
        lambda: HEAD + (b"<a" + b"".join(b" a%d=''" % i for i in range(10000)) + b"/>") * 300 + TAIL, "attributes"),
    "100,000 namespaces": (
        lambda: HEAD + b"<a" + b"".join(b" xmlns:a%d='b'" % i for i in range(100000)) + b"/>" + TAIL, "tag or comment"),
    "a tag of 100 MB": (lambda: HEAD + b"<" + b"a" * 100000000 + b"/>" + TAIL, ""),
    "comment of 500 MB": (
        lambda: gzipped([HEAD, b"<!--"] + [noise(60000) + b" " * 960000] * 500 + [b"-->", RECORD, TAIL], 1), "tag or comment"),
    "CDATA of 100 MB": (lambda: HEAD + b"<version><![CDATA[" + b"x" * 100000000 + b"]]></version>" + TAIL, "tag or comment"),
    "instruction of 100 MB": (lambda: HEAD + b"<?pi " + b"x" * 100000000 + b"?>" + TAIL, "tag or comment"),
    "text of 100 MB": (lambda: HEAD + b"<version>" + b"x" * 100000000 + b"</version>" + TAIL, "text in an element"),
    "text of 100 MB that nobody wants": (lambda: HEAD + b"<a>" + b"x" * 100000000 + b"</a>" + RECORD + TAIL, None),
    "5,000,000 empty elements": (lambda: HEAD + b"<a/>" * 5000000 + RECORD + TAIL, None),
    "2,000,000 empty elements in a record": (
        lambda: HEAD + RECORD[:-9] + b"<a/>" * 2000000 + b"</record>" + TAIL, None),
    "2,000,000 results in a record": (
        lambda: HEAD + RECORD[:-9] + b"<auth_results>" + b"<dkim/>" * 2000000 + b"</auth_results></record>" + TAIL, "bytes"),
    "2,000,000 empty records": (lambda: HEAD + b"<record/>" * 2000000 + RECORD + TAIL, "cannot be read"),
    "1,000,000 extensions": (
        lambda: HEAD + b"<extension>" + b"<a>x</a>" * 1000000 + b"</extension>" + RECORD + TAIL, None),
    "2,000,000 different names": (
        lambda: HEAD + b"".join(b"<n%d/>" % i for i in range(2000000)) + TAIL, "different names"),
    "4,000,000 errors": (lambda: HEAD + b"& " * 4000000 + TAIL, "errors"),
    "bytes that are no text": (lambda: HEAD + b"\xff" * 20000000 + RECORD + TAIL, None),
    "NULs": (lambda: HEAD + bytes(50000000) + RECORD + TAIL, None),
    "10,000 parts": (lambda: parts(10000), "more than 1000 parts"),
    "2,000,000 parts": (lambda: parts(2000000, b"\r\n"), "more than 1000 parts"),
    "100,000 header lines": (lambda: MAIL + b"".join(b"X-%d: y\r\n" % i for i in range(100000)) + b"\r\nx\r\n", "header"),
    "100,000 short header lines": (lambda: MAIL + b"a:\r\n" * 100000 + b"\r\nx\r\n", "header"),
    "5,000,000 header lines of a part": (lambda: one_part(b"a: b\r\n" * 5000000), "header"),
    "a header line of 100 MB": (lambda: one_part(b"a: " + b"b" * 100000000), "header"),
    "a header folded 20,000,000 times": (lambda: one_part(b"a: " + b"b\r\n " * 20000000), "header"),
    "parameters": (
        lambda: MAIL + b"Content-Type: text/plain" + b"".join(b";\r\n a%d=b" % i for i in range(9000)) + b"\r\n\r\nx\r\n", ""),
    "1,000 multiparts in each other": (lambda: multiparts(1000), "nested deeper"),
    "100,000 multiparts in each other": (lambda: multiparts(100000), "nested deeper"),
    "20 multiparts and 20,000,000 delimiters": (lambda: multiparts(20, b"--c\r\n" * 20000000), ""),
    "5,000 mails in each other": (
        lambda: MAIL + (b"Content-Type: message/rfc822\r\n\r\n" + MAIL) * 5000 + b"\r\nx\r\n", "nested deeper"),
    "parts with nothing between them": (lambda: parts(3000000, b""), "more than 1000 parts"),
    "a boundary behind a comment": (
        lambda: MAIL + b'Content-Type: multipart/mixed; boundary (c) = (d) "b"\r\n\r\n' + b"--b\r\n" * 3000000,
        "more than 1000 parts"),
    "a boundary behind a long comment": (
        lambda: MAIL + b"Content-Type: multipart/mixed; boundary (" + b"c" * 9000 + b") = b\r\n\r\n" + b"--b\r\n" * 3000000,
        "comment of more than"),
    "a boundary in pieces": (
        lambda: MAIL + b'Content-Type: multipart/mixed; boundary*0="b"; boundary*1="c"\r\n\r\n' + b"--bc\r\n" * 3000000,
        "in pieces"),
    "an encoded boundary": (
        lambda: MAIL + b'Content-Type: multipart/mixed; boundary="=?us-ascii?q?b?="\r\n\r\n' + b"--b\r\n" * 3000000,
        "in pieces"),
    "parts behind the end": (
        lambda: MAIL + b'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n' + b"--b\r\n" * 3000000,
        "more than 1000 parts"),
    "a digest of a mail of 5,000,000 fields": (
        lambda: MAIL + b'Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n' + b"a: b\r\n" * 5000000, "header"),
    "a mail by another spelling": (
        lambda: MAIL + b"Content-Type: (c) message (d) / (e) RFC822\r\n\r\n" + b"a: b\r\n" * 5000000, "header"),
    "10,000 comments that never end": (lambda: MAIL + b"Content-Type: (" * 9000 + b"\r\n\r\nx\r\n", ""),
    "9,000 fields of comments that never end": (
        lambda: MAIL + b"Content-Type: (\r\n" * 9000 + b"\r\nx\r\n", ""),
    "uuencoded files": (lambda: MAIL + b"\r\n" + b"begin 644 a\r\n`\r\nend\r\n" * 1000000, ""),
    "a line of 100 MB": (lambda: MAIL + b"\r\n" + b"x" * 100000000, ""),
    "spaces": (lambda: b" " * 100000000, ""),
}


def run(path):
    err = path.with_name("err")
    launcher = subprocess.run([sys.executable, "-S", "-c", RUN, str(err), str(COMMAND), "parse", "--format", "ndjson",
                               str(path)], capture_output=True, text=True, timeout=120)
    assert launcher.returncode == 0, launcher.stderr
    code, seconds, kib = launcher.stdout.split()
    return int(code), float(seconds), int(kib) / 1024, err.read_text(errors="replace")


@pytest.fixture(scope="module")
def is_instrumented():
    """A sanitizer takes memory and time of its own."""
    return b"__asan_init" in COMMAND.read_bytes()


def test_they_do_hold_themselves():
    assert gzip.decompress(gzip_quine()) == gzip_quine()
    with zipfile.ZipFile(io.BytesIO(zip_quine())) as z:
        assert z.namelist() == ["r.zip"] and z.testzip() is None and z.read("r.zip") == zip_quine()


@pytest.mark.parametrize("name", BOMBS)
def test_bomb(tmp_path, name, is_instrumented):
    make, said = BOMBS[name]
    bomb = tmp_path / "bomb"
    bomb.write_bytes(make())
    try:
        code, seconds, mib, err = run(bomb)
    finally:
        bomb.unlink()
    print("%-45s %2d %5.2f s %5.1f MiB %s" % (name, code, seconds, mib, err.strip()[-150:]))
    assert code == (0 if said is None else 65) or said == "", err
    assert code in (0, 65), err
    if said:
        assert said in err.lower() or said in err, err
    if not is_instrumented:
        assert seconds <= SECONDS
        assert mib <= MIB
