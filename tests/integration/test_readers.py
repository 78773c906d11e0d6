"""The independent readers agree on a table that none of them depends on Weir for."""

import datetime

import deltalake
import pyarrow
import pytest

import readers


@pytest.mark.xdist_group("spark")  # one JVM
def test_readers_agree_at_every_version(tmp_path):
    path = tmp_path / "table"
    time = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.timezone.utc)
    for number in (1, 2):
        rows = pyarrow.table({"n": pyarrow.array([number], pyarrow.int64()),
                              "at": pyarrow.array([time], pyarrow.timestamp("us", "UTC"))})
        deltalake.write_deltalake(str(path), rows, mode="append")

    for version, numbers in ((0, [1]), (1, [1, 2]), (None, [1, 2])):
        assert sorted(readers.read_deltalake(path, version)["n"].to_pylist()) == numbers
        assert sorted(readers.read_duckdb(path, version)["n"].to_pylist()) == numbers
        rows = readers.read_spark(path, version)
        assert sorted(row.n for row in rows) == numbers
    assert readers.read_duckdb(path)["at"].to_pylist()[0] == time
    assert readers.read_deltalake(path)["at"].to_pylist()[0] == time
