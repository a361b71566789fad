#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lmtp_vs_postfix.py [MAILS [RUNS]] - is Postfix the slow part, not us?

1. MAILS distinct report mails go by SMTP into a private Postfix and from its
   queue into dmarc-intake-lmtpd with SQLite. CPU time per mail of each side.
2. The same mails straight over LMTP with 20 connections, into a new database:
   the rate, against the rate at which Postfix delivered.

CPU is what the kernel counts: for us utime + stime of the daemon. Postfix's
processes come and go, so Postfix is started under a subreaper of its own;
after it has stopped, all of them are reaped and getrusage(RUSAGE_CHILDREN) has
the sum. Starting and stopping an idle Postfix in the same way is measured
first and taken off. Needs root, Postfix and builddir.
"""
import ctypes
import json
import os
import pathlib
import resource
import shutil
import signal
import smtplib
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import mailgen

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("builddir", TOP / "build"))
SERVERS = TOP / "tests" / "servers"
PR_SET_CHILD_SUBREAPER = 36
LIMIT_S = 300


def wait_for(what, seconds=LIMIT_S, step=0.02):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise TimeoutError("not within %d s" % seconds)
        time.sleep(step)


class Daemon:
    """Our server with a new SQLite database."""

    def __init__(self, folder, connections=100):
        self.folder = folder
        (folder / "state").mkdir(parents=True)
        folder.chmod(0o711)
        self.socket = folder / "lmtp.sock"
        self.database = folder / "state" / "db"
        conf = folder / "conf"
        conf.write_text("[intake]\nstate_path = %s/state\nlog = stderr\n[lmtp]\nlisten = unix:%s\nsocket_mode = 0666\n"
                        "connections = %d\n[sqlite]\npath = %s\n" % (folder, self.socket, connections, self.database))
        self.process = subprocess.Popen([str(BUILD / "dmarc-intake-lmtpd"), "-c", str(conf)],
                                        stderr=open(folder / "log", "wb"))
        wait_for(self.socket.exists, 20)

    def cpu(self):
        fields = pathlib.Path("/proc/%d/stat" % self.process.pid).read_text().rsplit(")", 1)[1].split()
        tick = os.sysconf("SC_CLK_TCK")
        return int(fields[11]) / tick, int(fields[12]) / tick

    def reports(self):
        db = sqlite3.connect("file:%s?mode=ro" % self.database, uri=True, timeout=30)
        try:
            return db.execute("SELECT count(*) FROM aggregate_report WHERE complete").fetchone()[0]
        finally:
            db.close()

    def records(self):
        db = sqlite3.connect("file:%s?mode=ro" % self.database, uri=True, timeout=30)
        try:
            return db.execute("SELECT count(*) FROM aggregate_record").fetchone()[0]
        finally:
            db.close()

    def delivered(self):
        """Mails answered so far, by the log: asking the database would cost its CPU."""
        return (self.folder / "log").read_bytes().count(b"status=stored")

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def feed(port, mails):
    """Each mail in a session of its own, as reporters bring them."""
    def worker(mine):
        for mail in mine:
            with smtplib.SMTP("127.0.0.1", port, "localhost", timeout=60) as smtp:
                smtp.sendmail("noreply@reporter.example", ["reports@test.example"], mail)

    threads = [threading.Thread(target=worker, args=(mails[i::8],)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(LIMIT_S)


def reap_all():
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.02)
        except ChildProcessError:
            return


def supervised(job):
    """Run job(up, down) in a child that every process of Postfix falls back
    to; its answer, and the CPU seconds of all the child's children."""
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            answer = job()
            reap_all()
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            os.write(send, json.dumps([answer, used.ru_utime + used.ru_stime]).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(send)
    with os.fdopen(receive, "rb") as f:
        answer = f.read()
    os.waitpid(pid, 0)
    if not answer:
        raise RuntimeError("the run with Postfix failed")
    return json.loads(answer)


def with_postfix(folder, nexthop, work):
    """Start Postfix, work(port), stop it; what work returned."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    folder.mkdir()
    folder.chmod(0o711)
    subprocess.run([str(SERVERS / "postfix-up"), str(folder), str(port), nexthop], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return work(port)
    finally:
        subprocess.run([str(SERVERS / "postfix-down"), str(folder)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


def through_postfix(top, mails, n):
    daemon = Daemon(top / ("a%d" % n))
    before = daemon.cpu()

    def work(port):
        start = time.monotonic()
        feed(port, mails)
        wait_for(lambda: daemon.delivered() >= len(mails))
        return time.monotonic() - start

    idle = supervised(lambda: with_postfix(top / ("i%d" % n), "unix:%s" % daemon.socket, lambda port: time.sleep(1)))
    took, postfix_cpu = supervised(lambda: with_postfix(top / ("p%d" % n), "unix:%s" % daemon.socket, work))
    user, system = (b - a for a, b in zip(before, daemon.cpu()))
    assert daemon.reports() == len(mails), (daemon.reports(), len(mails))
    daemon.stop()
    return len(mails) / took, user / len(mails), system / len(mails), (postfix_cpu - idle[1]) / len(mails)


def straight(top, paths, n):
    daemon = Daemon(top / ("s%d" % n))
    run = subprocess.run([str(BUILD / "tests/lmtp_send"), "-q", "-c", "20", "unix:%s" % daemon.socket, *paths],
                         capture_output=True, text=True, timeout=LIMIT_S, check=True)
    assert daemon.reports() == len(paths)
    records = daemon.records()
    daemon.stop()
    return float(run.stdout.split("rate=")[1].split()[0]), records


def main():
    count, runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000, int(sys.argv[2]) if len(sys.argv) > 2 else 3
    if os.geteuid() != 0 or shutil.which("postfix") is None:
        print("lmtp_vs_postfix: skipped, needs root and Postfix")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    top = pathlib.Path(tempfile.mkdtemp(prefix="intake-bench."))
    top.chmod(0o711)
    try:
        paths, expected = mailgen.write(count, str(top / "mails"), 11)
        mails = [pathlib.Path(p).read_bytes().replace(b"\n", b"\r\n") for p in paths]
        print("%d mails, %d records, %d bytes" % (count, sum(expected.values()), sum(map(len, mails))))
        ratios, factors = [], []
        for n in range(runs):
            rate, user, system, theirs = through_postfix(top, mails, n)
            ours = user + system
            direct, records = straight(top, paths, n)
            assert records == sum(expected.values())
            ratios.append(ours / theirs)
            factors.append(direct / rate)
            print("run %d: Postfix delivers %.0f mails/s; CPU per mail: Postfix %.3f ms, we %.3f ms (user %.3f) = %.1f %%; "
                  "straight over LMTP %.0f mails/s = %.1f times" % (n + 1, rate, theirs * 1e3, ours * 1e3, user * 1e3,
                                                                   100 * ours / theirs, direct, direct / rate))
        ratio, factor = statistics.median(ratios), statistics.median(factors)
        print("cpu_share_percent=%.1f (at most 15) lmtp_times_postfix=%.1f (at least 3)" % (100 * ratio, factor))
        return 0 if ratio <= 0.15 and factor >= 3 else 1
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
