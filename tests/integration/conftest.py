import itertools

import pytest

from kafka import Kafka
from minio import Minio

_topic_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """One broker for the whole run. A test that stops or breaks its broker starts one of its own."""
    with Kafka.started(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def minio(tmp_path_factory):
    """One object store for the whole run; a test makes a bucket of its own."""
    with Minio.started(tmp_path_factory.mktemp("minio")) as server:
        yield server


@pytest.fixture
def topic_name(request):
    """A topic name that no other test uses."""
    stem = "".join(c if c.isalnum() else "-" for c in request.node.name)[:60]
    return f"{stem}-{next(_topic_numbers)}"
