"""The shapes of jobs that faults are tried on: each is a script for Weir and, apart from it, the same query as DuckDB
would have to compute it from the ledger. Times in the oracle are integers, microseconds."""

import dataclasses

from ledger import StreamOptions

SOURCE_COLUMNS = [("seq", "BIGINT"), ("userId", "TEXT"), ("eventType", "TEXT NOT NULL"), ("amount", "DOUBLE PRECISION"),
                  ("quantity", "BIGINT"), ("eventTime", "TIMESTAMPTZ NOT NULL")]


@dataclasses.dataclass(frozen=True)
class Insert:
    """One INSERT. `values` are (column, type in Weir, expression in Weir, expression in DuckDB); with windows they are
    group keys and aggregates, `keys` says how many of them are keys."""
    table: str
    values: tuple
    keys: int = 0
    size_ms: int = 0   # of windows; 0 = none
    slide_ms: int = 0  # below size_ms: hopping
    where: str = "TRUE"  # the same text for both
    late: bool = False   # the table has a late_path

    @property
    def windowed(self):
        return self.size_ms > 0

    @property
    def columns(self):
        windows = [("window_start", "TIMESTAMPTZ"), ("window_end", "TIMESTAMPTZ")] if self.windowed else []
        return windows + [(name, kind) for name, kind, _, _ in self.values]


@dataclasses.dataclass(frozen=True)
class Shape:
    name: str
    inserts: tuple
    stream: StreamOptions
    dead_letter: bool = False
    idle_timeout: str = "10 minutes"
    freshness: str = "1 second"
    for_s3: bool = False  # its rows are so wide that data files are uploaded in parts

    @property
    def may_grow(self):
        """Whether rows of new partitions are judged exactly: a row may be late for some of its windows only, or a table
        may not say which rows were."""
        return all(not insert.windowed or insert.late and insert.slide_ms == insert.size_ms for insert in self.inserts)

    @property
    def tables(self):
        """{sink id: (role, INSERTs that feed it)}; the directory is the id with '-' for '#'."""
        sinks = {}
        for insert in self.inserts:
            sinks.setdefault(insert.table, ("main", []))[1].append(insert)
            if insert.late:
                sinks.setdefault(f"{insert.table}#late", ("late", []))[1].append(insert)
        if self.dead_letter:
            sinks["events#dead_letter"] = ("dead_letter", list(self.inserts))
        return sinks

    def script(self, interval_ms, parallelism):
        return "\n".join([
            f"SET checkpoint_interval = '{interval_ms}ms';",
            f"SET parallelism = {parallelism};" if parallelism else "",
            self._source(), *self._sinks(), *map(self._insert, self.inserts)])

    def _source(self):
        columns = ", ".join(f"{name} {kind}" for name, kind in SOURCE_COLUMNS)
        policy = ("on_bad_row = 'dead_letter', dead_letter_path = '${TABLES}/events-dead_letter'" if self.dead_letter
                  else "on_bad_row = 'skip'")
        return f"""CREATE TABLE events ({columns}) WITH (connector = 'kafka', brokers = '${{BROKERS}}',
            topic = '${{TOPIC}}', format = 'json', event_time = 'eventTime',
            watermark = '{self.stream.bound_ms}ms', idle_timeout = '{self.idle_timeout}', {policy});"""

    def _sinks(self):
        seen = set()
        for insert in self.inserts:
            if insert.table in seen:
                continue
            seen.add(insert.table)
            columns = ", ".join(f"{name} {kind}" for name, kind in insert.columns)
            late = f", late_path = '${{TABLES}}/{insert.table}-late'" if insert.late else ""
            yield (f"CREATE TABLE {insert.table} ({columns}) WITH (connector = 'delta', "
                   f"path = '${{TABLES}}/{insert.table}', freshness_interval = '{self.freshness}'{late});")

    def _insert(self, insert):
        where = "" if insert.where == "TRUE" else f" WHERE {insert.where}"
        if not insert.windowed:
            values = ", ".join(weir for _, _, weir, _ in insert.values)
            return f"INSERT INTO {insert.table} SELECT {values} FROM events{where};"
        values = ", ".join(["window_start", "window_end", *(weir for _, _, weir, _ in insert.values)])
        keys = ", ".join(["window_start", "window_end", *(weir for _, _, weir, _ in insert.values[:insert.keys])])
        interval = f"INTERVAL '{insert.size_ms} milliseconds'"
        window = (f"tumble(events, eventTime, {interval})" if insert.slide_ms in (0, insert.size_ms) else
                  f"hop(events, eventTime, INTERVAL '{insert.slide_ms} milliseconds', {interval})")
        return f"INSERT INTO {insert.table} SELECT {values} FROM {window}{where} GROUP BY {keys};"


TYPE = ("event_type", "TEXT", "eventType", "eventType")
USER = ("user_id", "TEXT", "userId", "userId")
COUNT = ("n", "BIGINT", "count(*)", "count(*)")
SUM = ("total", "DOUBLE PRECISION", "sum(amount)", "sum(amount)")
MIN = ("least", "DOUBLE PRECISION", "min(amount)", "min(amount)")
MAX = ("most", "DOUBLE PRECISION", "max(amount)", "max(amount)")
ITEMS = ("items", "BIGINT", "sum(quantity)", "CAST(sum(quantity) AS BIGINT)")
USERS = ("users", "BIGINT", "count(DISTINCT userId)", "count(DISTINCT userId)")
ROW = (("seq", "BIGINT", "seq", "seq"), ("p", "INTEGER", "_partition", "partition"), ("o", "BIGINT", "_offset", '"offset"'),
       ("user_id", "TEXT", "upper(userId)", "upper(userId)"), ("amount", "DOUBLE PRECISION", "amount * 2", "amount * 2"),
       ("at", "TIMESTAMPTZ", "eventTime", "t_us"))


def tumble(table, keys, aggregates, size_ms, **more):
    return Insert(table, (*keys, *aggregates), len(keys), size_ms, size_ms, **more)


def shapes():
    """All shapes by name."""
    few = StreamOptions()
    many = StreamOptions(keys=5000)
    calm = StreamOptions(late=False)
    listed = [
        Shape("tumble_few", (tumble("activity", [TYPE], [COUNT, SUM], 5000, late=True),), few, dead_letter=True),
        Shape("tumble_many", (tumble("by_user", [USER], [COUNT, SUM, ITEMS], 10_000, late=True),), many),
        Shape("tumble_filtered", (tumble("sold", [TYPE], [COUNT, MIN, MAX, USERS], 5000, where="amount >= 0", late=True),),
              few, dead_letter=True, freshness="1 minute"),
        Shape("hop", (Insert("hops", (TYPE, COUNT, SUM), 1, 6000, 2000, late=True),), few),
        Shape("hop_many", (Insert("hops", (USER, COUNT, MAX), 1, 9000, 3000),), dataclasses.replace(many, late=False)),
        Shape("rows", (Insert("copies", ROW, where="amount >= 0"),), few, dead_letter=True),
        Shape("rows_all", (Insert("copies", ROW),), calm),
        Shape("several", (tumble("activity", [TYPE], [COUNT, SUM], 5000, late=True),
                          tumble("by_user", [USER], [COUNT, ITEMS], 20_000, late=True, where="quantity > 3"),
                          Insert("copies", ROW, where="amount > 400")), few),
        Shape("wide", (Insert("copies", ROW),), StreamOptions(per_second=250, user_bytes=32_000, late=False), for_s3=True),
        Shape("one_table", (Insert("copies", ROW, where="amount > 300"), Insert("copies", ROW, where="amount < 0")), few),
        Shape("idle", (tumble("activity", [TYPE], [COUNT, SUM], 5000, late=True),), few, idle_timeout="300ms"),
    ]
    return {shape.name: shape for shape in listed}
