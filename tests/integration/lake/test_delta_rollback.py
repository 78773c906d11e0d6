"""A table rolled back to an epoch in one commit, as other engines see it."""

import deltalake
import pytest
import readers
from delta_tool import Refused, writer
from test_delta_commits import append_with_deltalake, log_names, numbers_everywhere, numbers_in_duckdb

pytestmark = pytest.mark.xdist_group("spark")  # one JVM

COLUMNS = [["n", "bigint", True], ["s", "text", True]]


def append(path, app_id, epochs):
    with writer(path, COLUMNS, app_id=app_id) as table:
        for epoch in epochs:
            table.append(epoch, [[epoch, app_id]])


def test_readers_agree_before_and_after(tmp_path):
    path = tmp_path / "t"
    append(path, "old/sink", range(1, 7))
    append_with_deltalake(path, 100)
    append(path, "old/sink", range(7, 15))  # over a checkpoint
    with writer(path, COLUMNS, app_id="new/sink", create=False) as table:
        check = table.rollback([["old/sink", 4]], check_only=True)
        assert (check["files_removed"], check["kept"], check["table_version"]) == (10, [4], 15)
        done = table.rollback([["old/sink", 4]], weir={"epoch": 4})
        assert done["table_version"] == 16 and not done["already_there"]
        assert numbers_everywhere(path) == [1, 2, 3, 4, 100]
        assert table.append(5, [[50, "new"]])["table_version"] == 17
        assert table.rollback([["old/sink", 4]])["already_there"]
    assert numbers_everywhere(path) == [1, 2, 3, 4, 50, 100]
    assert numbers_in_duckdb(path, 15) == [*range(1, 15), 100]
    assert numbers_in_duckdb(path, 16) == [1, 2, 3, 4, 100]
    by_spark = readers.spark().read.format("delta").option("versionAsOf", 15).load(str(path)).collect()
    assert sorted(row.n for row in by_spark) == [*range(1, 15), 100]
    restore = deltalake.DeltaTable(str(path)).history()[1]
    assert restore["operation"] == "RESTORE" and restore["operationParameters"]["version"] == "4"
    assert restore["weir"]["restore"]["undone"] == [{"app_id": "old/sink", "after": 4, "kept": 4}]


def test_undoing_a_rollback_brings_files_back_from_a_checkpoint(tmp_path):
    path = tmp_path / "t"
    append(path, "old/sink", range(1, 13))
    with writer(path, COLUMNS, app_id="middle/sink") as table:
        table.rollback([["old/sink", 3]])
        table.append(4, [[40, "middle"]])
    for version in range(10):
        (path / f"_delta_log/{version:020}.json").unlink()
    with writer(path, COLUMNS, app_id="new/sink") as table:
        with pytest.raises(Refused, match="no longer goes back"):
            table.rollback([["old/sink", 8], ["middle/sink", 0]])
        done = table.rollback([["old/sink", 11], ["middle/sink", 0]])
        assert done["files_restored"] == 8 and done["files_removed"] == 1
    assert numbers_everywhere(path) == list(range(1, 12))


def test_refuses_what_others_rewrote_or_deleted(tmp_path):
    path = tmp_path / "t"
    append(path, "old/sink", range(1, 6))
    deltalake.DeltaTable(str(path)).optimize.compact()
    before = log_names(path)
    with writer(path, COLUMNS, app_id="new/sink") as table:
        with pytest.raises(Refused, match=r"version 6 \(OPTIMIZE\) rewrote .* holds rows of epoch [45] of old/sink"):
            table.rollback([["old/sink", 3]])
    assert log_names(path) == before
    assert numbers_everywhere(path) == [1, 2, 3, 4, 5]


def test_goes_on_after_a_restore_by_spark(tmp_path):
    path = tmp_path / "t"
    append(path, "old/sink", range(1, 6))
    readers.spark().sql(f"RESTORE TABLE delta.`{path}` TO VERSION AS OF 4")
    with writer(path, COLUMNS, app_id="new/sink") as table:
        assert table.rollback([["old/sink", 3]])["files_removed"] == 1
    assert numbers_everywhere(path) == [1, 2, 3]


def test_refuses_when_a_vacuum_took_what_must_come_back(tmp_path):
    path = tmp_path / "t"
    append(path, "old/sink", range(1, 6))
    with writer(path, COLUMNS, app_id="middle/sink") as table:
        table.rollback([["old/sink", 3]])
    deltalake.DeltaTable(str(path)).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    with writer(path, COLUMNS, app_id="new/sink") as table:
        with pytest.raises(Refused, match="has to come back and was deleted"):
            table.rollback([["old/sink", 4], ["middle/sink", 0]])
    assert numbers_everywhere(path) == [1, 2, 3]
