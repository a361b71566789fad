# SPDX-License-Identifier: Apache-2.0
"""Real servers for the tests: OpenSearch and Elasticsearch out of
tests/servers, with their security, and requests to them."""
import base64
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile

import pytest

SERVERS = pathlib.Path(__file__).resolve().parents[1] / "servers"
START_S = 300  # with downloads on a slow line; a warm start takes 10 to 35 s

needs_java = pytest.mark.skipif(shutil.which("mvn") is None or shutil.which("java") is None,
                                reason="needs Maven and Java for the servers")


@contextlib.contextmanager
def server_folder():
    """Not pytest's: that is closed again to the servers' user by each run."""
    with tempfile.TemporaryDirectory(prefix="dmarc-intake-servers.", ignore_cleanup_errors=True) as name:
        folder = pathlib.Path(name)
        folder.chmod(0o711)
        yield folder


class Cluster:
    """One server; start() returns at once, wait() when it serves."""

    def __init__(self, product, folder, port, version=None, has_security=True):
        self.product, self.folder, self.port = product, pathlib.Path(folder), port
        self.has_security = has_security
        self.env = {**os.environ, "SERVER_SECURITY": "1" if has_security else "0"}
        if version:
            self.env["SERVER_VERSION"] = version
        self.user, self.password = {"opensearch": ("admin", "admin"),
                                    "elasticsearch": ("elastic", "changeme-elastic")}[product]
        self.url = "%s://127.0.0.1:%d" % ("https" if has_security else "http", port)
        self.ca = self.folder / "certs" / "ca.pem"
        self.starting = None

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = open(self.folder / "up.log", "w")
        self.starting = subprocess.Popen([str(SERVERS / (self.product + "-up")), str(self.folder), str(self.port)],
                                         env=self.env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        return self

    def wait(self):
        if self.starting is not None:
            code = self.starting.wait(START_S)
            self.starting = None
            self.log.close()
            assert code == 0, (self.folder / "up.log").read_text()
        return self

    def stop(self):
        if self.starting is not None:
            self.wait()
        subprocess.run([str(SERVERS / (self.product + "-down")), str(self.folder)], check=True, timeout=90)

    def ask(self, method, path, body=None, user=None, password=None, content_type="application/json"):
        """(status, answer): JSON where it is JSON, else text."""
        if self.has_security:
            tls = ssl.create_default_context(cafile=str(self.ca))
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=tls)
            login = "%s:%s" % (user or self.user, password or self.password)
            headers = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()}
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            headers = {}
        if body is not None:
            headers["Content-Type"] = content_type
            body = body if isinstance(body, (bytes, str)) else json.dumps(body)
            body = body.encode() if isinstance(body, str) else body
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text.decode(errors="replace")

    def ok(self, method, path, body=None, **more):
        status, answer = self.ask(method, path, body, **more)
        assert 200 <= status < 300, (method, path, status, answer)
        return answer

    def bulk(self, lines, **login):
        """lines: action, document, action, ...; [(status, reason), ...] for each action."""
        body = "".join(json.dumps(line) + "\n" for line in lines)
        answer = self.ok("POST", "/_bulk", body, content_type="application/x-ndjson", **login)
        return [(item["status"], item.get("error", {}).get("reason"))
                for one in answer["items"] for item in one.values()]

    def count(self, indexes, query=None):
        self.ask("POST", "/%s/_refresh" % indexes)
        return self.ok("POST", "/%s/_count" % indexes, {"query": query or {"match_all": {}}})["count"]

    def indexes(self, pattern):
        return sorted(self.ok("GET", "/%s/_settings?filter_path=*.settings.index.provided_name" % pattern))

    def reports(self):
        """{report_id: [(records, sum of what they count) of each report of that name]}"""
        self.ask("POST", "/dmarc_*,smtp_tls*/_refresh")
        found = {}
        for indexes, key, number in (("dmarc_aggregate*", "report_id", "message_count"),
                                     ("smtp_tls*", "report_id", "policies.successful_session_count"),
                                     ("dmarc_failure*", "original_envelope_id", "none")):
            for bucket in self.buckets(indexes, key + ".keyword", number):
                found.setdefault(bucket["key"]["id"], []).append((bucket["doc_count"], int(bucket["sum"]["value"])))
        return found

    def buckets(self, indexes, key, number):
        composite = {"size": 1000, "sources": [{"id": {"terms": {"field": key}}}]}
        while True:
            answer = self.ok("POST", "/%s/_search?allow_partial_search_results=false" % indexes, {
                "size": 0, "aggs": {"reports": {"composite": composite, "aggs": {"sum": {"sum": {"field": number}}}}}})
            reports = answer.get("aggregations", {}).get("reports", {})
            yield from reports.get("buckets", ())
            if "after_key" not in reports:
                return
            composite["after"] = reports["after_key"]

    def ids(self):
        """[(index, _id)] of every document of ours."""
        self.ask("POST", "/dmarc_*,smtp_tls*/_refresh")
        answer = self.ok("POST", "/dmarc_*,smtp_tls*/_search?scroll=1m&allow_partial_search_results=false",
                         {"size": 5000, "_source": False, "sort": ["_doc"]})
        found = []
        while answer["hits"]["hits"]:
            found += [(hit["_index"], hit["_id"]) for hit in answer["hits"]["hits"]]
            answer = self.ok("POST", "/_search/scroll", {"scroll": "1m", "scroll_id": answer["_scroll_id"]})
        return found

    def clean(self):
        """None of our indexes is there any more."""
        for name in self.indexes("dmarc_*,smtp_tls*"):
            self.ok("DELETE", "/" + name)
