# SPDX-License-Identifier: Apache-2.0
"""A private Cyrus, with the manners of the Dovecot in dovecot.py."""
import contextlib
import imaplib
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from conftest import SERVERS, wait_for
from dovecot import Dovecot

needs_cyrus = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("dpkg") is None or shutil.which("apt-get") is None,
                                 reason="needs root, and Debian's packages")


class Cyrus(Dovecot):
    """user0 to user9 exist."""
    session = "imapd"

    def start(self):
        self.folder.mkdir(exist_ok=True)
        with open(self.folder / "up.log", "ab") as out:
            up = subprocess.run([str(SERVERS / "cyrus-up"), str(self.folder), str(self.port)], check=False,
                                env={**os.environ, **self.env}, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                timeout=120)
        if up.returncode != 0 and "apt" in (self.folder / "up.log").read_text():
            pytest.skip("no packages of Cyrus here")
        assert up.returncode == 0, (self.folder / "up.log").read_text()
        wait_for(self.is_up)

    def stop(self):
        subprocess.run([str(SERVERS / "cyrus-down"), str(self.folder)], check=False, timeout=60,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def processes(self, name):
        run = subprocess.run(["pgrep", "-P", (self.folder / "pid").read_text().strip(), "-x", name],
                             capture_output=True, text=True, timeout=30)
        return [int(pid) for pid in run.stdout.split()]

    def deliver(self, user, *mails):
        c = imaplib.IMAP4("127.0.0.1", self.port)
        c.login(user, "pw")
        for mail in mails:
            assert c.append("INBOX", None, None, mail)[0] == "OK"
        c.logout()


@contextlib.contextmanager
def a_cyrus(**env):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="intake-cyrus."))
    folder.chmod(0o711)
    server = Cyrus(folder, **env)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
