#!/usr/bin/env python3
"""Records per CPU-second of the worker for the user-activity job, over a real Kafka.

    bench/main_job.py [--records 3000000] [--runs 3]

Writes seeded 200-byte JSON records to a topic of 4 partitions, then runs the bounded job on one worker with one slot:
once grouped by 5 event types, once by 100,000 users, each --runs times. Prints the median of records / CPU-seconds of
the worker process (user + system, all threads: Kafka client, decoding, windows, state files, Parquet), and its peak
resident set. CPU time rather than wall time: the broker and the coordinator share the machine.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))

from cluster import Cluster  # noqa: E402
from kafka import Kafka, produce_all  # noqa: E402

USERS = 100_000
PARTITIONS = 4
TYPES = ["view", "click", "cart", "purchase", "return"]

SOURCE = """
SET checkpoint_interval = '10s';
CREATE TABLE user_transactions (userId TEXT, eventType TEXT NOT NULL, amount DOUBLE PRECISION, eventTime TIMESTAMPTZ NOT NULL)
WITH (connector = 'kafka', brokers = '${BROKERS}', topic = 'bench', format = 'json', event_time = 'eventTime',
      watermark = '1 minute', stop = 'latest');
"""

JOBS = {
    "5 event types": SOURCE + """
CREATE TABLE activity (window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, event_type TEXT, event_count BIGINT,
                       total_amount DOUBLE PRECISION) WITH (connector = 'delta', path = '${TABLES}/activity');
INSERT INTO activity SELECT window_start, window_end, eventType, count(*), sum(amount)
FROM tumble(user_transactions, eventTime, INTERVAL '5 minutes') GROUP BY window_start, window_end, eventType;
""",
    "100,000 users": SOURCE + """
CREATE TABLE by_user (window_start TIMESTAMPTZ, user_id TEXT, event_count BIGINT, total_amount DOUBLE PRECISION)
WITH (connector = 'delta', path = '${TABLES}/by_user');
INSERT INTO by_user SELECT window_start, userId, count(*), sum(amount)
FROM tumble(user_transactions, eventTime, INTERVAL '5 minutes') GROUP BY window_start, userId;
""",
}


def values(count, seed):
    """Records of about 200 bytes; 1,000 s of event time in all, out of order by up to 20 s."""
    rng = random.Random(seed)
    filler = "x" * 70
    start = 1_700_000_000_000_000
    for i in range(count):
        micros = start + i * 1_000_000_000 // count - rng.randrange(20_000_000)
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(micros // 1_000_000))
        yield (f'{{"userId": "user-{rng.randrange(USERS):08d}", "eventType": "{TYPES[rng.randrange(5)]}", '
               f'"amount": {rng.randrange(50_000) / 100}, "eventTime": "{at}.{micros % 1_000_000:06d}Z", '
               f'"note": "{filler}"}}').encode()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0


def run(kafka, directory, name, script, records):
    with Cluster(directory, workers=1, slots=1, memory="2GiB") as cluster:
        worker = cluster.workers[0]
        before, began = cpu_seconds(worker.pid), time.monotonic()
        job = cluster.submit(script, "bench", BROKERS=kafka.brokers, TABLES=directory)
        done = cluster.finish(job["id"], timeout_s=600)
        assert done["records_used"] == records, json.dumps(done)
        cpu = cpu_seconds(worker.pid) - before
        return {"rate": records / cpu, "ns": cpu / records * 1e9, "wall": time.monotonic() - began,
                "peak": peak_mib(worker.pid)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=3_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, Kafka.started(pathlib.Path(scratch, "kafka")) as kafka:
        kafka.create_topic("bench", partitions=PARTITIONS)
        producers = [kafka.producer(batch_size=1_000_000, linger_ms=50) for _ in range(PARTITIONS)]
        chunk = []
        for i, value in enumerate(values(options.records, seed=7)):
            chunk.append(value)
            if len(chunk) == 50_000 or i + 1 == options.records:
                produce_all(producers[i // 50_000 % PARTITIONS], "bench", chunk, i // 50_000 % PARTITIONS)
                chunk = []
        print(f"{options.records:,} records in the topic", flush=True)
        for name, script in JOBS.items():
            results = [run(kafka, pathlib.Path(scratch, f"{n}-{len(name)}"), name, script, options.records)
                       for n in range(options.runs)]
            middle = statistics.median(r["rate"] for r in results)
            print(f"{name}: {middle / 1e6:.2f} M records per CPU-second of the worker "
                  f"({1e9 / middle:.0f} ns a record; runs {', '.join(format(r['rate'] / 1e6, '.2f') for r in results)}), "
                  f"peak {max(r['peak'] for r in results):.0f} MiB, {min(r['wall'] for r in results):.1f} s wall", flush=True)


if __name__ == "__main__":
    main()
