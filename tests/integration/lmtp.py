# SPDX-License-Identifier: Apache-2.0
"""One mail by LMTP, and the reply for each recipient."""
import socket


def deliver(listen, mail, sender="noreply@reporter.example", recipients=("dmarc-reports@test.example",), seconds=60):
    kind, address = listen.split(":", 1)
    if kind == "unix":
        s = socket.socket(socket.AF_UNIX)
        s.connect(address)
    else:
        host, port = address.rsplit(":", 1)
        s = socket.create_connection((host, int(port)))
    s.settimeout(seconds)
    with s, s.makefile("rb") as lines:
        def reply():
            while True:
                line = lines.readline().decode()
                if line[3:4] != "-":
                    return line.rstrip("\r\n")

        def ask(line):
            s.sendall(line.encode() + b"\r\n")
            return reply()

        assert reply().startswith("220")
        assert ask("LHLO test").startswith("250")
        assert ask("MAIL FROM:<%s>" % sender).startswith("250")
        for r in recipients:
            assert ask("RCPT TO:<%s>" % r).startswith("250")
        # BDAT takes the bytes as they are
        s.sendall(b"BDAT %d LAST\r\n" % len(mail) + mail)
        return [reply() for _ in recipients]
