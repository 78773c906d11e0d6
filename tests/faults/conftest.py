import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from lane import Lane  # noqa: E402


@pytest.fixture(scope="session")
def lane(tmp_path_factory):
    """One broker for the whole run; a seed that stops it starts it again."""
    with Lane(tmp_path_factory.mktemp("lane")) as running:
        yield running
