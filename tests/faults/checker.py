"""Judges every version of a job's tables against the ledger. Knows Delta, DuckDB and the shape of the job; nothing of
Weir's code.

Version V must equal the query over the prefix of records that V's commit names. Instead of running the query once per
version, each record gets the first version whose prefix holds it, each window the first version whose watermark closes
it. If no record that counts comes after its window was closed (checked), the right content of all versions follows: a
window's row belongs to exactly the version that closed it, a plain row to the one that took its record in; so one
comparison of (version, row) as multisets judges all versions. Tables are append-only, except that a job which goes on from
an older checkpoint takes out what came later: then each lineage is judged with the versions before it that stand.
"""

import contextlib
import pathlib

import deltalake
import duckdb
import pyarrow

from history import read_history
from lineage import chains

FAR = 2**62  # a version no record is in


class Checker:
    """`rows`: [(partition, offset, ledger.Record)] as the topic holds them. `went_on`: the epochs from which jobs were told to go
    on, each of the job before."""

    def __init__(self, shape, tables, rows, initial_partitions, went_on=()):
        self._shape = shape
        self._tables = pathlib.Path(tables)
        self._initial_partitions = initial_partitions
        self._wrong = []
        self._went_on = list(went_on)
        self._histories = {}   # by sink: versions of the lineage that is judged just now
        self._versions = 0
        self._db = duckdb.connect(":memory:")
        self._db.execute("SET TimeZone = 'UTC'; SET threads = 2")
        self._load_truth(rows)

    def check(self, complete=False):
        """Violations as texts; with `complete`, the last version of each main table must hold all records."""
        with contextlib.closing(self._db):
            found = {sink: self._read(sink) for sink in self._shape.tables}
            lineages = list(max(found.values(), key=len, default={}))
            for number, lineage in enumerate(lineages):
                last = number == len(lineages) - 1
                for sink, by_lineage in found.items():
                    if number > 0 and lineage not in by_lineage and complete and last:
                        self._violation(sink, f"lineage {lineage} did not take it over")
                if number == 0 or all(lineage in by_lineage for by_lineage in found.values()):
                    self._check_lineage({sink: by_lineage.get(lineage, []) for sink, by_lineage in found.items()},
                                        complete and last)
            if complete and len(lineages) != len(self._went_on) + 1:
                self._violation("tables", f"{len(lineages)} lineages wrote to them, {len(self._went_on) + 1} were there")
        return self._wrong

    def versions(self):
        """How many versions were judged."""
        return self._versions

    def _read(self, sink):
        path = self._path(sink)
        history = read_history(path) if path.exists() else []
        self._versions += sum(v.weir is not None for v in history)
        self._check_log(sink, history)
        if self._wrong:
            return {}
        found, wrong = chains(history)
        for text in wrong:
            self._violation(sink, text)
        return found

    def _check_lineage(self, versions, complete):
        self._histories = versions
        for sink in versions:
            self._check_chain(sink)
        if self._wrong:
            return  # the rest takes the logs for granted
        for sink, (role, inserts) in self._shape.tables.items():
            self._check_sink(sink, role, inserts)
            if complete:
                self._check_complete(sink, role)

    def _path(self, sink):
        return self._tables / sink.replace("#", "-")

    def _violation(self, sink, text):
        self._wrong.append(f"{sink}: {text}")

    def _load_truth(self, rows):
        def column(kind, values):
            return pyarrow.array(values, kind)
        records = [record for _, _, record in rows]
        table = pyarrow.table({
            "partition": column(pyarrow.int32(), [p for p, _, _ in rows]),
            "offset": column(pyarrow.int64(), [o for _, o, _ in rows]),
            "seq": column(pyarrow.int64(), [r.seq for r in records]),
            "kind": column(pyarrow.string(), [r.kind for r in records]),
            "payload": column(pyarrow.binary(), [r.payload for r in records]),
            "userId": column(pyarrow.string(), [r.user for r in records]),
            "eventType": column(pyarrow.string(), [r.event_type for r in records]),
            "amount": column(pyarrow.float64(), [r.amount for r in records]),
            "quantity": column(pyarrow.int64(), [r.quantity for r in records]),
            "t_us": column(pyarrow.int64(), [r.time_ms and r.time_ms * 1000 for r in records])})
        self._db.register("truth_rows", table)
        self._db.execute("CREATE TABLE truth AS SELECT * FROM truth_rows")
        # How far a partition's watermark can be when a record of it arrives, at most.
        self._db.execute(f"""CREATE TABLE reached AS SELECT partition, "offset",
            max(t_us) OVER (PARTITION BY partition ORDER BY "offset" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
            - {self._shape.stream.bound_ms * 1000} AS watermark_us FROM truth""")

    # The logs by themselves.

    def _check_log(self, sink, history):
        handovers = 0
        if [v.number for v in history] != list(range(len(history))):
            self._violation(sink, f"the log has the versions {[v.number for v in history]}")
        for version in history:
            if version.weir is None:
                if version.adds or version.removes:
                    self._violation(sink, f"version {version.number} has files but not the job's signature")
            elif version.restore is not None:
                self._check_handover(sink, version, handovers)
                handovers += 1
            elif version.txns != [(f"{version.weir['lineage']}/{sink}", version.weir["epoch"])]:
                self._violation(sink, f"version {version.number} of epoch {version.weir['epoch']} carries {version.txns}")

    def _check_handover(self, sink, version, number):
        """Which versions it undoes is for lineage.chains()."""
        undone = {writer["app_id"]: writer["after"] for writer in version.restore["undone"]}
        if number >= len(self._went_on):
            self._violation(sink, f"version {version.number} goes back, which nobody asked for")
        elif max(undone.values(), default=0) > self._went_on[number]:
            self._violation(sink, f"version {version.number} keeps what came after epoch {self._went_on[number]}: {undone}")
        mine, others = version.txns[0], version.txns[1:]
        if not mine[0].endswith(f"/{sink}") or mine[1] != 1 or {app_id for app_id, _ in others} != set(undone):
            self._violation(sink, f"version {version.number}, which goes back, carries {version.txns}")

    def _check_chain(self, sink):
        """Versions that build on one another."""
        before, names = None, set()
        for version in self._histories[sink]:
            again = names & set(version.adds)
            if again:
                self._violation(sink, f"version {version.number} adds {sorted(again)[0]} a second time")
            names |= set(version.adds)
            if before is not None:
                self._check_follows(sink, before, version)
            before = version

    def _check_follows(self, sink, before, version):
        number = version.number
        same = version.weir["lineage"] == before.weir["lineage"]
        if same and version.weir["epoch"] <= before.weir["epoch"]:
            self._violation(sink, f"version {number} commits epoch {version.weir['epoch']} after {before.weir['epoch']}")
        if same and version.weir["generation"] < before.weir["generation"]:
            self._violation(sink, f"version {number} is of generation {version.weir['generation']}, "
                                  f"after {before.weir['generation']}")
        if (version.watermark_us or -FAR) < (before.watermark_us or -FAR):
            self._violation(sink, f"version {number} takes the watermark back")
        now = version.prefix
        for partition, offset in before.prefix.items():
            if now.get(partition, -1) < offset:
                self._violation(sink, f"version {number} takes partition {partition} back from {offset} "
                                      f"to {now.get(partition)}")

    # Content.

    def _check_sink(self, sink, role, inserts):
        versions = self._histories[sink]
        self._load_versions(versions)
        if role != "dead_letter":
            self._load_late(inserts[0] if inserts[0].late else None)
        self._load_actual(sink, versions)
        if role == "main":
            for insert in inserts:
                if insert.windowed:
                    self._check_closed_windows_stay(sink, insert)
            self._compare(sink, " UNION ALL ".join(map(self._expected, inserts)), inserts[0].columns)
        elif role == "late":
            self._check_late(sink, inserts[0])
        else:
            self._check_dead_letters(sink)
        self._check_counters(sink, inserts, versions)
        self._check_as_deltalake_sees_it(sink)

    def _load_versions(self, versions):
        """Tables `placed` (truth with v, the first version that holds the record) and `closes` (watermark_us, v)."""
        firsts, closes = {}, {}
        for version in versions:
            for partition, offset in version.prefix.items():
                firsts.setdefault((partition, offset), version.number)
            if version.watermark_us is not None:
                closes.setdefault(version.watermark_us, version.number)
        db = self._db
        db.execute("CREATE OR REPLACE TABLE firsts (partition INT, next_offset BIGINT, v BIGINT)")
        if firsts:
            db.executemany("INSERT INTO firsts VALUES (?, ?, ?)", [(*key, v) for key, v in firsts.items()])
        db.execute("CREATE OR REPLACE TABLE closes (watermark_us BIGINT, v BIGINT)")
        if closes:
            db.executemany("INSERT INTO closes VALUES (?, ?)", list(closes.items()))
        db.execute("""CREATE OR REPLACE TABLE placed AS SELECT t.*, f.v FROM truth t ASOF LEFT JOIN firsts f
                      ON t.partition = f.partition AND t."offset" < f.next_offset""")

    def _load_late(self, insert):
        """Table `late`: what the INSERT's late table holds now; empty where there is none."""
        self._db.execute("CREATE OR REPLACE TABLE late (partition INT, \"offset\" BIGINT)")
        if insert is None:
            return
        files = self._files(f"{insert.table}#late")
        if files:
            self._db.execute('INSERT INTO late SELECT _partition, _offset FROM read_parquet(?)', [list(files)])

    def _files(self, sink):
        """{absolute path: version that added it}"""
        path = self._path(sink)
        return {str(path / name): version.number for version in self._histories[sink] for name in version.adds}

    def _load_actual(self, sink, versions):
        """View `actual`: all rows of the table with v, the version that added them."""
        files = self._files(sink)
        for path in [path for path in files if not pathlib.Path(path).exists()]:
            self._violation(sink, f"version {files.pop(path)} names {pathlib.Path(path).name}, which nobody has seen")
        db = self._db
        db.execute("DROP VIEW IF EXISTS actual")
        db.execute("CREATE OR REPLACE TABLE added (filename TEXT, v BIGINT)")
        self._empty = not files
        if not files:
            return
        db.executemany("INSERT INTO added VALUES (?, ?)", list(files.items()))
        listed = ", ".join(f"'{f}'" for f in files)
        db.execute(f"""CREATE VIEW actual AS SELECT a.v, r.* EXCLUDE (filename)
                       FROM read_parquet([{listed}], filename = true) r JOIN added a USING (filename)""")
        counted = dict(db.execute("SELECT v, count(*) FROM actual GROUP BY v").fetchall())
        for version in versions:
            rows = sum(rows for _, rows in version.adds.values())
            if rows != counted.get(version.number, 0):
                self._violation(sink, f"version {version.number} says {rows} rows, "
                                      f"its files hold {counted.get(version.number, 0)}")

    # What an INSERT makes of the records.

    def _readable(self, insert):
        """Records that the INSERT uses or finds late."""
        return f"SELECT * FROM placed WHERE kind IN ('good', 'late') AND ({insert.where})"

    def _used(self, insert):
        return f'SELECT * FROM ({self._readable(insert)}) ANTI JOIN late USING (partition, "offset")'

    def _windows(self, insert):
        """Used records once per window, with `ws` and `we`."""
        size, slide = insert.size_ms * 1000, (insert.slide_ms or insert.size_ms) * 1000
        return f"""SELECT *, ws + {size} AS we FROM (
            SELECT *, unnest([t_us - t_us % {slide} - {slide} * i FOR i IN range({-(-size // slide)})]) AS ws
            FROM ({self._used(insert)})) WHERE t_us < ws + {size}"""

    def _closed(self, insert):
        """The same with `c`, the first version whose watermark closes the window."""
        return f"SELECT w.*, c.v AS c FROM ({self._windows(insert)}) w ASOF JOIN closes c ON w.we <= c.watermark_us"

    def _check_closed_windows_stay(self, sink, insert):
        after = self._db.execute(f"""SELECT partition, "offset", c, v FROM ({self._closed(insert)})
                                     WHERE v > c ORDER BY v LIMIT 3""").fetchall()
        for partition, offset, closed, version in after:
            self._violation(sink, f"record {partition}/{offset} counts in version {version}, but its window was closed "
                                  f"in version {closed}, and it isn't recorded as late")

    def _expected(self, insert):
        values = [f'{oracle} AS "{name}"' for name, _, _, oracle in insert.values]
        if not insert.windowed:
            return f"SELECT v, {', '.join(values)} FROM ({self._used(insert)}) WHERE v IS NOT NULL"
        keys = ", ".join(oracle for _, _, _, oracle in insert.values[:insert.keys])
        return (f"SELECT c AS v, ws AS window_start, we AS window_end, {', '.join(values)} "
                f"FROM ({self._closed(insert)}) WHERE v IS NOT NULL GROUP BY c, ws, we{', ' if keys else ''}{keys}")

    def _compare(self, sink, expected, columns):
        names = [(f'epoch_us("{name}")' if kind == "TIMESTAMPTZ" else name) + f' AS "{name}"' for name, kind in columns]
        actual = f"SELECT v, {', '.join(names)} FROM actual" if not self._empty else f"({expected}) LIMIT 0"
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE is_there AS {actual}")
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE should AS {expected}")
        for what, left, right in (("lacks", "should", "is_there"), ("has, without reason,", "is_there", "should")):
            rows = self._db.execute(f"SELECT * FROM (FROM {left} EXCEPT ALL FROM {right}) ORDER BY ALL").fetchall()
            if rows:
                self._violation(sink, f"version {rows[0][0]} {what} {rows[0][1:]}; {len(rows)} such rows in all versions, "
                                      f"versions {sorted({r[0] for r in rows})[:10]}")

    # Side tables.

    def _check_late(self, sink, insert):
        if self._empty:
            return
        size, slide = insert.size_ms * 1000, (insert.slide_ms or insert.size_ms) * 1000
        self._db.execute(f"""CREATE OR REPLACE TEMP TABLE judged AS
            SELECT a.v, a._partition AS partition, a._offset AS "offset", a.seq AS seq, p.seq AS true_seq, p.v AS true_v,
                   epoch_us(a._watermark) AS said_us, p.t_us - p.t_us % {slide} + {size} AS end_us,
                   (SELECT max(watermark_us) FROM closes WHERE closes.v <= a.v) AS version_us,
                   r.watermark_us AS reached_us
            FROM actual a LEFT JOIN ({self._readable(insert)}) p ON a._partition = p.partition AND a._offset = p."offset"
            LEFT JOIN reached r ON a._partition = r.partition AND a._offset = r."offset" """)
        own = f"partition < {self._initial_partitions} AND {self._never_idle()}"
        for what, condition in [
                ("is no record that the INSERT can find late", "true_seq IS NULL"),
                ("is another record", "seq <> true_seq"),
                ("is in a version whose prefix doesn't begin to hold it", "v IS DISTINCT FROM true_v"),
                ("was open by the watermark it names", "end_us > said_us"),
                ("was open in that version", "version_us IS NULL OR end_us > version_us"),
                ("was open by its own partition's watermark", f"({own}) AND (reached_us IS NULL OR end_us > reached_us)")]:
            rows = self._db.execute(f'SELECT v, partition, "offset" FROM judged WHERE {condition} ORDER BY ALL').fetchall()
            if rows:
                v, partition, offset = rows[0]
                self._violation(sink, f"late row {partition}/{offset} of version {v} {what}; {len(rows)} such rows")
        twice = self._db.execute('SELECT partition, "offset", list(v) FROM judged GROUP BY partition, "offset" '
                                 "HAVING count(*) > 1").fetchall()
        if twice:
            self._violation(sink, f"late row {twice[0][0]}/{twice[0][1]} is there twice, versions {twice[0][2]}")

    def _never_idle(self):
        return "TRUE" if self._shape.idle_timeout.endswith("minutes") else "FALSE"

    def _check_dead_letters(self, sink):
        expected = """SELECT v, partition, "offset", payload FROM placed WHERE kind LIKE 'bad%' AND v IS NOT NULL"""
        actual = 'SELECT v, "partition", "offset", payload FROM actual' if not self._empty else f"{expected} LIMIT 0"
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE is_there AS {actual}")
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE should AS {expected}")
        for what, left, right in (("lacks", "should", "is_there"), ("has, without reason,", "is_there", "should")):
            rows = self._db.execute(f"SELECT * FROM (FROM {left} EXCEPT ALL FROM {right}) ORDER BY ALL").fetchall()
            if rows:
                self._violation(sink, f"version {rows[0][0]} {what} {rows[0][1:]}; {len(rows)} such rows")

    # Accounting, completeness, a second opinion.

    def _check_counters(self, sink, inserts, versions):
        totals = {}
        for insert in inserts:
            if self._shape.tables[sink][0] == "dead_letter":
                self._load_late(insert if insert.late else None)
            rows = self._db.execute(f"""
                SELECT v, count(*), count(*) FILTER (kind LIKE 'bad%'),
                       count(*) FILTER (kind = 'tombstone' OR (kind IN ('good', 'late') AND NOT ({insert.where}))),
                       count(*) FILTER (kind IN ('good', 'late') AND ({insert.where}) AND l.partition IS NOT NULL)
                FROM placed LEFT JOIN (SELECT DISTINCT * FROM late) l USING (partition, "offset")
                WHERE v IS NOT NULL GROUP BY v""").fetchall()
            for v, *counts in rows:
                totals[v] = [a + b for a, b in zip(totals.get(v, [0] * 4), counts)]
        sums = [0] * 4
        for version in versions:
            sums = [a + b for a, b in zip(sums, totals.get(version.number, [0] * 4))]
            read, bad, filtered, late = sums
            expected = {"read": read, "used": read - bad - filtered - late, "late": late, "bad": bad, "filtered": filtered}
            if version.weir["counters"] != expected:
                self._violation(sink, f"version {version.number} counts {version.weir['counters']} instead of {expected}")
                return

    def _check_complete(self, sink, role):
        versions = self._histories[sink]
        if not versions:
            self._violation(sink, "the job committed no version")
            return
        missing = self._db.execute("SELECT count(*) FROM placed WHERE v IS NULL").fetchone()[0]
        if missing:
            self._violation(sink, f"{missing} records are in no version")
        if role != "main" or self._never_idle() != "TRUE":
            return
        lowest, partitions = self._db.execute(f"""SELECT min(m) - {self._shape.stream.bound_ms * 1000}, count(*) FROM
            (SELECT max(t_us) AS m FROM truth WHERE t_us IS NOT NULL GROUP BY partition)""").fetchone()
        last = versions[-1].watermark_us
        # What a new partition holds may be behind the watermark, which doesn't go back for it.
        grew = partitions > self._initial_partitions
        if last is None or last < lowest or (last > lowest and not grew):
            self._violation(sink, f"the last watermark is {last}, the records allow {lowest}")

    def _check_as_deltalake_sees_it(self, sink):
        """The files of every version, by a reader that is not ours."""
        if not self._path(sink).exists():
            return
        expected = set()
        # A look at each of some hundred versions would take longer than the run: the last one, and some between.
        versions = self._histories[sink]
        step = max(1, len(versions) // 8)
        for i, version in enumerate(versions):
            expected |= set(version.adds)
            if i % step and i != len(versions) - 1:
                continue
            table = deltalake.DeltaTable(str(self._path(sink)), version=version.number)
            seen = {pathlib.PurePosixPath(uri).name for uri in table.file_uris()}
            if seen != {pathlib.PurePosixPath(name).name for name in expected}:
                self._violation(sink, f"deltalake sees other files in version {version.number}: "
                                      f"{sorted(seen ^ expected)[:3]}")
                return
