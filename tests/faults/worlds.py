# SPDX-License-Identifier: Apache-2.0
"""Where mails come from, how they come to a daemon of ours, and where records go."""
import os
import pathlib
import signal
import smtplib
import sqlite3
import subprocess
import threading
import time

import faults
from cluster import Cluster
from conftest import BUILD, Postfix, free_port, wait_for
from dovecot import Dovecot
from ledger import Ledger, judge, tokens_in
from milter import Sendmail, Sink
from proxy import Proxy, connect

REPORTS = "reports@test.example"
TRY_AGAIN_S = 0.3


def kill_family(pid):
    """A process and its children, -9."""
    run = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, timeout=30)
    for one in [pid] + [int(child) for child in run.stdout.split()]:
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Daemon:
    """A daemon of ours, started again whenever it has ended, as systemd does."""

    def __init__(self, program, conf, log, env):
        self.command, self.log, self.env = [str(BUILD / program), "-c", str(conf)], log, env
        self.process, self.starts, self.is_wanted = None, 0, True
        self.thread = threading.Thread(target=self.keep, daemon=True)
        self.thread.start()

    def keep(self):
        while self.is_wanted:
            with open(self.log, "ab") as out:
                self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                                env={**os.environ, **self.env})
            self.starts += 1
            self.process.wait()
            time.sleep(0.2)

    @property
    def pid(self):
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def signal(self, number):
        if self.pid is not None:
            self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)

    def stop(self):
        self.is_wanted = False
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        self.thread.join(20)
        self.kill()
        self.thread.join(5)


class World:
    """Mails of the ledger, a few threads that send them, and faults in between."""
    name, program, listen, kinds = None, "dmarc-intake-lmtpd", "lmtp", ()
    reload_signal, senders, rate, has_crashes = signal.SIGHUP, 6, 2.0, False
    sections = ""

    def __init__(self, top, seed, shim, disk):
        self.top, self.state, self.disk, self.shim = top, (disk or top) / "state", disk, shim
        top.mkdir()
        top.chmod(0o711)
        self.ledger = Ledger(seed, self.has_crashes)
        self.state.mkdir()
        self.database, self.quarantine = self.state / "intake.db", self.state / "quarantine"
        self.control = faults.Control(top / "control")
        self.socket = top / "sock"
        self.next_s, self.is_over, self.lock = 0.0, False, threading.Lock()
        self.faults, self.failed = {}, []
        self.daemon = self.proxy = None
        self.start()

    def configure(self, sink, more=""):
        conf = self.top / "conf"
        conf.write_text("[intake]\nstate_path = %s\nlog = stderr\n%s[quarantine]\npath = %s\n[%s]\nlisten = unix:%s\n"
                        "socket_mode = 0666\n%s%s" % (self.state, self.sections, self.quarantine, self.listen, self.socket,
                                                      more, sink))
        self.daemon = Daemon(self.program, conf, self.top / "log",
                             {"LD_PRELOAD": str(self.shim), "STORM_CONTROL": str(self.control.path),
                              "DMARC_INTAKE_ENRICH_OFFLINE": "yes"})
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

    def begin(self):
        self.threads = [threading.Thread(target=self.bring, daemon=True) for _ in range(self.senders)]
        for t in self.threads:
            t.start()

    def bring(self):
        while not self.is_over:
            with self.lock:
                wait_s = self.next_s - time.monotonic()
                self.next_s = max(self.next_s, time.monotonic()) + 1 / self.rate
            time.sleep(max(0, wait_s))
            mail = self.ledger.next()
            while not mail.is_sent and not self.is_aborted:
                try:
                    mail.is_sent = self.send(mail.data)
                except (OSError, smtplib.SMTPException):
                    pass
                if not mail.is_sent:
                    time.sleep(TRY_AGAIN_S)

    is_aborted = False

    def send(self, data):
        """True: it is not ours any more."""
        raise NotImplementedError

    def send_smtp(self, port, data):
        with smtplib.SMTP("127.0.0.1", port, "localhost", timeout=60) as s:
            s.sendmail("noreply@reporter.example", [REPORTS], data.replace(b"\n", b"\r\n"))
        return True

    # faults

    def fault(self, rng):
        kind = rng.choice(self.kinds)
        self.faults[kind.__name__] = self.faults.get(kind.__name__, 0) + 1
        kind(self, rng)

    # the end

    def stored(self):
        db = sqlite3.connect("file:%s?mode=ro" % self.database, uri=True, timeout=60)
        try:
            found = {}
            for report_id, n in db.execute(
                    "SELECT r.report_id, count(c.id) FROM aggregate_report AS r LEFT JOIN aggregate_record AS c"
                    " ON c.report_id = r.id WHERE r.complete GROUP BY r.id"):
                found.setdefault(report_id, []).append(n)
            return found
        finally:
            db.close()

    def kept(self):
        return tokens_in(p.read_bytes() for p in self.quarantine.rglob("*") if p.is_file() and p.parent.name in ("new", "cur"))

    def is_quiet(self):
        """Nothing is on its way any more."""
        return True

    def finish(self, seconds):
        """What became of all of it, within seconds."""
        self.is_over = True
        end = time.monotonic() + seconds
        for t in self.threads:
            t.join(max(0, end - time.monotonic()))
        self.is_aborted = True
        outcome = None
        while outcome is None or ((outcome.lost or not self.is_quiet()) and time.monotonic() < end):
            if outcome is not None:
                time.sleep(1)
            outcome = judge(self.ledger, self.stored(), self.kept())
        return outcome

    def stop(self):
        for what in (self.daemon and self.daemon.stop, self.proxy and self.proxy.close, self.control.close):
            if what:
                what()


class Straight(World):
    """Senders that speak LMTP and try again, through a proxy that cuts, into SQLite on a small disk."""
    name, has_crashes = "lmtp", True
    senders, rate = 12, 32.0
    kinds = (faults.kill_daemon, faults.kill_daemon, faults.freeze_daemon, faults.reload_storm, faults.stop_daemon,
             faults.fail_writes, faults.fail_syncs, faults.jump_clock, faults.few_files, faults.little_memory,
             faults.cut_connections, faults.cut_inside, faults.slow_network, faults.lock_database)

    def start(self):
        if self.disk is not None:
            self.kinds += (faults.fill_disk, faults.fill_disk)
        self.configure(self.sqlite())
        self.proxy = Proxy(str(self.top / "proxy"), str(self.socket))

    def send(self, data):
        return self.send_lmtp(self.proxy.address, data)

    @staticmethod
    def send_lmtp(address, data):
        with smtplib.LMTP(timeout=60) as s:
            s.sock = connect(address)
            s.sock.settimeout(60)
            if s.getreply()[0] != 220:
                return False
            s.sendmail("noreply@reporter.example", [REPORTS], data.replace(b"\n", b"\r\n"))
        return True


class Queued(World):
    """Postfix's queue in front of LMTP and SQLite."""
    name, rate = "postfix", 3.0
    kinds = (faults.kill_daemon, faults.kill_mta, faults.freeze_daemon, faults.stop_daemon, faults.fail_syncs,
             faults.lock_database, faults.cut_connections, faults.cut_inside)

    def start(self):
        self.configure(self.sqlite())
        self.proxy = Proxy(str(self.top / "proxy"), str(self.socket))
        os.chmod(self.proxy.address, 0o666)
        self.mta = Postfix(self.top / "mta", "unix:%s" % self.proxy.address)

    def send(self, data):
        return self.send_smtp(self.mta.port, data)

    def kill_mta(self):
        """master and all that it started."""
        kill_family(int((self.mta.folder / "queue/pid/master.pid").read_text()))
        time.sleep(0.3)
        subprocess.run(["postfix", "-c", str(self.mta.folder / "etc"), "start"], timeout=60, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_quiet(self):
        if self.mta.is_drained():
            return True
        self.mta.flush()
        return False

    def stop(self):
        self.mta.stop()
        super().stop()


class Filtered(World):
    """Sendmail with the milter, and SQLite."""
    name, program, listen, rate = "sendmail", "dmarc-intake-milter", "milter", 2.0
    sections = "recipients = %s\n" % REPORTS
    reload_signal = signal.SIGUSR1
    kinds = (faults.kill_daemon, faults.kill_daemon, faults.freeze_daemon, faults.reload_storm, faults.fail_syncs,
             faults.lock_database, faults.kill_mta)

    def start(self):
        self.configure(self.sqlite())
        self.sink = Sink()
        self.mta = Sendmail(self.top, self, self.sink, ", F=T")

    def send(self, data):
        return self.send_smtp(self.mta.port, data)

    def kill_mta(self):
        """The daemon and its sessions of now."""
        kill_family(int((self.mta.folder / "sendmail.pid").read_text().split()[0]))
        time.sleep(0.3)
        self.mta = Sendmail(self.top, self, self.sink, ", F=T", self.mta.port)

    def kept(self):
        """What is no report, or cannot be read, goes on to a person."""
        found = super().kept()
        for token, n in tokens_in(text.encode("latin1") for _, text in self.sink.mails).items():
            found[token] = found.get(token, 0) + n
        return found

    def stop(self):
        self.mta.stop()
        self.sink.close()
        super().stop()


class Polled(World):
    """A mailbox on Dovecot, dmarc-intake-imapd, and SQLite."""
    name, program, rate, senders, user = "imap", "dmarc-intake-imapd", 4.0, 1, "storm"
    kinds = (faults.kill_daemon, faults.kill_daemon, faults.freeze_daemon, faults.fail_syncs, faults.lock_database,
             faults.kill_sessions, faults.kill_sessions, faults.kill_server, faults.stop_daemon)

    def start(self):
        self.server = Dovecot(self.top / "dovecot")
        self.server.deliver(self.user)
        conf = self.top / "conf"
        conf.write_text("[intake]\nstate_path = %s\nlog = stderr\n[quarantine]\npath = %s\n%s[imap t]\nhost = 127.0.0.1\n"
                        "port = %d\ntls = no\nuser = %s\npassword = pw\ncheck_timeout = 2s\n"
                        % (self.state, self.quarantine, self.sqlite(), self.server.port, self.user))
        self.daemon = Daemon(self.program, conf, self.top / "log",
                             {"LD_PRELOAD": str(self.shim), "STORM_CONTROL": str(self.control.path),
                              "DMARC_INTAKE_ENRICH_OFFLINE": "yes"})
        wait_for(self.database.exists)

    def send(self, data):
        self.server.deliver(self.user, data)
        return True

    def kill_sessions(self):
        self.server.kill_sessions()

    def kill_server(self):
        kill_family(int((self.server.folder / "run/master.pid").read_text()))
        time.sleep(0.5)
        (self.server.folder / "run/master.pid").unlink(missing_ok=True)
        self.server.start()

    def kept(self):
        """Wherever the mailbox has it; a report that waits in INBOX is not stored yet."""
        found = super().kept()
        for folder, mails in self.server.folders(self.user).items():
            if folder.endswith("Aggregate"):
                continue
            for token, n in tokens_in(data.replace(b"\r\n", b"\n") for _, data in mails).items():
                found[token] = found.get(token, 0) + n
        return found

    def is_quiet(self):
        kinds = {m.token: m.kind for m in self.ledger.sent()}
        return not any(kinds.get(token) in ("report", "copy") for token in self.kept())

    def stop(self):
        super().stop()
        self.server.stop()


class Indexed(World):
    """LMTP into OpenSearch, through a proxy that cuts inside of bulks."""
    name, rate, senders = "opensearch", 5.0, 8
    kinds = (faults.kill_daemon, faults.cut_connections, faults.cut_connections, faults.cut_inside, faults.cut_inside,
             faults.slow_network, faults.slow_sink, faults.busy_server, faults.busy_server, faults.block_disk, faults.freeze_daemon)
    budget_s, kill_first_s, kill_every_s = 5.0, 45, 240  # the server needs 15 s to come back

    def start(self):
        self.server = Cluster("opensearch", self.top / "server", free_port(), has_security=False)
        self.server.start()
        self.server.wait()
        port = free_port()
        self.proxy = Proxy(port, self.server.port)
        self.next_kill_s = time.monotonic() + self.kill_first_s
        self.configure("[elasticsearch]\nhosts = http://127.0.0.1:%d\n" % port, "budget = %ds\n" % self.budget_s)

    def send(self, data):
        return Straight.send_lmtp(str(self.socket), data)

    def fault(self, rng):
        if time.monotonic() > self.next_kill_s:
            self.faults["kill_server"] = self.faults.get("kill_server", 0) + 1
            self.kill_server()
        else:
            super().fault(rng)

    def kill_server(self):
        self.next_kill_s = time.monotonic() + self.kill_every_s
        os.kill(int((self.server.folder / "pid").read_text()), signal.SIGKILL)
        time.sleep(2)
        self.server.start()
        self.server.wait()

    def set_block(self, is_on):
        self.server.ask("PUT", "/dmarc_aggregate-*/_settings",
                        {"index.blocks.read_only_allow_delete": True if is_on else None})

    def stored(self):
        self.server.ask("POST", "/dmarc_aggregate*/_refresh")
        found, after = {}, None
        while True:
            composite = {"size": 1000, "sources": [{"id": {"terms": {"field": "report_id.keyword"}}}]}
            if after:
                composite["after"] = after
            answer = self.server.ok("POST", "/dmarc_aggregate*/_search",
                                    {"size": 0, "aggs": {"reports": {"composite": composite}}})
            buckets = answer["aggregations"]["reports"]
            for bucket in buckets["buckets"]:
                found[bucket["key"]["id"]] = [bucket["doc_count"]]
            after = buckets.get("after_key")
            if not after:
                return found

    def stop(self):
        super().stop()
        self.server.stop()


WORLDS = (Straight, Queued, Filtered, Polled, Indexed)
