#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""storm.py SECONDS [SEED [WORLD...]] - mails and faults for so long, and then: is every record there, once?

Worlds: lmtp, postfix, sendmail, imap, opensearch; all of them by default, side by side. The seed decides which mails
there are and which faults come when; a run prints it first. Exit code 1 when something was lost or doubled, 77 when
nothing could be tried.
"""
import collections
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from random import Random

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "integration")]
from conftest import LMTPD  # noqa: E402
from worlds import WORLDS  # noqa: E402

DRAIN_S = 150
FAULT_EVERY_S = 6.0  # in each world, on average


def missing(kind):
    """Why a world cannot be tried here."""
    if not (LMTPD.parent / kind.program).exists():
        return "built without " + kind.program
    return kind.missing()


class Disks:
    """Small file systems of their own for what is to run full."""

    def __init__(self, folder, seconds):
        self.folder, self.bytes = folder, (128 << 20) + seconds * (256 << 10)
        self.mounted = []
        folder.mkdir(mode=0o711)

    def mount(self, name):
        """None where that is not allowed."""
        folder = self.folder / name
        folder.mkdir()
        run = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d,mode=0711" % self.bytes, "storm", str(folder)],
                             stderr=subprocess.PIPE, text=True, check=False)
        if run.returncode == 0:
            self.mounted.append(folder)
            return folder
        print("skipped: a full disk in world %s (%s)" % (name, run.stderr.strip()))
        return None

    def unmount(self):
        for folder in self.mounted:
            subprocess.run(["umount", str(folder)], check=False)
        self.mounted = []


def build_shim(folder):
    shim = folder / "shim.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(shim), str(FOLDER / "shim.c"), "-ldl"], check=True)
    return shim


def make_worlds(top, seed, names, disks):
    """Not started."""
    shim, worlds = build_shim(top), []
    for number, kind in enumerate(WORLDS):
        if names and kind.name not in names:
            continue
        if missing(kind):
            print("skipped: world %s (%s)" % (kind.name, missing(kind)))
            continue
        worlds.append(kind(top / kind.name, seed * 10 + number, shim, disks.mount(kind.name) if kind.has_disk else None))
    return worlds


def start_worlds(worlds):
    """All at once, as a server takes its time. Those that are up, and what did not start though it should."""
    up, problems = [], []

    def start(world):
        try:
            world.start()
            up.append(world)
        except pytest.skip.Exception as e:
            print("skipped: world %s (%s)" % (world.name, e))
        except BaseException as e:  # pytest's failures are no Exceptions
            problems.append("world %s did not start: %s: %s" % (world.name, type(e).__name__, str(e).strip()[-500:]))

    threads = [threading.Thread(target=start, args=(w,)) for w in worlds]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return [w for w in worlds if w in up], problems


def trouble(world, seed, end):
    """Faults until the end, one at a time in each world."""
    rng = Random("%d %s" % (seed, world.name))
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, rng.expovariate(1 / FAULT_EVERY_S)))
        if time.monotonic() < end:
            try:
                world.fault(rng)
            except (Exception, pytest.fail.Exception) as e:  # pylint: disable=broad-except
                world.failed.append("%s: %s" % (type(e).__name__, e))


def storm(worlds, seed, seconds):
    end = time.monotonic() + seconds
    for w in worlds:
        w.begin(end)
    threads = [threading.Thread(target=trouble, args=(w, seed, end), daemon=True) for w in worlds]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for w in worlds:
        w.calm()


def tell(worlds):
    """The outcome of each world; the exit code."""
    sums, code, end = collections.Counter(), 0, time.monotonic() + DRAIN_S
    for w in worlds:
        outcome = w.finish(end)
        mails, faults = w.ledger.sent(), sum(w.faults.values())
        waiting = len(w.ledger.mails) - len(mails)
        records = sum(n for n, _ in w.ledger.expected().values())
        print("%-10s %6d mails %7d records %4d faults %3d starts: %d lost, %d doubled; %d still with their senders,"
              " %d reports kept unread, %d kept again" % (w.name, len(mails), records, faults, w.daemon.starts,
                                                          len(outcome.lost), len(outcome.doubled), waiting,
                                                          outcome.kept_reports, outcome.kept_again))
        print("           " + " ".join("%s=%d" % item for item in sorted(w.faults.items())))
        for line in (outcome.lost + outcome.doubled + outcome.odd)[:20] + ["not made: " + text for text in w.failed[:5]]:
            print("           " + line)
        sums.update(mails=len(mails), records=records, faults=faults, lost=len(outcome.lost), doubled=len(outcome.doubled))
        if waiting or not outcome.is_good():
            code = 1
    print("%(mails)d mails, %(records)d records, %(faults)d faults: %(lost)d lost, %(doubled)d doubled"
          % collections.defaultdict(int, sums), flush=True)
    return code if sums["mails"] and sums["faults"] else 1


def put_away(top, seed, is_wanted):
    """Databases, quarantines and logs of a run that failed go to the logs of the build; nothing stays elsewhere."""
    if is_wanted:
        shelf = LMTPD.parent / "check" / ("storm-%d" % seed)
        shutil.rmtree(shelf, ignore_errors=True)
        shelf.parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-a", str(top), str(shelf)], check=False, stderr=subprocess.DEVNULL)
        print("databases, quarantines and logs: %s" % shelf)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    seconds = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(3), "big")
    print("seed=%d seconds=%d" % (seed, seconds), flush=True)
    if os.geteuid() != 0:
        print("needs root, for the servers")
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    top = pathlib.Path(tempfile.mkdtemp(prefix="dmarc-intake-storm."))
    top.chmod(0o711)
    disks, worlds, code = Disks(top / "disk", seconds), [], 1
    try:
        worlds = make_worlds(top, seed, sys.argv[3:], disks)
        up, problems = start_worlds(worlds)
        if not problems:
            storm(up, seed, seconds)
            code = tell(up)
        for text in problems:
            print(text)
    finally:
        for w in worlds:
            w.stop()
        put_away(top, seed, code != 0 or os.environ.get("STORM_KEEP"))
        disks.unmount()
        shutil.rmtree(top, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
