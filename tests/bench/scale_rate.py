# SPDX-License-Identifier: Apache-2.0
"""scale rate: instances against a server of a fixed latency (scale has the words)."""
import http.client
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import mailgen
from conftest import BUILD
from instances import Instances

SECONDS, ROUNDS, LATENCY_MS, FILES = 5, 5, 50, 200
CONNECTIONS, REQUESTS = 20, 4  # Postfix's default, ours
TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def machine():
    """Seconds of processor time: idle, all."""
    numbers = [int(n) for n in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (numbers[3] + numbers[4]) / TICK, sum(numbers) / TICK


class Stub:
    def __init__(self, latency_ms=LATENCY_MS):
        self.process = subprocess.Popen([sys.executable, str(pathlib.Path(__file__).with_name("scale_stub.py")),
                                         str(latency_ms)], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def told(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/told")
        told = json.loads(connection.getresponse().read())
        connection.close()
        return told

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def bring(instances, paths, connections, times):
    """One client for each instance, all at once: seconds until the last is done, CPU of the clients."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    clients = [subprocess.Popen([str(BUILD / "tests/lmtp_send"), "-q", "-c", str(connections), "-n", str(times),
                                 "-t", "reports@test.example", "inet:%s:%d" % (one.address, one.port), *paths],
                                stdout=subprocess.PIPE, text=True) for one in instances]
    answers = [client.communicate(timeout=600)[0] for client in clients]
    seconds = time.monotonic() - begun
    assert all(re.search(r" 2xx=%d 4xx=0 5xx=0 lost=0" % (len(paths) * times), text) for text in answers), answers
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime


class Bench:
    def __init__(self, top, stub, seconds):
        self.top, self.stub, self.seconds, self.runs = top, stub, seconds, 0
        self.paths, _ = mailgen.write(FILES, str(top / "mails"), 1)

    def run(self, count, connections=CONNECTIONS, requests=REQUESTS):
        """What so many instances do, as a dict."""
        self.runs += 1
        sink = "[elasticsearch]\nhosts = http://127.0.0.1:%d\nconnections = %d\n" % (self.stub.port, requests)
        instances = Instances(self.top / ("run%d" % self.runs), sink, count).wait()
        try:
            bring(instances.all, self.paths[:connections], connections, 1)  # all is open, all is known
            times = max(1, round(self.seconds * connections / (LATENCY_MS / 1e3 * 1.4) / len(self.paths)))
            pids = [one.daemon.pid for one in instances.all] + [self.stub.process.pid]
            self.stub.told()
            before, idle_before = [cpu_of(pid) for pid in pids], machine()
            seconds, clients = bring(instances.all, self.paths, connections, times)
            idle, whole = (b - a for a, b in zip(idle_before, machine()))
            *daemons, stub = (cpu_of(pid) - b for pid, b in zip(pids, before))
            told = self.stub.told()
        finally:
            instances.stop()
        mails = len(self.paths) * times * count
        ours = sum(daemons) + clients + stub
        return {"rate": mails / seconds, "mails": mails / told["requests"], "cpu_ms": sum(daemons) / mails * 1e3,
                "idle": 100 * idle / whole, "ours": 100 * ours / whole, "stub": 100 * stub / seconds,
                "flight": told["requests"] * LATENCY_MS / 1e3 / seconds / count}


def tell(name, runs, base=None):
    """The median of each, with the spread of the rate."""
    middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    rates = [run["rate"] for run in runs]
    factor = "" if base is None else ", %.2f times one (%.2f to %.2f)" % (
        statistics.median(base), min(base), max(base))
    print("%s: %.0f mails/s (%.0f to %.0f)%s; %.1f mails a request, %.1f requests in flight for each; daemon %.2f ms a mail; "
          "machine %.0f %% idle, %.0f %% ours; stub %.0f %% of a processor"
          % (name, middle["rate"], min(rates), max(rates), factor, middle["mails"], middle["flight"], middle["cpu_ms"],
             middle["idle"], middle["ours"], middle["stub"]), flush=True)


def by_instances(bench, rounds):
    """In turns, so that what else the machine does hits all."""
    made = [[bench.run(count) for count in (1, 2, 3)] for _ in range(rounds)]
    for n in range(3):
        tell("%d instance%s" % (n + 1, "s" if n else ""), [run[n] for run in made],
             [run[n]["rate"] / run[0]["rate"] for run in made] if n else None)


def by_connections(bench, rounds):
    for requests in (REQUESTS, 16):
        for connections in (1, 5, 20, 60, 200, 400):
            tell("1 instance, %d connections, %d requests at a time" % (connections, requests),
                 [bench.run(1, connections, requests) for _ in range(rounds)])


def main(args):
    seconds, rounds = args + [SECONDS, ROUNDS][len(args):]
    stub = Stub()
    try:
        with tempfile.TemporaryDirectory(prefix="intake-scale.", dir="/var/tmp") as name:
            bench = Bench(pathlib.Path(name), stub, seconds)
            print("%d processors, %d ms a request" % (os.cpu_count(), LATENCY_MS))
            by_instances(bench, rounds)
            by_connections(bench, min(rounds, 3))
    finally:
        stub.stop()
    return 0
