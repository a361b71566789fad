# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: the daemon, a private Postfix, SQLite.

builddir says where the programs lie (default: build/ in the tree). Every wait
is bounded, every process is ended by its own pid.
"""
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("builddir", TOP / "build"))
FIXTURES = TOP / "tests" / "fixtures"
SERVERS = TOP / "tests" / "servers"
LMTPD = BUILD / "dmarc-intake-lmtpd"
COMMAND = BUILD / "dmarc-intake"
PORTS = set()  # that were given out
CHANCE = random.SystemRandom()

# no test but those of names depends on a name server
os.environ.setdefault("DMARC_INTAKE_ENRICH_OFFLINE", "yes")
sys.path.insert(0, str(TOP / "tests" / "bench"))
sys.path.insert(0, str(FIXTURES))


def wait_for(what, seconds=60, step=0.05):
    """The first true answer of what(), or a failure that says which."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > end:
            pytest.fail("not within %g s: %s" % (seconds, getattr(what, "__name__", what)))
        time.sleep(step)


def is_free(port):
    with socket.socket() as s, socket.socket(type=socket.SOCK_DGRAM) as u:
        try:
            s.bind(("127.0.0.1", port))
            u.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(count=1):
    """The first of so many. Below 32768: a connection that begins before a server has its port cannot get it."""
    while True:
        first = CHANCE.randrange(10000, 32768 - count)
        ports = range(first, first + count)
        if PORTS.isdisjoint(ports) and all(map(is_free, ports)):
            PORTS.update(ports)
            return first


def preload(folder, source, program):
    """The library for LD_PRELOAD that this C makes, in front of what the program calls."""
    if b"__asan_init" in program.read_bytes():
        pytest.skip("the sanitizer's library must be the first one")
    library = folder / "preload.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-x", "c", "-o", library, "-", "-ldl"], input=source, text=True,
                   check=True, timeout=60)
    return str(library)


class Intake:
    """dmarc-intake-lmtpd with state, database and quarantine in one folder."""

    def __init__(self, folder, listen=None, extra=""):
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir(parents=True, exist_ok=True)
        self.database = self.state / "intake.db"
        self.quarantine = self.state / "quarantine"
        self.listen = listen or "unix:%s" % (folder / "lmtp.sock")
        self.log_file = folder / "intake.log"
        self.conf = folder / "intake.conf"
        self.conf.write_text(
            "[intake]\nstate_path = %s\nlog = stderr\n"
            "[lmtp]\nlisten = %s\nsocket_mode = 0666\n"
            "[sqlite]\npath = %s\n[quarantine]\npath = %s\n%s"
            % (self.state, self.listen, self.database, self.quarantine, extra))
        self.process = None

    def start(self):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([str(LMTPD), "-c", str(self.conf)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        wait_for(self.is_listening)
        return self

    def is_listening(self):
        if self.process.poll() is not None:
            pytest.fail("the daemon ended: " + self.log())
        kind, address = self.listen.split(":", 1)
        try:
            if kind == "unix":
                s = socket.socket(socket.AF_UNIX)
                s.settimeout(5)
                s.connect(address)
            else:
                host, port = address.rsplit(":", 1)
                s = socket.create_connection((host, int(port)), 5)
            with s:
                return s.recv(3) == b"220"
        except OSError:
            return False

    def stop(self, sig=signal.SIGTERM, seconds=30):
        if self.process is None:
            return None
        self.process.send_signal(sig)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            pytest.fail("signal %s does not end the daemon: %s" % (sig, self.log()))
        finally:
            self.process = None
        return code

    def kill(self):
        return self.stop(signal.SIGKILL)

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def rows(self, sql, *values):
        if not self.database.exists():
            return []
        db = sqlite3.connect("file:%s?mode=ro" % self.database, uri=True, timeout=20)
        try:
            return db.execute(sql, values).fetchall()
        except sqlite3.OperationalError as e:
            if "no such table" in str(e):
                return []
            raise
        finally:
            db.close()

    def records(self):
        """Each record of the complete reports: what was reported, by whom, which."""
        return self.rows(
            "SELECT r.report_id, c.position, c.source_ip_address, c.message_count FROM aggregate_record AS c"
            " JOIN aggregate_report AS r ON r.id = c.report_id WHERE r.complete ORDER BY 1, 2, 3")

    def kept(self):
        """The mails in the quarantine, by content."""
        return sorted(p.read_bytes() for sub in ("new", "cur") for p in self.quarantine.glob(sub + "/*"))


class Postfix:
    def __init__(self, folder, nexthop, **env):
        self.folder, self.port = folder, free_port()
        run = subprocess.run([str(SERVERS / "postfix-up"), str(folder), str(self.port), nexthop],
                             env={**os.environ, **env}, capture_output=True, text=True, timeout=60)
        assert run.returncode == 0, run.stderr

    def send(self, *args, seconds=60):
        """smtp-source with these arguments; the mails are in the queue then."""
        subprocess.run(["smtp-source", *args, "127.0.0.1:%d" % self.port], check=True, timeout=seconds)

    def send_file(self, path, *args):
        self.send("-F", str(path), "-f", "noreply@reporter.example", "-t", "reports@test.example", *args)

    def listed(self):
        run = subprocess.run(["postqueue", "-c", str(self.folder / "etc"), "-j"], capture_output=True, text=True,
                             timeout=30, check=True)
        return {json.loads(line)["queue_id"] for line in run.stdout.splitlines() if line.strip()}

    def queue(self):
        """Two looks: a mail that moves from one queue to another while they are listed stands twice, or not at all."""
        return self.listed() | self.listed()

    def flush(self):
        subprocess.run(["postqueue", "-c", str(self.folder / "etc"), "-f"], check=True, timeout=30)

    def is_drained(self):
        return not self.queue()

    def log(self):
        path = self.folder / "maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self):
        subprocess.run([str(SERVERS / "postfix-down"), str(self.folder)], check=True, timeout=60,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


needs_postfix = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("postfix") is None or shutil.which("smtp-source") is None,
    reason="needs root and Postfix")


@pytest.fixture
def world():
    """A folder that Postfix's user may enter (pytest's own is closed to it), and
    daemons that end with the test."""
    if not LMTPD.exists():
        pytest.fail("%s is not built" % LMTPD)
    top = pathlib.Path(tempfile.mkdtemp(prefix="intake-test."))
    top.chmod(0o711)
    things = []

    class World:
        folder = top

        def intake(self, **args):
            things.append(Intake(top, **args))
            return things[-1].start()

        def postfix(self, nexthop, folder=top / "postfix", **env):
            things.append(Postfix(folder, nexthop, **env))
            return things[-1]

    try:
        yield World()
    finally:
        for thing in reversed(things):
            print("--- log\n" + thing.log()[-3000:])  # shown when the test fails
            thing.stop()
        shutil.rmtree(top, ignore_errors=True)
