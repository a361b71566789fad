# SPDX-License-Identifier: Apache-2.0
"""Three instances behind HAProxy and one OpenSearch, and one of them killed all the time: every record once.
tests/bench/scale has the same with Postfix, for longer."""
import concurrent.futures
import json
import pathlib
import subprocess
import tempfile
import time

import pytest

import mailgen
from cluster import Cluster, needs_java, server_folder
from conftest import COMMAND, free_port
from instances import Balancer, Instances, needs_haproxy
from lmtp import deliver

MAILS, SENDERS, PAUSE_S, KILLS = 60, 6, 0.25, 6  # the kills take as long as the mails


@pytest.fixture
def server():
    with server_folder() as folder:
        cluster = Cluster("opensearch", folder / "opensearch", free_port(), has_security=False).start()
        try:
            yield cluster.wait()
        finally:
            cluster.stop()


@pytest.fixture
def top():
    with tempfile.TemporaryDirectory(prefix="intake-scale.") as name:
        yield pathlib.Path(name)


def ids_of(paths):
    """What must be there: {(index, _id)}"""
    run = subprocess.run([str(COMMAND), "-c", "/dev/null", "parse", "-f", "ndjson", *paths], capture_output=True,
                         timeout=120, check=True)
    return {(d["_index"], d["_id"]) for d in map(json.loads, run.stdout.splitlines())}


def bring(port, path, until):
    """As a mail server does: again until it is taken. How often."""
    mail = pathlib.Path(path).read_bytes().replace(b"\n", b"\r\n")
    tries = 0
    time.sleep(PAUSE_S)
    while time.monotonic() < until:
        tries += 1
        try:
            if deliver("inet:127.0.0.1:%d" % port, mail)[0].startswith("250"):
                return tries
        except (OSError, AssertionError):
            pass
        time.sleep(0.2)
    pytest.fail("%s: not taken" % path)


@needs_java
@needs_haproxy
def test_three_instances_one_killed_all_the_time(server, top):
    paths, expected = mailgen.write(MAILS, str(top / "mails"), seed=33)
    instances = Instances(top, "[elasticsearch]\nhosts = %s\n" % server.url)
    balancer = None
    try:
        balancer = Balancer(top / "haproxy", instances.wait().all)
        instances.kill_in_turn(0.3)
        until = time.monotonic() + 60
        # each mail twice: the copy comes to another instance, at the same time
        with concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:
            tries = list(pool.map(lambda path: bring(balancer.port, path, until), [p for p in paths for _ in (0, 1)]))
        assert instances.spare() >= KILLS
        assert {name: count for name, ((count, _),) in server.reports().items()} == expected
        ids = server.ids()
        assert len(ids) == len(set(ids)) == sum(expected.values())
        assert set(ids) == ids_of(paths)
        assert all(one.mails() for one in instances.all), instances.log()
        print("%d mails, %d tries, %d kills" % (len(tries), sum(tries), instances.kills()))
        assert not any(list(one.quarantine.glob("**/new/*")) for one in instances.all)
    finally:
        assert all(instances.stop())
        if balancer is not None:
            balancer.stop()
