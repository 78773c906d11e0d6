"""What a table must hold, computed by DuckDB from the records in Kafka: knows nothing of Weir's code.

Each commit of Weir names the source prefix it stands for (commitInfo.weir). check_every_version() computes the query
over just that prefix, for every version of the table.
"""

import json
import math
import pathlib

import duckdb
import pyarrow

from readers import read_deltalake


def commit_infos(table):
    """{version: commitInfo} of the table's log; only what Weir committed carries "weir"."""
    infos = {}
    for path in sorted(pathlib.Path(table, "_delta_log").glob("*.json")):
        if not path.stem.isdigit():
            continue
        for line in path.read_text().splitlines():
            action = json.loads(line)
            if "commitInfo" in action:
                infos[int(path.stem)] = action["commitInfo"]
    return infos


def records_table(messages):
    """Kafka messages as a table: partition, offset, value (JSON text)."""
    return pyarrow.table({
        "partition": pyarrow.array([m.partition() for m in messages], pyarrow.int32()),
        "offset": pyarrow.array([m.offset() for m in messages], pyarrow.int64()),
        "value": pyarrow.array([m.value().decode("utf-8", "replace") for m in messages], pyarrow.string()),
    })


def query(records, sql):
    """Rows of `sql` over the view `records` (columns partition, offset, value)."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("records", records)
    return rows_of(connection.execute(sql).fetch_arrow_table())


def rows_of(table):
    """The rows of a pyarrow.Table as tuples."""
    return list(zip(*(column.to_pylist() for column in table.columns)))


def prefix(records, info):
    """The records below the offsets that a commit names. One source."""
    (source,) = info["sources"].values()
    ends = {int(p): at["next_offset"] for p, at in source["partitions"].items()}
    keep = [offset < ends.get(partition, 0)
            for partition, offset in zip(records["partition"].to_pylist(), records["offset"].to_pylist())]
    return records.filter(pyarrow.array(keep))


def same_rows(actual, expected):
    """Equal as multisets; floats within 1e-9 relative. Returns a description of the difference, or None."""
    def key(row):
        return tuple("" if v is None else (f"{v:.6g}" if isinstance(v, float) else str(v)) for v in row)

    def equal(a, b):
        if isinstance(a, float) and isinstance(b, float):
            return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
        return a == b

    actual, expected = sorted(map(tuple, actual), key=key), sorted(map(tuple, expected), key=key)
    if len(actual) != len(expected):
        missing = [r for r in expected if r not in set(actual)][:3]
        extra = [r for r in actual if r not in set(expected)][:3]
        return f"{len(actual)} rows instead of {len(expected)}; missing {missing}, extra {extra}"
    for a, e in zip(actual, expected):
        if len(a) != len(e) or not all(map(equal, a, e)):
            return f"row {a} instead of {e}"
    return None


def table_rows(table, version=None):
    return rows_of(read_deltalake(table, version))


def check_every_version(table, records, sql, window_end=True):
    """Every version that Weir committed equals `sql` over the prefix it names.

    With window_end, `sql` has {watermark} where the commit's watermark (a TIMESTAMPTZ literal) goes: only closed windows
    are in the table. Epochs rise within each lineage. Returns the number of versions checked.
    """
    checked = 0
    epochs = {}
    for version, info in sorted(commit_infos(table).items()):
        weir = info.get("weir")
        if weir is None or "epoch" not in weir:
            continue
        epoch, before = weir["epoch"], epochs.get(weir["lineage"], -1)
        assert epoch > before, f"version {version} commits epoch {epoch} after {before}"
        epochs[weir["lineage"]] = epoch
        text = sql
        if window_end:
            watermark = weir.get("watermark")
            literal = f"TIMESTAMPTZ '{watermark}'" if watermark else "TIMESTAMPTZ '-infinity'"
            text = sql.replace("{watermark}", literal)
        difference = same_rows(table_rows(table, version), query(prefix(records, weir), text))
        assert difference is None, f"version {version} (epoch {epoch}): {difference}"
        checked += 1
    assert checked > 0, "no version was committed by Weir"
    return checked
