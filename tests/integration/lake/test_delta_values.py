"""What is written comes back from every reader, with and without a predicate that lets it skip files by statistics."""

import contextlib
import datetime
import decimal
import math
import operator

import deltalake
import pyarrow
import pyarrow.compute
import pytest
import readers
from delta_tool import writer

pytestmark = pytest.mark.xdist_group("spark")  # one JVM

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)


def micros(text):
    return (datetime.datetime.fromisoformat(text) - EPOCH) // datetime.timedelta(microseconds=1)


def days(text):
    return (datetime.date.fromisoformat(text) - EPOCH.date()).days


def instant(value):
    return (EPOCH + datetime.timedelta(microseconds=value)).replace(tzinfo=UTC)


def local(value):
    return EPOCH + datetime.timedelta(microseconds=value)


def same(value):
    return value


NINES = "9" * 38
EMOJI = "\U0001F600"
HIGHEST = "\U0010FFFF"
UNBOUNDED = "x" * 32 + HIGHEST * 40  # nothing short sorts above it

# type: (values as written, how to read them in Python)
VALUES = {
    "boolean": ([True, False, None], same),
    "smallint": ([-2**15, 0, 2**15 - 1, None], same),
    "integer": ([-2**31, 0, 2**31 - 1, None], same),
    "bigint": ([-2**63, 0, 2**63 - 1, None], same),
    "real": ([-3.4028234663852886e38, -0.0, 0.10000000149011612, 1.401298464324817e-45, None], same),
    "double": ([-1.7976931348623157e308, -0.0, 0.1, 5e-324, None], same),
    "numeric(38,0)": ([NINES, "-" + NINES, "0", None], decimal.Decimal),
    "numeric(38,38)": (["0." + NINES, "-0." + "0" * 37 + "1", None], decimal.Decimal),
    "numeric(9,2)": (["-9999999.99", "9999999.99", "0.01", None], decimal.Decimal),
    "text": (["", "a", "/ % = ? ' \" \\ \n \t \x01", "x" * 31 + EMOJI + "tail", "x" * 32 + EMOJI, "x" * 40, "é" * 33,
              None, UNBOUNDED], same),
    "bytea": (["", "abc", "\x00\x01", None], lambda text: text.encode()),
    "date": ([days("0001-01-01"), days("1970-01-01"), days("9999-12-31"), None],
             lambda n: (EPOCH + datetime.timedelta(days=n)).date()),
    "timestamp": ([micros("0001-01-01T00:00:00.000001"), -1, 0, micros("2026-01-02T03:04:05.678901"),
                   micros("9999-12-31T23:59:59.999999"), None], local),
    "timestamptz": ([micros("1900-01-01T00:00:00.000001"), -1, 0, micros("2026-01-02T03:04:05.678901"),
                     micros("9999-12-31T23:59:59.999999"), None], instant),
}
TYPES = sorted(VALUES)


def write_one_file_per_value(path, type_name, without=()):
    """Each value in a file of its own, so that a wrong bound loses it."""
    values = [value for value in VALUES[type_name][0] if value != without]
    with writer(path, [["id", "integer", False], ["v", type_name, True]]) as table:
        for number, value in enumerate(values):
            table.append(number + 1, [[number, value]])


def by_id(rows):
    return {row["id"]: row["v"] for row in rows}


@pytest.mark.parametrize("type_name", TYPES)
def test_every_value_comes_back(tmp_path, type_name):
    write_one_file_per_value(tmp_path / "t", type_name)
    values, convert = VALUES[type_name]
    expected = {number: value if value is None else convert(value) for number, value in enumerate(values)}
    assert by_id(readers.read_deltalake(tmp_path / "t").to_pylist()) == expected
    assert by_id(readers.read_duckdb(tmp_path / "t").to_pylist()) == expected


@pytest.fixture(scope="module")
def all_types(tmp_path_factory):
    """One table with a column `v<n>` per type, one file per row, for Spark, which takes its time with every table."""
    path = tmp_path_factory.mktemp("all") / "t"
    with writer(path, [["id", "integer", False]] + [[f"v{n}", name, True] for n, name in enumerate(TYPES)]) as table:
        for number in range(max(len(values) for values, _ in VALUES.values())):
            table.append(number + 1, [[number] + [padded(name)[number] for name in TYPES]])
    return path


def padded(type_name):
    values = VALUES[type_name][0]
    return values + [None] * (max(len(values) for values, _ in VALUES.values()) - len(values))


def test_every_value_comes_back_in_spark(all_types):
    frame = readers.spark().read.format("delta").load(str(all_types))
    # Python's datetime has its own idea of the years before 1900.
    columns = [f"unix_micros(CAST(v{n} AS TIMESTAMP)) AS v{n}" if name.startswith("timestamp") else f"v{n}"
               for n, name in enumerate(TYPES)]
    rows = {row.id: row for row in frame.selectExpr("id", *columns).collect()}
    for n, name in enumerate(TYPES):
        convert = same if name.startswith("timestamp") else VALUES[name][1]
        expected = [value if value is None else convert(value) for value in padded(name)]
        assert [rows[number][f"v{n}"] for number in range(len(expected))] == expected, name


SQL = {"bytea": None, "boolean": lambda v: str(v).upper(),
       "text": lambda v: "'" + v.replace("'", "''") + "'",
       "date": lambda v: f"DATE '{(EPOCH + datetime.timedelta(days=v)).date().isoformat()}'",
       "timestamp": lambda v: f"TIMESTAMP '{local(v).isoformat(' ')}'",
       "timestamptz": lambda v: f"TIMESTAMPTZ '{local(v).isoformat(' ')}+00'",
       "real": lambda v: f"CAST({v!r} AS FLOAT)", "double": lambda v: f"CAST({v!r} AS DOUBLE)"}


COMPARE = {"=": operator.eq, "==": operator.eq, ">=": operator.ge, "<=": operator.le, "<": operator.lt,
           ">": operator.gt}


def predicates(type_name):
    """(predicate, ids it keeps), computed without any reader."""
    values, convert = VALUES[type_name]
    present = [(number, convert(value), value) for number, value in enumerate(values) if value is not None]
    literal = SQL.get(type_name, str)
    for _, pivot, raw in present:
        for name in ("=", ">=", "<=", "<", ">"):
            yield (f"v {name} {literal(raw)}",
                   {number for number, value, _ in present if COMPARE[name](value, pivot)})
    yield "v IS NULL", {number for number, value in enumerate(values) if value is None}
    yield "v IS NOT NULL", {number for number, _, _ in present}


@pytest.mark.parametrize("type_name", [name for name in TYPES if name not in ("bytea", "boolean")])
def test_predicates_lose_nothing_in_duckdb(tmp_path, type_name):
    write_one_file_per_value(tmp_path / "t", type_name)
    with contextlib.closing(readers.duckdb_with_delta()) as connection:
        connection.execute(f"ATTACH '{tmp_path}/t' AS t (TYPE delta)")
        for predicate, expected in predicates(type_name):
            found = {row[0] for row in connection.execute(f"SELECT id FROM t WHERE {predicate}").fetchall()}
            assert found == expected, predicate


# Equality asks for both bounds at once: min <= v and v <= max.
def test_predicates_lose_nothing_in_spark(all_types):
    questions, expected = [], []
    for n, name in enumerate(TYPES):
        values, convert = VALUES[name]
        for number, value in enumerate(values):
            if value is None or name in ("bytea", "boolean"):
                continue
            questions.append((all_types, f"v{n} = {spark_literal(name, value)}"))
            expected.append({other for other, v in enumerate(values) if v is not None and convert(v) == convert(value)})
        questions.append((all_types, f"v{n} IS NULL"))
        expected.append({number for number, value in enumerate(padded(name)) if value is None})
    for question, got, wanted in zip(questions, spark_answers(questions), expected):
        assert got == wanted, question


def spark_literal(type_name, value):
    if type_name == "text":
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if type_name.startswith("numeric"):
        return value + "BD"
    text = SQL.get(type_name, str)(value)
    return text.replace("TIMESTAMPTZ", "TIMESTAMP") if type_name == "timestamptz" else text.replace("TIMESTAMP", "TIMESTAMP_NTZ")


def spark_answers(questions):
    """The ids of each (table path, predicate): every question a scan of its own, all in one query."""
    spark = readers.spark()
    tables = sorted({path for path, _ in questions})
    for number, path in enumerate(tables):
        spark.read.format("delta").load(str(path)).createOrReplaceTempView(f"t{number}")
    query = " UNION ALL ".join(f"SELECT {number} AS question, id FROM t{tables.index(path)} WHERE {predicate}"
                               for number, (path, predicate) in enumerate(questions))
    answers = [set() for _ in questions]
    for row in spark.sql(query).collect():
        answers[row.question].add(row.id)
    return answers


# deltalake hands the bounds to pyarrow as what each file is known to hold. A bound that is missing it takes to mean that
# nothing matches, whoever wrote the file: values that have none are left out here.
@pytest.mark.parametrize("type_name", [name for name in TYPES if name not in ("bytea", "boolean")])
def test_predicates_lose_nothing_in_deltalake(tmp_path, type_name):
    write_one_file_per_value(tmp_path / "t", type_name, without=UNBOUNDED)
    dataset = deltalake.DeltaTable(str(tmp_path / "t")).to_pyarrow_dataset()
    values, convert = VALUES[type_name]
    values = [value for value in values if value != UNBOUNDED]
    column, arrow_type = pyarrow.compute.field("v"), dataset.schema.field("v").type
    for pivot in [convert(value) for value in values if value is not None]:
        literal = pyarrow.scalar(pivot, arrow_type)
        for name, expression in [("==", column == literal), ("<=", column <= literal), ("<", column < literal),
                                 (">=", column >= literal), (">", column > literal)]:
            expected = {number for number, value in enumerate(values)
                        if value is not None and COMPARE[name](convert(value), pivot)}
            found = set(dataset.to_table(["id"], filter=expression)["id"].to_pylist())
            assert found == expected, (name, pivot)
    nulls = dataset.to_table(["id"], filter=column.is_null())["id"].to_pylist()
    assert nulls == [number for number, value in enumerate(values) if value is None]


NUMBERS = [1.5, math.nan, -0.0, 0.0, math.inf, -math.inf]


def test_nan_zero_and_infinity_are_never_skipped(tmp_path):
    """Both kinds of bounds, the log's and the footer's: -0.0 equals 0.0, and NaN is above all in Spark and DuckDB."""
    files = [[0, 1], [1], [2, 3], [2], [3], [4, 0], [5, 0], [0], [4, 5], [1, 5]]
    with writer(tmp_path / "t", [["id", "integer", False], ["r", "real", True], ["d", "double", True]]) as table:
        for number, file in enumerate(files):
            table.append(number + 1, [[number * 10 + i, float_json(NUMBERS[i]), float_json(NUMBERS[i])] for i in file])
            assert "nan" not in str(table.stats).lower()
    questions, expected = [], []
    for predicate, which in [("= 0.0", {2, 3}), ("= CAST('-0.0' AS DOUBLE)", {2, 3}), ("> 1", {0, 1, 4}),
                             (">= 1.5", {0, 1, 4}), ("< 0", {5}), ("= CAST('NaN' AS DOUBLE)", {1}),
                             ("= CAST('Infinity' AS DOUBLE)", {4}), ("> CAST('3e38' AS DOUBLE)", {1, 4})]:
        for column in "rd":
            questions.append((tmp_path / "t", f"{column} {predicate}"))
            expected.append({number * 10 + i for number, file in enumerate(files) for i in file if i in which})
    for reader, answers in (("spark", spark_answers), ("duckdb", duckdb_answers)):
        for (_, predicate), got, wanted in zip(questions, answers(questions), expected):
            assert got == wanted, (reader, predicate)


def float_json(value):
    return value if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def duckdb_answers(questions):
    answers = []
    for path, predicate in questions:
        with contextlib.closing(readers.duckdb_with_delta()) as connection:
            connection.execute(f"ATTACH '{path}' AS t (TYPE delta)")
            answers.append({row[0] for row in connection.execute(f"SELECT id FROM t WHERE {predicate}").fetchall()})
    return answers


def test_empty_text_is_not_null(tmp_path):
    with writer(tmp_path / "t", [["v", "text", True]]) as table:
        table.append(1, [[""]])
        assert table.stats["minValues"] == {"v": ""} and table.stats["nullCount"] == {"v": 0}
        table.append(2, [[None]])
    with contextlib.closing(readers.duckdb_with_delta()) as connection:
        connection.execute(f"ATTACH '{tmp_path}/t' AS t (TYPE delta)")
        assert connection.execute("SELECT count(*) FROM t WHERE v = ''").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM t WHERE v IS NULL").fetchone() == (1,)


def test_odd_column_names(tmp_path):
    names = ["eventTime", "with space", "dot.ted", "quote'", "ümlaut", "select", "a\\b"]
    with writer(tmp_path / "t", [[name, "integer", True] for name in names]) as table:
        table.append(1, [list(range(len(names)))])
    row = dict(zip(names, range(len(names))))
    assert readers.read_deltalake(tmp_path / "t").to_pylist() == [row]
    assert readers.read_duckdb(tmp_path / "t").to_pylist() == [row]
