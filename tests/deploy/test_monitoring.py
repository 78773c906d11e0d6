"""deploy/monitoring by itself: rules that fire when they should and not otherwise, dashboards that are complete, and no name of a
metric that the binary doesn't have. What a live Prometheus says is test_prometheus.py's."""

import json
import re
import sys

import pytest
import yaml

from tools import MONITORING, ROOT, of_kind, overlay, run, tool

sys.path.insert(0, str(MONITORING))

import generate

RULES = MONITORING / "weir.rules.yaml"
J = 'job="j",namespace="n"'
SINK = J + ',sink="t"'
SOURCE = J + ',vertex="0",task="0"'
FRESH, STALE = f"weir_table_freshness_seconds{{{SINK}}}", f"weir_table_commit_interval_seconds{{{SINK}}}"
RECORDS = f"weir_source_records_total{{{SOURCE}}}"

# (alert, minute, {series: a value for each minute, as promtool expands them}, how many fire)
CASES = [
    ("WeirTableStaleFastBurn", 20, {FRESH: "0+60x30", STALE: "60x30"}, 1),
    ("WeirTableStaleFastBurn", 20, {FRESH: "0 60 0 60 170x30", STALE: "60x30"}, 0),
    ("WeirTableStaleFastBurn", 20, {FRESH: "0+60x30", STALE: "3600x30"}, 0),  # the job asks for no more
    ("WeirTableStaleFastBurn", 50, {FRESH: "600x30 0x30", STALE: "60x60"}, 0),  # it is over
    ("WeirTableStaleSlowBurn", 100, {FRESH: "0x60 600x60", STALE: "60x120"}, 1),
    ("WeirTableStaleSlowBurn", 100, {FRESH: "600x60 0x60", STALE: "60x120"}, 0),
    ("WeirTableStaleSlowBurn", 100, {FRESH: "0x96 600x20", STALE: "60x120"}, 0),  # too little of six hours
    ("WeirTableStaleBudget", 200, {FRESH: "0x195 600x20", STALE: "60x220"}, 1),
    ("WeirTableStaleBudget", 200, {FRESH: "0x199 600x20", STALE: "60x220"}, 0),
    ("WeirCheckpointOld", 10, {f"weir_checkpoint_last_success_timestamp_seconds{{{J}}}": "0x20",
                               f"weir_checkpoint_interval_seconds{{{J}}}": "10x20"}, 1),
    ("WeirCheckpointOld", 10, {f"weir_checkpoint_last_success_timestamp_seconds{{{J}}}": "0+60x20",
                               f"weir_checkpoint_interval_seconds{{{J}}}": "10x20"}, 0),
    ("WeirCheckpointOld", 10, {f"weir_checkpoint_last_success_timestamp_seconds{{{J}}}": "0x20",
                               f"weir_checkpoint_interval_seconds{{{J}}}": "300x20"}, 0),
    ("WeirWatermarkStalled", 20, {f"weir_watermark_lag_seconds{{{SOURCE}}}": "5+60x30", RECORDS: "0+600x30"}, 1),
    ("WeirWatermarkStalled", 20, {f"weir_watermark_lag_seconds{{{SOURCE}}}": "5+60x30", RECORDS: "600x30"}, 0),  # no input
    ("WeirWatermarkStalled", 20, {f"weir_watermark_lag_seconds{{{SOURCE}}}": "5x30", RECORDS: "0+600x30"}, 0),
    ("WeirWatermarkStalled", 20, {f"weir_watermark_lag_seconds{{{SOURCE}}}": "5+60x30",  # one task of two is idle
                                  f'weir_watermark_lag_seconds{{{J},vertex="0",task="1"}}': "5x30", RECORDS: "0+600x30"}, 0),
    ("WeirJobWaiting", 10, {f'weir_job_state{{{J},state="waiting"}}': "1x20"}, 1),
    ("WeirJobWaiting", 10, {f'weir_job_state{{{J},state="waiting"}}': "1 1 0x20"}, 0),
    ("WeirRestartLoop", 10, {f"weir_restarts_total{{{J}}}": "0 1 2 3 4x20"}, 1),
    ("WeirRestartLoop", 10, {f"weir_restarts_total{{{J}}}": "0 1 1x20"}, 0),
    ("WeirRestartLoop", 40, {f"weir_restarts_total{{{J}}}": "0 1 2 3 4x60"}, 0),
    ("WeirBadRows", 30, {f'weir_bad_rows_total{{{SOURCE},reason="json"}}': "0+10x40", RECORDS: "0+600x40"}, 1),
    ("WeirBadRows", 30, {f'weir_bad_rows_total{{{SOURCE},reason="json"}}': "0+1x40", RECORDS: "0+600x40"}, 0),
    ("WeirLateRows", 30, {f"weir_late_rows_total{{{SOURCE}}}": "0+10x40", RECORDS: "0+600x40"}, 1),
    ("WeirLateRows", 30, {f"weir_late_rows_total{{{SOURCE}}}": "0+1x40", RECORDS: "0+600x40"}, 0),
    ("WeirCommitOutcomeUnknown", 10, {f"weir_commit_unknown_outcomes_total{{{SINK}}}": "0x5 1x10"}, 1),
    ("WeirCommitOutcomeUnknown", 10, {f"weir_commit_unknown_outcomes_total{{{SINK}}}": "3x20"}, 0),
    ("WeirCommitConflicts", 20, {f"weir_commit_conflicts_total{{{SINK}}}": "0+5x30"}, 1),
    ("WeirCommitConflicts", 20, {f"weir_commit_conflicts_total{{{SINK}}}": "0+1x30"}, 0),
    ("WeirNoLeader", 5, {'weir_leader{namespace="n",instance="a"}': "0x10", 'weir_leader{namespace="n",instance="b"}': "0x10"}, 1),
    ("WeirNoLeader", 5, {"up": "1x10"}, 1),
    ("WeirNoLeader", 5, {'weir_leader{namespace="n",instance="a"}': "0x10", 'weir_leader{namespace="n",instance="b"}': "1x10"}, 0),
    ("WeirSeveralLeaders", 5, {'weir_leader{namespace="n",instance="a"}': "1x10",
                               'weir_leader{namespace="n",instance="b"}': "1x10"}, 1),
    ("WeirSeveralLeaders", 5, {'weir_leader{namespace="n",instance="a"}': "1x10",
                               'weir_leader{namespace="m",instance="b"}': "1x10"}, 0),
    ("WeirWorkerUnregistered", 5, {'weir_worker_registered{instance="a"}': "0x10", 'weir_worker_registered{instance="b"}': "1x10"}, 1),
    ("WeirWorkerUnregistered", 5, {'weir_worker_registered{instance="a"}': "0 0 1x10"}, 0),
    ("WeirMemoryNearBudget", 10, {'weir_memory_used_bytes{instance="a"}': "97x20", 'weir_memory_limit_bytes{instance="a"}': "100x20"}, 1),
    ("WeirMemoryNearBudget", 10, {'weir_memory_used_bytes{instance="a"}': "80x20", 'weir_memory_limit_bytes{instance="a"}': "100x20"}, 0),
    ("WeirTargetDown", 5, {'up{job="weir-worker"}': "0x10", 'up{job="weir/weir-coordinator"}': "0x10"}, 2),
    ("WeirTargetDown", 5, {'up{job="weir-worker"}': "1x10", 'up{job="other"}': "0x10"}, 0),
    ("WeirMetricsAbsent", 10, {"up": "1x20"}, 1),
    ("WeirMetricsAbsent", 10, {'weir_build_info{version="1"}': "1x20"}, 0),
]


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts():
    return [rule for rule in rules() if "alert" in rule]


def expressions():
    """Of all rules and all panels."""
    found = [rule["expr"] for rule in rules()]
    for name in generate.DASHBOARDS:
        found += [target["expr"] for panel in generate.dashboard(name)["panels"] for target in panel["targets"]]
    return found


def test_promtool_takes_the_rules():
    done = run(tool("promtool"), "check", "rules", RULES)
    assert done.returncode == 0, done.stderr + done.stdout


def test_rules_fire_when_they_should_and_not_otherwise(tmp_path):
    cases = [{
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)', "eval_time": f"{minute}m",
                              "exp_samples": [{"labels": "{}", "value": count}]}],
    } for alert, minute, series, count in CASES]
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": cases}, sort_keys=False))
    done = run(tool("promtool"), "test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_that_fires_and_one_that_does_not():
    names = {alert["alert"] for alert in alerts()}
    assert {alert for alert, _, _, count in CASES if count} == names
    assert {alert for alert, _, _, count in CASES if not count} == names


def test_promtool_tells_a_wrong_case(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [{
        "interval": "1m", "input_series": [{"series": "up", "values": "1x10"}],
        "promql_expr_test": [{"expr": 'count(ALERTS{alertname="WeirNoLeader",alertstate="firing"}) or vector(0)', "eval_time": "5m",
                              "exp_samples": [{"labels": "{}", "value": 0}]}]}]}))
    assert run(tool("promtool"), "test", "rules", file).returncode != 0


def test_every_alert_has_a_section_in_the_runbook():
    runbook = (ROOT / "docs/runbook.md").read_text()
    sections = re.findall(r"^## (Weir\w+)$", runbook, re.MULTILINE)
    assert sorted(sections) == sorted(alert["alert"] for alert in alerts())
    for alert in alerts():
        assert alert["annotations"]["runbook_url"] == f"docs/runbook.md#{alert['alert'].lower()}"
        assert alert["annotations"]["summary"] and alert["labels"]["severity"] in ("page", "ticket")


def test_metrics_are_those_that_the_sources_name():
    served = {name for folder in ("base", "cli", "coordinator", "worker") for file in (ROOT / folder).glob("*.cc")
              for name in re.findall(r'"(weir_[a-z_]+)"', file.read_text())}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for expression in expressions():
        for name in re.findall(r"(?<![\w:])(?:\w+:)?weir_[a-z_:0-9]+", expression):
            if ":" in name:
                assert name in recorded, f"{name} in {expression}"
                continue
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert base in served, f"{name} in {expression}"


def test_generated_files_are_up_to_date():
    for path, content in generate.files().items():
        assert path.read_text() == content, f"{path.name}: run deploy/monitoring/generate.py"
    there = {path.name for path in (MONITORING / "dashboards").iterdir()}
    assert there == {path.name for path in generate.files() if path.suffix == ".json"}


@pytest.mark.parametrize("name", generate.DASHBOARDS)
def test_dashboards_are_complete(name):
    made = generate.dashboard(name)
    assert {v["name"] for v in made["templating"]["list"]} >= {"datasource"}
    taken = set()
    for panel in made["panels"]:
        assert panel["title"] and panel["description"].endswith((".", "?")), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in ("s", "bytes", "Bps", "cps", "short", "percentunit")
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= generate.COLUMNS
        taken |= cells
        for target in [panel, *panel["targets"]]:
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        # One job at a time, wherever a series has a job; the cluster and its workers are looked at as a whole.
        if name not in ("cluster", "workers"):
            assert all("$job" in target["expr"] for target in panel["targets"]), panel["title"]


def test_the_cluster_gets_the_same_rules_and_dashboards():
    objects = overlay("monitoring")
    rule, = of_kind(objects, "PrometheusRule")
    assert rule["spec"] == yaml.safe_load(RULES.read_text())
    config, = [c for c in of_kind(objects, "ConfigMap") if c["metadata"]["name"] == "weir-dashboards"]
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert {name: json.loads(text) for name, text in config["data"].items()} == {
        f"weir-{name}.json": generate.dashboard(name) for name in generate.DASHBOARDS}


@pytest.mark.parametrize("name", ["monitoring", "monitoring-tls"])
def test_pod_monitors_find_their_pods(name):
    objects = overlay(name)
    templates = {o["metadata"]["name"]: o["spec"]["template"] for o in of_kind(objects, "StatefulSet")}
    monitors = of_kind(objects, "PodMonitor")
    assert {m["metadata"]["name"] for m in monitors} == set(templates)
    for monitor in monitors:
        found = [name for name, template in templates.items()
                 if monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()]
        assert found == [monitor["metadata"]["name"]]
        endpoint, = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["honorLabels"] is True
        probe = templates[found[0]]["spec"]["containers"][0]["livenessProbe"]["httpGet"]
        assert endpoint.get("scheme", "http") == probe.get("scheme", "HTTP").lower()
        # What its certificate calls itself (SECURITY.md).
        assert endpoint.get("tlsConfig", {}).get("serverName") == (found[0] if name == "monitoring-tls" else None)
        assert endpoint["port"] in {p["name"] for p in templates[found[0]]["spec"]["containers"][0]["ports"]}
