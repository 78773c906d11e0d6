"""Epochs of half a second under load: nothing piles up. And a job that can't checkpoint says so."""

import time

from cluster import Cluster, wait_for
from test_failover import PARTITIONS, running_job
from test_main_job import ACTIVITY, produce_spread, source, transactions

UNCOMMITTED_MAX = 8  # as DESIGN §8 rule 5


def test_half_second_epochs_pile_nothing_up(kafka, topic_name, tmp_path):
    with running_job(kafka, topic_name, tmp_path, coordinators=1) as (cluster, job):
        first = cluster.job(job)
        began = time.monotonic()
        epochs, waiting, problems = set(), [], set()

        def watched_for_20_s():
            checkpoints = cluster.weir("job", "checkpoints", job)["checkpoints"]
            epochs.update(c["epoch"] for c in checkpoints)
            waiting.append(sum(not c["committed"] for c in checkpoints))
            now = cluster.job(job)
            problems.update([now["checkpoint_problem"], *now["warnings"]])
            return time.monotonic() - began > 20

        wait_for(watched_for_20_s, 60, lambda: "20 s to pass")
        assert len(epochs) >= 20, f"{len(epochs)} epochs in 20 s"
        assert max(waiting) < UNCOMMITTED_MAX, f"epochs awaited their commit: {waiting}"
        assert problems == {""}
        assert cluster.job(job)["records_in"] > first["records_in"]
        assert cluster.coordinator.metric_sum("weir_checkpoint_failures_total", job=job) == 0
        # A checkpoint is over before many more are due.
        taken = cluster.coordinator.metric_sum("weir_checkpoint_duration_seconds_count", job=job)
        seconds = cluster.coordinator.metric_sum("weir_checkpoint_duration_seconds_sum", job=job)
        assert seconds / taken < 2, f"{seconds / taken:.2f} s a checkpoint"
        # A restart reads a bounded part of the log, however many epochs there were.
        state = list((cluster.directory / "data/jobs" / job / "state").rglob("*"))
        assert len(state) < 200, f"{len(state)} state files are kept"


def test_a_job_whose_tasks_are_stuck_says_so(kafka, topic_name, tmp_path):
    """One of two workers stands still, though its process is fine: no barrier passes, and everybody can see it."""
    kafka.create_topic(topic_name, partitions=PARTITIONS)
    produce_spread(kafka, topic_name, transactions(2_000, seed=5), PARTITIONS)
    script = "SET checkpoint_interval = '500ms';" + source() + ACTIVITY % ""
    pause = tmp_path / "pause"
    pause.write_text("")
    with Cluster(tmp_path / "cluster", workers=2, WEIR_TEST_PAUSE_FILE=str(pause)) as cluster:
        job = cluster.submit(script, "activity", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        cluster.wait_job(job, lambda j: j["records_in"] == 2_000, what="the rows in an epoch")
        healthy = cluster.coordinator.metric_sum("weir_checkpoint_last_success_timestamp_seconds", job=job)
        assert abs(time.time() - healthy) < 30
        pause.write_text(job + "\n")
        stuck = cluster.wait_job(job, lambda j: j["checkpoint_problem"], what="a word about it")
        assert stuck["state"] == "RUNNING"
        assert "waits for" in stuck["checkpoint_problem"]
        assert stuck["checkpoint_age_ms"] > 9_000
        stands_at = cluster.coordinator.metric_sum("weir_checkpoint_last_success_timestamp_seconds", job=job)
        assert time.time() - stands_at > 9
        assert "last checkpoint" in cluster.run("job", "get", job).stdout
        assert "last checkpoint" in cluster.run("job", "list").stdout
        # The tasks go on, and so do the checkpoints.
        pause.write_text("")
        cluster.wait_job(job, lambda j: not j["checkpoint_problem"], what="the problem to go")
        assert cluster.coordinator.metric_sum("weir_checkpoint_last_success_timestamp_seconds", job=job) > stands_at
        # A worker that dies with a checkpoint under way makes that one fail.
        pause.write_text(job + "\n")
        epoch = cluster.job(job)["epoch"]
        failures = cluster.coordinator.metric_sum("weir_checkpoint_failures_total", job=job)
        cluster.wait_job(job, lambda j: j["checkpoint_age_ms"] > 2_000, what="a checkpoint under way")
        cluster.workers[1].kill()
        cluster.wait_job(job, lambda j: j["generation"] > epoch, what="a restart")
        assert cluster.coordinator.metric_sum("weir_checkpoint_failures_total", job=job) > failures
        pause.write_text("")
        cluster.wait_job(job, lambda j: j["checkpoint_failures"] == 0 and j["epoch"] > j["generation"], what="an epoch")
        cluster.stop(job)
