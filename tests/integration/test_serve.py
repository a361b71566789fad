# SPDX-License-Identifier: Apache-2.0
"""The live page: the numbers of "report", filters down to the single report,
no write, and limits that hold."""
import concurrent.futures
import contextlib
import csv
import http.client
import io
import json
import os
import re
import socket
import sqlite3
import subprocess
import time
import urllib.parse

import pytest
from browser import Page, dom, needs_chromium
from conftest import COMMAND
from test_report import HOSTILE, hostile, query, run, samples  # noqa: F401

pytestmark = pytest.mark.skipif(
    b"serve" not in subprocess.run([str(COMMAND), "--help"], capture_output=True).stdout,
    reason="built without libmicrohttpd")


@contextlib.contextmanager
def serve(conf, *options, stderr=None):
    """(host, port) of a running server."""
    process = subprocess.Popen([str(COMMAND), "-c", str(conf), "serve", "--listen", "127.0.0.1:0", *options],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)
    try:
        line = process.stdout.readline().decode()
        host, port = re.match(r"http://([\d.]+):(\d+)/$", line).groups()
        yield host, int(port)
        assert process.poll() is None
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stdout.close()


def ask(server, path, method="GET", headers=None, body=None):
    connection = http.client.HTTPConnection(*server, timeout=60)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), text


def said(text):
    told = json.loads(text)
    told.pop("generated")
    return told


def test_same_numbers_as_report(samples):  # noqa: F811
    with serve(samples) as server:
        status, headers, text = ask(server, "/api/report?top=10000")
        assert status == 200 and headers["Content-Type"] == "application/json"
        told = said(text)
        assert told == said(run(samples, "report", "--format", "json", "--top", "10000"))
        for name, key, option in (("domains", "domain", "domain"), ("senders", "sender", "source"),
                                  ("reporters", "org_name", "reporter")):
            for row in [r for r in told[name] if r[key]][:3]:
                part = said(ask(server, "/api/report?top=100&%s=%s" % (option, urllib.parse.quote(row[key])))[2])
                assert part["totals"]["messages"] == row["messages"] and part["filter"][option] == row[key]
        rows = list(csv.DictReader(io.StringIO(ask(server, "/api/report.csv")[2], newline="")))
        assert {r["list"] for r in rows} >= {"days", "domains", "senders", "reports"}
        status, headers, text = ask(server, "/?since=2012-01-01&until=2013-01-01&domain=")
        assert status == 200 and headers["Content-Type"].startswith("text/html")
        assert 'value="2012-01-01"' in text


def test_down_to_the_single_report(samples):  # noqa: F811
    with serve(samples) as server:
        links = [a["href"] for t, a in Page(ask(server, "/")[2]).elements if t == "a"]
        kinds = {re.match(r"/\?(\w+)=", link).group(1) for link in links}
        assert kinds == {"domain", "source", "reporter", "report"}
        for link in [x for x in links if "report=" in x][:5]:
            number = int(link.split("=")[1])
            told = said(ask(server, "/api/report?top=10000&report=%d" % number)[2])
            (count, messages), = query(samples, "SELECT count(*), sum(message_count) FROM aggregate_record"
                                       " WHERE report_id = %d" % number)
            assert told["totals"]["reports"] == 1 and len(told["records"]) == min(count, 10000)
            assert told["totals"]["messages"] == messages == sum(r["messages"] for r in told["records"])
            assert "Records of this report" in ask(server, link)[2]
        assert ask(server, "/?report=99999999")[0] == 404


def test_what_it_refuses(samples):  # noqa: F811
    with serve(samples, "--host", "dmarc.example") as server:
        for path in ("/x", "/api", "/..%2f..%2fetc/passwd", "//", "/index.html"):
            assert ask(server, path)[0] == 404, path
        for query_text in ("since=yesterday", "until=2026-02-31", "report=-1", "report=a", "top=0", "top=10001"):
            assert ask(server, "/?" + query_text)[0] == 400, query_text
        for top in (1, 10000):
            assert ask(server, "/?top=%d" % top)[0] == 200
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            status, headers, _ = ask(server, "/", method, body=b"x" if method == "POST" else None)
            assert status == 405 and headers["Allow"] == "GET, HEAD"
        assert ask(server, "/", "HEAD")[::2] == (200, "")
        for host, status in (("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("DMARC.example", 200),
                             ("192.0.2.1:8470", 200), ("[2001:db8::1]", 200), ("cafe.de:8470", 421), ("bad.ac", 421),
                             ("evil.example", 421), ("localhost.evil.example", 421), ("dmarc.example.evil", 421)):
            assert ask(server, "/api/report", headers={"Host": host})[0] == status, host
        _, headers, _ = ask(server, "/")
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in headers["Content-Security-Policy"] and headers["X-Content-Type-Options"] == "nosniff"
    for options in (("--listen", "127.0.0.1"), ("--listen", "name:80"), ("--listen", "127.0.0.1:65536"),
                    ("--connections", "0"), ("--connections", "10001"), ("--timeout", "0"), ("--timeout", "3601"), ("x",)):
        run(samples, "serve", *options, code=64)


@pytest.mark.parametrize("limit,clients", [(8, 30), (1, 4)])
def test_limits_of_connections_and_time(samples, limit, clients):  # noqa: F811
    with serve(samples, "--connections", str(limit), "--timeout", "1") as server:
        begin = time.monotonic()
        idle = [socket.create_connection(server, timeout=30) for _ in range(clients)]
        # each is closed when it has been idle; those that are too many wait for their turn, four turns in all
        for s in idle:
            s.settimeout(30)
            assert s.recv(1) == b""
        assert 3 < time.monotonic() - begin < 29
        assert ask(server, "/api/report")[0] == 200
        with socket.create_connection(server, timeout=30) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100000 + b"\r\n\r\n")
            assert re.match(rb"HTTP/1.1 4\d\d |$", s.recv(100))


def test_fifty_clients_and_no_write(samples):  # noqa: F811
    database = samples.parent / "state" / "intake.db"

    def state():
        return [(os.stat(p).st_size, os.stat(p).st_mtime_ns) for p in (database, str(database) + "-wal")
                if os.path.exists(p)]

    paths = ["/", "/api/report", "/?top=100", "/api/report.csv", "/?since=2000-01-01"]
    with serve(samples) as server:
        before = state()
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda i: ask(server, paths[i % len(paths)])[0], range(500)))
        assert set(answers) == {200}
        assert state() == before


def test_what_is_new_shows(samples, tmp_path):  # noqa: F811
    with serve(samples) as server:
        was = said(ask(server, "/api/report")[2])["totals"]["reports"]
        from test_report import BEGIN, DAY, record, report_xml
        import random
        (tmp_path / "new.xml").write_text(report_xml([record(random.Random(3), "d.example")], org="late.example",
                                                     domain="d.example", report_id="late", begin=BEGIN + 90 * DAY))
        run(samples, "ingest", tmp_path / "new.xml")
        assert said(ask(server, "/api/report")[2])["totals"]["reports"] == was + 1


def test_a_database_that_cannot_be_read(samples, tmp_path):  # noqa: F811
    """The client gets no paths, and the operator one line, not one for each question."""
    database, conf, log = tmp_path / "newer.db", tmp_path / "conf", tmp_path / "log"
    with contextlib.closing(sqlite3.connect(database)) as newer:
        newer.execute("PRAGMA application_id = %d" % query(samples, "PRAGMA application_id")[0])
        newer.execute("PRAGMA user_version = 999999")
    conf.write_text("[sqlite]\npath = %s\n" % database)
    with open(log, "w") as stderr, serve(conf, stderr=stderr) as server:
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda i: ask(server, "/api/report?top=%d" % (i + 1))[::2], range(100)))
        assert set(answers) == {(503, "The database cannot be read now.\n")}
    assert re.fullmatch(r"dmarc-intake: serve: .*newer\.db.*version.*\n", log.read_text())


@needs_chromium
def test_hostile_names_live(hostile):  # noqa: F811
    """Under the policy of the header; the links lead nowhere but here."""
    with serve(hostile) as server:
        page = dom("http://%s:%d/" % server)
        assert page.text.strip().startswith("DMARC report")
        assert page.names() & {"script", "img", "svg", "iframe"} == {"svg"}
        for tag, attributes in page.elements:
            assert not [a for a in attributes if a.startswith("on")]
            if tag == "a":
                assert re.fullmatch(r"/\?\w+=[\w%.~-]*", attributes["href"])
        for name in HOSTILE[:7]:
            assert ask(server, "/?source=" + urllib.parse.quote(name))[0] == 200
