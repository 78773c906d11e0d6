"""Commits beside other writers, and what other engines make of a table of ours."""

import os
import shutil
import time

import deltalake
import pyarrow
import pytest
import readers
from delta_tool import Refused, refusal, writer

pytestmark = pytest.mark.xdist_group("spark")  # one JVM

COLUMNS = [["n", "bigint", True], ["s", "text", True]]


def numbers_in_duckdb(path, version=None):
    return sorted(readers.read_duckdb(path, version)["n"].to_pylist())


def numbers_everywhere(path, with_deltalake=True):
    """Column n as all readers see it: they must agree. deltalake reads no deletion vectors, for one."""
    found = numbers_in_duckdb(path)
    if with_deltalake:
        assert sorted(readers.read_deltalake(path)["n"].to_pylist()) == found
    assert sorted(row.n for row in readers.read_spark(path)) == found
    return found


def append_with_deltalake(path, n):
    rows = pyarrow.table({"n": pyarrow.array([n], pyarrow.int64()), "s": ["deltalake"]})
    deltalake.write_deltalake(str(path), rows, mode="append")


def log_names(path):
    return sorted(os.listdir(path / "_delta_log"))


def test_every_version_is_readable(tmp_path):
    with writer(tmp_path / "t", COLUMNS) as table:
        for epoch in range(1, 24):
            assert table.append(epoch, [[epoch, "x"]])["table_version"] == epoch
    for version in (0, 1, 9, 10, 11, 20, 23):
        expected = list(range(1, version + 1))
        assert sorted(readers.read_deltalake(tmp_path / "t", version)["n"].to_pylist()) == expected
        assert numbers_in_duckdb(tmp_path / "t", version) == expected
    for version in (0, 11):  # Spark takes its time
        assert sorted(row.n for row in readers.read_spark(tmp_path / "t", version)) == list(range(1, version + 1))


def test_a_checkpoint_is_enough(tmp_path):
    with writer(tmp_path / "t", COLUMNS) as table:
        for epoch in range(1, 13):
            table.append(epoch, [[epoch, "x"]])
    assert "00000000000000000010.checkpoint.parquet" in log_names(tmp_path / "t")
    shutil.copytree(tmp_path / "t", tmp_path / "copy")
    for version in range(10):
        (tmp_path / f"copy/_delta_log/{version:020}.json").unlink()
    assert numbers_everywhere(tmp_path / "copy") == list(range(1, 13))
    assert deltalake.DeltaTable(str(tmp_path / "copy")).transaction_version("lineage/sink") == 12
    with writer(tmp_path / "copy", COLUMNS) as table:
        assert table.state["app_version"] == 12 and table.state["table_version"] == 12
        for epoch in range(13, 23):
            table.append(epoch, [[epoch, "y"]])
    for version in range(10, 20):
        (tmp_path / f"copy/_delta_log/{version:020}.json").unlink()
    (tmp_path / "copy/_delta_log/_last_checkpoint").unlink()
    assert numbers_everywhere(tmp_path / "copy") == list(range(1, 23))


def test_rebases_over_an_append_between_reading_and_committing(tmp_path):
    with writer(tmp_path / "t", COLUMNS) as table:
        table.append(1, [[1, "x"]])
        name = table.write([[2, "x"]])
        append_with_deltalake(tmp_path / "t", 100)
        assert table.commit(2, [name])["table_version"] == 3
        assert table.append(3, [[3, "x"]])["table_version"] == 4
    assert numbers_everywhere(tmp_path / "t") == [1, 2, 3, 100]


def test_an_epoch_is_committed_once_whoever_asks(tmp_path):
    with writer(tmp_path / "t", COLUMNS) as old, writer(tmp_path / "t", COLUMNS) as new:
        name = old.write([[1, "x"]])
        old.commit(1, [name])
        assert old.commit(1, [name])["already_there"]
        new_name = new.write([[1, "x"]])
        assert new.commit(1, [new_name])["already_there"]
        new.append(2, [[2, "x"]])
        late = old.write([[99, "zombie"]])
        for version in (1, 3):
            with pytest.raises(Refused) as refused:
                old.commit(version, [late])
            assert refused.value.code == "ABORTED"
    with writer(tmp_path / "t", COLUMNS) as restarted:
        assert restarted.state["app_version"] == 2
        assert restarted.append(2, [[99, "again"]])["already_there"]
    assert numbers_everywhere(tmp_path / "t") == [1, 2]


def test_an_epoch_without_rows_moves_the_transaction_only(tmp_path):
    with writer(tmp_path / "t", COLUMNS) as table:
        table.append(1, [[1, "x"]])
        assert table.commit(5, [])["table_version"] == 2
    assert deltalake.DeltaTable(str(tmp_path / "t")).transaction_version("lineage/sink") == 5
    assert numbers_everywhere(tmp_path / "t") == [1]


def test_history_names_the_operation(tmp_path):
    with writer(tmp_path / "t", COLUMNS) as table:
        table.commit(7, [table.write([[1, "x"], [2, "y"]])], weir={"job": "activity", "offsets": {"0": 12}})
    last = deltalake.DeltaTable(str(tmp_path / "t")).history(1)[0]
    assert last["operation"] == "STREAMING UPDATE"
    assert last["operationParameters"] == {"outputMode": "Append", "queryId": "lineage/sink", "epochId": "7"}
    assert last["isBlindAppend"] and last["engineInfo"].startswith("weir/")
    assert last["weir"] == {"job": "activity", "offsets": {"0": 12}}
    rows = readers.spark().sql(f"DESCRIBE HISTORY delta.`{tmp_path}/t`").collect()
    assert [(row.version, row.operation) for row in rows] == [(1, "STREAMING UPDATE"), (0, "CREATE TABLE")]
    assert rows[0].operationMetrics["numOutputRows"] == "2" and rows[0].isBlindAppend


def test_spark_changes_our_table_and_we_go_on(tmp_path):
    """Append, UPDATE, DELETE, MERGE, OPTIMIZE, VACUUM and ALTER TABLE between our commits."""
    spark = readers.spark()
    table_name = f"delta.`{tmp_path}/t`"
    expected = {}
    steps = [
        (f"INSERT INTO {table_name} VALUES (100, 'spark')", lambda rows: rows.update({100: "spark"})),
        (f"UPDATE {table_name} SET s = 'updated' WHERE n = 1", lambda rows: rows.update({1: "updated"})),
        (f"DELETE FROM {table_name} WHERE n = 2", lambda rows: rows.pop(2)),
        (f"MERGE INTO {table_name} t USING (SELECT 3L AS n) u ON t.n = u.n WHEN MATCHED THEN UPDATE SET s = 'merged'",
         lambda rows: rows.update({3: "merged"})),
        (f"OPTIMIZE {table_name}", lambda rows: None),
        (f"ALTER TABLE {table_name} SET TBLPROPERTIES ('delta.appendOnly' = 'false')", lambda rows: None),
        (f"VACUUM {table_name}", lambda rows: None),
        (f"ALTER TABLE {table_name} ADD COLUMNS (note STRING)", lambda rows: None),
    ]
    with writer(tmp_path / "t", COLUMNS) as table:
        for n in (1, 2, 3):
            table.append(n, [[n, "x"]])
            expected[n] = "x"
        for number, (statement, effect) in enumerate(steps):
            epoch = 10 + number
            name = table.write([[epoch, "x"]])
            spark.sql(statement).collect()
            effect(expected)
            table.commit(epoch, [name])
            expected[epoch] = "x"
            rows = readers.read_duckdb(tmp_path / "t").to_pylist()
            assert {row["n"]: row["s"] for row in rows} == expected, statement
    # Far enough for a checkpoint of ours that carries Spark's tombstones on.
    with writer(tmp_path / "t", COLUMNS) as table:
        for epoch in range(30, 45):
            table.append(epoch, [[epoch, "x"]])
            expected[epoch] = "x"
    assert numbers_everywhere(tmp_path / "t") == sorted(expected)
    spark.sql(f"OPTIMIZE {table_name}").collect()
    assert numbers_everywhere(tmp_path / "t") == sorted(expected)


def test_spark_streams_from_our_table(tmp_path):
    with writer(tmp_path / "t", COLUMNS) as table:
        for epoch in range(1, 13):
            table.append(epoch, [[epoch, "x"]])
    query = (readers.spark().readStream.format("delta").load(str(tmp_path / "t")).writeStream.format("memory")
             .queryName("streamed").option("checkpointLocation", str(tmp_path / "c")).trigger(availableNow=True).start())
    query.awaitTermination(120)
    assert sorted(row.n for row in readers.spark().sql("SELECT n FROM streamed").collect()) == list(range(1, 13))


def test_we_append_to_a_table_of_deltalake(tmp_path):
    append_with_deltalake(tmp_path / "t", 1)
    with writer(tmp_path / "t", [["N", "bigint", True]]) as table:
        assert table.state["names"] == ["n"]
        for epoch in range(1, 15):
            table.append(epoch, [[100 + epoch]])
    assert numbers_everywhere(tmp_path / "t") == [1, *range(101, 115)]


def test_deletion_vectors_survive_our_checkpoint(tmp_path):
    spark = readers.spark()
    table_name = f"delta.`{tmp_path}/t`"
    spark.sql(f"CREATE TABLE {table_name} (n BIGINT, s STRING) USING delta "
              "TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    spark.range(0, 100).selectExpr("id AS n", "'x' AS s").coalesce(1).write.format("delta").mode("append").save(
        f"{tmp_path}/t")
    spark.sql(f"DELETE FROM {table_name} WHERE n < 10").collect()
    with writer(tmp_path / "t", COLUMNS) as table:
        for epoch in range(1, 25):
            table.append(epoch, [[1000 + epoch, "y"]])
    names = log_names(tmp_path / "t")
    last_checkpoint = max(name for name in names if name.endswith(".checkpoint.parquet"))[:20]
    for name in names:
        if name < last_checkpoint:
            (tmp_path / "t/_delta_log" / name).unlink()
    for crc in (tmp_path / "t/_delta_log").glob("*.crc"):
        crc.unlink()
    assert numbers_everywhere(tmp_path / "t", with_deltalake=False) == [*range(10, 100), *range(1001, 1025)]


ACCEPTED = {
    "append-only": "'delta.appendOnly' = 'true'",
    "change data feed": "'delta.enableChangeDataFeed' = 'true'",
    "in-commit timestamps": "'delta.enableInCommitTimestamps' = 'true'",
    "type widening": "'delta.enableTypeWidening' = 'true'",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_tables_of_spark_that_take_our_appends(tmp_path, name):
    spark = readers.spark()
    spark.sql(f"CREATE TABLE delta.`{tmp_path}/t` (n BIGINT, s STRING) USING delta TBLPROPERTIES ({ACCEPTED[name]})")
    with writer(tmp_path / "t", COLUMNS, create=False) as table:
        for epoch in range(1, 13):
            table.append(epoch, [[epoch, "x"]])
            if epoch == 5:
                spark.sql(f"INSERT INTO delta.`{tmp_path}/t` VALUES (100, 'spark')")
    assert numbers_everywhere(tmp_path / "t", with_deltalake=name != "type widening") == [*range(1, 13), 100]
    times = [row.timestamp for row in spark.sql(f"DESCRIBE HISTORY delta.`{tmp_path}/t`").collect()]
    assert times == sorted(times, reverse=True)
    if name == "change data feed":
        changes = spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", 0).load(
            f"{tmp_path}/t").collect()
        assert sorted(row.n for row in changes) == [*range(1, 13), 100]


REFUSED = {
    "partitions": ("n BIGINT, s STRING) USING delta PARTITIONED BY (s", "", "partitioned by s"),
    "CHECK constraint": ("n BIGINT, s STRING", "", "positive"),
    "column default": ("n BIGINT DEFAULT 5, s STRING", "'delta.feature.allowColumnDefaults' = 'supported'", "CURRENT_DEFAULT"),
    "VARCHAR": ("n BIGINT, s VARCHAR(5)", "", "VARCHAR"),
    "NOT NULL": ("n BIGINT NOT NULL, s STRING", "", "add NOT NULL"),
    "another type": ("n INT, s STRING", "", "declare it INTEGER"),
    "a missing column": ("n BIGINT", "", "no column s"),
    "column mapping": ("n BIGINT, s STRING", "'delta.columnMapping.mode' = 'name'", "delta.columnMapping.mode"),
    "row tracking": ("n BIGINT, s STRING", "'delta.enableRowTracking' = 'true'", "rowTracking"),
    "v2 checkpoints": ("n BIGINT, s STRING", "'delta.checkpointPolicy' = 'v2'", "v2Checkpoint"),
    "clustering": ("n BIGINT, s STRING) USING delta CLUSTER BY (n", "", "clustering"),
    "transaction retention": ("n BIGINT, s STRING", "'delta.setTransactionRetentionDuration' = 'interval 7 days'",
                              "delta.setTransactionRetentionDuration"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_tables_of_spark_that_we_refuse(tmp_path, name):
    columns, properties, expected = REFUSED[name]
    using = "" if "USING" in columns else " USING delta"
    spark = readers.spark()
    spark.sql(f"CREATE TABLE delta.`{tmp_path}/t` ({columns}){using}"
              + (f" TBLPROPERTIES ({properties})" if properties else ""))
    if name == "CHECK constraint":
        spark.sql(f"ALTER TABLE delta.`{tmp_path}/t` ADD CONSTRAINT positive CHECK (n > 0)")
    before = log_names(tmp_path / "t")
    refused = refusal(tmp_path / "t", COLUMNS)
    assert refused.code == "FAILED_PRECONDITION"
    assert expected in refused.message and str(tmp_path / "t") in refused.message
    assert log_names(tmp_path / "t") == before


def test_a_generated_column_is_refused(tmp_path):
    from delta.tables import DeltaTable
    readers.spark()
    (DeltaTable.create(readers.spark()).location(f"{tmp_path}/t").addColumn("n", "BIGINT")
     .addColumn("s", "STRING", generatedAlwaysAs="CAST(n AS STRING)").execute())
    assert "generated column" in refusal(tmp_path / "t", COLUMNS).message


def test_a_constraint_that_appears_stops_us(tmp_path):
    with writer(tmp_path / "t", COLUMNS) as table:
        table.append(1, [[1, "x"]])
        readers.spark().sql(f"ALTER TABLE delta.`{tmp_path}/t` ADD CONSTRAINT positive CHECK (n > 0)")
        for _ in range(2):
            with pytest.raises(Refused, match="positive") as refused:
                table.append(2, [[-2, "x"]])
            assert refused.value.code == "FAILED_PRECONDITION"
        readers.spark().sql(f"ALTER TABLE delta.`{tmp_path}/t` DROP CONSTRAINT positive")
        table.append(2, [[2, "x"]])
    assert numbers_everywhere(tmp_path / "t") == [1, 2]


def test_a_thousand_commits_stay_quick(tmp_path):
    """The last hundred commits take about as long as the first: each reads only what is new."""
    with writer(tmp_path / "t", COLUMNS) as table:
        name = table.write([[1, "x"]])
        times = []
        for epoch in range(1, 1001):
            start = time.perf_counter()
            table.commit(epoch, [name] if epoch == 1 else [])
            times.append(time.perf_counter() - start)
    first, last = sorted(times[:100])[50], sorted(times[-100:])[50]
    assert last < 5 * first + 0.005, (first, last)
    assert numbers_everywhere(tmp_path / "t") == [1]
