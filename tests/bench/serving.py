#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""serving.py [sqlite|full|cpu|idle|connections|latency ...] - the rows of the speed table that the daemons serve.

sqlite: mails a second over LMTP into an empty database, against Postfix delivering the same mails into smtp-sink.
full: the same into a database of 5 million records. cpu: CPU time of a mail behind Postfix. idle: a daemon without work.
connections: 200 at once, each with a mail of 1 MB. latency: the reply at half load, against an fsync of the same disk.
Needs root and Postfix; what cannot be had is skipped.
"""
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import lmtp_vs_postfix as postfix
import mailgen
from measure import BUILD, PAIRS, QUICK, keep
from report import record, report_xml

MAILS = 60 if QUICK else 2000
FULL_REPORTS, FULL_RECORDS = (2, 500) if QUICK else (50, 100000)
CONNECTIONS, IDLE_S = 20, 3 if QUICK else 30


class Daemon(postfix.Daemon):
    """Mails of this run into a database that may be there already."""

    def send(self, *args, connections=CONNECTIONS):
        """The client's summary, as numbers."""
        run = subprocess.run([str(BUILD / "tests/lmtp_send"), "-q", "-c", str(connections), *args[:-1],
                              "unix:%s" % self.socket, *args[-1]], capture_output=True, text=True, timeout=600, check=True)
        return {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", run.stdout)}

    def peak_mib(self):
        status = pathlib.Path("/proc/%d/status" % self.process.pid).read_text()
        return int(re.search(r"VmHWM:\s*(\d+)", status).group(1)) / 1024


def into_smtp_sink(top, mails, n):
    """Mails a second that Postfix brings from its queue into smtp-sink."""
    socket = top / ("sink%d" % n)
    sink = subprocess.Popen(["smtp-sink", "-L", "-u", "postfix", "unix:%s" % socket, "100"], stdout=subprocess.DEVNULL)
    try:
        postfix.wait_for(socket.exists, 20)
        socket.chmod(0o666)
        folder = top / ("p%d" % n)

        def work(port):
            start = time.monotonic()
            postfix.feed(port, mails)
            postfix.wait_for(lambda: (folder / "maillog").read_bytes().count(b"status=sent") >= len(mails))
            return len(mails) / (time.monotonic() - start)

        return postfix.with_postfix(folder, "unix:%s" % socket, work)
    finally:
        sink.terminate()
        sink.wait(20)


def write_mails(top, seed):
    paths, _ = mailgen.write(MAILS, str(top / ("mails%d" % seed)), seed)
    return paths, [pathlib.Path(p).read_bytes().replace(b"\n", b"\r\n") for p in paths]


def against_postfix(top, key, work, daemon_of):
    made = []
    for n in range(min(PAIRS, 7)):
        paths, mails = write_mails(top, n)
        daemon = daemon_of(n)
        ours = daemon.send(paths)["rate"]
        daemon.stop()
        made.append((ours, into_smtp_sink(top, mails, n)))
    keep(key, work, "Postfix into smtp-sink -L", "5 times", lambda m: m >= 5, [a / b for a, b in made], " times",
         "%.0f and %.0f mails/s" % made[0])


def sqlite(top):
    against_postfix(top, "sqlite-empty", "LMTP to SQLite, %d connections, empty" % CONNECTIONS,
                    lambda n: Daemon(top / ("d%d" % n)))


def full(top):
    first = Daemon(top / "full")
    first.stop()
    rng = random.Random(5)
    xml = report_xml([record(rng, "full.test.example") for _ in range(FULL_RECORDS)], org="full.example",
                     domain="full.test.example", report_id="full-000")
    for n in range(FULL_REPORTS):
        (top / "full.xml").write_text(xml.replace("full-000", "full-%03d" % n))
        subprocess.run([str(BUILD / "dmarc-intake"), "-c", str(first.folder / "conf"), "ingest", str(top / "full.xml")],
                       check=True, timeout=600, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    class Again(Daemon):
        def __init__(self):  # pylint: disable=super-init-not-called
            self.folder, self.socket, self.database = first.folder, first.socket, first.database
            self.socket.unlink(missing_ok=True)
            self.process = subprocess.Popen([str(BUILD / "dmarc-intake-lmtpd"), "-c", str(self.folder / "conf")],
                                            stderr=open(self.folder / "log", "wb"))
            postfix.wait_for(self.socket.exists, 60)

    assert first.records() == FULL_REPORTS * FULL_RECORDS, first.records()
    against_postfix(top, "sqlite-full", "the same at %d records" % (FULL_REPORTS * FULL_RECORDS), lambda n: Again())


def cpu(top):
    shares = []
    _, mails = write_mails(top, 11)
    for n in range(min(PAIRS, 7)):
        _, user, system, theirs = postfix.through_postfix(top, mails, n)
        shares.append(100 * (user + system) / theirs)
    keep("cpu", "CPU time of a mail behind Postfix", "Postfix's own", "10 %", lambda m: m <= 10, shares, " %")


def wakeups(pid):
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (task / "status").read_text(), re.M).group(1))
               for task in pathlib.Path("/proc/%d/task" % pid).iterdir())


def idle_of(program, conf, ready):
    process = subprocess.Popen([str(BUILD / program), "-c", str(conf)], stderr=open(conf.with_suffix(".log"), "wb"))
    try:
        postfix.wait_for(ready, 20)
        time.sleep(2)
        before = wakeups(process.pid)
        time.sleep(IDLE_S)
        woken = (wakeups(process.pid) - before) / IDLE_S * 5
        rollup = pathlib.Path("/proc/%d/smaps_rollup" % process.pid).read_text()
        anonymous = int(re.search(r"^Anonymous:\s*(\d+)", rollup, re.M).group(1)) / 1024
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    keep("idle-memory-" + program.split("-")[-1], "idle " + program, "nothing", "6 MiB anonymous", lambda m: m <= 6,
         [anonymous], " MiB")
    keep("idle-wakeups-" + program.split("-")[-1], "idle " + program, "nothing", "1 wake-up in 5 s", lambda m: m <= 1,
         [woken], " in 5 s")


def idle(top):
    for program, section in (("dmarc-intake-lmtpd", "lmtp"), ("dmarc-intake-milter", "milter")):
        if not (BUILD / program).exists():
            continue
        conf = top / (section + ".conf")
        conf.write_text("[intake]\nrecipients = a@test.example\nstate_path = %s/%s\nlog = stderr\n[%s]\nlisten = unix:%s/%s\n"
                        % (top, section, section, top, section + ".sock"))
        idle_of(program, conf, (top / (section + ".sock")).exists)
    if shutil.which("dovecot") is not None:
        sys.path.append(str(postfix.TOP / "tests" / "integration"))
        from dovecot import Dovecot  # pylint: disable=import-outside-toplevel
        server = Dovecot(top / "dovecot")
        server.deliver("idle")
        conf = top / "imap.conf"
        conf.write_text("[intake]\nstate_path = %s/imap\nlog = stderr\n[imap t]\nhost = 127.0.0.1\nport = %d\ntls = no\n"
                        "user = idle\npassword = pw\n" % (top, server.port))
        idle_of("dmarc-intake-imapd", conf, lambda: server.processes("imap"))
        server.stop()


def connections(top):
    """Distinct mails of 1 MB: text of XML, which 1,000 records or so make."""
    (top / "large").mkdir()
    count, size, paths = (4, 50) if QUICK else (200, 1000), 0, []
    for n in range(count[0]):
        rng, domain = random.Random(n), "d%d.test.example" % n
        xml = report_xml([record(rng, domain) for _ in range(count[1])], org="large.example", domain=domain,
                         report_id="large-%d" % n)
        mail = mailgen.mail_of("large.example", domain, "large-%d" % n, "report.xml", "text/xml", xml.encode())
        paths.append(str(top / "large" / ("%d.eml" % n)))
        size += pathlib.Path(paths[-1]).write_text(mail)
    made, peaks = [], []
    for n in range(min(PAIRS, 5)):
        rates = []
        for together in (1, len(paths)):
            daemon = Daemon(top / ("c%d-%d" % (n, together)), len(paths))
            rates.append(daemon.send(paths, connections=together)["rate"])
            peak = daemon.peak_mib()
            daemon.stop()
        made.append(rates)
        peaks.append(peak)
    work = "%d connections, each a mail of %.1f MB" % (len(paths), size / len(paths) / 1e6)
    keep("connections-rate", work, "one connection", "not lower", lambda m: m >= 1, [b / a for a, b in made], " times",
         "%.0f and %.0f mails/s" % (made[0][1], made[0][0]))
    keep("connections-memory", work, "nothing", "%d MiB and what it has idle" % (len(paths) * 1.5),
         lambda m: m <= len(paths) * 1.5 + 20, peaks, " MiB")


def fsync_ms(folder):
    """p50 and p99 of what a commit costs the disk: four pages behind the others."""
    fd, took = os.open(folder / "fsync", os.O_CREAT | os.O_RDWR), []
    for n in range(20 if QUICK else 500):
        os.pwrite(fd, b"x" * 16384, n * 16384)
        start = time.monotonic()
        os.fdatasync(fd)
        took.append((time.monotonic() - start) * 1e3)
    os.close(fd)
    took.sort()
    return took[len(took) // 2], took[len(took) * 99 // 100]


def latency(top):
    ratios, notes = [], []
    for n in range(min(PAIRS, 7)):
        paths, _ = write_mails(top, n)
        daemon = Daemon(top / ("most%d" % n))
        rate = daemon.send(paths)["rate"] / 2
        daemon.stop()
        daemon = Daemon(top / ("half%d" % n))
        disk = fsync_ms(top)
        half = daemon.send("-r", "%.0f" % rate, paths)
        daemon.stop()
        ratios.append(half["p99_ms"] / disk[1])
        notes.append("p50 %.1f, p99 %.1f ms at %.0f mails/s; fsync p50 %.1f, p99 %.1f ms"
                     % (half["p50_ms"], half["p99_ms"], rate, *disk))
    keep("latency", "p99 of the LMTP reply at half load, SQLite", "p99 of an fsync of 16 KiB", "4 times", lambda m: m <= 4,
         ratios, " times", notes[0])


ROWS = {"sqlite": sqlite, "full": full, "cpu": cpu, "idle": idle, "connections": connections, "latency": latency}


def main(names):
    if os.geteuid() != 0 or shutil.which("postfix") is None:
        print("serving: skipped, needs root and Postfix")
        return
    for name in names or ROWS:
        with tempfile.TemporaryDirectory(prefix="intake-bench.", dir="/var/tmp") as top:
            os.chmod(top, 0o711)
            ROWS[name](pathlib.Path(top))


if __name__ == "__main__":
    main(sys.argv[1:])
