# SPDX-License-Identifier: Apache-2.0
"""One fault at a time: each is a function of a world and a Random, and has made good what it did when it returns. False:
there was nothing to do it to, and it does not count."""
import mmap
import os
import resource
import shutil
import signal
import struct
import subprocess
import time

EIO, ENOSPC = 5, 28


class Control:
    """What shim.c reads: failing writes and fsyncs, and the clock."""
    format = "iiiiq"

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(struct.calcsize(self.format)))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 0)
        self.clock_s = 0
        self.set()

    def set(self, write=0, sync=0, errnum=EIO):
        self.map[:] = struct.pack(self.format, write, sync, errnum, 0, self.clock_s)

    def close(self):
        self.map.close()


def kill_daemon(world, rng):
    return world.daemon.kill()


def freeze_daemon(world, rng):
    is_done = world.daemon.signal(signal.SIGSTOP)
    time.sleep(rng.uniform(0.2, 4))
    world.daemon.signal(signal.SIGCONT)
    return is_done


def reload_storm(world, rng):
    done = 0
    for _ in range(rng.randrange(5, 60)):
        done += world.daemon.signal(world.reload_signal)
        time.sleep(rng.uniform(0, 0.02))
    return done > 0


def stop_daemon(world, rng):
    """As an operator does: finish what is in hand."""
    return world.daemon.signal(signal.SIGTERM)


def fail_writes(world, rng):
    world.control.set(write=rng.choice((20, 200, 1000)), errnum=rng.choice((EIO, ENOSPC)))
    time.sleep(rng.uniform(0.3, 3))
    world.control.set()


def fail_syncs(world, rng):
    world.control.set(sync=rng.choice((100, 500, 1000)))
    time.sleep(rng.uniform(0.3, 3))
    world.control.set()


def jump_clock(world, rng):
    world.control.clock_s = rng.choice((-86400 * 400, -7200, -1, 1, 7200, 86400 * 400))
    world.control.set()
    time.sleep(rng.uniform(0.3, 3))
    world.control.clock_s = 0
    world.control.set()


def fill_disk(world, rng):
    """All of database, quarantine and temporary files; on a file system of their own."""
    ballast, left = world.disk / "ballast", rng.choice((0, 4096, 65536))
    fd = os.open(ballast, os.O_CREAT | os.O_RDWR | os.O_TRUNC)
    try:
        for _ in range(10):  # the daemon takes its share meanwhile
            try:
                os.posix_fallocate(fd, 0, max(4096, shutil.disk_usage(world.disk).free - left))
                break
            except OSError:
                left += 65536
        time.sleep(rng.uniform(0.5, 4))
    finally:
        os.close(fd)
        ballast.unlink()


def limited(name, what, low_of):
    def fault(world, rng):
        pid = world.daemon.pid
        if pid is None:
            return False
        try:
            before = resource.prlimit(pid, what)
            resource.prlimit(pid, what, (low_of(pid, rng), before[1]))
            time.sleep(rng.uniform(0.5, 3))
            resource.prlimit(pid, what, before)
        except (ProcessLookupError, FileNotFoundError):
            pass  # it ended of that, which it may
        return True
    fault.__name__ = name
    return fault


def size_of(pid, rng):
    with open("/proc/%d/statm" % pid, encoding="ascii") as f:
        return int(f.read().split()[0]) * 4096 + rng.choice((0, 1, 9, 40)) * 1024 * 1024


few_files = limited("few_files", resource.RLIMIT_NOFILE,
                    lambda pid, rng: len(os.listdir("/proc/%d/fd" % pid)) + rng.randrange(3))
# neither memory nor another thread's stack
little_memory = limited("little_memory", resource.RLIMIT_AS, size_of)


def cut_connections(world, rng):
    return world.proxy.cut_all() > 0


def cut_new(world, rng, knob, lengths):
    """Each new connection ends after some bytes; the smaller lengths are as likely as the larger ones."""
    before = world.proxy.cuts
    setattr(world.proxy, knob, lambda: rng.randrange(1, rng.choice(lengths)))
    world.proxy.cut_all()
    time.sleep(rng.uniform(0.5, 3))
    setattr(world.proxy, knob, None)
    world.proxy.cut_all()
    return world.proxy.cuts > before


def cut_inside(world, rng):
    """In a command, in a mail, inside of a bulk."""
    return cut_new(world, rng, "cut_after", (200, 3000, 60000))


def cut_replies(world, rng):
    """All was received, and the sender does not get to know: after each step of the protocol, and inside of a reply."""
    return cut_new(world, rng, "cut_reply", (100, 300, 2000))


def slow_network(world, rng):
    world.proxy.delay_s = rng.uniform(0.05, 0.5)
    time.sleep(rng.uniform(0.5, 4))
    world.proxy.delay_s = 0.0


def slow_sink(world, rng):
    """So slow that a mail in hand outlives its budget, and the large report that is due now surely does."""
    world.ledger.big_is_due = True
    world.proxy.delay_s = world.budget_s * 0.4
    time.sleep(world.budget_s * rng.uniform(2, 4))
    world.proxy.delay_s = 0.0


def busy_server(world, rng):
    """429 to all."""
    world.proxy.is_busy = True
    world.proxy.cut_all()
    time.sleep(rng.uniform(0.5, 5))
    world.proxy.is_busy = False


def refuse_some(world, rng):
    """429 to some documents of each bulk request, and the others are stored."""
    share = rng.uniform(0.1, 0.9)
    world.proxy.refuses = lambda: rng.random() < share
    world.proxy.cut_all()
    time.sleep(rng.uniform(0.5, 5))
    world.proxy.refuses = None


def kill_server(world, rng):
    world.kill_server()


def block_disk(world, rng):
    """The server's disk is over its watermark."""
    world.set_block(True)
    time.sleep(rng.uniform(0.5, 5))
    world.set_block(False)


def kill_mta(world, rng):
    world.kill_mta()


def kill_sessions(world, rng):
    return world.kill_sessions()


def lock_database(world, rng):
    """Somebody else's transaction."""
    lock = subprocess.Popen(["python3", "-c", "import sqlite3, sys, time\n"
                             "d = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)\n"
                             "d.execute('BEGIN IMMEDIATE')\ntime.sleep(float(sys.argv[2]))",
                             str(world.database), "%.1f" % rng.uniform(0.5, 8)], stderr=subprocess.DEVNULL)
    return lock.wait(30) == 0
