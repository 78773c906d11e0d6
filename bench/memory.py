#!/usr/bin/env python3
"""Peak resident set of a worker under loads that press on its memory, against its --memory.

    bench/memory.py [--scale 1.0] [--only NAME] [--environment NAME=VALUE]...

Real Kafka, a coordinator and workers as processes of their own; every job is bounded and must read every row. Prints one
line a configuration: the number given, the peak (VmHWM) of the worker that held most, their ratio, source rows per
CPU-second of all workers, and the largest that each part was seen to hold. The table is kept in docs/memory.md.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))

import memory_load as load  # noqa: E402
from cluster import Cluster  # noqa: E402
from kafka import Kafka  # noqa: E402

SLOW_SINK = "lake.before_data_file_write=delay:40"

# name, topic, script, memory, workers, slots, parallelism, failpoints
CONFIGURATIONS = [
    ("many keys, 64 partitions", "narrow", load.by_user(), "256MiB", 1, 2, None),
    ("many keys, 64 partitions", "narrow", load.by_user(), "512MiB", 1, 2, None),
    ("one hot key", "hot", load.by_user(), "256MiB", 1, 2, None),
    ("a key for every row, 2 workers", "narrow", load.distinct_keys(), "256MiB", 2, 2, None),
    ("wide rows into one table", "wide", load.copies(1), "256MiB", 1, 2, None),
    ("wide rows into one table", "wide", load.copies(1), "512MiB", 1, 2, None),
    ("wide rows into 8 tables", "wide", load.copies(8), "256MiB", 1, 2, None),
    ("wide rows into 8 tables", "wide", load.copies(8), "512MiB", 1, 2, None),
    ("wide rows, zstd, 64 partitions", "packed", load.copies(1), "256MiB", 1, 2, None),
    ("slow sink", "wide", load.copies(2), "256MiB", 1, 2, SLOW_SINK),
    ("rows of 1 MiB", "huge", load.copies(1), "512MiB", 1, 2, None),
]

# name: records, users, bytes in each wide column, partitions, compression, one hot user
TOPICS = {
    "narrow": (3_000_000, 100_000, 0, 64, "none", False),
    "hot": (1_500_000, 100_000, 0, 64, "none", True),
    "wide": (250_000, 10_000, 100, 64, "none", False),
    "packed": (250_000, 10_000, 100, 64, "zstd", False),
    "huge": (600, 100, 40_000, 8, "none", False),
}


def measure(directory, kafka, rows, name, topic, script, memory, workers, slots, failpoints, environment):
    if failpoints:
        environment = {**environment, "failpoints": failpoints}
    with Cluster(directory, workers=workers, slots=slots, memory=memory, **environment) as cluster:
        cpu = [load.cpu_seconds(w) for w in cluster.workers]
        began = time.monotonic()
        with load.Watch(cluster.workers[0]) as watch:
            job = cluster.submit(script, "load", BROKERS=kafka.brokers, TOPIC=topic, TABLES=directory)
            done = cluster.finish(job["id"], timeout_s=900)
        wall = time.monotonic() - began
        if done["records_in"] != rows:
            raise SystemExit(f"{name}: read {done['records_in']:,} of {rows:,} records")
        cpu = sum(load.cpu_seconds(w) - before for w, before in zip(cluster.workers, cpu))
        peak = max(load.peak_bytes(w) for w in cluster.workers)
    limit = int(memory.removesuffix("MiB")) << 20
    parts = ", ".join(f"{part} {value / 2**20:.0f}" for part, value in sorted(watch.peaks.items()))
    print(f"| {name} | {memory} | {peak / 2**20:.0f} MiB | {peak / limit:.2f} | {rows / cpu / 1e3:,.0f} k | {wall:.0f} s | "
          f"{parts} |", flush=True)
    return peak / limit


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the records")
    parser.add_argument("--only", default="", help="configurations whose name, with the memory, contains this")
    parser.add_argument("--environment", action="append", default=[], metavar="NAME=VALUE", help="for the workers")
    options = parser.parse_args()
    environment = dict(pair.split("=", 1) for pair in options.environment)
    chosen = [c for c in CONFIGURATIONS if options.only in f"{c[0]} {c[3]}"]
    if not chosen:
        raise SystemExit(f"no configuration contains {options.only!r}")
    worst = 0
    with tempfile.TemporaryDirectory() as scratch, Kafka.started(
            pathlib.Path(scratch, "kafka"), {"message.max.bytes": 16 << 20, "log.segment.bytes": 64 << 20}) as kafka:
        rows = {}
        for topic in sorted({c[1] for c in chosen}):
            count, users, value_bytes, partitions, compression, hot = TOPICS[topic]
            rows[topic] = load.fill(kafka, topic, partitions,
                                    load.records(int(count * options.scale), users, value_bytes, hot=hot), compression)
        print("| load | --memory | peak resident set | ratio | rows per CPU-second | wall | largest parts, MiB |")
        print("|---|---|---|---|---|---|---|", flush=True)
        for number, (name, topic, script, memory, workers, slots, failpoints) in enumerate(chosen):
            directory = pathlib.Path(scratch, f"run-{number}")
            worst = max(worst, measure(directory, kafka, rows[topic], name, topic, script, memory, workers, slots,
                                       failpoints, environment))
            shutil.rmtree(directory)
    if worst > 1.1:
        raise SystemExit(f"a worker held {worst:.2f} times its --memory; the bound is 1.1")


if __name__ == "__main__":
    main()
