# SPDX-License-Identifier: Apache-2.0
"""What the units of conf/systemd count on: each daemon tells that it is ready,
that it is alive (the watchdog), that it reloads and that it stops. And the cage
that it closes around itself (tests/unit/test_cage.c tries its walls)."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

from conftest import BUILD, FIXTURES, wait_for
from lmtp import deliver

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


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("owner", ["root", "mail"])
def test_root_is_told_that_it_stays_root(owner, world):
    state = world.folder / "state"
    state.mkdir()
    shutil.chown(state, owner)
    warning = "warn runs as root, because state_path %s is root's" % state
    assert (warning in world.intake().log()) == (owner == "root")


@pytest.mark.parametrize("cage", ["yes", "no"])
def test_cage_of_the_daemon(cage, world):
    """The kernel's own word for it, and that mail goes through."""
    intake = world.intake(extra="[intake]\ncage = %s\n" % cage)
    status = pathlib.Path("/proc/%d/status" % intake.process.pid).read_text()
    status = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    limits = pathlib.Path("/proc/%d/limits" % intake.process.pid).read_text()
    line = next(line for line in intake.log().splitlines() if "cage: " in line)
    if cage == "no":
        assert line.endswith("cage: off, as [intake] cage says")
        assert status["NoNewPrivs"] == "0"
        return
    assert "core dumps off, privileges off" in line
    assert status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == 0
    assert re.search(r"Max core file size +0 +0 ", limits)
    assert status["Seccomp"] == ("2" if "system calls by seccomp" in line else "0")
    assert ("files by Landlock" in line) != ("no wall around files" in line)
    assert deliver(intake.listen, (FIXTURES / "gzip_octet_stream.eml").read_bytes())[0].startswith("250")
    assert intake.stop() == 0 and not (intake.folder / "lmtp.sock").exists()
