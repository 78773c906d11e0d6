import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from kafka import Kafka  # noqa: E402


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """One broker for the whole run; a seed that stops it starts it again."""
    with Kafka.started(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker
