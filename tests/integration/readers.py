"""Independent readers of Delta tables.

deltalake and DuckDB share delta-kernel-rs, so together they are one vote; Spark is the second.
"""

import contextlib
import functools
import pathlib

import deltalake
import duckdb

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPARK_JARS = ROOT / "build/cache/spark/libs"


def read_deltalake(path, version=None):
    """The table as a pyarrow.Table."""
    import pyarrow
    table = deltalake.DeltaTable(str(path), version=version)
    return pyarrow.table(table.to_pyarrow_table())


def read_duckdb(path, version=None):
    """The table as a pyarrow.Table, through DuckDB's delta extension loaded from the Python package (no network)."""
    suffix = "" if version is None else f", VERSION {int(version)}"
    with contextlib.closing(duckdb_with_delta()) as connection:
        connection.execute(f"ATTACH '{path}' AS weir_table (TYPE delta{suffix})")
        return connection.execute("SELECT * FROM weir_table").fetch_arrow_table()


def duckdb_with_delta():
    import duckdb_ext
    extension, = pathlib.Path(next(iter(duckdb_ext.__path__))).glob(
        f"extensions/v{duckdb.__version__}/*/delta.duckdb_extension")
    connection = duckdb.connect(":memory:")
    connection.load_extension(str(extension))
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def read_spark(path, version=None):
    """The table as a list of pyspark Rows. The first call starts a JVM (some 10 s)."""
    reader = spark().read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    return reader.load(str(path)).collect()


@functools.cache
def spark():
    """The session of this test run: local, UTC, without its web server, offline."""
    from pyspark.sql import SparkSession
    jars = ",".join(str(jar) for jar in sorted(SPARK_JARS.glob("*.jar")))
    assert jars, f"no jars in {SPARK_JARS}: run scripts/bootstrap"
    session = (
        SparkSession.builder.master("local[1]").appName("weir-tests")
        .config("spark.jars", jars)
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "768m")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.databricks.delta.snapshotPartitions", "1")
        .config("spark.sql.warehouse.dir", str(ROOT / "build/spark-warehouse"))  # made, and left empty
        .getOrCreate())
    session.sparkContext.setLogLevel("ERROR")
    return session
