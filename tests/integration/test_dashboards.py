# SPDX-License-Identifier: Apache-2.0
"""Without Kibana and Grafana at hand: each saved object is whole, each field
that a panel names is in the mapping with a fitting type, and each panel's
question is put to a real Elasticsearch and OpenSearch, filled from the samples.
All answer, with the numbers that SQLite has. That a page renders is not shown."""
import email
import http.server
import json
import os
import re
import shutil
import sqlite3
import subprocess
import threading

import pytest
from cluster import Cluster, needs_java, server_folder
from conftest import COMMAND, FIXTURES, TOP, free_port
from test_oracle import SAMPLES
from test_setup import Setup

PRODUCTS = {"elasticsearch": "kibana", "opensearch": "opensearch-dashboards"}
TIMES = {"dmarc_aggregate*": "date_begin", "dmarc_f*": "arrival_date", "smtp_tls*": "date_begin"}
# what Kibana and OpenSearch Dashboards take (saved objects import)
TYPES = {"index-pattern", "visualization", "dashboard", "search"}
# the fields that parsedmarc's dashboards use, of parsedmarc 10 and 11
THEIRS = {
    "dmarc_aggregate*": """date_begin message_count spf_aligned dkim_aligned passed_dmarc org_name.keyword
        source_ip_address.keyword header_from.keyword envelope_from.keyword disposition.keyword
        spf_results_combined.keyword dkim_results_combined.keyword dkim_results.selector.keyword
        dkim_results.domain.keyword dkim_results.result.keyword spf_results.scope.keyword spf_results.domain.keyword
        spf_results.result.keyword org_extra_contact_info.keyword published_policy.adkim.keyword
        published_policy.aspf.keyword published_policy.domain.keyword published_policy.fo.keyword
        published_policy.p.keyword published_policy.sp.keyword published_policy.pct""",
    # names come from DNS and an MMDB: there, and empty without them
    "dmarc_aggregate* ": """source_base_domain.keyword source_name.keyword source_type.keyword source_asn
        source_as_name.keyword source_as_domain.keyword source_country.keyword source_reverse_dns.keyword""",
    "dmarc_f*": """arrival_date source_ip_address.keyword sample.headers.from.keyword sample.headers.subject.keyword
        sample.headers.reply-to.keyword authentication_results.keyword delivery_results.keyword auth_failure.keyword
        domain.keyword sample.headers.to.keyword""",
    "dmarc_f* ": "sample.subject.keyword sample.headers.received.keyword",
    "smtp_tls*": """date_begin policies.successful_session_count policies.failed_session_count org_name.keyword
        policies_combined.keyword policies.failure_details.failed_session_count failure_details_combined.keyword""",
}


def saved_objects(product):
    lines = (TOP / "conf" / "kibana" / (PRODUCTS[product] + ".ndjson")).read_text().splitlines()
    return {(o["type"], o["id"]): o for o in map(json.loads, lines)}, len(lines)


def inner(value):
    """The JSON in strings of a saved object, opened."""
    if isinstance(value, dict):
        return {k: inner(v) for k, v in value.items()}
    if isinstance(value, list):
        return [inner(v) for v in value]
    if isinstance(value, str) and value[:1] in ("{", "["):
        return inner(json.loads(value))
    return value


def reference_names(value):
    if isinstance(value, dict):
        for key, v in value.items():
            if key.endswith("RefName"):
                yield v
            else:
                yield from reference_names(v)
    elif isinstance(value, list):
        for v in value:
            yield from reference_names(v)


@pytest.mark.parametrize("product", PRODUCTS)
def test_saved_objects_are_whole(product):
    objects, lines = saved_objects(product)
    assert lines == len(objects) > 30 and {t for t, _ in objects} <= TYPES
    used = set()
    for (kind, _), o in objects.items():
        names = [r["name"] for r in o["references"]]
        assert len(names) == len(set(names))
        for r in o["references"]:
            assert (r["type"], r["id"]) in objects
            used.add((r["type"], r["id"]))
        for name in reference_names(inner(o["attributes"])):
            # Kibana puts the panel before it
            assert [n for n in names if n.split(":")[-1] == name], name
        if kind == "dashboard":
            places = [p["gridData"] for p in inner(o["attributes"]["panelsJSON"])]
            assert len(places) == sum(r["type"] == "visualization" for r in o["references"])
            for i, a in enumerate(places):
                assert a["x"] + a["w"] <= 48
                for b in places[:i]:
                    assert (a["x"] >= b["x"] + b["w"] or b["x"] >= a["x"] + a["w"] or
                            a["y"] >= b["y"] + b["h"] or b["y"] >= a["y"] + a["h"]), (a, b)
    assert {k for k in objects if k[0] != "dashboard"} == used  # nothing lies about
    assert {o["attributes"]["title"]: o["attributes"]["timeFieldName"]
            for (t, _), o in objects.items() if t == "index-pattern"} == TIMES


@pytest.fixture(scope="module")
def clusters():
    with server_folder() as base:
        both = {product: Cluster(product, base / product, free_port(),
                                 os.environ.get(product.upper() + "_VERSION")).start() for product in PRODUCTS}
        yield both
        for cluster in both.values():
            cluster.stop()


@pytest.fixture(scope="module", params=sorted(PRODUCTS))
def installed(request, clusters, tmp_path_factory):
    """What "setup elasticsearch" makes: templates, roles, users."""
    setup = Setup(clusters[request.param].wait(), tmp_path_factory.mktemp(request.param))
    setup.ok()
    return setup


@pytest.fixture(scope="module")
def filled(installed):
    """(product, cluster, database): the same records in both."""
    cluster, folder = installed.cluster, installed.folder
    conf = folder / "sqlite.conf"
    text = "[intake]\nstate_path = %s\n[sqlite]\npath = %s\n" % (folder / "state", folder / "intake.db")
    conf.write_text(text + "[ndjson]\npath = %s\n" % (folder / "records"))
    sources = [FIXTURES] + ([SAMPLES] if SAMPLES.is_dir() else [])
    subprocess.run([str(COMMAND), "-c", str(conf), "ingest", *map(str, sources)], capture_output=True, timeout=240,
                   stdin=subprocess.DEVNULL)
    # the documents that are indexed, in few indexes: months of years take minutes to make
    lines = []
    for document in map(json.loads, (folder / "records").read_text().splitlines()):
        name = re.sub(r"-(undated|\d{4}-\d\d)$", "-2026-01", document.pop("_index"))
        lines += [{"index": {"_index": name, "_id": document.pop("_id")}}, document]
    assert {status for status, _ in cluster.bulk(lines)} <= {200, 201}
    cluster.ok("POST", "/_refresh")
    database = sqlite3.connect("file:%s?mode=ro" % (folder / "intake.db"), uri=True)
    yield cluster.product, cluster, database
    database.close()


def question_of_kibana(state):
    """visState's aggregations as a _search, as Kibana asks it."""
    metric, = [a for a in state["aggs"] if a["schema"] == "metric"]
    ask = {}
    if metric["type"] == "sum":
        ask = {"m": {"sum": {"field": metric["params"]["field"]}}}
    for agg in reversed([a for a in state["aggs"] if a["schema"] != "metric"]):
        p = agg["params"]
        if agg["type"] == "date_histogram":
            body = {"date_histogram": {"field": p["field"], "fixed_interval": "1d", "min_doc_count": 1}}
        else:
            # all of them: what is compared are numbers, not where a list ends
            body = {"terms": {"field": p["field"], "size": 60000, "order": {"m" if ask else "_count": "desc"}}}
            if "m" not in ask:
                body["terms"].pop("order")
            if p.get("missingBucket"):
                body["terms"]["missing"] = p["missingBucketLabel"]
        ask = {"b": {**body, "aggs": ask}, **({"m": ask["m"]} if "m" in ask else {})}
    return ask


def rows_of(answer, keys=()):
    """{(key, key, ...): number}"""
    if "b" not in answer:
        yield keys, answer["m"]["value"] if "m" in answer else answer.get("doc_count", answer.get("total"))
        return
    for bucket in answer["b"]["buckets"]:
        key = bucket.get("key_as_string", bucket["key"])
        if isinstance(bucket["key"], int) and re.match(r"\d{4}-", str(key)):
            key = bucket["key"] // 1000
        yield from rows_of(bucket, keys + (key,))


def search(cluster, title, aggs):
    # a dashboard has a span of time: what has no time is in none
    body = {"size": 0, "track_total_hits": True, "query": {"range": {TIMES[title]: {"gte": "1970-01-01"}}}}
    if aggs:
        body["aggs"] = aggs
    answer = cluster.ok("POST", "/%s/_search" % title, body)
    assert answer["_shards"]["failed"] == 0
    return dict(rows_of({"total": answer["hits"]["total"]["value"], **answer.get("aggregations", {})}))


def rows_of_sql(database, query):
    query = query.replace("$__from", "-9e15").replace("$__to", "9e15")
    rows = database.execute(re.sub(r" LIMIT \d+$", "", query)).fetchall()
    return {tuple(row[:-1]): row[-1] for row in rows}


def check_same(told, known, what):
    """Times in the histogram of a text are seconds here and there."""
    told = {tuple(str(k) for k in key): n for key, n in told.items() if n}
    known = {tuple(str(k) for k in key): n for key, n in known.items() if n}
    assert told and told == known, what


def panels_in_order(objects):
    """(title of the data view, visState) as the dashboards and Grafana show them."""
    for (kind, _), o in objects.items():
        if kind == "visualization":
            state = json.loads(o["attributes"]["visState"])
            if state["type"] != "input_control_vis":
                view, = o["references"]
                yield objects["index-pattern", view["id"]]["attributes"]["title"], state


@needs_java
def test_each_panel_has_the_numbers_of_sqlite(filled):
    product, cluster, database = filled
    objects, _ = saved_objects(product)
    panels = json.loads((TOP / "conf" / "grafana" / "sqlite.json").read_text())["panels"]
    queries = [p["targets"][0]["rawQueryText"] for p in panels if p["type"] != "row"]
    states = list(panels_in_order(objects))
    assert len(states) == len(queries) > 25
    for (title, state), query in zip(states, queries):
        check_same(search(cluster, title, question_of_kibana(state)), rows_of_sql(database, query),
                   (title, state["title"]))


@needs_java
def test_each_panel_of_grafana_has_them_too(filled):
    _, cluster, database = filled
    panels = {source: [p for p in json.loads((TOP / "conf" / "grafana" / (source + ".json")).read_text())["panels"]
                       if p["type"] != "row"] for source in ("elasticsearch", "sqlite")}
    views = {"${aggregate}": "dmarc_aggregate*", "${failure}": "dmarc_f*", "${tls}": "smtp_tls*"}
    for ours, theirs in zip(panels["elasticsearch"], panels["sqlite"]):
        assert ours["title"] == theirs["title"] and ours["gridPos"] == theirs["gridPos"]
        target, ask = ours["targets"][0], {}
        metric = target["metrics"][0]
        if metric["type"] == "sum":
            ask = {"m": {"sum": {"field": metric["field"]}}}
        buckets = target["bucketAggs"]
        # time comes last there and first in SQL; a number is the sum over all days
        buckets = [b for b in buckets if b["type"] == "date_histogram" and ours["type"] != "stat"] + [
            b for b in buckets if b["type"] == "terms"]
        for bucket in reversed(buckets):
            body = ({"date_histogram": {"field": bucket["field"], "fixed_interval": "1d", "min_doc_count": 1}}
                    if bucket["type"] == "date_histogram" else {"terms": {"field": bucket["field"], "size": 60000, **(
                        {"missing": bucket["settings"]["missing"]} if "missing" in bucket["settings"] else {})}})
            ask = {"b": {**body, "aggs": ask}, **({"m": ask["m"]} if "m" in ask else {})}
        check_same(search(cluster, views[ours["datasource"]["uid"]], ask),
                   rows_of_sql(database, theirs["targets"][0]["rawQueryText"]), ours["title"])


def caps_of(cluster, title):
    return cluster.ok("GET", "/%s/_field_caps?fields=*" % title)["fields"]


@needs_java
def test_each_field_is_mapped(filled):
    product, cluster, _ = filled
    objects, _ = saved_objects(product)
    fields = {title: caps_of(cluster, title) for title in TIMES}
    for title, time in TIMES.items():
        assert set(fields[title][time]) == {"date"}
    for title, state in panels_in_order(objects):
        for agg in state["aggs"]:
            name = agg["params"].get("field")
            if name:
                (kind, caps), = fields[title][name].items()
                assert caps["aggregatable"] and (agg["type"] != "sum" or kind == "long"), (title, name)
    # the filters
    for (kind, _), o in objects.items():
        opened = inner(o["attributes"])
        controls = (opened.get("controlGroupInput", {}).get("panelsJSON", {}) or {}).values() if kind == "dashboard" else ()
        names = [c["explicitInput"]["fieldName"] for c in controls]
        if kind == "visualization" and opened["visState"]["type"] == "input_control_vis":
            names = [c["fieldName"] for c in opened["visState"]["params"]["controls"]]
        for name in names:
            view = objects["index-pattern", [r["id"] for r in o["references"] if r["type"] == "index-pattern"][0]]
            assert all(c["aggregatable"] for c in fields[view["attributes"]["title"]][name].values()), name


@needs_java
def test_fields_of_their_dashboards_have_data(filled):
    _, cluster, _ = filled
    for title, names in THEIRS.items():
        known = caps_of(cluster, title.strip())
        for name in names.split():
            assert name in known, (title, name)
            if not title.endswith(" "):
                assert cluster.count(title, {"exists": {"field": name}}) > 0, (title, name)


# --- setup kibana ------------------------------------------------------------

class KibanaStub:
    """The shapes of the API: spaces and the import. It keeps what it is given."""

    def __init__(self):
        self.spaces, self.imports, self.asked = {}, [], []
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def handle_any(self):
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                stub.asked.append((self.command, self.path, dict(self.headers)))
                self.answer(*stub.reply(self.command, self.path, self.headers, data))

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reply(self, method, path, headers, data):
        if method != "GET" and "kbn-xsrf" not in headers and "osd-xsrf" not in headers:
            return 400, {"statusCode": 400, "error": "Bad Request", "message": "Request must contain a kbn-xsrf header."}
        if path.endswith("/api/saved_objects/_import?overwrite=true") and method == "POST":
            form = email.message_from_bytes(b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + data)
            part, = form.get_payload()
            assert part.get_param("name", header="content-disposition") == "file" and part.get_filename().endswith(".ndjson")
            objects = [json.loads(line) for line in part.get_payload(decode=True).splitlines()]
            self.imports.append((path, headers.get("securitytenant"), objects))
            return 200, {"success": True, "successCount": len(objects)}
        if path == "/api/spaces/space" and method == "POST":
            space = json.loads(data)
            if set(space) != {"id", "name", "description"} or space["id"] in self.spaces:
                return 409, {"statusCode": 409, "message": "a conflict"}
            self.spaces[space["id"]] = {**space, "disabledFeatures": [], "color": "#123456"}
            return 200, self.spaces[space["id"]]
        name = path.rsplit("/", 1)[1]
        if name not in self.spaces:
            return 404, {"statusCode": 404, "error": "Not Found", "message": "Not Found"}
        if method == "PUT":
            self.spaces[name] = json.loads(data)
        return 200, self.spaces[name]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def setup_kibana(setup, stub, *options, code=0):
    done = subprocess.run(
        [str(COMMAND), "-c", str(setup.conf), "setup", "kibana", "--url", stub.url, "--admin-user", setup.cluster.user,
         "--admin-password-file", str(setup.admin_file), *options], capture_output=True, text=True, timeout=120,
        env={**os.environ, "INTAKE_TEMPLATES": str(TOP / "conf" / "elasticsearch"),
             "INTAKE_OBJECTS": str(TOP / "conf" / "kibana")}, stdin=subprocess.DEVNULL)
    assert done.returncode == code, done.stdout + done.stderr
    words = ("created", "changed", "unchanged", "would create", "would change", "left", "skipped", "warning")
    return [(w, line[len(w):].strip().split(" with ")[0]) for line in done.stdout.splitlines() for w in words
            if line.startswith(w + " ")], done.stderr


@needs_java
def test_setup_kibana(installed, tmp_path):
    """Space and objects against a stub of Kibana; role, user and tenant against the real cluster."""
    setup, secured, stub = installed, installed.cluster, KibanaStub()
    place = {"elasticsearch": "space", "opensearch": "tenant"}[secured.product]
    objects, count = saved_objects(secured.product)
    all_of = ["%s dmarc" % place, "role dmarc-intake-dashboards", "user dmarc-intake-viewer", "%d saved objects" % count]
    try:
        assert setup_kibana(setup, stub, "--dry-run")[0] == [
            ("would create", all_of[0]), ("would create", all_of[1]),
            ("would change", all_of[2] + ": has the role dmarc-intake-dashboards"), ("would create", all_of[3])]
        assert not stub.spaces and not stub.imports
        assert [did for did, _ in setup_kibana(setup, stub)[0]] == ["created", "created", "changed", "created"]
        (path, tenant, imported), = stub.imports
        assert {(o["type"], o["id"]): o for o in imported} == objects
        if secured.product == "elasticsearch":
            assert path.startswith("/s/dmarc/") and stub.spaces["dmarc"]["color"] == "#123456"
            role = secured.ok("GET", "/_security/role/dmarc-intake-dashboards")["dmarc-intake-dashboards"]
            assert role["applications"][0]["resources"] == ["space:dmarc"]
            user = secured.ok("GET", "/_security/user/dmarc-intake-viewer")["dmarc-intake-viewer"]["roles"]
            # what Kibana asks before it shows the space
            may = secured.ok("POST", "/_security/user/_has_privileges", {"application": [
                {"application": "kibana-.kibana", "privileges": ["space_read"], "resources": ["space:dmarc"]}]},
                user="dmarc-intake-viewer", password=setup.password(viewer=True))
            assert may["has_all_requested"]
            assert not secured.ok("POST", "/_security/user/_has_privileges", {"application": [
                {"application": "kibana-.kibana", "privileges": ["space_all"], "resources": ["space:dmarc"]}]},
                user="dmarc-intake-viewer", password=setup.password(viewer=True))["has_all_requested"]
        else:
            assert tenant == "dmarc"
            secured.ok("GET", "/_plugins/_security/api/tenants/dmarc")
            info = secured.ok("GET", "/_plugins/_security/authinfo", user="dmarc-intake-viewer",
                              password=setup.password(viewer=True))
            assert info["tenants"]["dmarc"] is False  # may read, may not write
            user = info["roles"]
        assert {"dmarc-intake-viewer", "dmarc-intake-dashboards"} <= set(user)
        assert setup_kibana(setup, stub)[0] == [("unchanged", what) for what in all_of]
        assert len(stub.imports) == 1
        # a newer program has other objects
        folder = tmp_path / "objects"
        shutil.copytree(TOP / "conf" / "kibana", folder)
        path = folder / (PRODUCTS[secured.product] + ".ndjson")
        path.write_text(path.read_text().replace("Compliance over time", "Over time"))
        assert setup_kibana(setup, stub, "--objects", str(folder))[0][-1] == ("changed", all_of[3])
        assert len(stub.imports) == 2
        path.write_text("")
        assert "is empty" in setup_kibana(setup, stub, "--objects", str(folder), code=78)[1]
        for name in ("", "A", "a/b", "a\r\nb"):
            setup_kibana(setup, stub, "--space", name, code=64)
    finally:
        stub.close()
    assert setup_kibana(setup, stub, code=75)[1]  # nobody there
