#!/usr/bin/env python3
"""How long a job stands still after a failure, by phase, over a real Kafka and real processes.

    bench/recovery.py [--runs 10] [--only worker,coordinator,node,node-s3] [--state-mib 1024] [--memory 1GiB] [--silent]

    worker       kill -9 of one of three workers, small state
    coordinator  kill -9 of the leader of two coordinators
    node         one of two workers, each with --state-mib of state files, is killed and its disk is gone: the other one
                 takes its tasks, and goes on with its own; job data in a directory
    node-s3      the same with job data on a MinIO of this machine

Rows are produced all the time. Every time counts from the kill: detected (the coordinator knows, or the other one leads),
fenced (the STARTED record stands), ready (all tasks have their state), first row (some source task hands on rows again),
epoch (the next checkpoint is published). Prints the median and the worst of --runs, and the machine's load beside it.
With --silent the lost node isn't killed but stopped: nothing refuses a connection, only the lease tells.
"""

import argparse
import base64
import calendar
import os
import pathlib
import random
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))
sys.path.insert(0, str(ROOT / "bench"))

from cluster import Cluster, wait_for  # noqa: E402
from kafka import Kafka, produce_all  # noqa: E402
from main_job import cpu_seconds  # noqa: E402
from minio import Minio  # noqa: E402

PARTITIONS = 6
PHASES = ["detected", "fenced", "ready", "first row", "epoch"]
KEY_BYTES = 200  # of large state; random, so that they stay as long in the files

SCRIPT = """
SET checkpoint_interval = '500ms';
CREATE TABLE events (userId BIGINT NOT NULL, amount DOUBLE PRECISION, eventTime TIMESTAMPTZ NOT NULL)
WITH (connector = 'kafka', brokers = '${BROKERS}', topic = '${TOPIC}', format = 'json', event_time = 'eventTime',
      watermark = '1 minute', start = 'latest');
CREATE TABLE sums (window_start TIMESTAMPTZ, user_id BIGINT, event_count BIGINT, total_amount DOUBLE PRECISION)
WITH (connector = 'delta', path = '${TABLES}/${TABLE}');
INSERT INTO sums SELECT window_start, userId, count(*), sum(amount)
FROM tumble(events, eventTime, INTERVAL '1 day') GROUP BY window_start, userId;
"""

# The large state: a group for every visitor.
LARGE = """
SET checkpoint_interval = '500ms';
CREATE TABLE visits (visitor TEXT NOT NULL, amount BIGINT, eventTime TIMESTAMPTZ NOT NULL)
WITH (connector = 'kafka', brokers = '${BROKERS}', topic = '${TOPIC}', format = 'json', event_time = 'eventTime',
      watermark = '1 minute');
CREATE TABLE by_visitor (window_start TIMESTAMPTZ, visitor TEXT, visits BIGINT, amount BIGINT)
WITH (connector = 'delta', path = '${TABLES}/${TOPIC}');
INSERT INTO by_visitor SELECT window_start, visitor, count(*), sum(amount)
FROM tumble(visits, eventTime, INTERVAL '1 day') GROUP BY window_start, visitor;
"""


class Load(threading.Thread):
    """Produces `rate` rows a second over the topic's partitions; row(n, random) is the n-th one."""

    def __init__(self, kafka, topic, rate, row):
        super().__init__(daemon=True)
        self._kafka, self._topic, self._rate, self._row = kafka, topic, rate, row
        self._over = threading.Event()

    def run(self):
        rng = random.Random(7)
        producer = self._kafka.producer()
        sent = 0
        began = time.monotonic()
        chunk = max(1, self._rate // 20)
        while not self._over.is_set():
            values = [self._row(sent + i, rng) for i in range(chunk)]
            sent += chunk
            produce_all(producer, self._topic, values, partition=sent // chunk % PARTITIONS)
            self._over.wait(max(0.0, began + sent / self._rate - time.monotonic()))

    def end(self):
        self._over.set()
        self.join()


def at(n):
    return f"2026-01-01T00:{n // 60 % 60:02d}:{n % 60:02d}Z"


def user_row(n, rng):
    return f'{{"userId": {rng.randrange(1000)}, "amount": {n % 100}.5, "eventTime": "{at(n)}"}}'.encode()


def visitor_row(n, rng):
    key = base64.b64encode(rng.randbytes(KEY_BYTES * 3 // 4)).decode()
    return f'{{"visitor": "{key}", "amount": {n % 100}, "eventTime": "{at(n)}"}}'.encode()


def lines_since(processes, began):
    """(seconds since `began`, process, text) of the processes' log lines, in order."""
    found = []
    for process in processes:
        for line in process.log().splitlines():
            match = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)Z (.*)", line)
            if match is None:
                continue
            at = calendar.timegm(time.strptime(match[1], "%Y-%m-%dT%H:%M:%S")) + float(match[2])
            if at >= began:
                found.append((at - began, process, match[3]))
    return sorted(found, key=lambda entry: entry[0])


def phases(cluster, job, began, detected):
    """{phase: seconds since the kill} as soon as the job has recovered."""
    processes = [p for p in [*cluster.coordinators, *cluster.workers] if p.running]
    times = {}

    def recovered():
        times.clear()
        for at, _, text in lines_since(processes, began):
            fields = dict(pair.split("=", 1) for pair in text.split() if "=" in pair)
            if detected in text and "fenced" not in times:
                times.setdefault("detected", at)
            if fields.get("job") != job:
                continue
            if " deploying" in text or text.startswith("INFO deploying"):
                times["fenced"] = at
                generation = fields["generation"]
            elif "fenced" not in times or fields.get("generation") != generation:
                continue
            elif "tasks run" in text:
                times.setdefault("ready", at)
            elif "first rows" in text:
                times.setdefault("first row", at)
            elif "recovered" in text:
                times.setdefault("epoch", at)
        return all(phase in times for phase in PHASES)

    wait_for(recovered, 120, lambda: f"the job to recover; seen so far: {times}\n{cluster.logs()}")
    return dict(times)


def start_job(cluster, kafka, topic, tables, number):
    job = cluster.submit(SCRIPT, f"run-{number}", BROKERS=kafka.brokers, TOPIC=topic, TABLES=tables, TABLE=f"run{number}")["id"]
    cluster.wait_job(job, lambda j: j["epoch"] > 5 and j["records_in"] > 0, what="the job under way")
    return job


def kill_worker(kafka, directory, runs):
    kafka.create_topic("worker", partitions=PARTITIONS)
    load = Load(kafka, "worker", 3000, user_row)
    load.start()
    with Cluster(directory / "worker", workers=3) as cluster:
        for number in range(runs):
            job = start_job(cluster, kafka, "worker", directory, number)
            victim = cluster.workers[number % 3]
            began = time.time()
            victim.kill()
            yield phases(cluster, job, began, "worker lost")
            victim.start()
            victim.wait_until_ready()
            cluster.weir("job", "cancel", job, "--wait")
    load.end()


def kill_coordinator(kafka, directory, runs):
    kafka.create_topic("coordinator", partitions=PARTITIONS)
    load = Load(kafka, "coordinator", 3000, user_row)
    load.start()
    with Cluster(directory / "coordinator", workers=3, coordinators=2) as cluster:
        job = start_job(cluster, kafka, "coordinator", directory, runs)
        for _ in range(runs):
            leader = cluster.leader()
            epoch = cluster.job(job)["epoch"]
            cluster.wait_job(job, lambda j: j["epoch"] > epoch + 3, what="a few epochs")
            began = time.time()
            leader.kill()
            yield phases(cluster, job, began, "INFO leads")
            leader.start()
            leader.wait_until_ready()
    load.end()


def fill(kafka, topic, rows):
    """Writes that many visitors, a chunk to each partition in turn."""
    rng = random.Random(11)
    producer = kafka.producer(batch_size=1_000_000, linger_ms=50, queue_buffering_max_messages=200_000)
    for n in range(rows):
        while True:
            try:
                producer.produce(topic, visitor_row(n, rng), partition=n // 1000 % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.05)
    assert producer.flush(300) == 0


def lose_node(kafka, directory, flags, topic, **cluster_options):
    kafka.create_topic(topic, partitions=PARTITIONS)
    rows = 2 * flags.state_mib * (1 << 20) // (KEY_BYTES + 35)
    fill(kafka, topic, rows)
    print(f"{topic}: {rows:,} rows in Kafka", flush=True)
    with Cluster(directory / topic, workers=2, memory=flags.memory, **cluster_options) as cluster:
        job = cluster.submit(LARGE, "large", BROKERS=kafka.brokers, TOPIC=topic, TABLES=directory)["id"]
        cluster.wait_job(job, lambda j: j["records_in"] >= rows, timeout_s=1800, what="all rows read")
        load = Load(kafka, topic, 1000, visitor_row)
        load.start()
        for number in range(flags.runs):
            victim = cluster.workers[number % 2]

            def each_has_a_task():
                return all(w.metric_sum("weir_state_file_bytes", job=job) > 0 for w in cluster.workers)

            wait_for(each_has_a_task, 300, lambda: f"state on both workers\n{cluster.logs()}")
            epoch = cluster.job(job)["epoch"]
            cluster.wait_job(job, lambda j: j["epoch"] > epoch + 3, what="a few epochs")
            survivor = cluster.workers[1 - number % 2]
            used, began = cpu_seconds(survivor.pid), time.time()
            if flags.silent:
                victim.pause()
            else:
                victim.kill()
                shutil.rmtree(cluster.directory / f"cache-{number % 2}")
            times = phases(cluster, job, began, "worker lost")
            print(f"  the survivor used {cpu_seconds(survivor.pid) - used:.1f} s of CPU", flush=True)
            for _, _, text in lines_since([survivor], began):
                if "state restored" in text:
                    print(f"  {text}", flush=True)
            yield times
            if flags.silent:
                victim.kill()
                shutil.rmtree(cluster.directory / f"cache-{number % 2}")
            victim.start()
            victim.wait_until_ready()
        load.end()


def lose_node_s3(kafka, directory, flags):
    with Minio.started(directory / "minio") as minio:
        bucket = minio.make_bucket("data")
        yield from lose_node(kafka, directory, flags, "node-s3", data="s3://data/weir", environment=bucket.environment())


def show(name, measured):
    print(f"\n{name}, {len(measured)} runs, seconds after the kill; load average {os.getloadavg()[0]:.1f}")
    print(f"{'phase':<12}{'median':>8}{'worst':>8}")
    for phase in PHASES:
        times = [run[phase] for run in measured]
        print(f"{phase:<12}{statistics.median(times):>8.2f}{max(times):>8.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--only", default="worker,coordinator,node,node-s3")
    parser.add_argument("--state-mib", type=int, default=1024, help="of state files, on each of the two nodes")
    parser.add_argument("--memory", default="1GiB", help="of each of the two nodes")
    parser.add_argument("--silent", action="store_true")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        (directory / "kafka").mkdir()
        with Kafka.started(directory / "kafka") as kafka:
            scenarios = {"worker": lambda: kill_worker(kafka, directory, flags.runs),
                         "coordinator": lambda: kill_coordinator(kafka, directory, flags.runs),
                         "node": lambda: lose_node(kafka, directory, flags, "node"),
                         "node-s3": lambda: lose_node_s3(kafka, directory, flags)}
            for name in flags.only.split(","):
                measured = []
                for run in scenarios[name]():
                    measured.append(run)
                    print(name, {phase: round(at, 3) for phase, at in run.items()}, flush=True)
                show(name, measured)


if __name__ == "__main__":
    main()
