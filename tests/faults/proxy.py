# SPDX-License-Identifier: Apache-2.0
"""A proxy that cuts, delays and refuses. Addresses are paths (Unix) or ports."""
import socket
import struct
import threading
import time

import bulk


def connect(address):
    if isinstance(address, int):
        return socket.create_connection(("127.0.0.1", address), 10)
    s = socket.socket(socket.AF_UNIX)
    try:
        s.settimeout(10)
        s.connect(address)
    except OSError:
        s.close()
        raise
    return s


class Proxy:
    """Knobs, of connections to come and of those there are: cut_after and cut_reply (functions that say after how many
    bytes of the client, and of the server, one is cut), delay_s (before each piece); for HTTP is_busy (429 to all) and
    refuses (a function that says of each document of a bulk request whether it gets 429)."""

    def __init__(self, address, target):
        self.address, self.target = address, target
        self.calm()
        self.open, self.lock = set(), threading.Lock()
        self.cuts = 0
        self.server = socket.socket(socket.AF_INET if isinstance(address, int) else socket.AF_UNIX)
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind(("127.0.0.1", address) if isinstance(address, int) else address)
        self.server.listen(64)
        threading.Thread(target=self.run, daemon=True).start()

    def calm(self):
        self.cut_after = self.cut_reply = self.refuses = None
        self.delay_s, self.is_busy = 0.0, False

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
            with self.lock:
                self.open.add(client)
            if self.is_busy or self.refuses is not None:
                client.settimeout(60)
                bulk.serve(client, self.target, self)
                return
            pair.append(connect(self.target))
            with self.lock:
                self.open.add(pair[1])
            left, left_back = [f() if f is not None else None for f in (self.cut_after, self.cut_reply)]
            back = threading.Thread(target=self.pump, args=(pair[1], client, left_back), daemon=True)
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
                    self.cuts += 1
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
        """How many there were."""
        with self.lock:
            all_of_them = list(self.open)
        for s in all_of_them:
            self.end(s)
        return len(all_of_them)

    def close(self):
        self.server.close()
        self.cut_all()
