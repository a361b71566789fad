# SPDX-License-Identifier: Apache-2.0
"""Name servers for tests, on loopback: knot makes a name of each address in
10.0.0.0/8 and leads it back (mod-synthrecord), and counts; dnsdist before it
delays, or sends all of UDP to TCP."""
import os
import re
import shutil
import signal
import socket
import subprocess

from conftest import free_port, wait_for

KNOT = """
server:
    rundir: "{folder}"
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: error
control:
    listen: "{folder}/knot.sock"
database:
    storage: "{folder}"
mod-stats:
  - id: count
    query-type: on
mod-synthrecord:
  - id: back
    type: reverse
    prefix: host-
    ttl: {ttl}
    network: 10.0.0.0/8
    origin: {origin}
  - id: there
    type: forward
    prefix: host-
    ttl: {ttl}
    network: 10.0.0.0/{bits}
template:
  - id: default
    storage: "{folder}"
    file: "%s.zone"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    global-module: mod-stats/count
zone:
  - domain: 10.in-addr.arpa
    module: mod-synthrecord/back
  - domain: {origin}
    module: mod-synthrecord/there
"""
ZONE = "$TTL 3600\n@ SOA ns.invalid. h.invalid. 1 3600 600 86400 900\n@ NS ns.invalid.\n"
ORIGIN = "hosts.example"


def are_there():
    return all(shutil.which(p, path=os.environ["PATH"] + ":/usr/sbin") for p in ("knotd", "knotc", "dnsdist"))


def program(name):
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")


class Names:
    """delay: ms for each answer; tcp: UDP says "truncated"; bits: only the first
    addresses of 10/8 are led back to; mute: no answer for 10.9/16."""

    def __init__(self, folder, delay=0, tcp=False, ttl=600, bits=8, mute=False):
        self.folder = folder
        self.knot_port, self.port = free_port(), free_port()
        self.processes = []
        for zone in ("10.in-addr.arpa", ORIGIN):
            (folder / (zone + ".zone")).write_text(ZONE)
        (folder / "knot.conf").write_text(
            KNOT.format(folder=folder, port=self.knot_port, origin=ORIGIN, ttl=ttl, bits=bits))
        rules = "addAction(AndRule{TCPRule(false)}, TCAction())\n" if tcp else ""
        if delay:
            rules += "addAction(AllRule(), DelayAction(%d))\n" % delay
        if mute:
            rules += 'addAction("9.10.in-addr.arpa.", DropAction())\n'
        (folder / "dnsdist.conf").write_text(
            'setLocal("127.0.0.1:%d")\nsetSecurityPollSuffix("")\nsetMaxUDPOutstanding(65535)\n'
            'newServer({address="127.0.0.1:%d", sockets=4})\n%s' % (self.port, self.knot_port, rules))

    def start(self):
        self.run("knotd", "-c", str(self.folder / "knot.conf"))
        self.run("dnsdist", "-C", str(self.folder / "dnsdist.conf"), "--supervised", "--disable-syslog")
        wait_for(self.answers, 30)
        self.start_count = self.asked()
        return self

    def run(self, name, *args):
        with open(self.folder / (name + ".log"), "ab") as log:
            self.processes.append(subprocess.Popen([program(name), *args], stdin=subprocess.DEVNULL, stdout=log,
                                                   stderr=log))

    def answers(self):
        """Over TCP: that comes through with and without the rules."""
        question = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x0210\x07in-addr\x04arpa\x00\x00\x06\x00\x01"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as s:
                s.settimeout(2)
                s.sendall(len(question).to_bytes(2, "big") + question)
                return len(s.recv(512)) > 12
        except OSError:
            return False

    def asked(self, kind="PTR"):
        out = subprocess.run([program("knotc"), "-s", str(self.folder / "knot.sock"), "stats", "mod-stats.query-type"],
                             capture_output=True, text=True, timeout=30).stdout
        return sum(int(n) for n in re.findall(r"\[%s\] = (\d+)" % kind, out))

    def server(self):
        return "127.0.0.1:%d" % self.port

    def pause(self, is_on):
        for p in self.processes:
            p.send_signal(signal.SIGSTOP if is_on else signal.SIGCONT)

    def stop(self):
        self.pause(False)
        for p in self.processes:
            p.terminate()
        for p in self.processes:
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
