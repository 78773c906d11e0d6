#!/usr/bin/env python3
"""Starts a broker, fills a topic with 200-byte user transactions and runs build/release/bench/bench_source over it.

    .venv/bin/python bench/source.py [records] [benchmark option...]
"""

import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))

from kafka import Kafka  # noqa: E402

PARTITIONS = 4


def fill(kafka, topic, records):
    # Batches near 1 MB, as a busy producer makes them.
    producer = kafka.producer(linger_ms=50, batch_size=1_000_000, queue_buffering_max_messages=500_000)
    filler = "x" * 84
    for i in range(records):
        value = (f'{{"userId":"user-{i % 1_000_000:08}","eventType":"{"purchase" if i % 3 == 0 else "view"}",'
                 f'"amount":{i % 1000}.{i % 100:02},"eventTime":"2024-03-01T{i % 24:02}:{i % 60:02}:00.{i % 1000:03}Z",'
                 f'"note":"{filler}"}}')
        while True:
            try:
                producer.produce(topic, value, partition=i // 1000 % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.05)
    assert producer.flush(120) == 0


def main(records=2_000_000, *options):
    with tempfile.TemporaryDirectory() as directory, Kafka.started(directory) as kafka:
        kafka.create_topic("bench", partitions=PARTITIONS)
        fill(kafka, "bench", int(records))
        environment = {**os.environ, "WEIR_BENCH_BROKERS": kafka.brokers, "WEIR_BENCH_TOPIC": "bench"}
        return subprocess.run([ROOT / "build/release/bench/bench_source", *options], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
