"""The demo behind scripts/demo: a cluster and a Kafka in one process, a stream, a job, and the table it leaves."""

import argparse
import collections
import contextlib
import json
import math
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import confluent_kafka
import deltalake
import duckdb

import stream

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOPIC = "user-transactions"
JOB = "user_activity"
# The dev broker keeps 5 MiB per partition and drops older records, so the producer stays within this of the job.
AHEAD_MAX = 20_000


def main():
    options = parse_options()
    home = ROOT / "build/demo"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    lake = home / "lake"

    with Cluster(options.weir, home) as cluster:
        say(f"cluster {cluster.api}, metrics {cluster.url}metrics, Kafka {cluster.brokers}")
        producer = Producer(cluster.brokers)
        say(f"submitting demo/{JOB}.sql")
        cluster.run("job", "submit", ROOT / f"demo/{JOB}.sql", "--var", f"LAKE={lake}")
        with cluster.watch():
            producer.send(stream.events(options.records, options.seed), cluster)
            cluster.wait_until_read(producer.sent)
            say("caught up; stopping the job, which takes a last checkpoint and commits it")
            cluster.run("job", "stop", JOB, quiet=True)
            producer.close()
        job = cluster.job()
        metrics = cluster.metrics()
    if job["state"] != "STOPPED":
        raise DemoError(f"the job is {job['state']}")

    (home / "metrics.txt").write_text(metrics)
    show(lake, job, producer.sent)
    check(lake, stream.events(options.records, options.seed))
    say(f"table    {lake / 'activity'}  (Delta Lake: open it with Spark, Trino, DuckDB, pandas)")
    say(f"metrics  {home / 'metrics.txt'}, log {home / 'weir.log'}")
    say("a cluster that stays:  build/release/weir dev --kafka")
    return 0


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weir", type=pathlib.Path, default=ROOT / "build/release/weir")
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=20260105)
    return parser.parse_args()


class Cluster:
    """`weir dev --kafka` on free ports; ends with the `with` block."""

    def __init__(self, binary, home):
        self._binary = binary
        self._home = home
        api, http = free_ports(2)
        self.api, self._http = f"127.0.0.1:{api}", f"127.0.0.1:{http}"
        self.url = f"http://{self._http}/"

    def __enter__(self):
        self._log = self._home / "weir.log"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [self._binary, "dev", "--kafka", "--listen", self.api, "--http", self._http, "--data", self._home / "data"],
                cwd=self._home, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            self._wait(self._ready, "the cluster to be ready")
            self.brokers = self._wait(self._broker_in_log, "the address of its Kafka")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def run(self, *arguments, quiet=False):
        output = subprocess.DEVNULL if quiet else None
        subprocess.run([self._binary, *arguments, "--coordinator", self.api], check=True, cwd=ROOT, stdout=output,
                       stderr=output)

    def job(self):
        shown = subprocess.run([self._binary, "job", "get", JOB, "-o", "json", "--coordinator", self.api],
                               check=True, capture_output=True, text=True)
        return json.loads(shown.stdout)

    @contextlib.contextmanager
    def watch(self):
        """Shows the job's progress while the block runs; the watch itself ends when the job does."""
        process = subprocess.Popen([self._binary, "job", "watch", JOB, "--coordinator", self.api])
        try:
            yield
            process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.terminate()
            process.wait()

    def wait_until_read(self, count):
        self._wait(lambda: self._running_job()["records_in"] >= count, "the job to read everything", 120)

    def metrics(self):
        with urllib.request.urlopen(self.url + "metrics", timeout=10) as answer:
            return answer.read().decode()

    def _running_job(self):
        job = self.job()
        if job["state"] not in ("CREATED", "WAITING", "RUNNING"):
            raise DemoError(f"the job is {job['state']}: {job.get('reason', '')}")
        return job

    def records_in(self):
        return self._running_job()["records_in"]

    def _ready(self):
        try:
            with urllib.request.urlopen(self.url + "readyz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def _broker_in_log(self):
        found = re.search(r"kafka\D*((?:127\.0\.0\.1|localhost):\d+)", self._log.read_text(errors="replace"), re.IGNORECASE)
        return found and found[1]

    def _wait(self, condition, what, timeout_s=30):
        deadline = time.monotonic() + timeout_s
        while not (value := condition()):
            if self._process.poll() is not None:
                raise DemoError(f"weir dev ended with {self._process.returncode}:\n{self._log.read_text()[-3000:]}")
            if time.monotonic() > deadline:
                raise DemoError(f"waited {timeout_s} s for {what}; see {self._log}")
            time.sleep(0.1)
        return value


class Producer:
    def __init__(self, brokers):
        self.sent = 0
        self._producer = confluent_kafka.Producer({"bootstrap.servers": brokers, "linger.ms": 20, "acks": "all", "log_level": 0})
        # Asking for the topic makes the dev broker create it.
        self._producer.list_topics(TOPIC, timeout=30)

    def send(self, events, cluster):
        failures = []
        for value in events:
            self._produce(value, lambda error, _: error and failures.append(error))
            self.sent += 1
            if self.sent % 2000 == 0:
                self._producer.flush(30)
                while self.sent - cluster.records_in() > AHEAD_MAX:
                    time.sleep(0.1)
        if self._producer.flush(30) or failures:
            raise DemoError(f"records not delivered: {failures[:3]}")

    def close(self):
        del self._producer

    def _produce(self, value, delivered):
        self._producer.produce(TOPIC, value, on_delivery=delivered)
        self._producer.poll(0)


def show(lake, job, sent):
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    activity = deltalake.DeltaTable(str(lake / "activity"))
    connection.register("activity", activity.to_pyarrow_table())
    windows, rows, events = connection.execute(
        "SELECT count(DISTINCT window_start), count(*), sum(event_count) FROM activity").fetchone()
    say(f"the table at version {activity.version()}: {rows} rows of {windows} windows, {events} events; the last ones:")
    print(connection.sql("""
        SELECT strftime(window_start, '%H:%M') AS "from", strftime(window_end, '%H:%M') AS "to",
               event_type, event_count, round(total_amount, 2) AS total_amount
        FROM (SELECT * FROM activity ORDER BY window_start DESC, event_type LIMIT 10)
        ORDER BY window_start, event_type"""))

    outcomes = {name: job[name] for name in ("records_used", "late_rows", "bad_rows", "filtered_rows")}
    say(f"{sent} records sent, {job['records_in']} read: "
        + ", ".join(f"{count} {name.split('_')[-1] if name == 'records_used' else name.split('_')[0]}"
                    for name, count in outcomes.items()))
    for name in ("late", "bad"):
        kept = len(table_rows(lake / f"activity_{name}"))
        say(f"{kept} {name} rows are kept in {lake / f'activity_{name}'}")
    if sum(outcomes.values()) != job["records_in"] or job["records_in"] != sent:
        raise DemoError("the outcomes do not add up to the records sent")
    in_open_windows = job["records_used"] - events
    say(f"{in_open_windows} events are in windows that were still open when the job stopped")


def check(lake, events):
    """Counts the stream once more without Weir: every window in the table must hold exactly its events."""
    expected = collections.defaultdict(lambda: [0, 0.0])
    for event in filter(None, map(stream.parse, events)):
        add(expected, event["eventTime"], event["eventType"], event["amount"], 1)
    for late in table_rows(lake / "activity_late"):
        add(expected, late["eventTime"], late["eventType"], late["amount"], -1)

    rows = table_rows(lake / "activity")
    last = max(row["window_start"] for row in rows)
    closed = {key: value for key, value in expected.items() if key[0] <= last and value[0]}
    wrong = [row for row in rows if not matches(row, closed.pop((row["window_start"], row["event_type"]), None))]
    if wrong or closed:
        raise DemoError(f"wrong rows: {wrong[:3]}, missing rows: {list(closed.items())[:3]}")
    say(f"checked: the {len(rows)} rows equal a second count of the stream, less the late rows")


def add(counts, time_of_event, kind, amount, sign):
    start = time_of_event - (time_of_event - stream.START) % stream.WINDOW
    counts[start, kind][0] += sign
    counts[start, kind][1] += sign * amount


def matches(row, expected):
    return (expected is not None and row["event_count"] == expected[0]
            and math.isclose(row["total_amount"], expected[1], rel_tol=1e-9, abs_tol=1e-6))


def table_rows(path):
    return deltalake.DeltaTable(str(path)).to_pyarrow_table().to_pylist() if (path / "_delta_log").exists() else []


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


class DemoError(Exception):
    pass


def say(text):
    print(f"[demo] {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (DemoError, subprocess.CalledProcessError) as error:
        sys.exit(f"[demo] failed: {error}")
