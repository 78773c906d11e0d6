"""The broker helper itself: what the other tests rely on."""

import pytest

from kafka import Kafka, produce_all


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_produces_with_every_compression(kafka, topic_name, codec):
    kafka.create_topic(topic_name, partitions=2)
    kafka.produce(topic_name, [b"a" * 100, None], partition=1, compression_type=codec, timestamp_ms=1_600_000_000_000)
    messages = kafka.read(topic_name)
    assert [(m.partition(), m.value()) for m in messages] == [(1, b"a" * 100), (1, None)]
    assert messages[0].timestamp()[1] == 1_600_000_000_000
    assert kafka.end_offsets(topic_name) == {0: 0, 1: 2}


def test_aborted_transactions_stay_hidden(kafka, topic_name):
    kafka.create_topic(topic_name)
    with kafka.transaction(topic_name) as producer:
        produce_all(producer, topic_name, [b"kept"])
    with pytest.raises(ZeroDivisionError):
        with kafka.transaction(topic_name) as producer:
            produce_all(producer, topic_name, [b"dropped"])
            raise ZeroDivisionError
    assert [m.value() for m in kafka.read(topic_name)] == [b"kept"]
    assert kafka.end_offsets(topic_name) == {0: 4}  # Two records and two control markers.


def test_comes_back_with_its_data(tmp_path):
    with Kafka.started(tmp_path) as broker:
        broker.create_topic("t")
        broker.produce("t", [b"1"])
        address = broker.brokers
        for end in (broker.stop, broker.kill):
            end()
            broker.start()
        broker.produce("t", [b"2"])
        assert broker.brokers == address
        assert [m.value() for m in broker.read("t")] == [b"1", b"2"]
