# SPDX-License-Identifier: Apache-2.0
"""Several dmarc-intake-lmtpd side by side that share nothing but the server they write to, HAProxy in front of them, and a
hand that kills one after the other. All on the loopback: instance n listens on 127.0.0.n, n from 2, all on the same port.
"""
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

from conftest import TOP, free_port, wait_for

sys.path.insert(0, str(TOP / "tests" / "faults"))
from world import Daemon, kept_in  # noqa: E402

ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4")

needs_haproxy = pytest.mark.skipif(shutil.which("haproxy") is None, reason="needs HAProxy")


def port_of_all(addresses=ADDRESSES):
    """One that is free on each of them."""
    def try_one():
        port = free_port()
        for address in addresses:
            with socket.socket() as s:
                try:
                    s.bind((address, port))
                except OSError:
                    return None
        return port

    return wait_for(try_one)


class Instance:
    """A daemon with its own state and quarantine, started again down_s after its end, as systemd does."""

    def __init__(self, folder, address, port, sink, down_s=0.2):
        self.folder, self.address, self.port = folder, address, port
        self.state, self.log_file = folder / "state", folder / "log"
        self.quarantine = self.state / "quarantine"
        self.state.mkdir(parents=True)
        conf = folder / "conf"
        conf.write_text("[intake]\nstate_path = %s\nlog = stderr\nreplay_interval = 1s\n[quarantine]\npath = %s\n"
                        "[lmtp]\nlisten = inet:%s:%d\nconnections = 400\n%s"
                        % (self.state, self.quarantine, address, port, sink))
        self.daemon = Daemon("dmarc-intake-lmtpd", conf, self.log_file, {}, down_s)

    def is_listening(self):
        try:
            with socket.create_connection((self.address, self.port), 5) as s:
                s.settimeout(5)
                return s.recv(3) == b"220"
        except OSError:
            return False

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def told(self, key):
        """The sum of a number in the lines of its mails: records, duplicates."""
        return sum(int(n) for n in re.findall(r" %s=(\d+)" % key, self.log()))

    def mails(self):
        """Acknowledged, by its log."""
        return len(re.findall(r" status=(?:stored|kept|other|waiting)", self.log()))


class Instances:
    def __init__(self, top, sink, count=3, down_s=0.2):
        self.port = port_of_all()
        self.all = [Instance(top / ("intake%d" % n), ADDRESSES[n], self.port, sink, down_s) for n in range(count)]
        self.thread, self.is_cruel = None, threading.Event()

    def wait(self):
        for one in self.all:
            wait_for(one.is_listening)
        return self

    def kept(self):
        """{token: [reason of each copy]} of all their quarantines."""
        found = {}
        for one in self.all:
            for token, reasons in kept_in(one.quarantine).items():
                found.setdefault(token, []).extend(reasons)
        return found

    def kill_in_turn(self, pause_s):
        """-9 for each in turn, the next when the last one listens again, until spare()."""
        def work():
            while self.is_cruel.is_set():
                for one in self.all:
                    if self.is_cruel.is_set() and one.daemon.kill():
                        time.sleep(one.daemon.down_s)
                        wait_for(one.is_listening)
                        time.sleep(pause_s)

        self.is_cruel.set()
        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def spare(self):
        """No kills any more: how many there were."""
        self.is_cruel.clear()
        self.thread.join(60)
        return self.kills()

    def kills(self):
        return sum(one.daemon.starts - 1 for one in self.all)

    def log(self):
        return "\n".join("--- %s\n%s" % (one.address, one.log()[-2000:]) for one in self.all)

    def stop(self):
        self.is_cruel.clear()
        return [one.daemon.stop() for one in self.all]


class Balancer:
    """HAProxy with the file that we give to administrators, its addresses changed to these."""

    def __init__(self, folder, instances):
        self.port = free_port()
        folder.mkdir()
        text = (TOP / "conf" / "haproxy" / "dmarc-intake.cfg").read_text()
        text = re.sub(r"bind \S+", "bind 127.0.0.1:%d" % self.port, text)
        for n, one in enumerate(instances):
            text, count = re.subn(r"(server intake%d) \S+" % (n + 1), r"\1 %s:%d" % (one.address, one.port), text)
            assert count == 1, text
        (folder / "conf").write_text(text)
        self.process = subprocess.Popen(["haproxy", "-db", "-f", str(folder / "conf")], stdin=subprocess.DEVNULL,
                                        stdout=open(folder / "log", "wb"), stderr=subprocess.STDOUT)
        self.log_file = pathlib.Path(folder / "log")
        wait_for(self.is_listening)

    def is_listening(self):
        assert self.process.poll() is None, self.log_file.read_text()
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                s.settimeout(5)
                return s.recv(3) == b"220"
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
