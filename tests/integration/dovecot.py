# SPDX-License-Identifier: Apache-2.0
"""A private Dovecot, and dmarc-intake-imapd at it."""
import contextlib
import imaplib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from conftest import BUILD, SERVERS, Intake, free_port, wait_for

IMAPD = BUILD / "dmarc-intake-imapd"
ARCHIVE = ("Aggregate", "Failure", "SMTP-TLS", "Invalid")

needs_dovecot = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("dovecot") is None,
                                   reason="needs root and Dovecot")


class Dovecot:
    """Every user exists; a name that no other test uses is a fresh mailbox."""
    session = "imap"  # what the process of one is called

    def __init__(self, folder, **env):
        self.folder, self.port, self.env = folder, free_port(2), env
        self.delivered = 0
        self.start()

    def start(self):
        self.folder.mkdir(exist_ok=True)
        with open(self.folder / "up.log", "ab") as out:  # Dovecot keeps it: a pipe would never end
            subprocess.run([str(SERVERS / "dovecot-up"), str(self.folder), str(self.port)], check=True,
                           env={**os.environ, **self.env}, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=60)
        wait_for(self.is_up)

    def is_up(self):
        try:
            imaplib.IMAP4("127.0.0.1", self.port).logout()
        except (OSError, imaplib.IMAP4.error):
            return False
        return True

    def stop(self):
        subprocess.run([str(SERVERS / "dovecot-down"), str(self.folder)], check=False, timeout=60,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def processes(self, name):
        """Of this server: those that are called so."""
        master = int((self.folder / "run" / "master.pid").read_text())
        run = subprocess.run(["pgrep", "-P", str(master), "-x", name], capture_output=True, text=True, timeout=30)
        return [int(pid) for pid in run.stdout.split()]

    def drop_locks(self):
        """A lock on a list of UIDs, of a session that was killed, would stop all later ones for two minutes, as Dovecot
        does not see whose it was."""
        for lock in (self.folder / "mail").rglob("dovecot-uidlist.lock"):
            lock.unlink(missing_ok=True)

    def kill_sessions(self):
        """As if the server had crashed: each session ends without a word."""
        pids = self.processes(self.session)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not set(pids) & set(self.processes(self.session)))
        self.drop_locks()
        return pids

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def maildir(self, user):
        return self.folder / "mail" / user

    def deliver(self, user, *mails):
        """As an MTA does: into new/, and IDLE tells of it."""
        maildir = self.maildir(user)
        for sub in ("", "tmp", "new", "cur"):
            (maildir / sub).mkdir(parents=True, exist_ok=True)
            shutil.chown(maildir / sub, "mail", "mail")
        for mail in mails:
            self.delivered += 1
            name = "%d.M%dP%d.test" % (1700000000 + self.delivered, self.delivered * 7919 % 1000000, os.getpid())
            (maildir / "tmp" / name).write_bytes(mail)
            shutil.chown(maildir / "tmp" / name, "mail", "mail")
            (maildir / "tmp" / name).rename(maildir / "new" / name)

    def folders(self, user):
        """{folder: [(flags, mail)]} of what is not deleted."""
        c = imaplib.IMAP4("127.0.0.1", self.port)
        c.login(user, "pw")
        found = {}
        for line in c.list()[1]:
            name = line.decode().split(" ")[-1].strip('"')
            if c.select('"%s"' % name, readonly=True)[0] != "OK":
                continue
            _, data = c.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")
            mails = [(d[0].decode(), d[1]) for d in data if isinstance(d, tuple)]
            found[name] = [(flags, mail) for flags, mail in mails if "\\Deleted" not in flags]
        c.logout()
        return found

    def counts(self, user):
        return {name: len(mails) for name, mails in self.folders(user).items() if mails}


class Imapd(Intake):
    """dmarc-intake-imapd with the account "t"."""

    def __init__(self, folder, dovecot, user, extra="", sections="", **keys):
        account = {"host": "127.0.0.1", "port": dovecot.port, "tls": "no", "user": user, "password": "pw",
                   "check_timeout": "1s", **keys}
        self.account = "[imap t]\n" + "".join("%s = %s\n" % item for item in account.items() if item[1] is not None)
        super().__init__(folder, extra=self.account + sections)
        self.conf.write_text(self.conf.read_text().replace("log = stderr\n", "log = stderr\nlog_level = debug\n" + extra))

    def start(self, *args):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([str(IMAPD), "-c", str(self.conf), *args], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        return self

    def once(self, *args, seconds=60):
        """--once: the exit code."""
        self.start("--once", *args)
        try:
            return self.process.wait(seconds)
        finally:
            self.process = None if self.process.poll() is not None else self.process

    def statuses(self):
        """{UID: status} of the log, the last word on each."""
        found = {}
        for line in self.log().splitlines():
            if " status=" in line:
                found[int(line.split(": from=")[0].rsplit("/", 1)[1])] = line.split(" status=")[1].split(" ")[0]
        return found


def crlf(mail):
    return mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


@contextlib.contextmanager
def a_dovecot(**env):
    """In a folder that its users may enter: pytest's own is closed to them."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="intake-dovecot."))
    folder.chmod(0o711)
    server = Dovecot(folder, **env)
    try:
        yield server
    finally:
        print("--- dovecot\n" + server.log()[-3000:])
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def dovecot():
    """One server for all tests of a module; each takes a user of its own."""
    with a_dovecot() as server:
        yield server
