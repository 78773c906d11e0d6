#!/usr/bin/env python3
"""State several times as large as a worker's memory: many distinct keys in one open window, then all of them at once.

    bench/state.py [--keys 20000000] [--memory 512MiB] [--runs 1] [--check]

Writes one record per key, and one per tenth key again, to a topic of 4 partitions; one worker with one slot counts and
sums them per key in a window of a day, which closes when the bounded topic ends. Prints wall time, CPU time and peak
resident set of the worker, and what it spilled and rewrote. --check reads the table back with DuckDB.
"""

import argparse
import json
import pathlib
import re
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))
sys.path.insert(0, str(ROOT / "bench"))

from cluster import Cluster, wait_for  # noqa: E402
from kafka import Kafka  # noqa: E402
from main_job import cpu_seconds, peak_mib  # noqa: E402

PARTITIONS = 4
SCRIPT = """
SET checkpoint_interval = '10s';
CREATE TABLE visits (userId BIGINT NOT NULL, amount BIGINT, eventTime TIMESTAMPTZ NOT NULL)
WITH (connector = 'kafka', brokers = '${BROKERS}', topic = 'bench', format = 'json', event_time = 'eventTime',
      watermark = '1 minute', stop = 'latest');
CREATE TABLE by_user (user_id BIGINT, visits BIGINT, amount BIGINT)
WITH (connector = 'delta', path = '${TABLES}/by_user');
INSERT INTO by_user SELECT userId, count(*), sum(amount)
FROM tumble(visits, eventTime, INTERVAL '1 day') GROUP BY window_start, userId;
"""


def fill(kafka, keys):
    """Keys in a scattered order; the time rises through one day."""
    producer = kafka.producer(linger_ms=50, batch_size=1_000_000, queue_buffering_max_messages=500_000)
    records = keys + keys // 10
    step = 1_000_003  # prime, so that i * step visits every key
    for i in range(records):
        second = i * 80_000 // records
        at = f"2024-03-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
        value = f'{{"userId":{i * step % keys},"amount":{i % 100},"eventTime":"{at}"}}'
        while True:
            try:
                producer.produce("bench", value, partition=i // 10_000 % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.05)
    assert producer.flush(300) == 0
    return records


def run(kafka, directory, records, options):
    with Cluster(directory, workers=1, slots=1, memory=options.memory) as cluster:
        worker = cluster.workers[0]
        before, began = cpu_seconds(worker.pid), time.monotonic()
        job = cluster.submit(SCRIPT, "state", BROKERS=kafka.brokers, TABLES=directory)["id"]
        figures = {}

        def finished():
            for name in ("spilled_bytes_total", "rewritten_bytes_total", "file_bytes", "files"):
                now = worker.metric_sum(f"weir_state_{name}", job=job)
                figures[name] = max(now, figures.get(name, 0))
            figures["job"] = cluster.job(job)
            if "read_s" not in figures and figures["job"]["records_in"] == records:
                figures["read_s"] = time.monotonic() - began
            assert figures["job"]["state"] not in ("FAILED", "CANCELLED"), json.dumps(figures["job"], indent=1)
            return figures["job"]["state"] == "FINISHED"

        wait_for(finished, 3600, lambda: f"the job to finish\n{cluster.logs()}")
        assert figures["job"]["records_used"] == records, json.dumps(figures["job"])
        gib = 1 << 30
        print(f"{options.keys:,} keys, {records:,} records, --memory {options.memory}: "
              f"{time.monotonic() - began:.0f} s wall (all read and in an epoch after {figures.get('read_s', 0):.0f} s), "
              f"{cpu_seconds(worker.pid) - before:.0f} s CPU, peak {peak_mib(worker.pid):.0f} MiB, "
              f"spilled {figures['spilled_bytes_total'] / gib:.2f} GiB, "
              f"rewritten {figures['rewritten_bytes_total'] / gib:.2f} GiB, "
              f"at most {figures['files']:.0f} files of {figures['file_bytes'] / gib:.2f} GiB", flush=True)
    if options.check:
        import duckdb
        from deltalake import DeltaTable
        written = DeltaTable(directory / "by_user").to_pyarrow_dataset()  # noqa: F841: DuckDB finds it by name
        found = duckdb.sql("SELECT count(*), count(DISTINCT user_id), sum(visits) FROM written").fetchone()
        assert found == (options.keys, options.keys, records), found
        print("the table is right", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=20_000_000)
    parser.add_argument("--memory", default="512MiB")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    assert re.fullmatch(r"\d+[KMG]iB", options.memory), options.memory
    with tempfile.TemporaryDirectory() as scratch, Kafka.started(pathlib.Path(scratch, "kafka")) as kafka:
        kafka.create_topic("bench", partitions=PARTITIONS)
        records = fill(kafka, options.keys)
        print(f"{records:,} records in the topic", flush=True)
        for n in range(options.runs):
            run(kafka, pathlib.Path(scratch, f"run-{n}"), records, options)


if __name__ == "__main__":
    main()
