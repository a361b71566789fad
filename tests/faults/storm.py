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

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "integration")]
from conftest import LMTPD  # noqa: E402
from worlds import WORLDS  # noqa: E402

DISK_BYTES = 3 << 30  # of memory, as far as it is written
DRAIN_S = 150
FAULT_EVERY_S = 6.0  # in each world, on average


def missing(kind):
    """Why a world cannot be tried here."""
    if kind.name == "postfix" and shutil.which("postfix") is None:
        return "no Postfix"
    if kind.name == "imap" and shutil.which("dovecot") is None:
        return "no Dovecot"
    if not (LMTPD.parent / kind.program).exists():
        return "built without " + kind.program
    return None


def mount_disk(folder):
    """A small file system of its own for what is to run full; None where that is not allowed."""
    folder.mkdir()
    run = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d,mode=0711" % DISK_BYTES, "storm", str(folder)],
                         stderr=subprocess.PIPE, text=True, check=False)
    if run.returncode == 0:
        return folder
    print("skipped: a full disk (%s)" % run.stderr.strip())
    return None


def build_shim(folder):
    shim = folder / "shim.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(shim), str(FOLDER / "shim.c"), "-ldl"], check=True)
    return shim


def start_worlds(top, seed, names, shim, disk):
    """All at once, as a server takes its time."""
    worlds, threads = [], []

    def start(number, kind):
        try:
            worlds.append(kind(top / kind.name, seed * 10 + number, shim, disk if kind.name == "lmtp" else None))
        except BaseException as e:  # pytest's failures are no Exceptions
            print("skipped: world %s (%s)" % (kind.name, str(e).strip().splitlines()[-1:]))

    for number, kind in enumerate(WORLDS):
        if names and kind.name not in names:
            continue
        if missing(kind):
            print("skipped: world %s (%s)" % (kind.name, missing(kind)))
            continue
        threads.append(threading.Thread(target=start, args=(number, kind)))
        threads[-1].start()
    for t in threads:
        t.join()
    return worlds


def trouble(world, seed, end):
    """Faults until the end, one at a time in each world."""
    rng = Random("%d %s" % (seed, world.name))
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, rng.expovariate(1 / FAULT_EVERY_S)))
        if time.monotonic() < end:
            try:
                world.fault(rng)
            except Exception as e:  # pylint: disable=broad-except
                world.failed.append("%s: %s" % (type(e).__name__, e))


def storm(worlds, seed, seconds):
    end = time.monotonic() + seconds
    for w in worlds:
        w.begin()
    threads = [threading.Thread(target=trouble, args=(w, seed, end), daemon=True) for w in worlds]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def tell(worlds):
    """The outcome of each world; the exit code."""
    sums = collections.Counter()
    for w in worlds:
        outcome = w.finish(DRAIN_S)
        mails, faults = w.ledger.sent(), sum(w.faults.values())
        waiting = len(w.ledger.mails) - len(mails)
        records = sum(w.ledger.expected().values())
        print("%-10s %6d mails %7d records %4d faults %3d starts: %d lost, %d doubled; %d still with their senders,"
              " %d reports kept unread, %d kept again" % (w.name, len(mails), records, faults, w.daemon.starts,
                                                          len(outcome.lost), len(outcome.doubled), waiting,
                                                          outcome.kept_reports, outcome.kept_again))
        print("           " + " ".join("%s=%d" % item for item in sorted(w.faults.items())))
        for line in (outcome.lost + outcome.doubled)[:20] + ["a fault failed: " + text for text in w.failed[:20]]:
            print("           " + line)
        sums.update(mails=len(mails), records=records, faults=faults, lost=len(outcome.lost), doubled=len(outcome.doubled),
                    waiting=waiting)
    print("%(mails)d mails, %(records)d records, %(faults)d faults: %(lost)d lost, %(doubled)d doubled" % sums)
    return 1 if sums["lost"] or sums["doubled"] or sums["waiting"] or not sums["mails"] or not sums["faults"] else 0


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
    disk, worlds, code = None, [], 1
    try:
        disk = mount_disk(top / "disk")
        worlds = start_worlds(top, seed, sys.argv[3:], build_shim(top), disk)
        storm(worlds, seed, seconds)
        code = tell(worlds)
    finally:
        for w in worlds:
            w.stop()
        if code == 0 and not os.environ.get("STORM_KEEP"):
            if disk is not None:
                subprocess.run(["umount", str(disk)], check=False)
            shutil.rmtree(top, ignore_errors=True)
        else:
            print("kept for a look: %s" % top)
    return code


if __name__ == "__main__":
    sys.exit(main())
