"""Loads that press on a worker's memory, and what its processes held while they ran. For test_memory.py and bench/memory.py."""

import json
import os
import pathlib
import threading
import time

from kafka import produce_all

WIDE_COLUMNS = 24
START_S = 1_700_000_000

# Of an absent column the decoder makes NULLs, so that wide rows cost what they carry.
_WIDE = ", ".join(f"c{i} TEXT" for i in range(WIDE_COLUMNS))

SOURCE = """
SET checkpoint_interval = '5s';
CREATE TABLE events (userId TEXT NOT NULL, kind TEXT, amount DOUBLE PRECISION, eventTime TIMESTAMPTZ NOT NULL, %s)
WITH (connector = 'kafka', brokers = '${BROKERS}', topic = '${TOPIC}', format = 'json', event_time = 'eventTime',
      watermark = '1 minute', stop = 'latest');
""" % _WIDE


def by_user(size="5 minutes"):
    """A group for every user in every window."""
    return SOURCE + f"""
CREATE TABLE by_user (window_start TIMESTAMPTZ, user_id TEXT, n BIGINT, total DOUBLE PRECISION)
WITH (connector = 'delta', path = '${{TABLES}}/by_user');
INSERT INTO by_user SELECT window_start, userId, count(*), sum(amount)
FROM tumble(events, eventTime, INTERVAL '{size}') GROUP BY window_start, userId;
"""


def distinct_keys():
    """A group for every row: nothing is combined at the source side, all crosses the exchange."""
    return SOURCE + """
CREATE TABLE per_row (window_start TIMESTAMPTZ, key TEXT, n BIGINT) WITH (connector = 'delta', path = '${TABLES}/per_row');
INSERT INTO per_row SELECT window_start, userId || '-' || CAST(_partition AS TEXT) || '-' || CAST(_offset AS TEXT), count(*)
FROM tumble(events, eventTime, INTERVAL '1 minute') GROUP BY 1, 2;
"""


def copies(count):
    """Every row, whole, into `count` tables: as many open files in each task."""
    script = SOURCE
    for i in range(count):
        script += f"""
CREATE TABLE copy{i} (userId TEXT, kind TEXT, amount DOUBLE PRECISION, eventTime TIMESTAMPTZ, {_WIDE})
WITH (connector = 'delta', path = '${{TABLES}}/copy{i}');
INSERT INTO copy{i} SELECT userId, kind, amount, eventTime, {", ".join(f"c{c}" for c in range(WIDE_COLUMNS))} FROM events;
"""
    return script


def records(count, users, value_bytes, seconds=900, hot=False):
    """`count` JSON records in order of time; `value_bytes` in each of the wide columns, 0 = without them. `hot`: one user
    has nine of ten."""
    # Slices of one random text: incompressible enough for pages, cheap to make.
    text = os.urandom(1 << 15).hex()
    for i in range(count):
        user = (i * 7919) % users if not hot or i % 10 == 0 else 0
        at = START_S + i * seconds // count
        row = {"userId": f"user-{user:08d}", "kind": ("view", "click", "cart")[i % 3], "amount": i % 500,
               "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))}
        line = json.dumps(row)
        if value_bytes:
            starts = [(i * 131 + c * 2_003) % (len(text) - value_bytes) for c in range(WIDE_COLUMNS)]
            line = line[:-1] + "".join(f', "c{c}": "{text[s:s + value_bytes]}"' for c, s in enumerate(starts)) + "}"
        yield line.encode()


def fill(kafka, topic, partitions, values, compression="none"):
    """Writes the values to all partitions, a chunk to each in turn; returns how many."""
    kafka.create_topic(topic, partitions=partitions, max_message_bytes=16 << 20)
    producer = kafka.producer(batch_size=1_000_000, linger_ms=20, compression_type=compression, message_max_bytes=16 << 20)
    chunk, turn, count = [], 0, 0
    for value in values:
        chunk.append(value)
        count += 1
        if len(chunk) == 500:
            _send(producer, topic, chunk, turn % partitions)
            chunk, turn = [], turn + 1
    produce_all(producer, topic, chunk, turn % partitions)
    return count


def _send(producer, topic, values, partition):
    for value in values:
        while True:
            try:
                producer.produce(topic, value=value, partition=partition)
                break
            except BufferError:
                producer.poll(0.05)
    producer.poll(0)


def peak_bytes(process):
    """The largest resident set that the process ever had."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"{process.name} has no resident set")


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Samples what the parts of a worker hold, while a block runs: `peaks` = {part: largest bytes seen}."""

    def __init__(self, process):
        self._process = process
        self._over = threading.Event()
        self.peaks = {}
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _sample(self):
        while not self._over.wait(0.3):
            try:
                metrics = self._process.metrics()
            except OSError:
                continue
            for (name, labels), value in metrics.items():
                if name in ("weir_memory_bytes", "weir_arrow_bytes", "weir_process_resident_bytes"):
                    part = dict(labels).get("part", name)
                    self.peaks[part] = max(self.peaks.get(part, 0), value)
