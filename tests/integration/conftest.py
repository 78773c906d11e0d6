import itertools

import pytest

from kafka import Kafka

_topic_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """One broker for the whole run. A test that stops or breaks its broker starts one of its own."""
    with Kafka.started(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def topic_name(request):
    """A topic name that no other test uses."""
    stem = "".join(c if c.isalnum() else "-" for c in request.node.name)[:60]
    return f"{stem}-{next(_topic_numbers)}"
