#!/usr/bin/env python3
"""How long a job stands still after a failure, by phase, over a real Kafka and real processes.

    bench/recovery.py [--runs 10] [--only worker,coordinator,node] [--state-mib 1024]

    worker       kill -9 of one of three workers, small state
    coordinator  kill -9 of the leader of two coordinators
    node         kill -9 of one of two workers that holds --state-mib of state, and its disk is gone

Rows are produced all the time. Every time counts from the kill: detected (the coordinator knows, or the other one leads),
fenced (the STARTED record stands), ready (all tasks have their state), first row (some source task hands on rows again),
epoch (the next checkpoint is published). Prints the median and the worst of --runs.
"""

import argparse
import calendar
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

from cluster import Cluster, wait_for  # noqa: E402
from kafka import Kafka, produce_all  # noqa: E402

PARTITIONS = 6
PHASES = ["detected", "fenced", "ready", "first row", "epoch"]

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


class Load(threading.Thread):
    """Produces `rate` rows a second over the topic's partitions; `users` keys in turn when `dense`, else at random."""

    def __init__(self, kafka, topic, rate, users, dense=False):
        super().__init__(daemon=True)
        self._kafka, self._topic, self._rate, self._users, self._dense = kafka, topic, rate, users, dense
        self._over = threading.Event()

    def run(self):
        rng = random.Random(7)
        producer = self._kafka.producer()
        sent = 0
        began = time.monotonic()
        chunk = max(1, self._rate // 20)
        while not self._over.is_set():
            values = []
            for _ in range(chunk):
                user = sent % self._users if self._dense else rng.randrange(self._users)
                sent += 1
                values.append(f'{{"userId": {user}, "amount": {sent % 100}.5, '
                              f'"eventTime": "2026-01-01T00:{sent // 60 % 60:02d}:{sent % 60:02d}Z"}}'.encode())
            produce_all(producer, self._topic, values, partition=sent // chunk % PARTITIONS)
            self._over.wait(max(0.0, began + sent / self._rate - time.monotonic()))

    def end(self):
        self._over.set()
        self.join()


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
    load = Load(kafka, "worker", 3000, 1000)
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
    load = Load(kafka, "coordinator", 3000, 1000)
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


def lose_node(kafka, directory, runs, state_mib):
    kafka.create_topic("node", partitions=PARTITIONS)
    with Cluster(directory / "node", workers=2, memory=f"{max(1024, 3 * state_mib)}MiB") as cluster:
        job = cluster.submit(SCRIPT, "node", BROKERS=kafka.brokers, TOPIC="node", TABLES=directory, TABLE="node")["id"]
        load = Load(kafka, "node", 200_000, 1 << 40, dense=True)
        load.start()
        cluster.wait_job(job, lambda j: j["state_bytes"] >= 2 * state_mib << 20, timeout_s=3600, what="that much state")
        load.end()
        print(f"node: {cluster.job(job)['state_keys']:,} keys, {cluster.job(job)['state_bytes'] >> 20} MiB of state", flush=True)
        load = Load(kafka, "node", 1000, 1 << 20)
        load.start()
        for number in range(runs):
            epoch = cluster.job(job)["epoch"]
            cluster.wait_job(job, lambda j: j["epoch"] > epoch + 3, what="a few epochs")
            victim = cluster.workers[number % 2]
            began = time.time()
            victim.kill()
            shutil.rmtree(cluster.directory / f"cache-{number % 2}")
            victim.start()
            yield phases(cluster, job, began, "worker lost")
            victim.wait_until_ready()
        load.end()


def show(name, measured):
    print(f"\n{name}, {len(measured)} runs, seconds after the kill")
    print(f"{'phase':<12}{'median':>8}{'worst':>8}")
    for phase in PHASES:
        times = [run[phase] for run in measured]
        print(f"{phase:<12}{statistics.median(times):>8.2f}{max(times):>8.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--only", default="worker,coordinator,node")
    parser.add_argument("--state-mib", type=int, default=1024)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        (directory / "kafka").mkdir()
        with Kafka.started(directory / "kafka") as kafka:
            scenarios = {"worker": lambda: kill_worker(kafka, directory, flags.runs),
                         "coordinator": lambda: kill_coordinator(kafka, directory, flags.runs),
                         "node": lambda: lose_node(kafka, directory, flags.runs, flags.state_mib)}
            for name in flags.only.split(","):
                measured = []
                for run in scenarios[name]():
                    measured.append(run)
                    print(name, {phase: round(at, 3) for phase, at in run.items()}, flush=True)
                show(name, measured)


if __name__ == "__main__":
    main()
