#!/usr/bin/env python3
"""Writes what is made from other things: Grafana's dashboards, from the tables below, and the PrometheusRule object, from
weir.rules.yaml.

    deploy/monitoring/generate.py
"""

import dataclasses
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
# Grafana's names of units.
SECONDS, BYTES, BYTES_PER_S, PER_S, NUMBER, SHARE = "s", "bytes", "Bps", "cps", "short", "percentunit"
COLUMNS, ROW_HEIGHT = 24, 8


@dataclasses.dataclass
class Panel:
    title: str
    unit: str
    description: str
    queries: dict  # {legend: expression}
    kind: str = "timeseries"
    width: int = 12
    limit: float | None = None  # a line, and red from there on


def sums(metric, by):
    """Per second of a counter of tasks."""
    return f'sum by ({by}) (rate({metric}{{job=~"$job"}}[$__rate_interval]))'


def of_job(metric, function="max", by="job"):
    return f'{function} by ({by}) ({metric}{{job=~"$job"}})'


def quantile(q, histogram, by):
    return f'histogram_quantile({q}, sum by (le, {by}) (rate({histogram}_bucket{{job=~"$job"}}[$__rate_interval])))'


CLUSTER = [
    Panel("Leaders", NUMBER, "Coordinators that lead; anything but 1 for longer than a minute is wrong.", {"leaders": "sum(weir_leader)"},
          "stat", 6),
    Panel("Workers", NUMBER, "Workers registered with the leader.", {"workers": "max(weir_workers)"}, "stat", 6),
    Panel("Jobs", NUMBER, "Jobs that have not ended, by state.", {"{{state}}": "sum by (state) (weir_job_state)"}, "stat", 6),
    Panel("Stalest table", SECONDS, "Time since the last commit of the table that has waited longest.",
          {"{{sink}}": "topk(1, max by (job, sink) (weir_table_freshness_seconds))"}, "stat", 6),
    Panel("Records read", PER_S, "Records read from Kafka, by job.",
          {"{{job}}": "sum by (job) (rate(weir_source_records_total[$__rate_interval]))"}),
    Panel("Restarts", NUMBER, "Restarts after failures in the last 15 minutes, by job. Planned moves don't count.",
          {"{{job}}": "sum by (job) (increase(weir_restarts_total[15m]))"}, limit=3),
    Panel("Registered workers", NUMBER, "1 while a worker has a session with the leader.",
          {"{{instance}}": "max by (instance) (weir_worker_registered)"}),
    Panel("Versions", NUMBER, "Processes by version; more than one during an upgrade only.",
          {"{{version}}": "count by (version) (weir_build_info)"}),
]

JOB = [
    Panel("State", NUMBER, "1 for the state that the job is in.", {"{{job}} {{state}}": of_job("weir_job_state", by="job, state")}),
    Panel("Rows by fate", PER_S, "What became of the rows read: used, late, bad or filtered, once for each INSERT.", {
        "used": sums("weir_used_rows_total", "job"), "late": sums("weir_late_rows_total", "job"),
        "bad": sums("weir_bad_rows_total", "job"), "filtered": sums("weir_filtered_rows_total", "job")}),
    Panel("Bad rows by reason", PER_S, "Rows that could not be used; the dead-letter table has them, if the job has one.",
          {"{{reason}}": sums("weir_bad_rows_total", "reason")}),
    Panel("Busy", SHARE, "Share of time that the busiest task of each vertex worked. Near 1: this vertex is the bottleneck.",
          {"vertex {{vertex}}": 'max by (vertex) (rate(weir_task_busy_seconds_total{job=~"$job"}[$__rate_interval]))'}, limit=0.95),
    Panel("Blocked", SHARE, "Share of time that tasks waited for room behind them or for their slot: look at the vertex after it.",
          {"vertex {{vertex}}": 'max by (vertex) (rate(weir_task_blocked_seconds_total{job=~"$job"}[$__rate_interval]))'}),
    Panel("Idle", SHARE, "Share of time that the idlest task of each vertex had nothing to do.",
          {"vertex {{vertex}}": 'max by (vertex) (rate(weir_task_idle_seconds_total{job=~"$job"}[$__rate_interval]))'}),
    Panel("Rows over edges", PER_S, "Rows sent and received between tasks.", {
        "sent by {{vertex}}": sums("weir_exchange_rows_sent_total", "vertex"),
        "received by {{vertex}}": sums("weir_exchange_rows_received_total", "vertex")}),
    Panel("Waiting in queues", BYTES, "Row bytes in the input channels of tasks.",
          {"vertex {{vertex}}": of_job("weir_queue_bytes", "sum", "vertex")}),
    Panel("Restarts and moves", NUMBER, "Restarts after failures, and planned restarts because tasks move, in 15 minutes.", {
        "restarts {{job}}": 'sum by (job) (increase(weir_restarts_total{job=~"$job"}[15m]))',
        "moves {{job}}": 'sum by (job) (increase(weir_moves_total{job=~"$job"}[15m])) or 0 * sum by (job) (weir_job_epoch{job=~"$job"})'}),
    Panel("Recovery", SECONDS, "From a failure to its fence, to tasks ready, to the next checkpoint: the mean of the last hour.", {
        "{{phase}}": 'sum by (phase) (increase(weir_recovery_duration_seconds_sum{job=~"$job"}[1h]))'
                     ' / sum by (phase) (increase(weir_recovery_duration_seconds_count{job=~"$job"}[1h]))'}),
]

SOURCES = [
    Panel("Lag", NUMBER, "Records that are still to be read, all partitions.", {"{{job}}": of_job("weir_source_lag_records", "sum")}),
    Panel("Time to catch up", SECONDS, "Lag over the rate of reading; grows without end when the job is slower than its input.",
          {"{{job}}": f'{of_job("weir_source_lag_records", "sum")} / ({sums("weir_source_records_total", "job")} > 0)'}),
    Panel("Worst partitions", NUMBER, "The ten partitions with the most records still to be read.",
          {"{{job}} vertex {{vertex}} partition {{partition}}":
           f'topk(10, {of_job("weir_source_lag_records", by="job, vertex, partition")})'}),
    Panel("Watermark lag", SECONDS, "How far each vertex's event time is behind the clock, by its slowest task.",
          {"{{job}} vertex {{vertex}}": of_job("weir_watermark_lag_seconds", by="job, vertex")}),
    Panel("Records read", PER_S, "Records read from Kafka, by task.",
          {"vertex {{vertex}} task {{task}}": sums("weir_source_records_total", "vertex, task")}),
    Panel("Bytes read", BYTES_PER_S, "Payload bytes read from Kafka.", {"{{job}}": sums("weir_source_bytes_total", "job")}),
]

CHECKPOINTS = [
    Panel("Age of the last checkpoint", SECONDS, "What a failure now would read again; more than three intervals is too old.",
          {"{{job}}": f'time() - {of_job("weir_checkpoint_last_success_timestamp_seconds")}',
           "interval of {{job}}": of_job("weir_checkpoint_interval_seconds")}),
    Panel("Duration", SECONDS, "From trigger to published.", {
        "median": quantile(0.5, "weir_checkpoint_duration_seconds", "job"),
        "99 %": quantile(0.99, "weir_checkpoint_duration_seconds", "job")}),
    Panel("Published", PER_S, "Checkpoints published.", {"{{job}}": sums("weir_checkpoint_duration_seconds_count", "job")}),
    Panel("Given up", NUMBER, "Checkpoints given up in 15 minutes; none is normal.",
          {"{{job}}": 'sum by (job) (increase(weir_checkpoint_failures_total{job=~"$job"}[15m]))'
                      ' or 0 * sum by (job) (weir_job_epoch{job=~"$job"})'}, limit=1),
    Panel("State", BYTES, "Keyed state that tasks hold.", {"{{job}} vertex {{vertex}}": of_job("weir_state_bytes", "sum", "job, vertex")}),
    Panel("State files", BYTES, "Bytes of the state files that the next checkpoint names.",
          {"{{job}}": of_job("weir_state_file_bytes", "sum")}),
    Panel("Keys", NUMBER, "Keys of state.", {"{{job}} vertex {{vertex}}": of_job("weir_state_keys", "sum", "job, vertex")}),
    Panel("Epoch", NUMBER, "Last published epoch: a line that doesn't rise is a job that doesn't progress.",
          {"{{job}}": of_job("weir_job_epoch")}),
]

BURN = "Share of this window in which the table was stale; the objective leaves 0.01."
TABLES = [
    Panel("Freshness", SECONDS, "Time since each table's last commit.",
          {"{{job}} {{sink}}": of_job("weir_table_freshness_seconds", by="job, sink")}),
    Panel("Stale", NUMBER, "1 while a table is older than twice its commit interval and a minute.",
          {"{{job}} {{sink}}": of_job("sink:weir_table_stale:bool", by="job, sink")}, limit=1),
    Panel("Budget burnt, last hour", SHARE, BURN, {"{{job}} {{sink}}": of_job("sink:weir_table_stale:avg1h", by="job, sink")},
          width=8, limit=0.144),
    Panel("Budget burnt, six hours", SHARE, BURN, {"{{job}} {{sink}}": of_job("sink:weir_table_stale:avg6h", by="job, sink")},
          width=8, limit=0.06),
    Panel("Budget burnt, three days", SHARE, BURN, {"{{job}} {{sink}}": of_job("sink:weir_table_stale:avg3d", by="job, sink")},
          width=8, limit=0.01),
    Panel("Commit duration", SECONDS, "To commit an epoch to a table.", {
        "median {{sink}}": quantile(0.5, "weir_commit_duration_seconds", "sink"),
        "99 % {{sink}}": quantile(0.99, "weir_commit_duration_seconds", "sink")}),
    Panel("Version", NUMBER, "Table version of the last commit.", {"{{job}} {{sink}}": of_job("weir_table_version", by="job, sink")}),
    Panel("Conflicts", NUMBER, "Commits of others that came between, in 15 minutes.",
          {"{{job}} {{sink}}": 'sum by (job, sink) (increase(weir_commit_conflicts_total{job=~"$job"}[15m]))'}),
    Panel("Unknown outcomes", NUMBER, "Writes of commits whose answer was lost, in 15 minutes. Weir reads back and repeats; nothing is lost.",
          {"{{job}} {{sink}}": 'sum by (job, sink) (increase(weir_commit_unknown_outcomes_total{job=~"$job"}[15m]))'}, limit=1),
]

WORKERS = [
    Panel("Memory", BYTES, "Resident set of each worker, and what --memory allows it.", {
        "{{instance}}": "max by (instance) (weir_memory_used_bytes)",
        "limit of {{instance}}": "max by (instance) (weir_memory_limit_bytes)"}),
    Panel("Memory used", SHARE, "Resident set over the limit.",
          {"{{instance}}": "max by (instance) (weir_memory_used_bytes / weir_memory_limit_bytes)"}, limit=0.95),
    Panel("Memory by part", SHARE, "What each part of a worker holds of its share of --memory.",
          {"{{instance}} {{part}}": "max by (instance, part) (weir_memory_bytes / weir_memory_budget_bytes)"}, limit=1),
    Panel("State in memory", BYTES, "Memory reserved for keyed state.", {"{{instance}}": "max by (instance) (weir_state_memory_used_bytes)"}),
    Panel("State spilled", BYTES_PER_S, "State written to disk because it exceeded its memory.",
          {"{{instance}}": "sum by (instance) (rate(weir_state_spilled_bytes_total[$__rate_interval]))"}),
    Panel("Exchange", BYTES_PER_S, "Row bytes between workers.", {
        "sent by {{instance}}": "sum by (instance) (rate(weir_exchange_sent_bytes_total[$__rate_interval]))",
        "received by {{instance}}": "sum by (instance) (rate(weir_exchange_received_bytes_total[$__rate_interval]))"}),
    Panel("Busy tasks", NUMBER, "Tasks at work at a time; the number of slots is the most there can be.",
          {"{{instance}}": "sum by (instance) (rate(weir_task_busy_seconds_total[$__rate_interval]))"}),
    Panel("Registered", NUMBER, "1 while a worker has a session with the leader.",
          {"{{instance}}": "max by (instance) (weir_worker_registered)"}),
]

DASHBOARDS = {
    "cluster": ("Weir: cluster", CLUSTER), "job": ("Weir: job", JOB), "sources": ("Weir: sources and lag", SOURCES),
    "checkpoints": ("Weir: checkpoints", CHECKPOINTS), "tables": ("Weir: tables", TABLES),
    "workers": ("Weir: workers and memory", WORKERS),
}

SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def variables(with_job):
    found = [{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1}]
    if with_job:
        query = "label_values(weir_job_epoch, job)"
        found.append({"name": "job", "label": "Job", "type": "query", "datasource": SOURCE, "definition": query,
                      "query": {"query": query, "refId": "job"}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
                      "current": {"text": "All", "value": "$__all"}})
    return found


def panel_json(number, panel, x, y):
    steps = [{"color": "green", "value": None}]
    custom = {}
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
        custom = {"thresholdsStyle": {"mode": "line"}}
    return {
        "id": number, "type": panel.kind, "title": panel.title, "description": panel.description, "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": ROW_HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": custom,
                                     "thresholds": {"mode": "absolute", "steps": steps}}, "overrides": []},
        "targets": [{"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
                    for i, (legend, expression) in enumerate(panel.queries.items())],
    }


def dashboard(name):
    title, panels = DASHBOARDS[name]
    placed, x, y = [], 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > COLUMNS:
            x, y = 0, y + ROW_HEIGHT
        placed.append(panel_json(number, panel, x, y))
        x += panel.width
    with_job = any("$job" in e for panel in panels for e in panel.queries.values())
    return {
        "uid": f"weir-{name}", "title": title, "tags": ["weir"], "schemaVersion": 39, "editable": True, "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"}, "templating": {"list": variables(with_job)},
        "links": [{"type": "dashboards", "tags": ["weir"], "title": "Weir", "asDropdown": True, "keepTime": True, "includeVars": True}],
        "panels": placed,
    }


def rule_object():
    rules = (HERE / "weir.rules.yaml").read_text()
    head = ("# Written by generate.py from weir.rules.yaml.\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n"
            "metadata:\n  name: weir\nspec:\n")
    return head + "".join(f"  {line}".rstrip() + "\n" for line in rules.splitlines() if not line.startswith("#"))


def files():
    """{path: content}"""
    made = {HERE / "prometheus-rule.yaml": rule_object()}
    for name in DASHBOARDS:
        made[HERE / f"dashboards/weir-{name}.json"] = json.dumps(dashboard(name), indent=1) + "\n"
    return made


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content)
