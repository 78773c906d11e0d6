"""Every metric that a process serves is seen moving, on a live cluster under load, or is named here with the test that moves it."""

import json

from cluster import Cluster, wait_for
from test_backpressure import SPREAD
from test_main_job import produce_spread, rfc3339, source, transactions

# Set once, to say what a process is or what a job asks for.
CONSTANT = {"weir_build_info", "weir_checkpoint_interval_seconds", "weir_table_commit_interval_seconds", "weir_memory_budget_bytes", "weir_memory_limit_bytes"}
# Moved by faults that this test doesn't make.
ELSEWHERE = {
    "weir_commit_conflicts_total": "JobRunnerTest.CountsCommitsOfOthersThatCameBetween",
    "weir_state_rewritten_bytes_total": "WindowTest.TheListStaysShort",
    "weir_state_spilled_bytes_total": "test_state_beyond_the_memory_survives_a_crash",
    "weir_commit_unknown_outcomes_total": "JobRunnerTest.CountsWritesOfUnknownOutcome",
    "weir_fenced_total": "JobRunnerTest.CountsJobsGivenUpToAnotherCoordinator",
    "weir_leader": "test_failover.py, test_peer10_a_paused_leader_wakes_as_a_standby",
}

# Series that a job may have: for itself, for each task, each table and each partition (deploy/monitoring/README.md).
SERIES_MAX = {"job": 80, "task": 24, "sink": 24, "partition": 1}


def test_every_metric_moves(kafka, topic_name, tmp_path):
    kafka.create_topic(topic_name, partitions=2)
    # Every row is a key of its own, so that much crosses the exchange.
    script = "SET checkpoint_interval = '500ms'; SET parallelism = 2;" + source(options=", on_bad_row = 'skip'") + SPREAD.replace(
        "GROUP BY", "WHERE amount > 0 GROUP BY")
    seen = Seen()
    paused = tmp_path / "paused"
    paused.write_text("")
    with Cluster(tmp_path / "cluster", workers=2, WEIR_TEST_PAUSE_FILE=str(paused)) as cluster:
        processes = [cluster.coordinator, *cluster.workers]

        def moves(*names):
            wait_for(lambda: seen.look(processes).issuperset(names), 60, lambda: f"{names} to move")

        # Too few slots, so the job waits; then it runs.
        seen.look(processes)
        cluster.workers[1].kill()
        moves("weir_workers")
        job = cluster.submit(script, "spread", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        cluster.wait_job(job, lambda j: seen.look(processes) and j["state"] == "WAITING", what="the job to wait")
        wait_for(lambda: cluster.coordinator.metric_sum("weir_job_state", state="waiting") == 1, 10,
                 lambda: "the metrics to say that it waits")
        seen.look(processes)
        cluster.workers[1].start(WEIR_TEST_PAUSE_FILE=str(paused))
        moves("weir_job_state", "weir_job_epoch")

        # Owners that stand still: rows wait before them, and records in Kafka.
        paused.write_text(job + "\n")
        values = transactions(300_000, seed=1, per_second=1_000)
        values += [b"{", json.dumps({"eventType": "late", "amount": 1, "eventTime": rfc3339(1_600_000_000)}).encode()]
        produce_spread(kafka, topic_name, values, 2)
        moves("weir_queue_bytes", "weir_source_lag_records")
        paused.write_text("")
        cluster.wait_job(job, lambda j: j["records_in"] == len(values), what="all records")
        moves("weir_used_rows_total", "weir_late_rows_total", "weir_exchange_received_bytes_total")

        cluster.workers[1].kill()
        moves("weir_restarts_total")
        check_series(job, [cluster.coordinator, cluster.workers[0]])
        cluster.coordinator.kill()
        moves("weir_worker_registered")
        cluster.coordinator.start()
        cluster.coordinator.wait_until_ready()
        wait_for(lambda: seen.look(processes) and not seen.unmoved(), 60,
                 lambda: f"to move: {sorted(seen.unmoved())}")
        cluster.stop(job)
        # Nothing of a finished job stays.
        wait_for(lambda: not any(("job", job) in labels for p in processes[:2] for _, labels in p.metrics()), 10,
                 lambda: "the job's series to go")


def check_series(job, processes):
    """That the job has no more series than its size allows."""
    series = [dict(labels) for process in processes for _, labels in process.metrics() if ("job", job) in labels]
    things = {
        "job": 1,
        "task": len({(s["vertex"], s["task"]) for s in series if "task" in s}),
        "sink": len({s["sink"] for s in series if "sink" in s}),
        "partition": len({s["partition"] for s in series if "partition" in s}),
    }
    allowed = sum(SERIES_MAX[thing] * count for thing, count in things.items())
    assert all(things.values()), things
    assert allowed / 2 < len(series) <= allowed, (len(series), things)


class Seen:
    """The values that each metric had, over all its series."""

    def __init__(self):
        self.values = {}
        self.moved = set()

    def look(self, processes):
        """All names that have moved so far."""
        for process in processes:
            try:
                metrics = process.metrics()
            except OSError:
                continue  # it isn't up
            for (series, labels), value in metrics.items():
                name = series
                for suffix in ("_bucket", "_sum", "_count"):
                    name = name.removesuffix(suffix)
                counts = name.endswith("_total") or name != series  # from 0, whenever it is first looked at
                if self.values.setdefault((process.name, name, labels), 0 if counts else value) != value:
                    self.moved.add(name)
        return self.moved

    def unmoved(self):
        names = {name for _, name, _ in self.values}
        return names - self.moved - CONSTANT - set(ELSEWHERE)

