# SPDX-License-Identifier: Apache-2.0
"""What the units of conf/systemd count on: each daemon tells that it is ready,
that it is alive (the watchdog), that it reloads and that it stops."""
import os
import signal
import socket
import subprocess

import pytest

from conftest import BUILD, wait_for

DAEMONS = [("lmtpd", signal.SIGHUP), ("milter", signal.SIGUSR1)]


class Manager:
    """The service manager's end of the line: every word that was said."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(0.2)
        self.path, self.words = path, []

    def hears(self, word, count=1):
        def heard():
            try:
                self.words += self.socket.recv(4096).decode().split("\n")
            except TimeoutError:
                pass
            return self.words.count(word) >= count

        heard.__name__ = "%s %d times among %s" % (word, count, self.words)
        wait_for(heard)


@pytest.mark.parametrize("name,reload", DAEMONS)
def test_daemon_and_manager(name, reload, tmp_path):
    program = BUILD / ("dmarc-intake-" + name)
    if not program.exists():
        pytest.skip("built without the " + name)
    if "libsystemd" not in subprocess.run(["ldd", program], capture_output=True, text=True).stdout:
        pytest.skip("built without systemd")
    conf = tmp_path / "intake.conf"
    conf.write_text("[intake]\nstate_path = %s\nlog = stderr\nrecipients = rua@test.example\n"
                    "[%s]\nlisten = unix:%s\n" % (tmp_path, name.removesuffix("d"), tmp_path / "socket"))
    manager = Manager(tmp_path / "notify")
    # half of it is the time between two signs of life
    env = {**os.environ, "NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "1000000"}
    daemon = subprocess.Popen([program, "-c", conf], stdin=subprocess.DEVNULL, env=env)
    try:
        manager.hears("READY=1")
        manager.hears("WATCHDOG=1", 3)
        daemon.send_signal(reload)
        manager.hears("RELOADING=1")
        manager.hears("READY=1", 2)
        daemon.terminate()
        manager.hears("STOPPING=1")
        assert daemon.wait(30) == 0
    finally:
        daemon.kill()
        daemon.wait()
