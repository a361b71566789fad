#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make.py [--check] - the saved objects and dashboards out of panels.py:
kibana.ndjson (Kibana 8 and 9), opensearch-dashboards.ndjson (2 and 3) beside
it, and ../grafana/{elasticsearch,sqlite}.json. --check writes nothing and
fails when a file is not what it would write."""
import json
import pathlib
import sys

sys.dont_write_bytecode = True  # nothing is left in the tree
from panels import DASHBOARDS, DATA, METRICS, NONE, SIZE, field_of, sql

HERE = pathlib.Path(__file__).resolve().parent
ID = "dmarc-intake-"
COLOURS = {"true": "#16806a", "false": "#c43d3d", "none": "#e39a26", "quarantine": "#8159cf", "reject": "#c43d3d"}


def text(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


# --- Kibana and OpenSearch Dashboards ---

def data_view(data):
    title, time = DATA[data][:2]
    return {"type": "index-pattern", "id": ID + data, "references": [],
            "attributes": {"title": title, "timeFieldName": time, "fields": "[]"}}


def terms(i, name, schema, kind):
    # booleans are always there
    missing = {} if field_of(name) == name else {"missingBucket": True, "missingBucketLabel": NONE}
    return {"id": str(i), "enabled": True, "type": "terms", "schema": schema,
            "params": {"field": field_of(name), "size": SIZE[kind], "order": "desc", "orderBy": "1",
                       "otherBucket": kind != "table", "otherBucketLabel": "Other", **missing}}


SCHEMAS = {"pie": "segment", "columns": "group", "table": "bucket", "map": "segment"}
TYPES = {"number": "metric", "pie": "pie", "columns": "histogram", "table": "table", "map": "region_map"}


def aggregations(data, panel):
    _, _, kind, metric, fields, _, _ = panel
    label, how, field, _ = METRICS[metric]
    aggs = [{"id": "1", "enabled": True, "type": how, "schema": "metric",
             "params": {"customLabel": label, **({"field": field} if field else {})}}]
    if kind == "columns":
        aggs.append({"id": "2", "enabled": True, "type": "date_histogram", "schema": "segment",
                     "params": {"field": DATA[data][1], "interval": "auto", "min_doc_count": 1, "useNormalizedEsInterval":
                                True, "drop_partials": False}})
    return aggs + [terms(i, name, SCHEMAS[kind], kind) for i, name in enumerate(fields, len(aggs) + 1)]


def parameters(kind):
    if kind == "number":
        return {"metric": {"labels": {"show": True}, "style": {"fontSize": 48}, "metricColorMode": "None"}}
    if kind == "pie":
        return {"isDonut": True, "addLegend": True, "addTooltip": True, "legendPosition": "right",
                "labels": {"show": True, "values": True, "last_level": True, "truncate": 100}}
    if kind == "table":
        return {"perPage": 10, "showTotal": True, "totalFunc": "sum", "showPartialRows": False,
                "showMetricsAtAllLevels": False, "percentageCol": ""}
    if kind == "map":
        return {"selectedLayer": {"name": "World Countries", "layerId": "elastic_maps_service.World Countries",
                                  "isEMS": True}, "selectedJoinField": {"name": "iso2", "type": "id"},
                "addTooltip": True, "colorSchema": "Greens", "legendPosition": "bottomright"}
    return {"addLegend": True, "addTooltip": True, "legendPosition": "top", "seriesParams": [
        {"show": True, "type": "histogram", "mode": "stacked", "data": {"id": "1", "label": ""},
         "valueAxis": "ValueAxis-1"}],
        "categoryAxes": [{"id": "CategoryAxis-1", "type": "category", "position": "bottom", "show": True,
                          "scale": {"type": "linear"}, "labels": {"show": True, "truncate": 100}, "title": {}}],
        "valueAxes": [{"id": "ValueAxis-1", "name": "LeftAxis-1", "type": "value", "position": "left", "show": True,
                       "scale": {"type": "linear", "mode": "normal"}, "labels": {"show": True}, "title": {}}]}


def visualization(product, data, panel):
    name, title, kind = panel[:3]
    if kind == "map" and product == "kibana":  # Kibana 8 has no region map any more
        kind, panel = "table", panel[:2] + ("table",) + panel[3:]
    state = {"title": title, "type": TYPES[kind], "aggs": aggregations(data, panel),
             "params": {"type": TYPES[kind], **parameters(kind)}}
    colours = {"vis": {"colors": COLOURS}} if kind in ("pie", "columns") else {}
    source = {"query": {"query": "", "language": "kuery" if product == "kibana" else "lucene"}, "filter": [],
              "indexRefName": "kibanaSavedObjectMeta.searchSourceJSON.index"}
    return {"type": "visualization", "id": ID + data + "-" + name,
            "attributes": {"title": title, "description": "", "version": 1, "visState": text(state),
                           "uiStateJSON": text(colours),
                           "kibanaSavedObjectMeta": {"searchSourceJSON": text(source)}},
            "references": [{"name": source["indexRefName"], "type": "index-pattern", "id": ID + data}]}


def places(panels):
    """Left to right, then the next row."""
    x = y = row = 0
    for panel in panels:
        width, height = panel[5:]
        if x + width > 48:
            x, y, row = 0, y + row, 0
        yield {"x": x, "y": y, "w": width, "h": height}
        x, row = x + width, max(row, height)


def controls_of_kibana(data, names):
    panels, references = {}, []
    for i, name in enumerate(names):
        key = "control-%d" % i
        panels[key] = {"order": i, "width": "medium", "grow": True, "type": "optionsListControl",
                       "explicitInput": {"id": key, "fieldName": field_of(name), "title": name, "enhancements": {}}}
        references.append({"name": "controlGroup_%s:optionsListDataView" % key, "type": "index-pattern",
                           "id": ID + data})
    ignore = {"ignoreFilters": False, "ignoreQuery": False, "ignoreTimerange": False, "ignoreValidations": False}
    return {"chainingSystem": "HIERARCHICAL", "controlStyle": "oneLine", "ignoreParentSettingsJSON": text(ignore),
            "panelsJSON": text(panels)}, references


def controls_of_opensearch(data, names):
    controls, references = [], []
    for i, name in enumerate(names):
        reference = "control_%d_index_pattern" % i
        controls.append({"id": "control-%d" % i, "fieldName": field_of(name), "label": name, "parent": "",
                         "type": "list", "options": {"type": "terms", "multiselect": True, "dynamicOptions": True,
                                                     "size": 20, "order": "desc"}, "indexPatternRefName": reference})
        references.append({"name": reference, "type": "index-pattern", "id": ID + data})
    state = {"title": "Filters", "type": "input_control_vis", "aggs": [],
             "params": {"controls": controls, "updateFiltersOnChange": True, "useTimeFilter": True, "pinFilters": False}}
    return {"type": "visualization", "id": ID + data + "-filters",
            "attributes": {"title": "Filters", "description": "", "version": 1, "visState": text(state),
                           "uiStateJSON": "{}", "kibanaSavedObjectMeta": {"searchSourceJSON": text(
                               {"query": {"query": "", "language": "lucene"}, "filter": []})}},
            "references": references}


def dashboard(product, data, title, since, filters, panels):
    ids = [(ID + data + "-" + panel[0], place) for panel, place in zip(panels, places(panels))]
    if product == "opensearch-dashboards":
        ids = [(ID + data + "-filters", {"x": 0, "y": 0, "w": 48, "h": 6})] + [
            (name, {**place, "y": place["y"] + 6}) for name, place in ids]
    shown, references = [], []
    for i, (name, place) in enumerate(ids):
        shown.append({"panelIndex": str(i), "gridData": {**place, "i": str(i)}, "embeddableConfig": {},
                      "panelRefName": "panel_%d" % i, "version": "8.0.0" if product == "kibana" else "2.0.0"})
        reference = "%d:panel_%d" % (i, i) if product == "kibana" else "panel_%d" % i
        if product == "kibana":
            shown[-1]["type"] = "visualization"
        references.append({"name": reference, "type": "visualization", "id": name})
    attributes = {"title": title, "description": "Made by dmarc-intake.", "version": 1, "timeRestore": True,
                  "timeFrom": since, "timeTo": "now", "panelsJSON": text(shown),
                  "optionsJSON": text({"useMargins": True, "hidePanelTitles": False}),
                  "kibanaSavedObjectMeta": {"searchSourceJSON": text({
                      "query": {"query": "", "language": "kuery" if product == "kibana" else "lucene"}, "filter": []})}}
    if product == "kibana":
        attributes["controlGroupInput"], more = controls_of_kibana(data, filters)
        references += more
    return {"type": "dashboard", "id": ID + data, "attributes": attributes, "references": references}


def saved_objects(product):
    objects = [data_view(data) for data in DATA]
    for data, title, since, filters, panels in DASHBOARDS:
        objects += [visualization(product, data, panel) for panel in panels]
        if product == "opensearch-dashboards":
            objects.append(controls_of_opensearch(data, filters))
        objects.append(dashboard(product, data, title, since, filters, panels))
    return "".join(text(o) + "\n" for o in objects)


# --- Grafana ---

GRAFANA = {"number": "stat", "pie": "piechart", "columns": "timeseries", "table": "table", "map": "table"}


def elasticsearch_target(data, panel):
    _, _, kind, metric, fields, _, _ = panel
    _, how, field, _ = METRICS[metric]
    buckets = [{"id": str(i), "type": "terms", "field": field_of(name),
                "settings": {"size": str(SIZE.get(kind, 10)), "order": "desc", "orderBy": "1", "min_doc_count": "1",
                             **({} if field_of(name) == name else {"missing": NONE})}}
               for i, name in enumerate(fields, 2)]
    if kind in ("columns", "number"):
        buckets.append({"id": "9", "type": "date_histogram", "field": DATA[data][1],
                        "settings": {"interval": "1d", "min_doc_count": "0", "trimEdges": "0"}})
    return {"refId": "A", "query": "", "timeField": DATA[data][1], "bucketAggs": buckets,
            "metrics": [{"id": "1", "type": how, **({"field": field} if field else {})}]}


def sqlite_target(data, panel):
    query = sql(data, panel, "TIME >= $__from / 1000 AND TIME < $__to / 1000")
    return {"refId": "A", "queryText": query, "rawQueryText": query, "timeColumns": ["time"],
            "queryType": "time series" if panel[2] == "columns" else "table"}


def grafana_panel(source, data, number, panel, place):
    kind = panel[2]
    options = {"reduceOptions": {"calcs": ["sum" if source == "elasticsearch" else "lastNotNull"],
                                 "values": kind == "pie", "fields": "" if kind != "pie" else "/.*/"}}
    custom = {"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "normal", "group": "A"}}
    target = elasticsearch_target(data, panel) if source == "elasticsearch" else sqlite_target(data, panel)
    return {"id": number, "type": GRAFANA[kind], "title": panel[1], "targets": [target],
            "datasource": {"type": "elasticsearch" if source == "elasticsearch" else "frser-sqlite-datasource",
                           "uid": "${%s}" % (data if source == "elasticsearch" else "database")},
            "gridPos": {"x": place["x"] // 2, "y": place["y"] // 2, "w": place["w"] // 2, "h": place["h"] // 2},
            "fieldConfig": {"defaults": {"custom": custom} if kind == "columns" else {}, "overrides": []},
            "options": options if kind in ("number", "pie") else {}}


def grafana(source):
    """One dashboard with a row for each kind of report."""
    panels, number, top = [], 0, 0
    for data, title, _, _, described in DASHBOARDS:
        number += 1
        panels.append({"id": number, "type": "row", "title": title, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": top, "w": 24, "h": 1}})
        placed = list(places(described))
        for panel, place in zip(described, placed):
            number += 1
            panels.append(grafana_panel(source, data, number, panel, {**place, "y": place["y"] + 2 * (top + 1)}))
        top += 1 + max(p["y"] + p["h"] for p in placed) // 2 + 1
    names = list(DATA) if source == "elasticsearch" else ["database"]
    variables = [{"name": name, "label": DATA[name][0] if name in DATA else "Database", "type": "datasource",
                  "query": "elasticsearch" if source == "elasticsearch" else "frser-sqlite-datasource"} for name in names]
    return json.dumps({"title": "DMARC (%s)" % source, "uid": "dmarc-intake-" + source, "schemaVersion": 39, "version": 1,
                       "editable": True, "time": {"from": "now-30d", "to": "now"}, "timezone": "utc", "tags": ["dmarc"],
                       "templating": {"list": variables}, "panels": panels}, indent=1, sort_keys=True) + "\n"


def main():
    files = {HERE / (product + ".ndjson"): saved_objects(product) for product in ("kibana", "opensearch-dashboards")}
    files.update({HERE.parent / "grafana" / (s + ".json"): grafana(s) for s in ("elasticsearch", "sqlite")})
    bad = 0
    for path, content in files.items():
        if "--check" not in sys.argv[1:]:
            path.write_text(content)
        elif not path.exists() or path.read_text() != content:
            print("%s: not what conf/kibana/make.py makes" % path.relative_to(HERE.parent.parent))
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
