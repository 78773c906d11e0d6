"""The Kafka reader against a real broker: what librdkafka's mock broker can't show (transactions, truncation, outages)."""

import json
import pathlib
import subprocess

import confluent_kafka
import pytest

from cluster import WEIR, wait_for
from kafka import Kafka, produce_all

READER_TOOL = WEIR.parent / "tests/reader_tool"


class Abort(Exception):
    pass


class Reader:
    """tests/tools/reader_tool as a child."""

    def __init__(self, kafka, topic, brokers=None):
        self._process = subprocess.Popen([READER_TOOL, brokers or kafka.brokers, topic], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        assert self._process.wait(30) == 0

    def __call__(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def open_at(self, *offsets):
        assert self("open") == {}
        for partition, offset in enumerate(offsets):
            assert self("assign", partition, offset) == {}

    def read_to(self, *positions, seconds=30):
        """Polls until every partition has this position; the values read, in order."""
        answer = self("read", seconds, *(word for pair in enumerate(positions) for word in pair))
        assert "error" not in answer, answer
        assert [answer["positions"][str(p)] for p in range(len(positions))] == list(positions), answer
        return [record["value"] for record in answer["records"]]


def write(kafka, topic, transactional_id, values, commit=True):
    """One transaction."""
    try:
        with kafka.transaction(transactional_id) as producer:
            produce_all(producer, topic, values)
            if not commit:
                raise Abort
    except Abort:
        pass


def test_aborted_records_are_never_delivered(kafka, topic_name):
    kafka.create_topic(topic_name)
    kept = []
    for i in range(6):
        commit = i % 2 == 0
        values = [b"%s-%d-%d" % (b"kept" if commit else b"dropped", i, n) for n in range(50)]
        write(kafka, topic_name, f"{topic_name}-{i}", values, commit)
        kept += [v.decode() for v in values] if commit else []
    end = kafka.end_offsets(topic_name)[0]
    assert end == 6 * 51  # A control record behind each transaction.
    with Reader(kafka, topic_name) as reader:
        assert reader("describe", "earliest", "bounded")["partitions"] == [{"partition": 0, "start": 0, "stop": end}]
        reader.open_at(0)
        # The last transaction is aborted: the position passes it although it gives no record.
        assert reader.read_to(end) == kept


def test_overlapping_transactions_in_one_batch_stream(kafka, topic_name):
    kafka.create_topic(topic_name)
    good, bad = (kafka.producer(transactional_id=f"{topic_name}-{name}") for name in ("good", "bad"))
    for producer in (good, bad):
        producer.init_transactions(30)
        producer.begin_transaction()
    for i in range(20):
        produce_all(good, topic_name, [b"good%d" % i])
        produce_all(bad, topic_name, [b"bad%d" % i])
    bad.abort_transaction(30)
    good.commit_transaction(30)
    kafka.produce(topic_name, [b"plain"])
    with Reader(kafka, topic_name) as reader:
        reader.open_at(0)
        assert reader.read_to(43) == [f"good{i}" for i in range(20)] + ["plain"]


def test_open_transaction_holds_the_end_and_its_outcome_moves_it(kafka, topic_name):
    kafka.create_topic(topic_name)
    kafka.produce(topic_name, [b"a", b"b"])
    producer = kafka.producer(transactional_id=topic_name)
    producer.init_transactions(30)
    producer.begin_transaction()
    produce_all(producer, topic_name, [b"pending"])
    kafka.produce(topic_name, [b"behind"])
    with Reader(kafka, topic_name) as reader:
        for start, offset in (("earliest", 0), ("latest", 2)):
            assert reader("describe", start, "bounded")["partitions"] == [{"partition": 0, "start": offset, "stop": 2}]
        reader.open_at(0)
        assert reader.read_to(2) == ["a", "b"]
        answer = reader("read", 1)
        assert answer["records"] == [] and answer["positions"] == {"0": 2}
        assert answer["ends"] == {"0": 2}  # No lag: nothing can be read.
        producer.commit_transaction(30)
        assert reader.read_to(5) == ["pending", "behind"]


def test_position_passes_a_transaction_that_was_aborted_while_waiting(kafka, topic_name):
    kafka.create_topic(topic_name)
    producer = kafka.producer(transactional_id=topic_name)
    producer.init_transactions(30)
    producer.begin_transaction()
    produce_all(producer, topic_name, [b"pending"])
    with Reader(kafka, topic_name) as reader:
        reader.open_at(0)
        assert reader("read", 0.5)["positions"] == {"0": 0}
        producer.abort_transaction(30)
        assert reader.read_to(2) == []


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_reads_every_compression(kafka, topic_name, codec):
    kafka.create_topic(topic_name)
    values = [b"%d " % i + b"x" * 200 for i in range(3000)]
    kafka.produce(topic_name, values, compression_type=codec)
    with Reader(kafka, topic_name) as reader:
        reader.open_at(0)
        assert reader.read_to(3000) == [v.decode() for v in values]


def test_reads_keys_timestamps_tombstones_and_empty_values(kafka, topic_name):
    kafka.create_topic(topic_name)
    kafka.produce(topic_name, [b"v", None, b""], key=b"k", timestamp_ms=1_600_000_000_123, headers={"h": b"x"})
    kafka.produce(topic_name, [b"w"], timestamp_ms=1_600_000_000_124)
    with Reader(kafka, topic_name) as reader:
        reader.open_at(0)
        records = reader("read", 30, 0, 4)["records"]
    assert [(r["key"], r["value"]) for r in records] == [("k", "v"), ("k", None), ("k", ""), (None, "w")]
    assert [r["timestamp"] for r in records] == [1_600_000_000_123] * 3 + [1_600_000_000_124]
    assert [r["offset"] for r in records] == [0, 1, 2, 3]


def delete_records(kafka, topic, before):
    admin = kafka.admin()
    for future in admin.delete_records([confluent_kafka.TopicPartition(topic, 0, before)]).values():
        future.result()


def test_truncated_position_is_an_error_that_says_what_is_there(kafka, topic_name):
    kafka.create_topic(topic_name)
    kafka.produce(topic_name, [b"%d" % i for i in range(10)])
    delete_records(kafka, topic_name, 5)
    with Reader(kafka, topic_name) as reader:
        reader.open_at(3)
        answer = reader("read", 30, 0, 10)
        assert answer["error"] == "OUT_OF_RANGE"
        for words in (topic_name, "partition 0", "position 3", "5 to 10"):
            assert words in answer["message"]
        assert reader("read", 1)["error"] == "OUT_OF_RANGE"  # For good.
    with Reader(kafka, topic_name) as reader:
        assert reader("describe", "earliest")["partitions"][0]["start"] == 5
        reader.open_at(5)
        assert reader.read_to(10) == ["5", "6", "7", "8", "9"]


def test_position_beyond_the_end_is_an_error(kafka, topic_name):
    """A topic that was deleted and created again has other records under the old offsets."""
    kafka.create_topic(topic_name)
    kafka.produce(topic_name, [b"%d" % i for i in range(10)])
    kafka.delete_topic(topic_name)
    wait_for(lambda: topic_name not in kafka.admin().list_topics(timeout=10).topics, 30, lambda: "the topic to be gone")
    kafka.create_topic(topic_name)
    kafka.produce(topic_name, [b"other"])
    with Reader(kafka, topic_name) as reader:
        reader.open_at(10)
        answer = reader("read", 30, 0, 11)
    assert answer["error"] == "OUT_OF_RANGE" and "0 to 1" in answer["message"]


def test_topic_that_vanishes_while_read_is_waited_for(kafka, topic_name):
    kafka.create_topic(topic_name)
    kafka.produce(topic_name, [b"a"])
    with Reader(kafka, topic_name) as reader:
        reader.open_at(0)
        assert reader.read_to(1) == ["a"]
        kafka.delete_topic(topic_name)
        answer = reader("trouble", 90, "some")
        assert topic_name in answer["trouble"], answer


def test_compacted_topic_has_gaps(tmp_path, topic_name):
    properties = {"log.cleaner.enable": "true", "log.cleaner.backoff.ms": 100}
    with Kafka.started(tmp_path, properties) as kafka:
        kafka.create_topic(topic_name, cleanup_policy="compact", min_cleanable_dirty_ratio="0.01", segment_ms=100,
                           min_compaction_lag_ms=0)
        for i in range(30):
            kafka.produce(topic_name, [b"%d" % i], key=b"k%d" % (i % 3))

        def kept():
            # A segment is cleaned once a later one was begun.
            kafka.produce(topic_name, [b"more"], key=b"more")
            return [m.offset() for m in kafka.read(topic_name)]

        wait_for(lambda: 0 not in kept(), 60, lambda: "the log to be compacted")
        expected = kafka.read(topic_name)
        end = kafka.end_offsets(topic_name)[0]
        assert len(expected) < end
        with Reader(kafka, topic_name) as reader:
            reader.open_at(0)
            records = reader("read", 30, 0, end)["records"]
        assert [r["offset"] for r in records] == [m.offset() for m in expected]


def test_broker_that_goes_away_and_comes_back(tmp_path, topic_name):
    with Kafka.started(tmp_path) as kafka:
        kafka.create_topic(topic_name)
        kafka.produce(topic_name, [b"before"])
        with Reader(kafka, topic_name) as reader:
            reader.open_at(0)
            assert reader.read_to(1) == ["before"]
            # Unknown at first: the broker tells it in a later answer.
            wait_for(lambda: reader("read", 0.1)["ends"] == {"0": 1}, 10, lambda: "the end to be known")
            kafka.kill()
            answer = reader("trouble", 30, "some")
            assert f"brokers {kafka.brokers} unreachable for " in answer["trouble"]
            assert answer["ends"] == {"0": -1}  # Nobody knows.
            kafka.start()
            assert reader("trouble", 30, "none")["trouble"] == ""
            kafka.produce(topic_name, [b"after"])
            assert reader.read_to(2) == ["after"]


def test_reader_that_starts_before_its_broker(tmp_path, topic_name):
    with Kafka.started(tmp_path) as kafka:
        kafka.create_topic(topic_name)
        kafka.produce(topic_name, [b"a"])
        kafka.kill()
        with Reader(kafka, topic_name) as reader:
            reader.open_at(0)
            assert "unreachable" in reader("trouble", 30, "some")["trouble"]
            kafka.start()
            assert reader.read_to(1) == ["a"]


def test_partition_added_later_disturbs_no_other(kafka, topic_name):
    kafka.create_topic(topic_name)
    kafka.produce(topic_name, [b"%d" % i for i in range(100)])
    with Reader(kafka, topic_name) as reader:
        reader.open_at(0)
        assert len(reader.read_to(100)) == 100
        kafka.add_partitions(topic_name, 2)
        kafka.produce(topic_name, [b"new"], partition=1)
        assert len(reader("describe", "earliest")["partitions"]) == 2
        assert reader("assign", 1, 0) == {}
        assert reader.read_to(100, 1, seconds=60) == ["new"]
        kafka.produce(topic_name, [b"100"])
        assert reader.read_to(101, 1) == ["100"]


def test_starts_by_time(kafka, topic_name):
    kafka.create_topic(topic_name, partitions=2)
    for i in range(3):
        kafka.produce(topic_name, [b"%d" % i], timestamp_ms=1_600_000_000_000 + i * 1000)
    with Reader(kafka, topic_name) as reader:
        for time, start in ((0, 0), (1_600_000_000_001, 1), (1_600_000_002_000, 2), (1_600_000_002_001, 3)):
            starts = [p["start"] for p in reader("describe", time)["partitions"]]
            assert starts == [start, 0], time  # Nothing that late: the end.


def test_missing_topic_names_the_nearest(kafka, topic_name):
    kafka.create_topic(topic_name + "-transactions")
    with Reader(kafka, topic_name + "-transaction") as reader:
        answer = reader("describe", "earliest")
    assert answer["error"] == "NOT_FOUND"
    assert f"'{topic_name}-transactions'" in answer["message"] and kafka.brokers in answer["message"]


def test_unreachable_brokers_are_named(kafka, topic_name):
    with Reader(kafka, topic_name, brokers="127.0.0.1:1") as reader:
        answer = reader("describe", "earliest")
    assert answer["error"] == "UNAVAILABLE" and "127.0.0.1:1" in answer["message"]


@pytest.mark.parametrize("property, said", [
    ("sasl.kerberos.kinit.cmd=true", "isn't accepted"),
    ("plugin.library.paths=x", "isn't accepted"),
    ("sasl.mechanism=GSSAPI", "GSSAPI"),
    ("security.protocol=SASL_SSL", "sasl.mechanism"),
    ("sasl.password=${env:PATH}", "WEIR_SECRET_"),
    ("sasl.password=${file:../x}", "plain file name"),
])
def test_settings_that_could_do_harm_are_refused(kafka, topic_name, property, said):
    with Reader(kafka, topic_name) as reader:
        answer = reader("open", property)
    assert answer["error"] == "INVALID_ARGUMENT" and said in answer["message"]


def test_record_larger_than_a_fetch(kafka, topic_name):
    kafka.create_topic(topic_name, max_message_bytes=20_000_000)
    values = [b"a", b"x" * 5_000_000, b"b"]
    kafka.produce(topic_name, values, message_max_bytes=20_000_000)
    with Reader(kafka, topic_name) as reader:
        reader.open_at(0)
        assert [len(v) for v in reader.read_to(3)] == [1, 5_000_000, 1]


def test_broker_that_stops_answering(tmp_path, topic_name):
    """Its connections stay open: only the reader's own patience tells."""
    with Kafka.started(tmp_path) as kafka:
        kafka.create_topic(topic_name)
        kafka.produce(topic_name, [b"a"])
        with Reader(kafka, topic_name) as reader:
            reader.open_at(0)
            assert reader.read_to(1) == ["a"]
            kafka.pause()
            assert "unreachable" in reader("trouble", 60, "some")["trouble"]
            kafka.resume()
            assert reader("trouble", 60, "none")["trouble"] == ""
            kafka.produce(topic_name, [b"b"])
            assert reader.read_to(2) == ["b"]
