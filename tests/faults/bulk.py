# SPDX-License-Identifier: Apache-2.0
"""A cluster that is overloaded: 429 to each request, or to some documents of a bulk request while the others are stored."""
import gzip
import http.client
import json

REJECTED = {"type": "es_rejected_execution_exception", "reason": "storm"}


def read_request(stream, client):
    """(method, path, headers, body unpacked); None at the end."""
    line = stream.readline().split()
    if len(line) != 3:
        return None
    headers = {}
    while field := stream.readline().strip():
        name, _, value = field.decode("latin1").partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    length = int(headers.get("content-length", 0))
    body = stream.read(length)
    if len(body) < length:
        return None
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return line[0].decode(), line[1].decode(), headers, body


def answer(client, status, body):
    client.sendall(b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
                   + body)


def ask(port, method, path, headers, body):
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        wanted = {k: v for k, v in headers.items() if k in ("authorization", "content-type")}
        server.request(method, path, body or None, wanted)
        reply = server.getresponse()
        return reply.status, reply.read()
    finally:
        server.close()


def some(port, path, headers, body, refuses):
    """Only those documents reach the server that are not refused; the answer tells of all, in order."""
    lines = body.split(b"\n")[:-1]
    pairs = list(zip(lines[::2], lines[1::2]))
    refused = [refuses() for _ in pairs]
    rest = b"".join(a + b"\n" + d + b"\n" for (a, d), is_refused in zip(pairs, refused) if not is_refused)
    items = []
    if rest:
        status, text = ask(port, "POST", path, headers, rest)
        if status != 200:
            return status, text
        items = json.loads(text)["items"]
    went = iter(items)
    merged = [{"index": {"status": 429, "error": REJECTED}} if is_refused else next(went) for is_refused in refused]
    return 200, json.dumps({"errors": True, "items": merged}).encode()


def serve(client, port, knobs):
    """One connection; knobs: see Proxy. It ends when they are back at rest."""
    with client.makefile("rb") as stream:
        while (knobs.is_busy or knobs.refuses is not None) and (request := read_request(stream, client)):
            method, path, headers, body = request
            refuses = knobs.refuses
            try:
                if knobs.is_busy:
                    answer(client, 429, json.dumps({"error": REJECTED, "status": 429}).encode())
                elif method == "POST" and path.startswith("/_bulk") and refuses is not None:
                    answer(client, *some(port, path, headers, body, refuses))
                else:
                    answer(client, *ask(port, method, path, headers, body))
            except http.client.HTTPException as e:
                raise OSError(str(e)) from e
