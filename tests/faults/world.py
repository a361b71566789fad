# SPDX-License-Identifier: Apache-2.0
"""What all worlds have in common: mails of the ledger, the threads that bring them, a daemon that is started again, faults,
and the count at the end."""
import contextlib
import json
import os
import signal
import smtplib
import sqlite3
import subprocess
import threading
import time

import faults
from conftest import BUILD, wait_for
from ledger import Ledger, judge, token_of
from proxy import connect

REPORTS = "reports@test.example"
TRY_AGAIN_S = 0.3
END_S = 30  # for a daemon that is told to end

AGGREGATE_SQL = ("SELECT r.report_id, count(c.id), sum(c.message_count) FROM aggregate_report AS r"
                 " LEFT JOIN aggregate_record AS c ON c.report_id = r.id WHERE r.complete GROUP BY r.id")
TLS_SQL = ("SELECT r.report_id, 1, sum(p.successful_session_count) FROM smtp_tls_report AS r"
           " LEFT JOIN smtp_tls_policy AS p ON p.report_id = r.id GROUP BY r.id")
FAILURE_SQL = "SELECT original_envelope_id, 1, 0 FROM failure_report"


def kill_family(pid):
    """A process and its children, -9. It is frozen first: a child that it makes meanwhile would keep its ports."""
    def signal_to(one, number):
        try:
            os.kill(one, number)
        except ProcessLookupError:
            pass

    signal_to(pid, signal.SIGSTOP)
    run = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, timeout=30, check=False)
    for one in [pid] + [int(child) for child in run.stdout.split()]:
        signal_to(one, signal.SIGKILL)


def start_again(start):
    """start(), until it does: what was killed lets go of its ports when the system gets round to it."""
    for _ in range(10):
        time.sleep(0.5)
        try:
            return start()
        except subprocess.CalledProcessError:
            pass
    return start()


def kept_in(quarantine):
    """{token: [reason of each copy]}; that of a mail which waits begins with its folder."""
    found = {}
    for path in quarantine.rglob("*"):
        if path.parent.name not in ("new", "cur"):
            continue
        folder = path.parent.parent
        try:
            token = token_of(path.read_bytes())
            why = folder / "why" / (path.name.partition(":")[0] + ".json")
            reason = json.loads(why.read_text())["reason"] if why.exists() else "no reason"
        except FileNotFoundError:
            continue  # replayed meanwhile
        if token is not None:
            place = "" if folder == quarantine else folder.name + ": "
            found.setdefault(token, []).append(place + reason)
    return found


class Daemon:
    """A daemon of ours, started again whenever it has ended, as systemd does."""

    def __init__(self, program, conf, log, env, down_s=0.2):
        self.command, self.log, self.env = [str(BUILD / program), "-c", str(conf)], log, env
        self.process, self.starts, self.is_wanted, self.down_s = None, 0, True, down_s
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.keep, daemon=True)
        self.thread.start()

    def keep(self):
        while self.start():
            self.process.wait()
            time.sleep(self.down_s)

    def start(self):
        """False: it is not wanted any more."""
        with self.lock:  # who stops it meets none that is just being made
            if self.is_wanted:
                with open(self.log, "ab") as out:
                    self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                                    env={**os.environ, **self.env})
                self.starts += 1
            return self.is_wanted

    @property
    def pid(self):
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def signal(self, number):
        if self.pid is None:
            return False
        self.process.send_signal(number)
        return True

    def kill(self):
        return self.signal(signal.SIGKILL)

    def stop(self):
        """False: it had to be killed."""
        with self.lock:
            self.is_wanted = False
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        self.thread.join(END_S)
        is_good = not self.thread.is_alive()
        self.kill()
        self.thread.join(5)
        return is_good


class World:
    """kinds: the faults that it has; rate: mails a second."""
    name, program, listen, kinds = None, "dmarc-intake-lmtpd", "lmtp", ()
    reload_signal, senders, rate, crash_every, has_disk = signal.SIGHUP, 6, 2.0, 0, False
    sections = ""
    daemon = proxy = mta = server = None
    end_s, is_aborted = 0.0, False

    def __init__(self, top, seed, shim, disk):
        self.top, self.shim, self.disk = top, shim, disk
        self.state = (disk or top) / "state"
        top.mkdir()
        top.chmod(0o711)
        self.state.mkdir()
        self.ledger = Ledger(seed, self.crash_every, faults.jump_clock in self.kinds)
        self.database, self.quarantine = self.state / "intake.db", self.state / "quarantine"
        self.control = faults.Control(top / "control")
        self.socket, self.outer = top / "sock", top / "proxy"
        self.next_s, self.lock = 0.0, threading.Lock()
        self.faults, self.failed, self.threads = {}, [], []
        if disk is not None:
            self.kinds += (faults.fill_disk, faults.fill_disk)

    @staticmethod
    def missing():
        """What this machine lacks."""
        return None

    def start(self):
        """The server, the MTA and the daemon."""
        raise NotImplementedError

    def run_daemon(self, text):
        conf = self.top / "conf"
        conf.write_text("[intake]\nstate_path = %s\nlog = stderr\nreplay_interval = 5s\n%s[quarantine]\npath = %s\n%s"
                        % (self.state, self.sections, self.quarantine, text))
        self.daemon = Daemon(self.program, conf, self.top / "log",
                             {"LD_PRELOAD": str(self.shim), "STORM_CONTROL": str(self.control.path),
                              "DMARC_INTAKE_ENRICH_OFFLINE": "yes"})

    def listen_on_socket(self, sink, more=""):
        self.run_daemon("[%s]\nlisten = unix:%s\nsocket_mode = 0666\n%s%s" % (self.listen, self.socket, more, sink))
        wait_for(self.is_listening)

    def sqlite(self):
        return "[sqlite]\npath = %s\n" % self.database

    def is_listening(self):
        try:
            connect(str(self.socket)).close()
            return True
        except OSError:
            return False

    # mails

    def begin(self, end):
        """Mails until then."""
        self.end_s = end
        self.threads = [threading.Thread(target=self.bring, daemon=True) for _ in range(self.senders)]
        for t in self.threads:
            t.start()

    def bring(self):
        while True:
            with self.lock:
                wait_s = self.next_s - time.monotonic()
                self.next_s = max(self.next_s, time.monotonic()) + 1 / self.rate
            time.sleep(max(0, wait_s))
            if time.monotonic() >= self.end_s:
                return
            mail = self.ledger.next()
            while not mail.is_sent and not self.is_aborted:
                try:
                    mail.is_sent = self.send(mail.data)
                except (OSError, smtplib.SMTPException):
                    pass
                if not mail.is_sent:
                    time.sleep(TRY_AGAIN_S)

    def send(self, data):
        """True: it is not ours any more."""
        raise NotImplementedError

    @staticmethod
    def hand_over(session, data):
        """The 250 counts, whatever becomes of the connection after it."""
        is_taken = False
        try:
            with session as s:
                s.sendmail("noreply@reporter.example", [REPORTS], data.replace(b"\n", b"\r\n"))
                is_taken = True
        except (OSError, smtplib.SMTPException):
            if not is_taken:
                raise
        return True

    def send_smtp(self, port, data):
        return self.hand_over(smtplib.SMTP("127.0.0.1", port, "localhost", timeout=60), data)

    def send_lmtp(self, address, data):
        session = smtplib.LMTP(timeout=60)
        session.sock = connect(address)
        session.sock.settimeout(60)
        try:
            if session.getreply()[0] == 220:
                return self.hand_over(session, data)
            return False
        finally:
            session.close()

    # faults

    def fault(self, rng):
        self.make(rng.choice(self.kinds), rng)

    def make(self, kind, rng):
        if kind(self, rng) is not False:
            self.faults[kind.__name__] = self.faults.get(kind.__name__, 0) + 1

    def calm(self):
        """No trouble any more, also where a fault ended early."""
        self.control.clock_s = 0
        self.control.set()
        self.daemon.signal(signal.SIGCONT)
        if self.proxy is not None:
            self.proxy.calm()

    # the end

    def stored(self):
        """{report_id: [(records, sum)]}"""
        found = {}
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % self.database, uri=True, timeout=60)) as db:
            for sql in (AGGREGATE_SQL, TLS_SQL, FAILURE_SQL):
                for report_id, n, total in db.execute(sql):
                    found.setdefault(report_id, []).append((n, total or 0))
        return found

    def broken_database(self):
        """What SQLite itself finds wrong."""
        if not self.database.exists():
            return []
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % self.database, uri=True, timeout=60)) as db:
            return [text for text, in db.execute("PRAGMA integrity_check(5)") if text != "ok"]

    def kept(self):
        return kept_in(self.quarantine)

    def is_quiet(self):
        """Nothing is on its way any more."""
        return True

    def look(self):
        try:
            return judge(self.ledger, self.stored(), self.kept())
        except Exception as e:  # pylint: disable=broad-except
            self.failed.append("a look: %s: %s" % (type(e).__name__, e))
            return None

    def finish(self, end):
        """What became of all of it, until then; the daemon has ended then."""
        for t in self.threads:
            t.join(max(0, end - time.monotonic()))
        self.is_aborted = True
        while not ((outcome := self.look()) and outcome.is_good() and self.is_quiet()) and time.monotonic() < end:
            time.sleep(1)
        is_ended = self.daemon.stop()
        outcome = self.look() or outcome or judge(self.ledger, {}, {})
        outcome.odd += ["database: " + text for text in self.broken_database()]
        if not is_ended:
            outcome.odd.append("the daemon did not end within %d s" % END_S)
        return outcome

    def stop(self):
        """All that was started, however far that came."""
        for what in (self.daemon, self.mta, self.server, self.proxy, self.control):
            if what is None:
                continue
            try:
                (what.stop if hasattr(what, "stop") else what.close)()
            except Exception as e:  # pylint: disable=broad-except
                print("world %s does not stop: %s: %s" % (self.top.name, type(e).__name__, e))
