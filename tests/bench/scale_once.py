# SPDX-License-Identifier: Apache-2.0
"""scale once: Postfix, three instances that are killed in turn, one OpenSearch, and a count (scale has the words)."""
import json
import os
import pathlib
import re
import shutil
import smtplib
import subprocess
import tempfile
import threading
import time

from cluster import Cluster
from conftest import COMMAND, SERVERS, Postfix, free_port, wait_for
from instances import Balancer, Instances
from ledger import STORED, Ledger, judge

SECONDS, RATE, SENDERS = 45, 50.0, 8
DOWN_S, PAUSE_S = 1.0, 0.5  # one that is killed stays away, and then all are there
DRAIN_S, NAME = 90, "intake.test.example"
SETTINGS = "intake_destination_concurrency_limit = 60\nintake_destination_concurrency_failed_cohort_limit = 10\n"


class NamedPostfix(Postfix):
    """It alone finds NAME among the hosts, with these addresses: in a mount namespace, so that the machine's file stays."""

    def __init__(self, folder, nexthop, addresses):
        self.folder, self.port = folder, free_port()
        folder.mkdir(mode=0o711)
        hosts = folder / "hosts"
        hosts.write_text("127.0.0.1 localhost mx.test.example\n" + "".join("%s %s\n" % (a, NAME) for a in addresses))
        hosts.chmod(0o644)
        up = [str(SERVERS / "postfix-up"), str(folder), str(self.port), nexthop]
        run = subprocess.run(["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts), *up],
                             env={**os.environ, "POSTFIX_SETTINGS": SETTINGS}, capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == 0, run.stderr


class Sender:
    """Mails of a ledger, a steady number in a second, until the time is over."""

    def __init__(self, ledger, port, seconds):
        self.ledger, self.port, self.end = ledger, port, time.monotonic() + seconds
        self.next_s, self.lock = 0.0, threading.Lock()
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(SENDERS)]
        for t in self.threads:
            t.start()

    def work(self):
        while True:
            with self.lock:
                wait_s = self.next_s - time.monotonic()
                self.next_s = max(self.next_s, time.monotonic()) + 1 / RATE
            time.sleep(max(0, wait_s))
            if time.monotonic() >= self.end:
                return
            mail = self.ledger.next()
            with smtplib.SMTP("127.0.0.1", self.port, "localhost", timeout=60) as smtp:
                smtp.sendmail("noreply@reporter.example", ["reports@test.example"], mail.data.replace(b"\n", b"\r\n"))
            mail.is_sent = True

    def join(self):
        for t in self.threads:
            t.join(120)


def ids_of(ledger, folder):
    """What must be there: {(index, _id)}, as the command line reads the mails that were sent."""
    folder.mkdir()
    paths, found = [], set()
    for mail in ledger.sent():
        if mail.kind in STORED:
            paths.append(folder / mail.token)
            paths[-1].write_bytes(mail.data)
    for at in range(0, len(paths), 200):
        # it ends with 1 where one of two attachments cannot be read
        run = subprocess.run([str(COMMAND), "-c", "/dev/null", "parse", "-f", "ndjson", *map(str, paths[at:at + 200])],
                             capture_output=True, timeout=120, check=False)
        found |= {(d["_index"], d["_id"]) for d in map(json.loads, run.stdout.splitlines())}
    return found


def verdict(ledger, server, instances, folder):
    """(lines of what is wrong, records that are there)"""
    outcome = judge(ledger, server.reports(), instances.kept())
    found, expected = server.ids(), ids_of(ledger, folder)
    wrong = ["lost: " + text for text in outcome.lost] + ["doubled: " + text for text in outcome.doubled]
    wrong += ["odd: " + text for text in outcome.odd]
    if len(found) != len(set(found)):
        wrong.append("doubled: %d ids of %d are there twice" % (len(found) - len(set(found)), len(found)))
    wrong += ["lost: id %s in %s" % (key, index) for index, key in expected - set(found)]
    wrong += ["doubled: id %s in %s is nobody's" % (key, index) for index, key in set(found) - expected]
    return wrong, len(found)


def tell(way, ledger, postfix, instances, kills, records, wrong):
    log = postfix.log()
    seen = {"refused": "Connection refused", "cut": "lost connection with", "later": "status=deferred",
            "suspended": "delivery temporarily suspended"}
    print("%s: %d mails, %d records, %d kills; %s; of its deliveries Postfix saw %s; %d records were there already: "
          "%d lost, %d doubled, %d odd"
          % (way, len(ledger.sent()), records, kills,
             ", ".join("%s took %d" % (one.address, one.mails()) for one in instances.all),
             ", ".join("%d %s" % (log.count(text), name) for name, text in seen.items()),
             sum(one.told("duplicates") for one in instances.all),
             *(sum(line.startswith(kind) for line in wrong) for kind in ("lost", "doubled", "odd"))), flush=True)
    delays = sorted(float(d) for d in re.findall(r" delay=([\d.]+).* status=sent", log))
    print("  a mail was in the queue for %.2f s in the middle, %.1f s at most" % (delays[len(delays) // 2], delays[-1]))
    for line in wrong[:20]:
        print("  " + line)


def one_way(way, top, server, seed, seconds):
    """True: each record is there once."""
    server.clean()
    top.mkdir(mode=0o711)
    instances = Instances(top, "[elasticsearch]\nhosts = %s\n" % server.url, down_s=DOWN_S)
    postfix = balancer = None
    try:
        instances.wait()
        if way == "HAProxy":
            balancer = Balancer(top / "haproxy", instances.all)
            postfix = Postfix(top / "postfix", "inet:127.0.0.1:%d" % balancer.port, POSTFIX_SETTINGS=SETTINGS)
        else:
            postfix = NamedPostfix(top / "postfix", "inet:%s:%d" % (NAME, instances.port),
                                   [one.address for one in instances.all])
        ledger = Ledger(seed)
        sender = Sender(ledger, postfix.port, seconds)
        instances.kill_in_turn(PAUSE_S)
        sender.join()
        kills = instances.spare()
        wait_for(postfix.is_drained, DRAIN_S, 0.5)
        wrong, records = verdict(ledger, server, instances, top / "sent")
        tell(way, ledger, postfix, instances, kills, records, wrong)
        return not wrong and kills > 0 and all(one.mails() for one in instances.all)
    finally:
        for thing in (postfix, balancer, instances):
            if thing is not None:
                thing.stop()


def missing():
    if os.geteuid() != 0:
        return "root"
    return next((name for name in ("postfix", "haproxy", "unshare", "java", "mvn") if shutil.which(name) is None), None)


def main(args):
    if missing():
        print("skipped: needs " + missing())
        return 77
    seconds, seed = args[0] if args else SECONDS, int(time.time()) % 100000
    top = pathlib.Path(tempfile.mkdtemp(prefix="intake-scale."))
    top.chmod(0o711)
    server = Cluster("opensearch", top / "server", free_port(), has_security=False)
    try:
        server.start().wait()
        print("seed=%d" % seed)
        ways = enumerate(("one name, three addresses", "HAProxy"))
        return 0 if all([one_way(way, top / ("way%d" % n), server, seed + n, seconds) for n, way in ways]) else 1
    finally:
        server.stop()
        shutil.rmtree(top, ignore_errors=True)
