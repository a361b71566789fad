# SPDX-License-Identifier: Apache-2.0
"""The pinned ids, computed anew from the definition in report_id.h and frame.h
by code that shares nothing with the program: Python's mail, archive and XML
readers."""
import base64
import binascii
import email
import email.policy
import gzip
import hashlib
import io
import json
import re
import struct
import zipfile
import xml.etree.ElementTree as ET

import pytest
from conftest import FIXTURES, TOP

DAY = 86400
# needs repairs that Python's strict readers do not make, or is no report
NOT_HERE = {"invalid_utf8.xml", "not_well_formed.xml", "doctype.xml", "other_root.xml", "truncated_gzip.eml",
            "human.eml", "bounce.eml", "no_records.xml", "tls_cut_short.eml", "tls_no_start.json",
            "no_report.json", "invoice_json.eml"}
OTHER_KINDS = ("failure_", "feedback_")  # their ids are defined otherwise


def text(parent, path):
    """What the reporter wrote, trimmed; None for what was left out."""
    found = parent.find(path) if parent is not None else None
    return None if found is None else "".join(found.itertext()).strip()


def value(v):
    if v is None:
        return b"\xff\xff\xff\xff"
    return struct.pack(">I", len(v.encode())) + v.encode()


def entries(parent, tag, names):
    found = parent.findall(tag) if parent is not None else []
    return struct.pack(">I", len(found)) + b"".join(value(text(e, n)) for e in found for n in names)


def reasons(evaluated):
    """As entries: a reason without type and comment has its own text as comment."""
    found = evaluated.findall("reason") if evaluated is not None else []
    out = struct.pack(">I", len(found))
    for e in found:
        kind, comment = text(e, "type"), text(e, "comment")
        if kind is None and comment is None:
            comment = (e.text or "").strip() or None
        out += value(kind) + value(comment)
    return out


def fields(rec):
    row, ids = rec.find("row"), rec.find("identifiers")
    evaluated, results = row.find("policy_evaluated"), rec.find("auth_results")
    out = b"".join(map(value, (
        text(row, "source_ip"), text(row, "count"), text(evaluated, "disposition"), text(evaluated, "dkim"),
        text(evaluated, "spf"), text(ids, "header_from"), text(ids, "envelope_from"), text(ids, "envelope_to"))))
    return (out + reasons(evaluated)
            + entries(results, "dkim", ("domain", "selector", "result", "human_result"))
            + entries(results, "spf", ("domain", "scope", "result", "human_result")))


def count_of(rec):
    """1,234 and 12.0 are counts too; None for what is none."""
    found = re.fullmatch(r"(\d+|\d{1,3}(?:,\d{3})+)(?:\.0*)?", text(rec, "row/count") or "")
    return int(found[1].replace(",", "")) if found else None


def is_readable(rec):
    return text(rec, "row/source_ip") is not None and count_of(rec) is not None


def days(begin, end, count):
    """The UTC days of a record: largest remainder over the days of a long report."""
    if end - begin <= DAY:
        return [begin // DAY]
    spans = [(d, min(end, (d + 1) * DAY) - max(begin, d * DAY)) for d in range(begin // DAY, (end - 1) // DAY + 1)]
    shares = [count * s // (end - begin) for _, s in spans]
    by_rest = sorted(range(len(spans)), key=lambda i: -(count * spans[i][1] % (end - begin)))
    for i in by_rest[:count - sum(shares)]:
        shares[i] += 1
    return [d for (d, _), n in zip(spans, shares) if n > 0]


def ids_of(xml):
    if b"<" not in xml[:100]:
        yield from tls_id_of(xml)
        return
    root = ET.fromstring(xml)
    for e in root.iter():
        e.tag = e.tag.rsplit("}", 1)[-1] if isinstance(e.tag, str) else "comment"
    meta = root.find("report_metadata")
    begin, end = text(meta, "date_range/begin"), text(meta, "date_range/end")
    key = hashlib.sha256(b"".join(map(value, (
        "id1", "aggregate", text(meta, "org_name"), text(meta, "report_id"),
        text(root, "policy_published/domain"), begin, end)))).digest()
    for position, rec in enumerate(root.findall("record")):
        if not is_readable(rec):
            continue
        for day in days(int(begin.split(".")[0]), int(end.split(".")[0]), count_of(rec)):
            raw = hashlib.sha256(key + value(str(position)) + value(str(day)) + fields(rec)).digest()
            yield base64.urlsafe_b64encode(raw).decode().rstrip("=")


def canonical(x):
    """JSON in the one form of report_id.h."""
    if isinstance(x, dict):
        return "{" + ",".join(canonical(k) + ":" + canonical(x[k]) for k in sorted(x)) + "}"
    if isinstance(x, list):
        return "[" + ",".join(map(canonical, x)) + "]"
    if isinstance(x, str):
        escaped = ("\\" + c if c in '"\\' else "\\u%04x" % ord(c) if c < " " else c for c in x)
        return '"' + "".join(escaped) + '"'
    if isinstance(x, bool) or x is None:
        return {True: "true", False: "false", None: "null"}[x]
    return str(x) if isinstance(x, int) else "%.17g" % x


def tls_id_of(data):
    """The id of an SMTP TLS report; none when it is another JSON."""
    wide = data[:2] == b"\xff\xfe"
    report = json.JSONDecoder().raw_decode(data.decode("utf-16" if wide else "utf-8-sig").strip())[0]
    if "policies" not in report:
        return
    dates = report["date-range"]
    values = [v.strip() or None for v in (
        report["organization-name"], report["report-id"], dates["start-datetime"], dates["end-datetime"])]
    raw = hashlib.sha256(b"".join(map(value, ("id1", "tls", *values, canonical(report))))).digest()
    yield base64.urlsafe_b64encode(raw).decode().rstrip("=")


def opened(data):
    """The XML and JSON documents in some bytes."""
    if data[:2] == b"\x1f\x8b":
        try:
            yield from opened(gzip.decompress(data[:-32] if data.endswith(b"\0" * 32) else data))
        except EOFError:
            pass
    elif data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as z:
            for name in z.namelist():
                yield from opened(z.read(name))
    elif b"<feedback" in data[:400] or b"<\0f\0e\0e" in data[:400]:
        yield data
    elif b"\nbegin 644 " in data:
        lines = data.split(b"\nbegin 644 ", 1)[1].split(b"\nend", 1)[0].splitlines()[1:]
        yield from opened(b"".join(map(binascii.a2b_uu, lines)))
    elif re.match(rb"[A-Z][A-Za-z-]+: ", data):
        yield from documents_of_mail(data)
    elif data.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \r\n")[:1] == b"{":
        yield data


def documents(path):
    data = path.read_bytes()
    if path.suffix != ".eml":
        yield from opened(data)
    else:
        yield from documents_of_mail(data)


def documents_of_mail(data):
    for part in email.message_from_bytes(data, policy=email.policy.default).walk():
        if not part.is_multipart():
            yield from opened(part.get_payload(decode=True) or b"")


def pinned():
    out = {}
    for line in (TOP / "tests/golden/ids").read_text().splitlines():
        name, number, ident = line.split()
        out.setdefault(name, []).append((int(number), ident))
    return {name: [i for _, i in sorted(rows)] for name, rows in out.items()}


@pytest.mark.parametrize("name", sorted(p.name for p in FIXTURES.iterdir()
                                        if p.suffix in (".eml", ".xml", ".gz", ".zip", ".json")
                                        and p.name not in NOT_HERE and not p.name.startswith(OTHER_KINDS)))
def test_pinned_ids_follow_from_the_definition(name):
    computed = [i for xml in documents(FIXTURES / name) for i in ids_of(xml)]
    assert computed and pinned().get(name) == computed


def test_the_same_report_in_another_mail_has_the_same_ids():
    assert pinned()["zip_single_part.eml"] == pinned()["zip_single_part_again.eml"]


def test_no_id_stands_for_two_records():
    seen = {}
    for name, idents in pinned().items():
        for i in idents:
            assert seen.setdefault(i, name) in (name, "zip_single_part.eml")
