#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A plain milter client, as an MTA is one: for what no MTA does on purpose, and
for load.

    milter_client.py [-c CONNECTIONS] [-t RECIPIENT]... PATH FILE...

sends the files as mails to the socket and prints how often each last answer
came: "a 3 c 17 d 480". Exit code 1 when one had none.
"""
import argparse
import collections
import pathlib
import queue
import socket
import struct
import sys
import threading

NODATA, LEADSPC, SILENT = 0x200, 0x100000, 0xfe080


class Client:
    """s is a connected socket; steps and actions are what is offered."""

    def __init__(self, s, version=6, steps=0x1fffff, actions=0x1ff):
        self.s = s
        self.trips = 0
        self.answers = []
        self.tell(b"O", struct.pack("!III", version, actions, steps))
        kind, data = self.hear()
        assert kind == b"O"
        self.version, self.actions, self.steps = struct.unpack("!III", data[:12])
        assert self.steps & ~steps == 0 and self.actions & ~actions == 0, "more than was offered"

    def tell(self, kind, data=b""):
        self.s.sendall(struct.pack("!I", len(data) + 1) + kind + data)

    def hear(self):
        head = self.take(5)
        return head[4:], self.take(struct.unpack("!I", head[:4])[0] - 1)

    def take(self, size):
        data = b""
        while len(data) < size:
            more = self.s.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def step(self, kind, data, silent):
        """One command; its answer, or None where none was agreed on."""
        self.tell(kind, data)
        if self.steps & silent:
            return None
        self.trips += 1
        return self.hear()[0]

    def mail(self, mail, *to, stop=None, macros=True):
        """Tell a mail; the answers to its last command told."""
        head, _, body = mail.replace(b"\r\n", b"\n").partition(b"\n\n")
        fields = []
        for line in head.split(b"\n"):
            if line[:1] in b" \t":
                fields[-1] += b"\n" + line
            else:
                fields.append(line)
        commands = [(b"M", b"<noreply@reporter.example>\0", 0x4000)]
        commands += [(b"R", b"<%s>\0" % r.encode(), 0x8000) for r in to]
        if not self.steps & NODATA and self.version > 3:
            commands += [(b"T", b"", 0x10000)]
        for field in fields:
            name, value = field.split(b":", 1)
            if not self.steps & LEADSPC:
                value = value[1:] if value[:1] == b" " else value
            commands += [(b"L", name + b"\0" + value + b"\0", 0x80)]
        commands += [(b"N", b"", 0x40000)]
        body = body.replace(b"\n", b"\r\n")
        commands += [(b"B", body[at:at + 65535], 0x80000) for at in range(0, len(body), 65535)]
        for kind, data, silent in commands[:stop]:
            if macros:
                self.tell(b"D", kind + b"i\0QUEUE1\0")
            answer = self.step(kind, data, silent)
            if answer not in (None, b"c"):
                return [answer]
        if stop is not None:
            return []
        self.tell(b"E")
        self.trips += 1
        self.answers = answers = []  # another thread may look at them meanwhile
        while not answers or answers[-1][0] not in b"acdrty":
            answers.append(b"".join(self.hear()))
        return answers

    def close(self):
        self.s.close()


def load(path, files, recipients, connections):
    """Counts of the last answers; None: there was none."""
    todo, counts, lock = queue.SimpleQueue(), collections.Counter(), threading.Lock()
    for file in files:
        todo.put(file)

    def run():
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(300)
        s.connect(path)
        c = Client(s)
        while True:
            try:
                file = todo.get_nowait()
            except queue.Empty:
                break
            answer = c.mail(pathlib.Path(file).read_bytes(), *recipients)[-1][:1].decode()
            with lock:
                counts[answer] += 1
        c.tell(b"Q")
        c.close()

    threads = [threading.Thread(target=run) for _ in range(connections)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return counts


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-c", type=int, default=1)
    p.add_argument("-t", action="append")
    p.add_argument("path")
    p.add_argument("file", nargs="+")
    a = p.parse_args()
    counts = load(a.path, a.file, a.t or ["rua@test.example"], a.c)
    print(*("%s %d" % pair for pair in sorted(counts.items())))
    return counts.total() != len(a.file)


if __name__ == "__main__":
    sys.exit(main())
