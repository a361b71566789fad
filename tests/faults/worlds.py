# SPDX-License-Identifier: Apache-2.0
"""Where mails come from, how they come to a daemon of ours, and where records go."""
import email
import os
import shutil
import signal
import subprocess
import time

import faults
from cluster import Cluster
from conftest import Postfix, free_port, wait_for
from dovecot import Dovecot
from ledger import token_of
from milter import Sendmail, Sink
from proxy import Proxy
from world import REPORTS, World, kill_family, start_again


class Straight(World):
    """Senders that speak LMTP and try again, through a proxy that cuts, into SQLite on a small disk."""
    name, crash_every, has_disk = "lmtp", 4000, True
    senders, rate = 12, 32.0
    kinds = (faults.kill_daemon, faults.kill_daemon, faults.freeze_daemon, faults.reload_storm, faults.stop_daemon,
             faults.fail_writes, faults.fail_syncs, faults.jump_clock, faults.few_files, faults.little_memory,
             faults.cut_connections, faults.cut_inside, faults.cut_replies, faults.slow_network, faults.lock_database)

    def start(self):
        self.listen_on_socket(self.sqlite())
        self.proxy = Proxy(str(self.outer), str(self.socket))

    def send(self, data):
        return self.send_lmtp(self.proxy.address, data)


class Queued(World):
    """Postfix's queue in front of LMTP and SQLite."""
    name, rate, crash_every = "postfix", 3.0, 900
    kinds = (faults.kill_daemon, faults.kill_mta, faults.freeze_daemon, faults.stop_daemon, faults.reload_storm,
             faults.fail_writes, faults.fail_syncs, faults.lock_database, faults.cut_connections, faults.cut_inside,
             faults.cut_replies, faults.slow_network)

    @staticmethod
    def missing():
        return None if shutil.which("postfix") else "no Postfix"

    def start(self):
        self.listen_on_socket(self.sqlite())
        self.proxy = Proxy(str(self.outer), str(self.socket))
        os.chmod(self.proxy.address, 0o666)
        self.mta = Postfix(self.top / "mta", "unix:%s" % self.proxy.address)

    def send(self, data):
        return self.send_smtp(self.mta.port, data)

    def kill_mta(self):
        """master and all that it started."""
        kill_family(int((self.mta.folder / "queue/pid/master.pid").read_text()))
        start_again(lambda: subprocess.run(["postfix", "-c", str(self.mta.folder / "etc"), "start"], timeout=60,
                                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def is_quiet(self):
        if self.mta.is_drained():
            return True
        self.mta.flush()
        return False


class Filtered(World):
    """Sendmail with the milter, a proxy between them, and SQLite."""
    name, program, listen, rate, crash_every = "sendmail", "dmarc-intake-milter", "milter", 2.0, 900
    has_disk = True
    sections = "recipients = %s\n" % REPORTS
    reload_signal = signal.SIGUSR1
    kinds = (faults.kill_daemon, faults.kill_daemon, faults.freeze_daemon, faults.reload_storm, faults.fail_syncs,
             faults.fail_writes, faults.few_files, faults.lock_database, faults.kill_mta, faults.cut_connections,
             faults.cut_inside, faults.cut_replies)
    sink = None

    class Hook:
        """What Sendmail is told of the milter."""

        def __init__(self, socket):
            self.socket = socket

    def start(self):
        self.listen_on_socket(self.sqlite())
        self.proxy = Proxy(str(self.outer), str(self.socket))
        self.sink = Sink()
        self.start_mta()

    def start_mta(self, port=None):
        self.mta = Sendmail(self.top, self.Hook(self.outer), self.sink, ", F=T", port)

    def send(self, data):
        return self.send_smtp(self.mta.port, data)

    def kill_mta(self):
        """The daemon and its sessions of now."""
        kill_family(int((self.mta.folder / "sendmail.pid").read_text().split()[0]))
        time.sleep(0.3)
        self.start_mta(self.mta.port)

    def kept(self):
        """What is no report, or cannot be read, goes on to a person, with the reason in a header."""
        found = super().kept()
        for _, text in list(self.sink.mails):
            token = token_of(text.replace("\r\n", "\n").encode("latin1"))
            if token is not None:
                reason = email.message_from_string(text).get("X-DMARC-Intake", "untouched")
                found.setdefault(token, []).append(reason)
        return found

    def stop(self):
        super().stop()
        if self.sink is not None:
            self.sink.close()


class Polled(World):
    """A mailbox on Dovecot, a proxy, dmarc-intake-imapd, and SQLite."""
    name, program, rate, senders, user, crash_every = "imap", "dmarc-intake-imapd", 4.0, 1, "storm", 900
    has_disk = True
    kinds = (faults.kill_daemon, faults.kill_daemon, faults.freeze_daemon, faults.reload_storm, faults.fail_syncs,
             faults.fail_writes, faults.lock_database, faults.kill_sessions, faults.kill_server, faults.stop_daemon,
             faults.cut_connections, faults.cut_inside, faults.cut_replies, faults.slow_network)

    @staticmethod
    def missing():
        return None if shutil.which("dovecot") else "no Dovecot"

    def start(self):
        self.server = Dovecot(self.top / "dovecot")
        self.server.deliver(self.user)
        port = free_port()
        self.proxy = Proxy(port, self.server.port)
        self.run_daemon("%s[imap t]\nhost = 127.0.0.1\nport = %d\ntls = no\nuser = %s\npassword = pw\ncheck_timeout = 2s\n"
                        % (self.sqlite(), port, self.user))
        wait_for(self.database.exists)

    def send(self, data):
        self.server.deliver(self.user, data)
        return True

    def kill_sessions(self):
        return bool(self.server.kill_sessions())

    def kill_server(self):
        kill_family(int((self.server.folder / "run/master.pid").read_text()))
        (self.server.folder / "run/master.pid").unlink(missing_ok=True)
        self.server.drop_locks()
        start_again(self.server.start)

    def mailbox(self):
        """(folder, token) of each mail."""
        for folder, mails in self.server.folders(self.user).items():
            for _, data in mails:
                yield folder, token_of(data.replace(b"\r\n", b"\n"))

    def kept(self):
        """Where the mailbox has what is not in the archive of the reports that were stored."""
        found = super().kept()
        for folder, token in self.mailbox():
            if not folder.endswith(("Aggregate", "Failure", "SMTP-TLS")):
                found.setdefault(token, []).append(folder)
        return found

    def look(self):
        """No mail may be gone out of the mailbox."""
        outcome = super().look()
        if outcome is not None:
            there = {token for _, token in self.mailbox()}
            outcome.lost += ["%s mail %s: gone" % (m.kind, m.token) for m in self.ledger.sent() if m.token not in there]
        return outcome


class Indexed(World):
    """LMTP into OpenSearch, through a proxy that cuts inside of bulks."""
    name, rate, senders, crash_every = "opensearch", 5.0, 8, 900
    kinds = (faults.kill_daemon, faults.cut_connections, faults.cut_connections, faults.cut_inside, faults.cut_inside,
             faults.cut_replies, faults.cut_replies, faults.slow_network, faults.slow_sink, faults.busy_server,
             faults.refuse_some, faults.refuse_some, faults.block_disk, faults.freeze_daemon, faults.fail_syncs)
    # the server needs 15 s to come back, and longer on a machine with other work
    budget_s, kill_first_s, kill_every_s, kill_last_s = 5.0, 30, 240, 45
    next_kill_s = 0.0

    @staticmethod
    def missing():
        return None if shutil.which("java") and shutil.which("mvn") else "no Java or Maven"

    def start(self):
        self.server = Cluster("opensearch", self.top / "server", free_port(), has_security=False)
        self.server.start()
        self.server.wait()
        port = free_port()
        self.proxy = Proxy(port, self.server.port)
        self.listen_on_socket("[elasticsearch]\nhosts = http://127.0.0.1:%d\n" % port, "budget = %ds\n" % self.budget_s)

    def begin(self, end):
        super().begin(end)
        self.next_kill_s = time.monotonic() + self.kill_first_s

    def send(self, data):
        return self.send_lmtp(str(self.socket), data)

    def fault(self, rng):
        now = time.monotonic()
        is_due = self.next_kill_s < now < self.end_s - self.kill_last_s
        self.make(faults.kill_server if is_due else rng.choice(self.kinds), rng)

    def kill_server(self):
        self.next_kill_s = time.monotonic() + self.kill_every_s
        os.kill(int((self.server.folder / "pid").read_text()), signal.SIGKILL)
        time.sleep(2)
        self.server.start()
        self.server.wait()

    def set_block(self, is_on):
        self.server.ask("PUT", "/dmarc_*,smtp_tls*/_settings",
                        {"index.blocks.read_only_allow_delete": True if is_on else None})

    def calm(self):
        super().calm()
        self.set_block(False)

    def stored(self):
        return self.server.reports()


WORLDS = (Straight, Queued, Filtered, Polled, Indexed)
