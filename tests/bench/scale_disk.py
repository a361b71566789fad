# SPDX-License-Identifier: Apache-2.0
"""scale disk: what a record costs, for the model of doc/scale.md (scale has the words)."""
import contextlib
import os
import pathlib
import re
import subprocess
import tempfile
from random import Random

import mailgen
import names  # of the integration tests
from cluster import Cluster, server_folder
from conftest import COMMAND, TOP, free_port, wait_for
from instances import Instances
from report import BEGIN, DAY, record, report_xml
from scale_rate import CONNECTIONS, Stub, bring, cpu_of

MAILS, SIZES, FEW = 30000, (1, 5, 20, 100, 1000), 20000  # FEW: records at least in each of the runs by size


def write_mails(folder, count, seed, size=None):
    """All in one month. Of 10/8, which the name server knows, a few addresses come often and most seldom, as in real
    reports. (paths, number of records)"""
    folder.mkdir()
    paths, total = [], 0
    for n in range(count):
        rng = Random("%d %d" % (seed, n))
        org, domain, begin = "reporter-%d.example" % rng.randrange(50), "d%d.test.example" % rng.randrange(20), rng.randrange(28)
        records = size or rng.choices(list(mailgen.RECORDS), list(mailgen.RECORDS.values()))[0]
        total += records
        addresses = (int(2 ** (24 * rng.random())) for _ in range(records))
        xml = report_xml([record(rng, domain, ip="10.%d.%d.%d" % (a >> 16 & 255, a >> 8 & 255, a & 255)) for a in addresses],
                         org=org, domain=domain, report_id="%d-%08d" % (seed, n), begin=BEGIN + DAY * begin).encode()
        name, kind, data = mailgen.packed(rng, "%s!%s!%d!%d" % (org, domain, n, n), xml)
        paths.append(str(folder / ("%d.eml" % n)))
        pathlib.Path(paths[-1]).write_text(mailgen.mail_of(org, domain, "%d-%08d" % (seed, n), name, kind, data))
    return paths, total


def memory_mib(pid):
    """At most, so far."""
    return int(re.search(r"VmHWM:\s*(\d+)", pathlib.Path("/proc/%d/status" % pid).read_text()).group(1)) / 1024


def one_instance(top, name, sink, paths, connections=CONNECTIONS, server_pid=None):
    """(the instance, stopped; seconds; CPU seconds of the daemon, of the server; MiB of the daemon)"""
    instances = Instances(top / name, sink, 1).wait()
    try:
        pids = [instances.all[0].daemon.pid] + ([server_pid] if server_pid else [])
        before = [cpu_of(pid) for pid in pids]
        seconds, _ = bring(instances.all, paths, connections, 1)
        used = [cpu_of(pid) - b for pid, b in zip(pids, before)] + [0]
        return instances.all[0], seconds, used[0], used[1], memory_mib(pids[0])
    finally:
        instances.stop()


def segments(server):
    """(how many, their bytes): the statistics of the store are old by up to ten seconds."""
    server.ok("POST", "/dmarc_*/_refresh")
    server.ok("POST", "/dmarc_*/_flush")
    rows = server.ok("GET", "/_cat/segments/dmarc_*?format=json&bytes=b&h=prirep,size")
    return len(rows), sum(int(row["size"]) for row in rows if row["prirep"] == "p")


def merge(server):
    """Bytes of one segment for each index, when the old ones are gone; seconds of CPU."""
    pid = int((server.folder / "pid").read_text())
    begun = cpu_of(pid)
    server.ok("POST", "/dmarc_*/_forcemerge?max_num_segments=1")
    used, count = cpu_of(pid) - begun, len(server.indexes("dmarc_*"))
    wait_for(lambda: segments(server)[0] == count, 60, 1)
    return segments(server)[1], used


def into(top, server, name, sink, paths, connections):
    """Prints what it cost to bring these."""
    before = server.count("dmarc_*") if server.indexes("dmarc_*") else 0
    _, seconds, ours, theirs, mib = one_instance(top, name, sink, paths, connections,
                                                 int((server.folder / "pid").read_text()))
    new = server.count("dmarc_*") - before
    print("OpenSearch, %s, %d connections: %.0f mails/s, %.0f records/s; CPU for a record: server %.3f ms, daemon %.3f ms; "
          "%.0f MiB of memory of the daemon at most" % (name, connections, len(paths) / seconds, new / seconds,
                                                        theirs / new * 1e3, ours / new * 1e3, mib), flush=True)


def opensearch(top, paths, records, more):
    """With the templates that setup makes: first the server compiles itself, then it counts."""
    with server_folder() as folder:
        server = Cluster("opensearch", folder / "opensearch", free_port(), has_security=False).start()
        try:
            server.wait()
            sink = "[elasticsearch]\nhosts = %s\n%s" % (server.url, more)
            (top / "setup").write_text("[intake]\nstate_path = %s\n%s" % (top, sink))
            subprocess.run([str(COMMAND), "-c", str(top / "setup"), "setup", "elasticsearch"], check=True, timeout=120,
                           stdout=subprocess.DEVNULL, env={**os.environ, "INTAKE_TEMPLATES": str(TOP / "conf/elasticsearch")})
            third = len(paths) // 3
            into(top, server, "cold", sink, paths[:third], CONNECTIONS)
            into(top, server, "warm", sink, paths[third:2 * third], CONNECTIONS)
            into(top, server, "crowded", sink, paths[2 * third:], 10 * CONNECTIONS)
            assert server.count("dmarc_*") == records
            count, written = segments(server)
            merged, used = merge(server)
            print("OpenSearch: %d records in %s; %.0f bytes a record as written in %d segments, %.0f in one; %.0f s of CPU to "
                  "merge them" % (records, " ".join(server.indexes("dmarc_*")), written / records, count, merged / records,
                                  used), flush=True)
        finally:
            server.stop()


def sqlite(top, paths, records, more):
    database = top / "intake.db"
    _, seconds, ours, _, mib = one_instance(top, "sqlite", "[sqlite]\npath = %s\n%s" % (database, more), paths)
    size = sum(path.stat().st_size for path in top.glob("intake.db*"))
    print("SQLite: %d records of %d mails; %.0f bytes a record; %.0f mails/s, %.0f records/s; daemon %.3f ms of CPU a mail, "
          "%.3f a record; %.0f MiB of memory at most" % (records, len(paths), size / records, len(paths) / seconds,
                                                         records / seconds, ours / len(paths) * 1e3, ours / records * 1e3, mib),
          flush=True)


def by_size(top, stub, more):
    """What a mail costs, and what a record in it: bytes and CPU, by how many records a mail has."""
    for size in SIZES:
        paths, records = write_mails(top / ("size%d" % size), max(20, FEW // size), size, size)
        mail_bytes = sum(pathlib.Path(path).stat().st_size for path in paths) / len(paths)
        stub.told()
        sink = "[elasticsearch]\nhosts = http://127.0.0.1:%d\n%s" % (stub.port, more)
        _, _, ours, _, mib = one_instance(top, "stub%d" % size, sink, paths)
        told = stub.told()
        assert told["documents"] == records, told
        print("mails of %d records (%.0f bytes): daemon %.3f ms of CPU a mail, %.4f a record; a record is %.0f bytes, "
              "%.0f packed, in requests of %.1f; %.0f MiB of memory at most"
              % (size, mail_bytes, ours / len(paths) * 1e3, ours / records * 1e3, told["unpacked"] / records,
                 told["packed"] / records, records / told["requests"], mib), flush=True)


@contextlib.contextmanager
def name_server(top):
    """The [enrich] of a daemon that asks it."""
    if not names.are_there():
        print("without names: needs knot and dnsdist")
        yield ""
        return
    os.environ["DMARC_INTAKE_ENRICH_OFFLINE"] = "no"
    (top / "names").mkdir()
    server = names.Names(top / "names").start()
    try:
        yield "[enrich]\nnameservers = %s\n" % server.server()
    finally:
        server.stop()


def main(args):
    stub = Stub(0)
    try:
        with tempfile.TemporaryDirectory(prefix="intake-scale.", dir="/var/tmp") as name, \
                name_server(pathlib.Path(name)) as more:
            top = pathlib.Path(name)
            by_size(top, stub, more)
            paths, records = write_mails(top / "mails", args[0] if args else MAILS, 0)
            size = sum(pathlib.Path(path).stat().st_size for path in paths)
            print("mails of %.1f records on average: %.0f bytes a mail" % (records / len(paths), size / len(paths)))
            sqlite(top, paths, records, more)
            opensearch(top, paths, records, more)
    finally:
        stub.stop()
    return 0
