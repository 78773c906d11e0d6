"""A real Prometheus scrapes a live cluster under load: every panel and every alert has data, and faults make their alerts fire and
then clear. Rules run HASTE times faster than in production; expressions are those of production."""

import datetime
import json
import re
import sys
import threading
import urllib.request

import confluent_kafka
import pytest
import yaml

from cluster import Cluster, wait_for
from kafka import Kafka
from prometheus import Prometheus, hastened
from tools import MONITORING, run, tool

sys.path.insert(0, str(MONITORING))

import generate

pytestmark = [pytest.mark.xdist_group("prometheus"), pytest.mark.timeout(900)]

RULES = MONITORING / "weir.rules.yaml"
SCRIPT = """
SET checkpoint_interval = '500ms';
SET parallelism = 2;
CREATE TABLE events (kind TEXT NOT NULL, amount DOUBLE PRECISION, at TIMESTAMPTZ NOT NULL)
WITH (connector = 'kafka', brokers = '${BROKERS}', topic = '${TOPIC}', format = 'json', event_time = 'at', watermark = '1 second',
      on_bad_row = 'skip');
CREATE TABLE sums (window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, kind TEXT, events BIGINT, total DOUBLE PRECISION)
WITH (connector = 'delta', path = '${TABLES}/sums', freshness_interval = '1 second');
INSERT INTO sums SELECT window_start, window_end, kind, count(*), sum(amount)
FROM tumble(events, at, INTERVAL '2 seconds') WHERE amount >= 0 GROUP BY window_start, window_end, kind;
"""


class Stream(threading.Thread):
    """Writes some hundred rows a second, of now, until it is ended. `spoil` makes every tenth row another."""

    def __init__(self, brokers, topic):
        super().__init__(daemon=True)
        self._producer = confluent_kafka.Producer({"bootstrap.servers": brokers, "linger.ms": 5})
        self._topic = topic
        self._ended = threading.Event()
        self.spoil = None  # a function of a row
        self.clock = lambda: datetime.datetime.now(datetime.UTC)

    def run(self):
        number = 0
        while not self._ended.wait(0.05):  # the pace of the input
            for _ in range(20):
                number += 1
                row = {"kind": f"k{number % 50}", "amount": number % 7 - 1, "at": self.clock().isoformat()}
                value = json.dumps(row)
                if self.spoil and number % 10 == 0:
                    value = self.spoil(row)
                self._producer.produce(self._topic, value, partition=number % 2)
            self._producer.poll(0)
        self._producer.flush(10)

    def end(self):
        self._ended.set()
        self.join()


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """(cluster, job, stream, prometheus), everything healthy."""
    folder = tmp_path_factory.mktemp("live")
    with Kafka.started(folder / "kafka") as kafka:
        kafka.create_topic("events", partitions=2)
        with Cluster(folder / "cluster", workers=2, coordinators=2) as cluster:
            targets = {"weir-coordinator": [c.http.removeprefix("http://") for c in cluster.coordinators],
                       "weir-worker": [w.http.removeprefix("http://") for w in cluster.workers]}
            with Prometheus.started(folder / "prometheus", targets, hastened(RULES.read_text())) as prometheus:
                job = cluster.submit(SCRIPT, BROKERS=kafka.brokers, TOPIC="events", TABLES=folder)["id"]
                stream = Stream(kafka.brokers, "events")
                stream.start()
                try:
                    cluster.wait_job(job, lambda j: all(s["table_version"] > 0 for s in j["sinks"]), what="a commit")
                    yield cluster, job, stream, prometheus
                finally:
                    stream.end()


def test_haste_changes_times_only():
    slow, fast = RULES.read_text(), hastened(RULES.read_text())
    assert "[15m]" in slow and "[45s]" in fast and not re.search(r"\[\d+[mhd]\]|for: \d+m", fast)
    assert "+ 3.0)" in fast and "+ 1.5" in fast and "0.9 * 15.0" in fast
    strip = r"\[[^]]*\]|for: \w+|interval: \w+|[+*] [\d.]+(?=\)|\n)|0\.9 \* [\d.]+"
    assert re.sub(strip, "", slow) == re.sub(strip, "", fast)


def test_live_output_is_as_promtool_wants_it(live):
    cluster, *_ = live
    for process in [*cluster.coordinators, *cluster.workers]:
        with urllib.request.urlopen(f"{process.http}/metrics", timeout=5) as reply:
            text = reply.read().decode()
        done = run(tool("promtool"), "check", "metrics", input=text, stdin=None)
        assert done.returncode == 0 and not done.stderr, (process.name, done.stderr)


def test_nothing_fires_when_all_is_well(live):
    *_, prometheus = live
    prometheus.wait_for_alerts(clear={a for a in alert_names()})


def test_bad_and_late_rows(live):
    _, _, stream, prometheus = live
    stream.spoil = lambda row: "{"
    prometheus.wait_for_alerts(firing={"WeirBadRows"})
    stream.spoil = lambda row: json.dumps({**row, "at": "2020-01-01T00:00:00Z"})
    prometheus.wait_for_alerts(firing={"WeirLateRows"}, clear={"WeirBadRows"})
    stream.spoil = None
    prometheus.wait_for_alerts(clear={"WeirLateRows", "WeirBadRows"})


def test_event_time_that_stands_still(live):
    _, _, stream, prometheus = live
    clock, stopped = stream.clock, stream.clock()
    stream.clock = lambda: stopped
    prometheus.wait_for_alerts(firing={"WeirWatermarkStalled"})
    stream.clock = clock
    prometheus.wait_for_alerts(clear={"WeirWatermarkStalled"})


def test_workers_that_are_killed_again_and_again(live):
    cluster, job, _, prometheus = live
    for number in range(10):
        # Whose turn it is: after the one before, all tasks are here.
        worker = cluster.workers[number % 2]
        before = cluster.job(job)["generation"]
        worker.kill()
        cluster.wait_job(job, lambda j, g=before: j["generation"] > g and j["state"] == "RUNNING", what="a restart")
        worker.start()
        worker.wait_until_ready()
        if "WeirRestartLoop" in prometheus.firing():
            break
    prometheus.wait_for_alerts(firing={"WeirRestartLoop"})
    prometheus.wait_for_alerts(clear={"WeirRestartLoop"})


def test_no_workers(live):
    cluster, _, _, prometheus = live
    for worker in cluster.workers:
        worker.kill()
    prometheus.wait_for_alerts(firing={"WeirJobWaiting", "WeirCheckpointOld", "WeirTargetDown", "WeirTableStaleFastBurn"})
    for worker in cluster.workers:
        worker.start()
    prometheus.wait_for_alerts(clear={"WeirJobWaiting", "WeirCheckpointOld", "WeirTargetDown", "WeirTableStaleFastBurn"})


def test_answers_of_the_store_that_get_lost(live):
    cluster, _, _, prometheus = live
    restart_coordinators(cluster, "lake.after_log_put=error@7")
    prometheus.wait_for_alerts(firing={"WeirCommitOutcomeUnknown"})
    prometheus.wait_for_alerts(clear={"WeirCommitOutcomeUnknown", "WeirNoLeader"})


def restart_coordinators(cluster, failpoints=None):
    for coordinator in cluster.coordinators:
        coordinator.kill()
    for coordinator in cluster.coordinators:
        coordinator.start(failpoints=failpoints)


def test_every_panel_and_every_alert_has_data(live):
    """After the faults above, so that there are restarts and recoveries to show."""
    _, job, stream, prometheus = live
    stream.spoil = lambda row: "{"
    wait_for(lambda: prometheus.query("job:weir_bad_rows:ratio_rate10m"), 30, lambda: "bad rows")
    for name in generate.DASHBOARDS:
        for panel in generate.dashboard(name)["panels"]:
            for target in panel["targets"]:
                for chosen in (".*", job):
                    expression = target["expr"].replace("$__rate_interval", "1m").replace("$job", chosen)
                    wait_for(lambda e=expression: prometheus.query(e), 30, lambda: f"{name}, {panel['title']}: {expression}")
    for rule in rules():
        # An alert's whole expression has data only while it fires: each series that it names must be there.
        for series in re.findall(r"(?:\w+:)?\bweir_[a-z_:0-9]+|\bup\b", rule["expr"]):
            assert prometheus.query(series), f"{series} of {rule.get('alert') or rule['record']}"
        if "record" in rule:
            assert prometheus.query(rule["record"]), rule["record"]
    stream.spoil = None
    prometheus.wait_for_alerts(clear={"WeirBadRows"})


def test_no_coordinators(live):
    cluster, _, _, prometheus = live
    for coordinator in cluster.coordinators:
        coordinator.kill()
    prometheus.wait_for_alerts(firing={"WeirNoLeader", "WeirTargetDown", "WeirWorkerUnregistered"})
    for coordinator in cluster.coordinators:
        coordinator.start()
    prometheus.wait_for_alerts(clear={"WeirNoLeader", "WeirTargetDown", "WeirWorkerUnregistered"})


def test_nothing_at_all(live):
    cluster, _, _, prometheus = live
    processes = [*cluster.coordinators, *cluster.workers]
    for process in processes:
        process.kill()
    prometheus.wait_for_alerts(firing={"WeirMetricsAbsent", "WeirNoLeader"})
    for process in processes:
        process.start()
    prometheus.wait_for_alerts(clear=set(alert_names()) - {"WeirTableStaleSlowBurn", "WeirTableStaleBudget", "WeirRestartLoop"})


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alert_names():
    return [rule["alert"] for rule in rules() if "alert" in rule]
