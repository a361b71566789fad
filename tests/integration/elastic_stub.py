# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Elasticsearch that does on demand what real servers do not:
garbage, silence, a connection cut at each point, 413, 429, odd counts.

It keeps the documents of bulk requests; Stub.plan is a list of troubles for the
next bulk requests, one each, and Stub.always one for all of them.
"""
import gzip
import json
import socket
import threading
import time

TYPES = {400: "mapper_parsing_exception", 403: "security_exception", 429: "es_rejected_execution_exception"}
CUTS = ("accepted", "head", "body", "unanswered", "status", "reply")


class Stub:
    def __init__(self, port=0):
        self.documents = {}   # (index, id): document
        self.writes = []      # every (index, id) acknowledged
        self.sizes = []       # of bulk requests, unpacked
        self.batches = []     # documents of each bulk request that was answered
        self.requests = 0     # bulk requests
        self.headers = []     # of each
        self.plan, self.always = [], None
        self.limit = None     # bytes unpacked; past it 413
        self.judge = lambda document: None  # a status for one document
        self.hold = threading.Event()       # while it is cleared, nobody is answered
        self.hold.set()
        self.held = 0         # who came to that, ever
        self.stopped = False
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def stop(self):
        self.stopped = True
        self.hold.set()
        self.listener.close()

    def accept(self):
        while not self.stopped:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            stream = client.makefile("rb")
            try:
                while not self.stopped and self.one(client, stream):
                    pass
            except OSError:
                pass

    def trouble(self):
        with self.lock:
            return self.plan.pop(0) if self.plan else self.always

    def one(self, client, stream):
        line = stream.readline().split()
        if len(line) != 3:
            return False
        method, path, headers = line[0].decode(), line[1].decode(), {}
        while (field := stream.readline().strip()):
            name, value = field.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        is_bulk = path.startswith("/_bulk")
        trouble = self.trouble() if is_bulk else None
        if trouble in ("accepted", "head"):
            return False
        if headers.get("expect") == "100-continue":
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = int(headers.get("content-length", 0))
        if trouble == "body":
            stream.read(length // 2)
            return False
        body = stream.read(length)
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if not is_bulk:
            return self.reply(client, 200, {"version": {"number": "8.0.0"}} if path == "/" else {})
        with self.lock:
            self.held += 1
        self.hold.wait(60)
        with self.lock:
            self.requests += 1
            self.headers.append(headers)
            self.sizes.append(len(body))
        return self.bulk(client, body, trouble)

    def bulk(self, client, body, trouble):
        if trouble == "hang":
            time.sleep(30)
            return False
        if trouble == "garbage":
            return self.reply(client, 200, b"<html>It works!</html>")
        if trouble == "not http":
            client.sendall(b"+OK POP3 here\r\n")
            return False
        if isinstance(trouble, int):
            return self.reply(client, trouble, {"error": {"type": "x", "reason": "as planned"},
                                                "status": trouble})
        if self.limit is not None and len(body) > self.limit:
            return self.reply(client, 413, b"")
        answer = self.answer(body)
        if trouble == "unanswered":
            return False
        if trouble == "status":
            client.sendall(b"HTTP/1.1 20")
            return False
        if trouble == "count":
            answer["items"] = answer["items"][:-1]
        text = json.dumps(answer).encode()
        if trouble == "reply":
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text[:len(text) // 2])
            return False
        return self.reply(client, 200, text[:-3] if trouble == "cut json" else text)

    def answer(self, body):
        lines = body.decode().split("\n")
        assert lines.pop() == "", "the last line has an end"
        items = []
        with self.lock:
            self.batches.append([json.loads(line) for line in lines[1::2]])
            for action, document in zip(map(json.loads, lines[::2]), self.batches[-1]):
                key = action["index"]["_index"], action["index"]["_id"]
                status = self.judge(document)
                if status is None:
                    status = 200 if key in self.documents else 201
                    self.documents[key] = document
                    self.writes.append(key)
                    items.append({"index": {"status": status}})
                    continue
                status, kind = status if isinstance(status, tuple) else (status, TYPES.get(status, "x"))
                items.append({"index": {"status": status, "error": {"type": kind, "reason": "the stub says so"}}})
        return {"errors": False, "items": items}

    @staticmethod
    def reply(client, status, body):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        client.sendall(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                       % (status, len(text)) + text)
        return True
