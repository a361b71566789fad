# SPDX-License-Identifier: Apache-2.0
"""A proxy that cuts, delays and refuses. Addresses are paths (Unix) or ports."""
import socket
import struct
import threading
import time


def connect(address):
    if isinstance(address, int):
        return socket.create_connection(("127.0.0.1", address), 10)
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(address)
    return s


class Proxy:
    """Knobs, of connections to come and of those there are: cut_after (a function that says after how many bytes of
    the client's one is cut), delay_s (before each piece), is_busy (HTTP: 429 to all)."""

    def __init__(self, address, target):
        self.address, self.target = address, target
        self.cut_after, self.delay_s, self.is_busy = None, 0.0, False
        self.open, self.lock = set(), threading.Lock()
        self.server = socket.socket(socket.AF_INET if isinstance(address, int) else socket.AF_UNIX)
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind(("127.0.0.1", address) if isinstance(address, int) else address)
        self.server.listen(64)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        pair = [client]
        try:
            if self.is_busy:
                self.refuse(client)
                return
            pair.append(connect(self.target))
            with self.lock:
                self.open.update(pair)
            left = self.cut_after() if self.cut_after is not None else None
            back = threading.Thread(target=self.pump, args=(pair[1], client, None), daemon=True)
            back.start()
            self.pump(client, pair[1], left)
            back.join(60)
        except OSError:
            pass
        finally:
            for s in pair:
                self.end(s)

    def pump(self, a, b, left):
        """Bytes of a to b, until one ends; left: as many, and then a cut of both."""
        try:
            a.settimeout(600)
            while piece := a.recv(65536):
                if self.delay_s:
                    time.sleep(self.delay_s)
                if left is not None and len(piece) >= left:
                    b.sendall(piece[:left])
                    self.end(a)
                    self.end(b)
                    return
                left = None if left is None else left - len(piece)
                b.sendall(piece)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            self.end(a)
            self.end(b)

    def end(self, s):
        """With a reset, where there is such a thing."""
        with self.lock:
            self.open.discard(s)
        try:
            if s.family == socket.AF_INET:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        s.close()

    def cut_all(self):
        with self.lock:
            all_of_them = list(self.open)
        for s in all_of_them:
            self.end(s)
        return len(all_of_them)

    def refuse(self, client):
        client.settimeout(10)
        with client.makefile("rb") as f:
            while self.is_busy and (line := f.readline()):
                length = 0
                while line not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                    line = f.readline()
                f.read(length)
                body = b'{"error":{"type":"es_rejected_execution_exception","reason":"storm"},"status":429}'
                client.sendall(b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n"
                               b"content-length: %d\r\n\r\n" % len(body) + body)

    def close(self):
        self.server.close()
        self.cut_all()
