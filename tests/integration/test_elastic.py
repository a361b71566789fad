# SPDX-License-Identifier: Apache-2.0
"""The Elasticsearch and OpenSearch sink: against a stub that misbehaves on
demand, and against the real servers.

INTAKE_TEST_LONG=1 takes 2,000 mails, ten kills and 30 s without a server.
"""
import base64
import concurrent.futures
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import COMMAND, FIXTURES, SERVERS, TOP, Intake, free_port, needs_postfix, wait_for
import mailgen
from elastic_stub import CUTS, Stub
from report import BEGIN, DAY, record, report_xml
from test_replay import put

LONG = os.environ.get("INTAKE_TEST_LONG") == "1"
MONTH = 31 * DAY


class ElasticIntake(Intake):
    """The daemon with this sink alone."""

    def __init__(self, folder, hosts, keys="", progress=4, timeout=2):
        super().__init__(folder)
        self.conf.write_text(
            "[intake]\nstate_path = %s\nlog = stderr\nreplay_interval = 1s\n"
            "[lmtp]\nlisten = %s\nsocket_mode = 0666\nprogress_timeout = %ds\n"
            "[quarantine]\npath = %s\n[elasticsearch]\nhosts = %s\ntimeout = %ds\n%s\n"
            % (self.state, self.listen, progress, self.quarantine, hosts, timeout, keys))

    def check(self):
        run = subprocess.run([str(COMMAND), "-c", str(self.conf), "check"], capture_output=True, text=True, timeout=60)
        return next(line for line in run.stdout.splitlines() if line.startswith("elasticsearch:"))


def lmtp(listen, *mails):
    """Deliver over one connection: the reply to each."""
    replies = []
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(600)
        s.connect(listen.split(":", 1)[1])
        stream = s.makefile("rwb")

        def say(line):
            if line is not None:
                stream.write(line.encode() + b"\r\n")
                stream.flush()
            while True:
                answer = stream.readline().decode()
                if not answer:
                    raise ConnectionError("the daemon is gone")
                if answer[3:4] != "-":
                    return answer.strip()

        say(None)
        say("LHLO test")
        for mail in mails:
            say("MAIL FROM:<noreply@reporter.example>")
            say("RCPT TO:<reports@test.example>")
            say("DATA")
            lines = mail.removesuffix("\n").split("\n")
            stream.write("\r\n".join("." + line if line.startswith(".") else line for line in lines).encode())
            replies.append(say("\r\n."))
    return replies


def mail(report_id, records=1, begin=BEGIN, **more):
    """One report of a test's own; the org_name is the report's id."""
    rng = random.Random(report_id)
    xml = report_xml([record(rng, "d.test.example") for _ in range(records)], org=report_id + ".example",
                     domain="d.test.example", report_id=report_id, begin=begin, **more).encode()
    name, kind, data = mailgen.packed(random.Random(1), "r!d!%d!%d" % (begin, begin + DAY - 1), xml)
    return mailgen.mail_of(report_id + ".example", "d.test.example", report_id, name, kind, data)


def send_all(listen, mails, threads):
    """Each mail over a connection of its own: the replies, None where it was cut."""
    def one(text):
        try:
            return lmtp(listen, text)[0]
        except OSError:
            return None
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, mails))


@pytest.fixture
def folder():
    top = Path(tempfile.mkdtemp(prefix="elastic-", dir="/tmp"))
    top.chmod(0o755)
    yield top
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def start(folder):
    """start(hosts, ...): a daemon that ends with the test."""
    daemons = []

    def begin(hosts, sub="intake", **args):
        daemons.append(ElasticIntake(folder / sub, hosts, **args))
        return daemons[-1].start()

    yield begin
    for daemon in daemons:
        daemon.stop()


@pytest.fixture
def stub():
    s = Stub()
    yield s
    s.stop()


# --- the stub -------------------------------------------------------------

@pytest.mark.parametrize("trouble", CUTS + (429, 503, 500))
def test_a_passing_trouble_is_bridged(start, stub, trouble):
    intake = start(stub.url)
    assert lmtp(intake.listen, mail("first"))[0].startswith("250")
    stub.plan = [trouble] * 3
    assert lmtp(intake.listen, mail("second", 5))[0].startswith("250"), intake.log()
    assert len(stub.documents) == 6 and not stub.plan
    assert intake.kept() == []


@pytest.mark.parametrize("trouble,says", [
    ("garbage", "no JSON"), ("cut json", "cut short"), ("count", "not about"), ("hang", "no answer in time"),
    ("reply", "connection lost"), ("not http", "does not speak HTTP"), (429, "as planned"), (503, "as planned"),
    (400, "as planned"), (401, "wrong credentials"), (403, "not allowed"), (404, "look at the path"),
    (302, "302"), (413, "413")])
def test_a_lasting_trouble_is_a_451_and_says_why(start, stub, trouble, says):
    intake = start(stub.url, progress=2, timeout=1)
    stub.always = trouble
    for name in ("a", "b"):
        assert lmtp(intake.listen, mail(name))[0].startswith("451 4.3.0"), intake.log()
    assert says in intake.log()
    assert intake.kept() == []
    stub.always = None
    assert all(r.startswith("250") for r in lmtp(intake.listen, mail("a"), mail("b"))), intake.log()
    assert len(stub.documents) == 2


def test_nobody_there_and_then_somebody(start, folder):
    port = free_port()
    intake = start("http://127.0.0.1:%d" % port, progress=60, timeout=30)
    before = time.monotonic()
    replies = send_all(intake.listen, [mail("m%d" % n) for n in range(20)], 20)
    assert all(r.startswith("451 4.3.0") for r in replies)
    assert time.monotonic() - before < 20
    assert "no connection: Connection refused" in intake.log()
    stub = Stub(port)
    try:
        replies = send_all(intake.listen, [mail("m%d" % n) for n in range(20)], 20)
        assert all(r.startswith("250") for r in replies)
        assert len(stub.documents) == 20
    finally:
        stub.stop()
    # the operator reads of it once, and once that it is over
    assert intake.log().count("records cannot be stored: elasticsearch: ") == 1
    assert intake.log().count("records are stored again after ") == 1
    assert "; 20 mails were put off" in intake.log()


def wait(intake, text, n):
    put(intake, text.encode(), ".Waiting", received=1700000000 + n)


def waiting(intake):
    return list(intake.quarantine.glob(".Waiting/new/*"))


def test_a_waiting_mail_stops_the_others_for_one_round_only(start, stub):
    """Its index is closed, as that of an old month may be."""
    stub.judge = lambda document: (403, "cluster_block_exception") if document["report_id"].startswith("old") else None
    intake = start(stub.url, progress=2, timeout=1)
    intake.stop()  # its first round finds all of them
    for n in range(12):
        wait(intake, mail(("old-%d" if n < 8 else "new-%d") % n), n)
    intake.start()
    wait_for(lambda: len(waiting(intake)) == 8, 60)
    assert {document["report_id"] for document in stub.documents.values()} == {"new-%d" % n for n in range(8, 12)}
    assert "5 waiting mails stay in the quarantine: elasticsearch: the index is blocked" in intake.log()
    assert intake.log().count("stay in the quarantine") == 1
    assert " of nobody" not in intake.log()


def test_a_stop_does_not_wait_for_a_replay(start, stub):
    intake = start(stub.url, progress=100, timeout=100)
    stub.hold.clear()
    wait(intake, mail("old"), 0)
    wait_for(lambda: stub.held)  # it asks, and gets no answer
    before = time.monotonic()
    assert intake.stop() == 0
    assert 2 < time.monotonic() - before < 15
    assert len(waiting(intake)) == 1 and "not acknowledged" not in intake.log()


def test_what_weakens_tls_is_said_at_the_start(start, stub):
    assert "skip_certificate_verification" not in start(stub.url, sub="strong").log()
    intake = start(stub.url, keys="skip_certificate_verification = yes", sub="weak")
    assert "warn [elasticsearch] skip_certificate_verification is on" in intake.log()


def test_a_silent_server_costs_the_others_a_second(start, stub):
    intake = start(stub.url, progress=3, timeout=1)
    assert lmtp(intake.listen, mail("first"))[0].startswith("250")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        other = start("http://127.0.0.1:%d" % silent.getsockname()[1], sub="silent", progress=60, timeout=1)
        assert lmtp(other.listen, mail("a"))[0].startswith("451")  # it has asked, and waited
        before = time.monotonic()
        replies = send_all(other.listen, [mail("m%d" % n) for n in range(10)], 10)
        assert all(r.startswith("451") for r in replies)
        assert time.monotonic() - before < 20  # one of them asks, for three seconds
        assert "in time" in other.log()


def test_hosts_take_turns_and_one_may_be_away(start, stub):
    other = Stub()
    try:
        dead = "http://127.0.0.1:%d" % free_port()
        intake = start("%s, %s, %s" % (dead, stub.url, other.url))
        for n in range(10):
            assert lmtp(intake.listen, mail("m%d" % n))[0].startswith("250")
        assert stub.requests > 0 and other.requests > 0 and stub.requests + other.requests == 10
        other.always = 503
        for n in range(10, 20):
            assert lmtp(intake.listen, mail("m%d" % n))[0].startswith("250")
        assert len({**stub.documents, **other.documents}) == 20
    finally:
        other.stop()


def test_credentials_are_sent_as_configured(start, stub):
    basic = "Basic " + base64.b64encode(b"intake:p:w@").decode()
    host = stub.url.replace("http://", "")
    for n, (hosts, keys, expected) in enumerate([
            (stub.url, "user = intake\npassword = p:w@", basic),
            ("http://intake:p%3Aw%40@" + host, "", basic),
            (host, "api_key = a2V5", "ApiKey a2V5"),
            (host, "bearer_token = t0k", "Bearer t0k"),
            (host, "", None)]):
        intake = start(hosts, sub="intake%d" % n, keys=keys)
        assert lmtp(intake.listen, mail("m%d" % n))[0].startswith("250"), intake.log()
        assert stub.headers[-1].get("authorization") == expected
        printed = subprocess.run([str(COMMAND), "-c", str(intake.conf), "check", "--print"], capture_output=True,
                                 text=True, timeout=60).stdout
        for secret in ("p:w@", "p%3Aw", "a2V5", "t0k"):
            assert secret not in printed


def test_aws_signature(start, stub):
    intake = start(stub.url, keys="auth_type = awssigv4\naws_region = eu-central-1\n"
                                  "user = AKID\npassword = SECRET")
    assert lmtp(intake.listen, mail("a", 20))[0].startswith("250"), intake.log()
    sent = stub.headers[-1]["authorization"]
    assert sent.startswith("AWS4-HMAC-SHA256 Credential=AKID/") and "/eu-central-1/es/aws4_request" in sent


def test_a_request_too_large_is_halved(start, stub):
    intake = start(stub.url)
    stub.limit = 100_000
    assert lmtp(intake.listen, mail("large", 1000))[0].startswith("250"), intake.log()
    assert len(stub.documents) == 1000 and len(stub.writes) == 1000
    stub.sizes.clear()
    assert lmtp(intake.listen, mail("another", 1000))[0].startswith("250")
    assert max(stub.sizes) <= 110_000


def test_mails_of_the_same_moment_share_a_request(start, stub):
    intake = start(stub.url, keys="connections = 1", progress=20, timeout=10)
    assert lmtp(intake.listen, mail("first"))[0].startswith("250")
    stub.hold.clear()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send_all, intake.listen, [mail("m%d" % n, 3) for n in range(30)], 30)
        time.sleep(3)  # all of them are there
        before = len(stub.batches)
        stub.hold.set()
        assert all(r.startswith("250") for r in sent.result(60))
    assert len(stub.batches) - before <= 10  # some may have come late
    assert len(stub.documents) == 91


def test_each_mail_of_one_bulk_gets_its_own_verdict(start, stub):
    """400s of both kinds, a 401, 403s, 429s and good ones in one bulk."""
    verdicts = {"good": None, "mapping": 400, "parsing": (400, "document_parsing_exception"),
                "strict": (400, "strict_dynamic_mapping_exception"), "closed": (400, "index_closed_exception"),
                "shards": (400, "validation_exception"), "unknown": (400, "new_exception"), "denied": 403,
                "login": 401, "missing": (404, "index_not_found_exception"), "busy": 429,
                "blocked": (403, "cluster_block_exception"), "down": (503, "unavailable_shards_exception"),
                "fine": None}
    kept = {"mapping", "parsing", "strict"}
    stored = {"good", "fine"}
    intake = start(stub.url, keys="connections = 1", progress=8, timeout=10)
    assert lmtp(intake.listen, mail("first"))[0].startswith("250")
    stub.judge = lambda document: verdicts[document["report_id"]] if document["report_id"] in verdicts else None
    stub.hold.clear()
    held = stub.held
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        leader = pool.submit(lmtp, intake.listen, mail("leader"))
        wait_for(lambda: stub.held > held)
        with concurrent.futures.ThreadPoolExecutor(1) as rest:
            sent = rest.submit(send_all, intake.listen, [mail(name, 2) for name in verdicts], len(verdicts))
            time.sleep(3)
            stub.hold.set()
            replies = dict(zip(verdicts, sent.result(60)))
        assert leader.result(60)[0].startswith("250")
    together = {d["report_id"] for d in max(stub.batches, key=len)}
    assert together == set(verdicts), "they did not meet in one bulk"
    for name, reply in replies.items():
        assert reply.startswith("250" if name in stored | kept else "451"), (name, reply, intake.log())
    assert {d["report_id"] for d in stub.documents.values()} == stored | {"first", "leader"}
    assert len(intake.kept()) == 3
    assert all(any(b"report_id" not in k and name.encode() in k for k in intake.kept()) for name in kept)
    reasons = "".join(p.read_text() for p in intake.quarantine.glob("why/*.json"))
    assert "the stub says so" in reasons and "mapper_parsing_exception" in reasons


def test_a_poisonous_record_keeps_none_of_the_others_out(start, stub):
    intake = start(stub.url)
    stub.judge = lambda d: 400 if d["intake"]["position"] == 17 else None
    assert lmtp(intake.listen, mail("poison", 50))[0].startswith("250")
    assert len(stub.documents) == 49 and len(intake.kept()) == 1
    assert "1 records refused" in intake.log()


def test_a_large_report_goes_piece_by_piece(start, stub):
    intake = start(stub.url, keys="bulk_size = 64K")
    assert lmtp(intake.listen, mail("large", 1000))[0].startswith("250")
    assert max(stub.sizes) <= 65536 and len(stub.sizes) > 10
    assert len(stub.documents) == 1000


# --- the real servers -----------------------------------------------------

class Server:
    """OpenSearch or Elasticsearch on loopback."""

    def __init__(self, product, **env):
        self.product, self.port = product, free_port()
        self.env = env
        # not below pytest's folder: the server's user may not enter it
        self.folder = Path(tempfile.mkdtemp(prefix="server-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.user = None
        self.up()

    def up(self):
        run = subprocess.run([str(SERVERS / (self.product + "-up")), str(self.folder), str(self.port)],
                             env={**os.environ, **self.env}, capture_output=True, text=True, timeout=600)
        assert run.returncode == 0, run.stderr
        self.url = (self.folder / "url").read_text().strip()

    def down(self):
        subprocess.run([str(SERVERS / (self.product + "-down")), str(self.folder)], check=True, timeout=120,
                       capture_output=True)

    def kill(self):
        """SIGKILL, also to the server that Elasticsearch's launcher has started."""
        pid = int((self.folder / "pid").read_text())
        pids = [pid]
        for tasks in Path("/proc/%d/task" % pid).glob("*/children"):
            pids += [int(p) for p in tasks.read_text().split()]
        for p in reversed(pids):
            try:
                os.kill(p, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_for(lambda: not any(self.is_running(p) for p in pids))
        (self.folder / "pid").unlink()

    @staticmethod
    def is_running(pid):
        try:
            return Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def stop(self):
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.loads(reply.read() or b"null")
        except urllib.error.HTTPError as e:
            if e.code == 404:
                return None
            raise AssertionError("%s %s: %d %s" % (method, path, e.code, e.read()[:500])) from e

    def clean(self):
        for index in self.ask("GET", "/_cat/indices/*dmarc*,smtp_tls*?format=json&expand_wildcards=all") or []:
            self.ask("DELETE", "/" + index["index"])
        self.ask("DELETE", "/_index_template/dmarc-intake-*")

    def documents(self, index="dmarc_*,smtp_tls*"):
        """{_id: (index, document)}"""
        self.ask("POST", "/%s/_refresh" % index)
        found = self.ask("POST", "/%s/_search" % index, {"size": 10000, "query": {"match_all": {}}})
        return {h["_id"]: (h["_index"], h["_source"]) for h in found["hits"]["hits"]}

    def counted(self, index="dmarc_aggregate*"):
        """{report_id: documents}"""
        self.ask("POST", "/%s/_refresh" % index)
        found = self.ask("POST", "/%s/_search" % index, {
            "size": 0, "track_total_hits": True,
            "aggs": {"reports": {"terms": {"field": "report_id.keyword", "size": 20000}}}})
        return {b["key"]: b["doc_count"] for b in found["aggregations"]["reports"]["buckets"]}


needs_servers = pytest.mark.skipif(shutil.which("mvn") is None or shutil.which("java") is None,
                                   reason="needs Maven and Java")


@pytest.fixture(scope="module")
def servers():
    """Both, started side by side."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        made = dict(zip(("opensearch", "elasticsearch"), pool.map(Server, ("opensearch", "elasticsearch"))))
    yield made
    for server in made.values():
        server.stop()


@pytest.fixture(params=["opensearch", "elasticsearch"])
def server(request, servers):
    s = servers[request.param]
    s.clean()
    return s


def golden():
    """The fixtures that are mails, and what they become: {_id: (index, document)}"""
    mails, expected = [], {}
    for path in sorted((TOP / "tests/golden").glob("*.eml.ndjson")):
        mails.append((FIXTURES / path.stem).read_text(errors="surrogateescape"))
        for document in map(json.loads, path.read_text().splitlines()):
            index, key = document.pop("_index"), document.pop("_id")
            expected[key] = index, document
    return mails, expected


def comparable(documents):
    """Without what the way in adds, and what tests/golden hides."""
    def without(document):
        document = {k: v for k, v in document.items() if k != "intake"}
        document.get("sample", {}).get("headers", {}).pop("received", None)
        return document
    return {key: (index, without(d)) for key, (index, d) in documents.items()}


@needs_servers
def test_documents_and_ids(start, server):
    intake = start(server.url, timeout=20, progress=60)
    mails, expected = golden()
    for round_ in range(2):
        replies = lmtp(intake.listen, *mails)
        assert all(r.startswith("250") for r in replies), intake.log()
        documents = server.documents()
        assert comparable(documents) == comparable(expected)
    assert all(d["intake"]["transport"] == "lmtp" and d["intake"]["envelope_recipient"] == "reports@test.example"
               for _, d in documents.values())
    lines = [line for line in intake.log().splitlines() if " records=" in line]
    stored = [line for line in lines[len(mails):] if "records=0" not in line]
    assert stored and all(line.split("records=")[1].split()[0] == line.split("duplicates=")[1].split()[0]
                          for line in stored), "the second round brought something new"


@needs_servers
def test_what_is_stored_is_classified_again(start, server, tmp_path):
    """A database and a map that are new; everything else in the documents stays."""
    intake = start(server.url, timeout=20, progress=60)
    mails, _ = golden()
    assert all(r.startswith("250") for r in lmtp(intake.listen, *mails))
    before = server.documents()
    table = tmp_path / "map.csv"
    table.write_text("base_reverse_dns,name,type\nexample.net,Example,SaaS\n")
    conf = tmp_path / "again.conf"
    conf.write_text("[intake]\nstate_path = %s\n[elasticsearch]\nhosts = %s\n[enrich]\nip_db_path = %s\n"
                    "source_map_path = %s\n" % (tmp_path, server.url, FIXTURES / "names" / "ipinfo.mmdb", table))

    def again(*args, code=0, why=""):
        run = subprocess.run([COMMAND, "-c", conf, "reclassify", *args], capture_output=True, text=True, timeout=120)
        assert run.returncode == code and why in run.stderr, run.stderr
        return run.stdout

    fields = {"source_country", "source_asn", "source_as_name", "source_as_domain", "source_name", "source_type"}
    concerned = {k for k, (_, d) in before.items()
                 if d.get("source_ip_address", "").startswith(("192.0.2.", "198.51.100."))}
    seen = sum("smtp_tls" not in index for index, _ in before.values())
    assert concerned
    assert again("--dry-run") == "%d seen, %d would change\n" % (seen, len(concerned))
    assert server.documents() == before
    assert again() == "%d seen, %d changed\n" % (seen, len(concerned))
    after = server.documents()
    assert after.keys() == before.keys()
    for key, (index, document) in after.items():
        assert index == before[key][0]
        category = before[key][1]["intake"].get("category")
        assert document["intake"].get("category") == (
            "misconfigured" if category == "unknown" and document.get("source_type") else category)
        document["intake"].update({"category": category} if category else {})
        assert {k: v for k, v in document.items() if k not in fields} == before[key][1]
        if key in concerned:
            assert document["source_country"] == ("DE" if document["source_ip_address"].startswith("192") else "FR")
    assert again() == "%d seen, 0 changed\n" % seen
    # the map loses its row: the type is not there any more, rather than null
    table.write_text("base_reverse_dns,name,type\nother.example,Other,ISP\n")
    assert again().split()[2] != "0"
    assert not any(v is None for _, d in server.documents().values() for v in d.values())
    # an old month that is not to be written any more, and what only others write
    (key, (index, document)), *_ = [item for item in server.documents().items() if item[0] in concerned]
    server.ask("PUT", "/%s/_doc/of-others?refresh=true" % index, dict(document, source_country="XX", org_name="a\0b"))
    server.ask("PUT", "/%s/_settings" % index, {"index.blocks.write": True})
    assert again(code=75, why="1 documents were not taken, the first: the index is blocked: look at its settings") \
        == "%d seen, 0 changed\n" % (seen + 1)
    server.ask("PUT", "/%s/_settings" % index, {"index.blocks.write": False})
    assert again() == "%d seen, 1 changed\n" % (seen + 1)
    assert server.documents()["of-others"][1]["org_name"] == "a\0b"


def set_up(intake):
    subprocess.run([COMMAND, "-c", intake.conf, "setup", "elasticsearch", "--templates", TOP / "conf" / "elasticsearch"],
                   check=True, timeout=60)


@needs_servers
def test_check_tells(start, server):
    intake = start(server.url, timeout=20, progress=60)
    today = "/dmarc_aggregate-" + time.strftime("%Y-%m", time.gmtime())
    assert "%s is made without the template" % today[1:] in intake.check()
    assert server.ask("GET", "/_cat/indices/dmarc*?format=json") == []  # asking makes nothing
    set_up(intake)
    assert intake.check() == "elasticsearch: ok"
    server.ask("PUT", today, {"settings": {"index.translog.durability": "async", "number_of_replicas": 0}})
    assert "async" in intake.check()
    server.ask("PUT", today + "/_settings", {"index.translog.durability": "request", "index.blocks.write": True})
    assert "blocked" in intake.check()
    server.ask("PUT", today + "/_settings", {"index.blocks.write": False})
    assert intake.check() == "elasticsearch: ok"
    assert server.documents() == {}
    server.ask("DELETE", "/_index_template/dmarc-intake-*")
    assert "dmarc_failure-" in intake.check()  # the other has it
    server.ask("DELETE", today)
    server.ask("PUT", today)
    assert "%s is made without the template" % today[1:] in intake.check()


@needs_servers
def test_what_the_server_lacks_is_said_at_the_start(start, server):
    lacks = "warn elasticsearch: dmarc_aggregate-%s is made without the template" % time.strftime("%Y-%m", time.gmtime())
    intake = start(server.url, timeout=20)
    wait_for(lambda: lacks in intake.log())
    assert server.ask("GET", "/_cat/indices/dmarc*?format=json") == []  # asking makes nothing
    set_up(intake)
    ready = start(server.url, sub="ready", timeout=20)
    assert ready.stop() == 0  # who stops has looked
    assert "warn elasticsearch" not in ready.log()


def test_what_a_server_lacks_that_is_away_at_the_start(start):
    port = free_port()
    intake = start("http://127.0.0.1:%d" % port)
    wait_for(lambda: "warn elasticsearch: " in intake.log())
    late = Stub(port)  # whose indexes are not of our templates
    try:
        wait_for(lambda: "is made without the template" in intake.log(), 40)
        assert intake.log().count("warn elasticsearch: ") == 2  # not at every try
    finally:
        late.stop()


@needs_servers
def test_read_only_block_then_release(start, server):
    intake = start(server.url, timeout=20, progress=10)
    assert lmtp(intake.listen, mail("before"))[0].startswith("250")
    server.ask("PUT", "/dmarc_aggregate-2026-01/_settings", {"index.blocks.read_only_allow_delete": True})
    assert lmtp(intake.listen, mail("during", 3))[0].startswith("451")
    assert "blocked" in intake.log()
    before = time.monotonic()
    assert lmtp(intake.listen, mail("during", 3))[0].startswith("451")
    assert time.monotonic() - before < 8
    # released while one waits
    intake.stop()
    patient = start(server.url, sub="patient", timeout=20, progress=30)
    timer = threading.Timer(2, server.ask, ("PUT", "/dmarc_aggregate-2026-01/_settings",
                                            {"index.blocks.read_only_allow_delete": None}))
    timer.start()
    assert lmtp(patient.listen, mail("during", 3))[0].startswith("250")
    timer.join()
    assert server.counted() == {"before": 1, "during": 3}
    assert intake.kept() == patient.kept() == []


@needs_servers
def test_mixed_verdicts_of_a_real_server(start, server):
    """One bulk, six indexes: fine, a mapping that refuses, strict, closed, blocked, full."""
    def index(n):
        return "/dmarc_aggregate-" + time.strftime("%Y-%m", time.gmtime(BEGIN + n * MONTH + DAY))

    names = ["fine", "mapping", "strict", "closed", "blocked", "fields"]
    server.ask("PUT", index(1), {"mappings": {"properties": {"org_name": {"type": "long"}}}})
    server.ask("PUT", index(2), {"mappings": {"dynamic": "strict"}})
    server.ask("PUT", index(3))
    server.ask("POST", index(3) + "/_close")
    server.ask("PUT", index(4), {"settings": {"index.blocks.read_only_allow_delete": True}})
    server.ask("PUT", index(5), {"settings": {"index.mapping.total_fields.limit": 5}})
    intake = start(server.url, keys="connections = 1", timeout=20, progress=3)
    replies = dict(zip(names, send_all(
        intake.listen, [mail(name, 2, begin=BEGIN + n * MONTH + DAY) for n, name in enumerate(names)], len(names))))
    for name, reply in replies.items():
        assert reply.startswith("451" if name in ("closed", "blocked") else "250"), (name, reply, intake.log())
    server.ask("DELETE", index(3))
    server.ask("PUT", index(4) + "/_settings", {"index.blocks.read_only_allow_delete": None})
    assert len(intake.kept()) == 3
    assert {d["report_id"] for _, d in server.documents().values()} == {"fine"}
    assert "open it" in intake.log() and "index is blocked" in intake.log()


@needs_servers
def test_what_was_acknowledged_survives_a_killed_server(start, server):
    """Two copies of each mail race, and the server is killed between them. Whoever
    is told 250 must find the records after the restart (design.md, section 3)."""
    if server.product == "elasticsearch" and not LONG:
        pytest.skip("one server will do; INTAKE_TEST_LONG=1 takes both")
    for round_ in range(5 if LONG else 1):
        server.clean()
        intake = start(server.url, sub="race%d" % round_, timeout=10, progress=2)
        texts = dict((report_id, (count, text)) for report_id, count, text in mailgen.mails(150, 100 + round_))
        order = [key for key in texts for _ in (0, 1)]
        seen, enough = [], threading.Event()

        def one(key, intake=intake, texts=texts, seen=seen, enough=enough):
            try:
                reply = lmtp(intake.listen, texts[key][1])[0]
            except OSError:
                return key, None
            seen.append(key)
            if len(seen) > 60:
                enough.set()
            return key, reply

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            replies = [pool.submit(one, key) for key in order]
            assert enough.wait(60), intake.log()
            server.kill()
            replies = [r.result(120) for r in replies]
        acknowledged = {key for key, reply in replies if reply is not None and reply.startswith("250")}
        assert len(acknowledged) >= 30
        assert len(acknowledged) < len(texts), "the server died too late"
        server.up()
        counted = server.counted()
        lost = {key for key in acknowledged if counted.get(key, 0) != texts[key][0]}
        assert lost == set()
        # and the retry brings the rest, each record once
        replies = send_all(intake.listen, [text for _, text in texts.values()], 16)
        assert all(r.startswith("250") for r in replies), intake.log()
        assert server.counted() == {key: count for key, (count, _) in texts.items()}
        assert intake.kept() == []
        intake.stop()


@needs_servers
@needs_postfix
def test_server_away_and_daemon_killed_every_record_once(folder, start, servers):
    """Mails come in by SMTP all the while: the server is stopped for a time, the
    daemon is killed again and again. Nothing is lost, nothing is there twice."""
    from conftest import Postfix
    from test_postfix import send_all as smtp_all
    mails, kills, away = (2000, 10, 30) if LONG else (300, 3, 3)
    server = servers["opensearch"]
    server.clean()
    paths, expected = mailgen.write(mails, str(folder / "mails"), seed=9)
    intake = start(server.url, timeout=20, progress=60)
    postfix = Postfix(folder / "postfix", intake.listen)
    rng = random.Random(3)
    try:
        sender = threading.Thread(target=smtp_all, args=(postfix, paths, 600))
        sender.start()
        wait_for(lambda: sum(server.counted().values()) > 0 if server.ask("GET", "/_cat/indices/dmarc*?format=json")
                 else False, 60)
        for n in range(kills):
            time.sleep(rng.uniform(0.2, 1.5))
            intake.kill()
            if n == kills // 2:
                server.down()
                intake.start()
                postfix.flush()
                time.sleep(away)
                server.up()
            else:
                intake.start()
            postfix.flush()
        sender.join(600)
        assert not sender.is_alive()
        end = time.monotonic() + (600 if LONG else 90)
        while postfix.queue() and time.monotonic() < end:
            postfix.flush()
            time.sleep(0.5)
        assert not postfix.queue()
        assert server.counted() == expected
        assert intake.kept() == []
        assert "status=bounced" not in postfix.log()
    finally:
        postfix.stop()


ORACLE = Path(os.environ.get("ORACLE_PYTHON", "/tmp/pdvenv"))
ORACLE = ORACLE if ORACLE.is_file() else ORACLE / "bin" / "python"


@needs_servers
@pytest.mark.skipif(not ORACLE.exists(), reason="needs parsedmarc (ORACLE_PYTHON)")
def test_parsedmarc_beside_us(start, servers, folder):
    """It finds what we have stored; we find what it has stored, and what it has stored in part."""
    server, fixture = servers["opensearch"], FIXTURES / "zip_single_part.eml"
    server.clean()
    (folder / "pd.ini").write_text("[general]\nsave_aggregate = True\noffline = True\nsilent = True\n"
                                   "[opensearch]\nhosts = %s\nssl = False\n" % server.url)

    def parsedmarc():
        run = subprocess.run([str(ORACLE.parent / "parsedmarc"), "-c", str(folder / "pd.ini"), str(fixture)],
                             capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, run.stderr
        return server.documents()

    def ours(documents):
        return [key for key, (_, d) in documents.items() if "intake" in d]

    intake = start(server.url, timeout=20, progress=60)
    assert lmtp(intake.listen, fixture.read_text())[0].startswith("250")
    assert len(server.documents()) == 3
    assert len(parsedmarc()) == 3
    server.clean()

    theirs = parsedmarc()
    assert len(theirs) == 3 and not ours(theirs)
    mover = start(server.url, sub="mover", timeout=20, progress=60, keys="skip_saved_by_parsedmarc = yes")
    assert lmtp(mover.listen, fixture.read_text())[0].startswith("250")
    assert "records=3 duplicates=3 " in mover.log()
    assert server.documents() == theirs
    # not ours: the same words, another report
    assert lmtp(mover.listen, mail("another"))[0].startswith("250")
    assert len(ours(server.documents())) == 1
    # its known loss: it believes to have stored all
    key, (index, _) = next(iter(theirs.items()))
    server.ask("DELETE", "/%s/_doc/%s?refresh=true" % (index, key))
    assert lmtp(mover.listen, fixture.read_text())[0].startswith("250")
    assert "warn" in mover.log() and "records=3 duplicates=0 partial=2 " in mover.log()
    assert len(ours(server.documents())) == 4
    # its daily indexes take our documents as they are
    daily = start(server.url, sub="daily", timeout=20, progress=60, keys="monthly_indexes = no")
    assert lmtp(daily.listen, fixture.read_text())[0].startswith("250"), daily.log()
    assert len(server.documents(index)) == 2 + 3


@needs_servers
@pytest.mark.skipif(not ORACLE.exists(), reason="needs parsedmarc (ORACLE_PYTHON)")
def test_what_parsedmarc_has_saved_of_every_kind(start, servers, folder):
    server = servers["opensearch"]
    server.clean()
    (folder / "pd.ini").write_text("[general]\nsave_failure = True\nsave_smtp_tls = True\noffline = True\nsilent = True\n"
                                   "[opensearch]\nhosts = %s\nssl = False\n" % server.url)
    files = [FIXTURES / "failure_network.eml", FIXTURES / "tls_gzip.eml"]
    run = subprocess.run([str(ORACLE.parent / "parsedmarc"), "-c", str(folder / "pd.ini"), *map(str, files)],
                         capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    theirs = server.documents()
    assert sorted(index.rsplit("-", 3)[0] for index, _ in theirs.values()) == ["dmarc_failure", "smtp_tls"]
    mover = start(server.url, timeout=20, progress=60, keys="skip_saved_by_parsedmarc = yes")
    for path in files:
        text = path.read_text(errors="surrogateescape")
        assert lmtp(mover.listen, text)[0].startswith("250"), mover.log()
        assert mover.log().count("records=1 duplicates=1 ") == 1 + files.index(path), mover.log()
        assert server.documents() == theirs
    # the next of the burst: another mail of the same second, to the same person
    text = files[0].read_text(errors="surrogateescape")
    sample_id = re.findall(r"(?im)^message-id: *<([^>]*)>", text)[-1]
    assert lmtp(mover.listen, text.replace(sample_id, "next." + sample_id))[0].startswith("250"), mover.log()
    assert len(server.documents()) == len(theirs) + 1


@needs_servers
def test_tls_and_credentials(start):
    server = Server("opensearch", SERVER_SECURITY="1")
    try:
        ca = server.folder / "certs/ca.pem"
        user = "user = admin\npassword = admin\n"
        other = server.folder / "other.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-keyout", "/dev/null", "-subj", "/CN=other", "-out", str(other)], check=True,
                       capture_output=True, timeout=60)
        cases = [
            ("right", user + "cert_path = %s" % ca, server.url, "250", "status=stored"),
            ("password", "user = admin\npassword = wrong\ncert_path = %s" % ca, server.url, "451",
             "wrong credentials of user admin"),
            ("nobody", "cert_path = %s" % ca, server.url, "451", "wrong credentials of nobody"),
            ("wrong CA", user + "cert_path = %s" % other, server.url, "451",
             "its certificate is not trusted (%s)" % other),
            ("no CA", user, server.url, "451", "its certificate is not trusted (the system's CAs)"),
            ("unchecked", user + "skip_certificate_verification = yes", server.url, "250", "status=stored"),
            ("no TLS", user, server.url.replace("https", "http"), "451", "https there?"),
            ("name", user, "https://no-such-host.invalid:9200", "451", "name is not resolved"),
            ("certificate", "cert_path = %s\nclient_cert_path = %s\nclient_key_path = %s" % (
                ca, server.folder / "certs/admin.pem", server.folder / "certs/admin.key"), server.url, "250",
             "status=stored"),
        ]
        for name, keys, hosts, reply, says in cases:
            intake = start(hosts, sub=name.replace(" ", "_"), keys=keys, timeout=20, progress=60)
            before = time.monotonic()
            assert lmtp(intake.listen, mail(name.replace(" ", "-")))[0].startswith(reply), (name, intake.log())
            assert time.monotonic() - before < 40, name
            assert says in intake.log(), (name, intake.log())
            checked = intake.check()
            assert ("ok" in checked) == (reply == "250"), (name, checked)
            assert intake.kept() == []
            intake.stop()
            if name == "unchecked":
                assert "skip_certificate_verification is on" in checked
    finally:
        server.stop()
