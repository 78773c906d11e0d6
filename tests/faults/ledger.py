"""A seeded producer, and its ledger: what it tried to write and what the broker acknowledged.

Each record carries its number in the header `seq`, so that tombstones and unreadable payloads have an identity too. A
record whose delivery failed may be in the topic or not; one that was acknowledged must be, where it was said to be.
"""

import base64
import dataclasses
import datetime
import json
import random
import threading
import time

import confluent_kafka

BASE_MS = 1_700_000_000_000
EVENT_TYPES = ["view", "click", "cart", "purchase", "return"]

# Kinds of records. Those of BAD can't be decoded as the table's columns.
GOOD, LATE, TOMBSTONE = "good", "late", "tombstone"
BAD = ["bad_syntax", "bad_type", "bad_missing", "bad_null_time", "bad_future"]


@dataclasses.dataclass(frozen=True)
class StreamOptions:
    partitions: int = 3
    per_second: int = 2000      # records, all partitions together
    step_ms: int = 20           # event time between two records of a partition
    bound_ms: int = 5000        # of disorder: no good record is further behind its partition's latest
    keys: int = 50
    late_behind_ms: int = 600_000  # how far behind the bound a late record is, at least
    odd_share: float = 0.03     # of records that are late, tombstones or bad; 0 = none
    late: bool = True
    user_bytes: int = 0         # how much is put behind a user's name


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    seq: int
    kind: str
    partition: int
    payload: bytes | None
    user: str | None = None
    event_type: str | None = None
    amount: float | None = None
    quantity: int | None = None
    time_ms: int | None = None


class Stream:
    """Writes until close(), on a thread of its own. The schedule of records depends on the seed alone."""

    def __init__(self, kafka, topic, options, seed):
        self.topic = topic
        self.attempted = {}     # seq: Record
        self.acknowledged = {}  # (partition, offset): seq
        self.aborted = set()    # seqs written in transactions that were aborted
        self.failed = []        # (seq, error) of deliveries whose outcome is unknown
        self.trouble = None     # what ended the thread early
        self._kafka = kafka
        self._transactions = 0
        self._wanted_transactions = []
        self._closing = threading.Event()
        self.prepare(options, seed)
        # A broker that is away is waited for longer than any fault lasts.
        self._producer = kafka.producer(message_timeout_ms=90_000, linger_ms=10, log_level=0,
                                        topic_metadata_refresh_interval_ms=1000)
        self._thread = threading.Thread(target=self._run, name="producer", daemon=True)

    def prepare(self, options, seed):
        """What next_record() needs."""
        self.options = options
        self._random = random.Random(f"stream {seed}")
        self._partitions = list(range(options.partitions))
        self._latest_ms = {p: BASE_MS for p in self._partitions}
        self._drawn = 0
        self._lock = threading.Lock()

    def start(self):
        self._thread.start()

    @property
    def partitions(self):
        return len(self._partitions)

    def add_partition(self, partition):
        with self._lock:
            self._latest_ms[partition] = max(self._latest_ms.values())
            self._partitions.append(partition)

    def transaction(self, commit):
        """Asks for some records in a transaction that is committed or aborted."""
        with self._lock:
            self._wanted_transactions.append(commit)

    def close(self):
        """Returns when everything written is acknowledged or has failed."""
        self.end()
        if self.trouble:
            raise RuntimeError(f"producer: {self.trouble}")

    def end(self):
        """As close(); what went wrong is in `trouble`. It need not have been started."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(150)
            if self._thread.is_alive():
                self.trouble = "the producer did not end"

    def _run(self):
        try:
            self._produce_until_closed()
            if self._producer.flush(100):
                self.trouble = "records were not delivered within 100 s"
        except Exception as error:  # noqa: BLE001 - shown by close()
            self.trouble = repr(error)

    def _produce_until_closed(self):
        begin = time.monotonic()
        while not self._closing.is_set():
            due = int((time.monotonic() - begin) * self.options.per_second)
            while len(self.attempted) < due and not self._closing.is_set():
                self._send(self._producer, self.next_record())
            with self._lock:
                wanted, self._wanted_transactions = self._wanted_transactions, []
            for commit in wanted:
                self._in_transaction(commit)
            self._producer.poll(0.005)

    def _send(self, producer, record, acknowledged=None):
        def delivered(error, message):
            if error is not None:
                self.failed.append((record.seq, str(error)))
            else:
                target = self.acknowledged if acknowledged is None else acknowledged
                target[(message.partition(), message.offset())] = record.seq

        self.attempted[record.seq] = record
        while True:
            try:
                return producer.produce(self.topic, value=record.payload, partition=record.partition,
                                        headers=[("seq", str(record.seq).encode())], on_delivery=delivered)
            except BufferError:
                producer.poll(0.05)
            except confluent_kafka.KafkaException as error:
                # A partition that is new, and not yet in this client's metadata.
                if error.args[0].code() != confluent_kafka.KafkaError._UNKNOWN_PARTITION:
                    raise
                producer.poll(0.05)

    def _in_transaction(self, commit):
        self._transactions += 1
        producer = self._kafka.producer(transactional_id=f"{self.topic}-{self._transactions}",
                                        transaction_timeout_ms=60_000, log_level=0)
        acknowledged = {}
        records = [self.next_record() for _ in range(100)]
        producer.init_transactions(100)
        producer.begin_transaction()
        for record in records:
            self._send(producer, record, acknowledged)
        producer.flush(60)
        if commit:
            producer.commit_transaction(60)
            self.acknowledged.update(acknowledged)
        else:
            producer.abort_transaction(60)
            self.aborted.update(record.seq for record in records)

    def next_record(self):
        rng, options = self._random, self.options
        with self._lock:
            partition = rng.choice(self._partitions)
        seq, self._drawn = self._drawn, self._drawn + 1
        if rng.random() < options.odd_share:
            kinds = [TOMBSTONE, *BAD] + ([LATE] * 4 if options.late else [])
            kind = rng.choice(kinds)
        else:
            kind = GOOD
        if kind == TOMBSTONE:
            return Record(seq, kind, partition, None)
        if kind in (GOOD, LATE):
            return self._readable(seq, kind, partition)
        return Record(seq, kind, partition, self._unreadable(kind, seq))

    def _readable(self, seq, kind, partition):
        rng, options = self._random, self.options
        if kind == LATE:
            behind = options.bound_ms + options.late_behind_ms + rng.randrange(60_000)
            time_ms = self._latest_ms[partition] - behind
        else:
            latest = self._latest_ms[partition] = self._latest_ms[partition] + options.step_ms
            # Now and then exactly at the bound: such a record is not late.
            time_ms = latest - rng.choice([0, 0, rng.randrange(options.bound_ms + 1), options.bound_ms])
        # Multiples of 1/4: sums of them are exact in any order.
        record = Record(seq, kind, partition, b"", self._user(), rng.choice(EVENT_TYPES),
                        rng.randrange(-200, 2000) / 4, rng.randrange(0, 40), time_ms)
        value = {"seq": seq, "userId": record.user, "eventType": record.event_type, "amount": record.amount,
                 "quantity": record.quantity, "eventTime": rfc3339(time_ms)}
        return dataclasses.replace(record, payload=json.dumps(value).encode())

    def _user(self):
        noise = base64.b64encode(self._random.randbytes(self.options.user_bytes * 3 // 4)).decode()
        return f"u{self._random.randrange(self.options.keys)}{noise}"

    def _unreadable(self, kind, seq):
        now = rfc3339(max(self._latest_ms.values()))
        value = {"seq": seq, "userId": "bad", "eventType": "view", "amount": 1.0, "quantity": 1, "eventTime": now}
        if kind == "bad_syntax":
            return json.dumps(value).encode()[:-7]
        if kind == "bad_type":
            value["amount"] = "much"
        elif kind == "bad_missing":
            del value["eventType"]
        elif kind == "bad_null_time":
            value["eventTime"] = None
        elif kind == "bad_future":
            value["eventTime"] = "2199-01-01T00:00:00Z"
        return json.dumps(value).encode()


def rfc3339(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC).isoformat(timespec="milliseconds").replace(
        "+00:00", "Z")


def truth(stream, messages):
    """([(partition, offset, Record)], violations): what the topic holds, judged by the ledger.

    `messages` are all that a read_committed consumer finds.
    """
    rows, wrong, seen = [], [], {}
    for message in messages:
        place = (message.partition(), message.offset())
        seq = int(dict(message.headers())["seq"])
        record = stream.attempted[seq]
        seen[place] = seq
        if message.value() != record.payload and not wrong:
            wrong.append(f"ledger: record {seq} at {place} has another payload")
        if seq in stream.aborted and not wrong:
            wrong.append(f"ledger: record {seq} at {place} is of an aborted transaction")
        rows.append((*place, record))
    lost = [(place, seq) for place, seq in stream.acknowledged.items() if seen.get(place) != seq]
    if lost:
        wrong.append(f"ledger: {len(lost)} acknowledged records are not in the topic, the first is {lost[0]}")
    return rows, wrong
