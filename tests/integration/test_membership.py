"""Tasks move: rescaling, workers that join, drain or vanish. Real broker, real processes; every table version is judged."""

import contextlib
import json
import os
import random
import subprocess
import sys

import pyarrow
import pytest

import oracle
from cluster import WEIR, Cluster, wait_for
from test_main_job import ACTIVITY, ACTIVITY_ORACLE, produce_spread, rfc3339, source, transactions

HOPS = """
CREATE TABLE hops (window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, kind TEXT, n BIGINT, users BIGINT,
  total DOUBLE PRECISION, mean DOUBLE PRECISION, smallest DOUBLE PRECISION, largest DOUBLE PRECISION,
  spread DOUBLE PRECISION, variance DOUBLE PRECISION, refunds BIGINT, every_one BOOLEAN, at_least_one BOOLEAN,
  first_user TEXT)
WITH (connector = 'delta', path = '${TABLES}/hops', late_path = '${TABLES}/late');
INSERT INTO hops
SELECT window_start, window_end, eventType, count(*), count(DISTINCT userId), sum(amount), avg(amount), min(amount),
       max(amount), stddev_samp(amount), var_samp(amount), count(*) FILTER (WHERE amount < 0), bool_and(amount > -50),
       bool_or(amount > 499), min(userId)
FROM hop(user_transactions, eventTime, INTERVAL '2 minutes', INTERVAL '5 minutes')
GROUP BY window_start, window_end, eventType;
"""

# A window of 5 minutes every 2 minutes: a row is in those that start at most 5 minutes before it.
HOPS_ORACLE = """
WITH rows AS (SELECT value->>'eventType' AS kind, value->>'userId' AS u, CAST(value->>'amount' AS DOUBLE) AS a,
                     CAST(value->>'eventTime' AS TIMESTAMPTZ) AS t FROM records),
     hops AS (SELECT *, unnest([time_bucket(INTERVAL '2 minutes', t) - INTERVAL (2 * i) MINUTE FOR i IN [0, 1, 2]]) AS s
              FROM rows)
SELECT s, s + INTERVAL '5 minutes', kind, count(*), count(DISTINCT u), sum(a), avg(a), min(a), max(a), stddev_samp(a),
       var_samp(a), count(*) FILTER (a < 0), bool_and(a > -50), bool_or(a > 499), min(u)
FROM hops WHERE t < s + INTERVAL '5 minutes' AND s + INTERVAL '5 minutes' <= {watermark} GROUP BY s, kind
"""

START_S = 1_700_000_000


class Stream:
    """Rows in rounds: event time goes on from round to round; some rows of each are hours late."""

    def __init__(self, kafka, topic, partitions):
        self.kafka, self.topic, self.partitions = kafka, topic, partitions
        self.rows = 0
        kafka.create_topic(topic, partitions=partitions)

    def send(self, count, late=7):
        values = transactions(count, seed=self.rows, start_s=START_S + self.rows / 10)
        old = [json.dumps({"userId": f"late{i}", "eventType": "view", "amount": 1,
                           "eventTime": rfc3339(START_S - 7200)}).encode() for i in range(late)]
        produce_spread(self.kafka, self.topic, values, self.partitions)
        produce_spread(self.kafka, self.topic, old, self.partitions)
        self.rows += count + late

    def check(self, tables):
        """All rows are accounted for, and every version of the table is right. Returns the number of versions."""
        records = oracle.records_table(self.kafka.read(self.topic))
        assert records.num_rows == self.rows
        late = set(zip(*(oracle.read_deltalake(tables / "late").column(c).to_pylist()
                         for c in ("_partition", "_offset")))) if (tables / "late" / "_delta_log").exists() else set()
        used = records.filter(pyarrow.array([key not in late for key in zip(
            records["partition"].to_pylist(), records["offset"].to_pylist())]))
        return oracle.check_every_version(tables / "hops", used, HOPS_ORACLE), len(late)


def hops_script(parallelism, interval="500ms", stop=False):
    return (f"SET checkpoint_interval = '{interval}'; SET parallelism = {parallelism};"
            + source(options=", stop = 'latest'" if stop else "") + HOPS)


def rescale(cluster, job, parallelism):
    """Asks until it is so: a worker that is away at the moment has its slots away."""
    last = []

    def done():
        asked = cluster.run("job", "rescale", job, "--parallelism", parallelism, "-o", "json")
        last[:] = [asked.stderr]
        if asked.returncode == 0:
            assert json.loads(asked.stdout)["parallelism"] == parallelism
            return True
        assert asked.returncode in (5, 6), asked.stderr
        return False

    wait_for(done, 90, lambda: f"parallelism {parallelism}: {last}\n{cluster.logs()}")


@contextlib.contextmanager
def cpu_hogs(count=os.cpu_count()):
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def test_rescale_moves_tasks_and_keeps_results_exact(kafka, topic_name, tmp_path):
    stream = Stream(kafka, topic_name, 4)
    with Cluster(tmp_path / "cluster", workers=2, slots=4) as cluster:
        job = cluster.submit(hops_script(2), "hops", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        stream.send(20_000)
        for parallelism in (5, 1, 8, 3):
            rescale(cluster, job, parallelism)
            stream.send(5_000)
        done = cluster.wait_job(job, lambda j: j["records_in"] == stream.rows, what="all rows")
        assert done["generation"] > 4 and done["parallelism"] == 3
        assert [r["reason"] for r in done["restarts"]][-4:] == [
            f"parallelism changes from {a} to {b}" for a, b in ((2, 5), (5, 1), (1, 8), (8, 3))]
        assert cluster.coordinator.metric_sum("weir_restarts_total", job=job) == 0
        assert cluster.coordinator.metric_sum("weir_moves_total", job=job) == 4
        done = cluster.stop(job)
        assert done["records_used"] + done["late_rows"] == stream.rows and done["late_rows"] > 0
    versions, late = stream.check(tmp_path)
    assert versions >= 5 and late == done["late_rows"]


def test_rescaling_again_and_again_while_workers_die(kafka, topic_name, tmp_path):
    rng = random.Random(5)
    stream = Stream(kafka, topic_name, 4)
    with Cluster(tmp_path / "cluster", workers=3, slots=3) as cluster:
        job = cluster.submit(hops_script(1), "hops", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        for parallelism in (4, 2, 8, 3):
            stream.send(15_000)
            asking = subprocess.Popen([str(WEIR), "job", "rescale", job, "--parallelism", str(parallelism),
                                       "--coordinator", cluster.address], stderr=subprocess.DEVNULL)
            victim = rng.choice(cluster.workers)
            victim.kill()
            stream.send(1_000)
            victim.start()
            victim.wait_until_ready()
            asking.wait(120)
            rescale(cluster, job, parallelism)
        cluster.wait_job(job, lambda j: j["records_in"] == stream.rows, what="all rows")
        done = cluster.stop(job)
        assert done["parallelism"] == 3
        assert done["records_used"] + done["late_rows"] == stream.rows
    assert stream.check(tmp_path)[0] >= 4


@pytest.mark.parametrize("failpoint", ["coordinator.after_captured", "coordinator.before_publish",
                                       "coordinator.after_publish"])
def test_a_coordinator_that_dies_amid_a_rescale_leaves_the_old_or_the_new(kafka, topic_name, tmp_path, failpoint):
    stream = Stream(kafka, topic_name, 3)
    with Cluster(tmp_path / "cluster", workers=2, slots=2) as cluster:
        cluster.coordinator.kill()
        cluster.coordinator.start(failpoints=f"{failpoint}=crash@4")
        cluster.coordinator.wait_until_ready()
        for worker in cluster.workers:
            worker.wait_until_ready()
        # The interval is long: all checkpoints but the first are those that moves take.
        job = cluster.submit(hops_script(1, interval="1h"), "hops", BROKERS=kafka.brokers, TOPIC=topic_name,
                             TABLES=tmp_path)["id"]
        stream.send(10_000)
        before = after = 1
        for after in (3, 2, 4, 3, 1, 2):
            if cluster.run("job", "rescale", job, "--parallelism", after).returncode != 0:
                break
            before = after
        else:
            pytest.fail(f"{failpoint} was never reached")
        cluster.coordinator.wait_until_dead()
        cluster.coordinator.start()
        cluster.coordinator.wait_until_ready()
        now = cluster.wait_job(job, lambda j: j["state"] == "RUNNING" and j["live_records_in"] == stream.rows, what="all rows")
        assert now["parallelism"] in (before, after)
        rescale(cluster, job, 2)
        cluster.stop(job)
    assert stream.check(tmp_path)[0] >= 1


def test_more_tasks_than_partitions(kafka, topic_name, tmp_path):
    """Tasks without a partition hold back neither the watermark nor the end."""
    stream = Stream(kafka, topic_name, 1)
    stream.send(20_000, late=0)
    with Cluster(tmp_path / "cluster", workers=2, slots=4) as cluster:
        job = cluster.submit(hops_script(3, stop=True), "hops", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)
        done = cluster.finish(job["id"])
        assert done["records_in"] == stream.rows and done["parallelism"] == 3
        # And without an end: rows come while the job grows past its only partition.
        endless = cluster.submit("SET checkpoint_interval = '500ms'; SET parallelism = 1;" + source() + ACTIVITY % "",
                                 "endless", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        rescale(cluster, endless, 8)
        stream.send(5_000, late=0)
        seen = cluster.wait_job(endless, lambda j: j["records_in"] == stream.rows and j["watermark"] is not None
                                and j["watermark"] > rfc3339(START_S + 2_000), what="the watermark to go on")
        assert seen["parallelism"] == 8
        cluster.stop(endless)
    assert stream.check(tmp_path)[0] >= 1
    records = oracle.records_table(kafka.read(topic_name))
    assert oracle.check_every_version(tmp_path / "activity", records, ACTIVITY_ORACLE) >= 1


def test_rescale_with_full_queues_and_no_cpu(kafka, topic_name, tmp_path):
    """FLINK-38544, FLINK-31963: rows in flight were lost when a job was rescaled under back-pressure and load."""
    stream = Stream(kafka, topic_name, 4)
    stopped = tmp_path / "stopped"
    stopped.touch()
    with Cluster(tmp_path / "cluster", workers=2, slots=3, WEIR_TEST_PAUSE_FILE=str(stopped)) as cluster, cpu_hogs():
        job = cluster.submit(hops_script(2), "hops", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        for parallelism in (4, 1, 6, 2):
            stopped.write_text(job + "\n")  # owners take nothing: the queues fill
            stream.send(40_000)
            asking = subprocess.Popen([str(WEIR), "job", "rescale", job, "--parallelism", str(parallelism),
                                       "--coordinator", cluster.address], stderr=subprocess.DEVNULL)
            cluster.wait_job(job, lambda j: any("tasks move" in w for w in j["warnings"])
                             or j["parallelism"] == parallelism, what="the rescale to be under way")
            stopped.write_text("")
            asking.wait(120)
            rescale(cluster, job, parallelism)
        cluster.wait_job(job, lambda j: j["records_in"] == stream.rows, what="all rows")
        done = cluster.stop(job)
        assert done["records_used"] + done["late_rows"] == stream.rows
    assert stream.check(tmp_path)[0] >= 4


def test_a_rescale_that_cannot_be_is_refused_with_the_reason(kafka, topic_name, tmp_path):
    stream = Stream(kafka, topic_name, 1)
    stream.send(100)
    with Cluster(tmp_path / "cluster", workers=1, slots=2) as cluster:
        def refused(name, parallelism, code, *words):
            asked = cluster.run("job", "rescale", name, "--parallelism", parallelism)
            assert asked.returncode == code, asked.stderr
            for word in words:
                assert word in asked.stderr, asked.stderr

        refused("nobody", 1, 4, "nobody")
        job = cluster.submit(hops_script(5), "hops", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        assert "needs as many slots" in cluster.wait_job(job, lambda j: j["state"] == "WAITING")["reason"]
        refused(job, 3, 5, "the cluster has 2")
        refused(job, 0, 2, "parallelism")
        refused(job, 4097, 2, "4096")
        rescale(cluster, job, 2)
        refused(job, 3, 5, "the cluster has 2", "start more workers")
        generation = cluster.job(job)["generation"]
        assert cluster.run("job", "rescale", job, "--parallelism", 2).returncode == 0
        assert cluster.job(job)["generation"] == generation, "it was so already"
        cluster.stop(job)
        refused(job, 1, 5, "has ended")


def read_by(workers, job):
    """Rows that the job's tasks have read in these processes."""
    return sum(w.metric_sum("weir_source_records_total", job=job) for w in workers)


def test_drain_moves_tasks_without_reading_anything_again(kafka, topic_name, tmp_path):
    stream = Stream(kafka, topic_name, 4)
    with Cluster(tmp_path / "cluster", workers=3, slots=2) as cluster:
        job = cluster.submit(hops_script(4, interval="1h"), "hops", BROKERS=kafka.brokers, TOPIC=topic_name,
                             TABLES=tmp_path)["id"]
        stream.send(20_000)
        cluster.wait_job(job, lambda j: j["live_records_in"] == stream.rows, what="the first rows")
        leaving = cluster.workers[0]
        assert cluster.worker_states()[leaving.address] == "ACTIVE"
        drained = cluster.weir("worker", "drain", leaving.address)
        assert (drained["state"], drained["slots_used"]) == ("DRAINED", 0)
        moved = cluster.job(job)
        assert moved["records_in"] == stream.rows, "the move began from all that was read"
        assert len(moved["restarts"]) == 1 and "drains" in moved["restarts"][0]["reason"]
        assert cluster.weir("worker", "drain", leaving.address)["state"] == "DRAINED", "asked again"
        stream.send(5_000)
        cluster.wait_job(job, lambda j: j["live_records_in"] == stream.rows, what="the rows after the drain")
        assert leaving.running and leaving.stop() == 0
        wait_for(lambda: leaving.address not in cluster.worker_states(), 10, lambda: "the worker to be gone from the list")
        cluster.stop(job)
    assert stream.check(tmp_path)[0] >= 2


def test_sigterm_drains_a_worker_before_it_ends(kafka, topic_name, tmp_path):
    """As Kubernetes does in a rolling restart: each worker in turn gets SIGTERM and comes back."""
    stream = Stream(kafka, topic_name, 3)
    with Cluster(tmp_path / "cluster", workers=3, slots=2) as cluster:
        job = cluster.submit(hops_script(4, interval="1h"), "hops", BROKERS=kafka.brokers, TOPIC=topic_name,
                             TABLES=tmp_path)["id"]
        for worker in list(cluster.workers):
            stream.send(5_000)
            cluster.wait_job(job, lambda j: j["live_records_in"] == stream.rows, what="the rows")
            assert worker.stop() == 0
            # With an hour between checkpoints, only the move can have published these rows.
            cluster.wait_job(job, lambda j: j["records_in"] == stream.rows, what="the move's checkpoint")
            worker.start()
            worker.wait_until_ready()
        done = cluster.wait_job(job, lambda j: j["state"] == "RUNNING")
        assert all("drains" in r["reason"] for r in done["restarts"])
        assert cluster.coordinator.metric_sum("weir_restarts_total", job=job) == 0
        cluster.stop(job)
    assert stream.check(tmp_path)[0] >= 3


def test_the_last_worker_that_leaves_parks_its_jobs(kafka, topic_name, tmp_path):
    stream = Stream(kafka, topic_name, 2)
    with Cluster(tmp_path / "cluster", workers=1, slots=2) as cluster:
        (worker,) = cluster.workers
        job = cluster.submit(hops_script(2, interval="1h"), "hops", BROKERS=kafka.brokers, TOPIC=topic_name,
                             TABLES=tmp_path)["id"]
        stream.send(5_000)
        cluster.wait_job(job, lambda j: j["live_records_in"] == stream.rows, what="the rows")
        refused = cluster.run("worker", "drain", worker.address)
        assert refused.returncode == 5 and "start one first" in refused.stderr and job in refused.stderr
        assert cluster.run("worker", "drain", "127.0.0.1:1").returncode == 4
        assert worker.stop() == 0
        parked = cluster.wait_job(job, lambda j: j["state"] == "WAITING", what="the job to wait")
        assert parked["records_in"] == stream.rows and "no worker is registered" in parked["reason"]
        worker.start()
        worker.wait_until_ready()
        stream.send(1_000)
        cluster.wait_job(job, lambda j: j["live_records_in"] == stream.rows, what="the rows after the pause")
        assert read_by([worker], job) == 1_007
        cluster.stop(job)
    stream.check(tmp_path)


def test_a_second_signal_leaves_at_once(kafka, topic_name, tmp_path):
    stream = Stream(kafka, topic_name, 2)
    stopped = tmp_path / "stopped"
    stopped.touch()
    with Cluster(tmp_path / "cluster", workers=2, slots=1, WEIR_TEST_PAUSE_FILE=str(stopped)) as cluster:
        job = cluster.submit(hops_script(2), "hops", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        cluster.wait_job(job, lambda j: j["state"] == "RUNNING" and j["epoch"] > 3)
        leaving = cluster.workers[1]
        stopped.write_text(job + "\n")  # no checkpoint gets through
        stream.send(100_000)
        leaving.terminate()
        wait_for(lambda: cluster.worker_states()[leaving.address] == "DRAINING", 20, lambda: "the drain to begin")
        assert leaving.running
        assert leaving.stop() == 0, "the second signal"
        assert "second signal" in leaving.log()
        assert cluster.worker_states()[leaving.address] == "LOST"
        stopped.write_text("")
        cluster.wait_job(job, lambda j: j["records_in"] == stream.rows, what="all rows on the other worker")
        cluster.stop(job)
    assert stream.check(tmp_path)[0] >= 1


def test_workers_that_join_take_waiting_jobs_and_tasks_that_share_slots(kafka, topic_name, tmp_path):
    stream = Stream(kafka, topic_name, 4)
    with Cluster(tmp_path / "cluster", workers=1, slots=2) as cluster:
        job = cluster.submit(hops_script(4), "hops", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        assert "parallelism 4 needs as many slots" in cluster.wait_job(job, lambda j: j["state"] == "WAITING")["reason"]
        second = cluster.add_worker(slots=2)
        stream.send(5_000)
        cluster.wait_job(job, lambda j: j["records_in"] == stream.rows, what="the job to start by itself")
        second.kill()
        stream.send(5_000)
        cluster.wait_job(job, lambda j: j["records_in"] == stream.rows, what="tasks to share the other worker's slots")
        assert cluster.worker_states()[second.address] == "LOST"
        third = cluster.add_worker(slots=2)
        generation = cluster.job(job)["generation"]
        stream.send(5_000)
        moved = cluster.wait_job(job, lambda j: j["generation"] > generation, 60, "tasks to spread")
        assert "shared slots" in moved["restarts"][-1]["reason"]
        stream.send(5_000)
        cluster.wait_job(job, lambda j: j["records_in"] == stream.rows, what="all rows")
        used = {w["address"]: w["slots_used"] for w in cluster.weir("worker", "list")["workers"] if w["state"] == "ACTIVE"}
        assert used == {cluster.workers[0].address: 2, third.address: 2}
        cluster.stop(job)
    assert stream.check(tmp_path)[0] >= 3


@pytest.mark.parametrize("when", ["rescale", "drain", "two at once", "all"])
def test_workers_vanish_during(kafka, topic_name, tmp_path, when):
    stream = Stream(kafka, topic_name, 4)
    with Cluster(tmp_path / "cluster", workers=3, slots=2) as cluster:
        job = cluster.submit(hops_script(4), "hops", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        stream.send(30_000)
        cluster.wait_job(job, lambda j: j["epoch"] > 3 and j["state"] == "RUNNING")
        first, second, third = cluster.workers
        asking = None
        if when == "rescale":
            asking = [str(WEIR), "job", "rescale", job, "--parallelism", "6"]
        elif when == "drain":
            asking = [str(WEIR), "worker", "drain", first.address]
        if asking:
            asked = subprocess.Popen([*asking, "--coordinator", cluster.address], stderr=subprocess.PIPE, text=True)
        victims = {"two at once": [first, second], "all": [first, second, third]}.get(when, [first])
        for victim in victims:
            victim.kill()
        stream.send(2_000)
        if when == "all":
            waiting = cluster.wait_job(job, lambda j: j["state"] == "WAITING", what="the job to wait")
            assert "no worker is registered" in waiting["reason"]
            for victim in victims:
                victim.start()
        if asking:
            # The answer depends on who was first (4: the worker was gone already); what counts is that there is one.
            assert asked.wait(120) in (0, 4, 5), asked.stderr.read()
        cluster.wait_job(job, lambda j: j["records_in"] == stream.rows, what="all rows on the workers that are left")
        done = cluster.stop(job)
        assert done["records_used"] + done["late_rows"] == stream.rows
    assert stream.check(tmp_path)[0] >= 2


def test_a_coordinator_that_restarts_knows_who_drains(kafka, topic_name, tmp_path):
    stream = Stream(kafka, topic_name, 2)
    with Cluster(tmp_path / "cluster", workers=2, slots=1) as cluster:
        job = cluster.submit(hops_script(1), "hops", BROKERS=kafka.brokers, TOPIC=topic_name, TABLES=tmp_path)["id"]
        leaving = cluster.workers[0]
        cluster.weir("worker", "drain", leaving.address)
        cluster.coordinator.kill()
        cluster.coordinator.start()
        cluster.coordinator.wait_until_ready()
        wait_for(lambda: cluster.worker_states().get(leaving.address) == "DRAINED", 20, lambda: "the worker to say so")
        stream.send(3_000)
        cluster.wait_job(job, lambda j: j["records_in"] == stream.rows, what="the rows on the other worker")
        used = {w["address"]: w["slots_used"] for w in cluster.weir("worker", "list")["workers"]}
        assert used == {leaving.address: 0, cluster.workers[1].address: 1}
        cluster.stop(job)
    stream.check(tmp_path)
