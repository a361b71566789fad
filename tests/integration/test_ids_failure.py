# SPDX-License-Identifier: Apache-2.0
"""The pinned ids of failure reports, computed anew from the definition in
report_id.h out of the bytes of the mail, by code that shares nothing with the
program."""
import base64
import email
import hashlib
import io
import quopri
import re
import struct
import zipfile

import pytest
from conftest import FIXTURES
from test_ids import pinned

SAMPLES = ("rfc822", "rfc822-headers")
# no failure reports, or unreadable ones: they have no documents
NONE = {"failure_no_domain.eml"}


def value(v):
    return b"\xff\xff\xff\xff" if v is None else struct.pack(">I", len(v)) + v


def split(mail):
    """(header, body) of a mail or a part."""
    if mail.startswith(b"\n"):
        return email.message_from_bytes(b"\n"), mail[1:]
    head, _, body = mail.partition(b"\n\n")
    return email.message_from_bytes(head + b"\n\n"), body


def parts(header, body):
    boundary = re.escape(header.get_boundary().encode())
    pieces = re.split(rb"(?:^|\n)--" + boundary + rb"(?:--)?[ \t]*(?:\n|$)", body)
    return pieces[1:-1]


def decoded(header, body):
    encoding = (header["Content-Transfer-Encoding"] or "").lower()
    if encoding == "base64" or re.fullmatch(rb"[A-Za-z0-9+/=\s]+", body):
        body = base64.b64decode(body)
    elif encoding == "quoted-printable":
        body = quopri.decodestring(body)
    return body.replace(b"\r\n", b"\n")


def reports(mail):
    """(feedback, sample) of each report, in their order."""
    header, body = split(mail)
    kind = header.get_content_type()
    if kind == "message/rfc822":
        yield from reports(body)
    elif kind == "application/zip":
        with zipfile.ZipFile(io.BytesIO(decoded(header, body))) as z:
            for name in z.namelist():
                yield from reports(z.read(name))
    elif kind == "text/plain" and b"has failed" in body:
        front = re.match(rb"(?s).*?detected\.\s*", body).end()
        yield body[:front], body[front:]
    elif header.is_multipart() or kind.startswith("multipart/"):
        feedback = None
        for part in parts(header, body):
            inner, content = split(part)
            if inner.get_content_type() == "message/feedback-report":
                feedback = decoded(inner, content)
            elif feedback is not None and inner.get_content_type().split("/")[1] in SAMPLES:
                yield feedback, decoded(inner, content)
                feedback = None
            elif feedback is None:
                yield from reports(part)
        if feedback is not None:
            yield feedback, None


def ids(path):
    mail = path.read_bytes()
    if mail.startswith(b"From "):
        mail = mail.partition(b"\n")[2]
    message_id = split(mail)[0]["Message-ID"].strip().encode()
    for feedback, sample in reports(mail):
        raw = b"".join(map(value, (b"id1", b"failure", feedback, sample, message_id)))
        yield base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")


@pytest.mark.parametrize("name", sorted(p.name for p in FIXTURES.glob("failure_*.eml") if p.name not in NONE))
def test_pinned_ids_follow_from_the_definition(name):
    computed = list(ids(FIXTURES / name))
    assert computed and pinned().get(name) == computed


@pytest.mark.parametrize("name", sorted(NONE | {p.name for p in FIXTURES.glob("feedback_*.eml")}))
def test_what_is_no_report_has_no_id(name):
    assert name not in pinned()


def test_no_two_have_the_same_id():
    idents = [i for name, rows in pinned().items() if name.startswith("failure_") for i in rows]
    assert len(set(idents)) == len(idents)
