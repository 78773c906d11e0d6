"""Tables as a faultless job would leave them, computed record by record in plain Python, for the checker's own tests.

The model is the shape "tumble_few": one stream, windows of 5 s by event type, late rows and dead letters aside.
"""

import collections
import copy
import json
import random

import pyarrow
import pyarrow.parquet

from history import parse_time_us
from ledger import BAD, GOOD, LATE, TOMBSTONE, Stream, StreamOptions, rfc3339
from shapes import shapes

SHAPE = shapes()["tumble_few"]
PARTITIONS = 2
SIZE_MS = SHAPE.inserts[0].size_ms
TIMESTAMP = pyarrow.timestamp("us", "UTC")
MAIN = pyarrow.schema([("window_start", TIMESTAMP), ("window_end", TIMESTAMP), ("event_type", pyarrow.string()),
                       ("n", pyarrow.int64()), ("total", pyarrow.float64())])
LATE_ROWS = pyarrow.schema([("seq", pyarrow.int64()), ("_partition", pyarrow.int32()), ("_offset", pyarrow.int64()),
                            ("_watermark", TIMESTAMP)])
LETTERS = pyarrow.schema([("topic", pyarrow.string()), ("partition", pyarrow.int32()), ("offset", pyarrow.int64()),
                          ("payload", pyarrow.binary())])


def made_records(count, seed=1):
    """[(partition, offset, Record)] in an order in which they could be read."""
    stream = Stream.__new__(Stream)  # its records only: no broker, no thread
    stream.prepare(StreamOptions(partitions=PARTITIONS, odd_share=0.1, step_ms=200), seed)
    offsets = collections.Counter()
    rows = []
    for _ in range(count):
        record = stream.next_record()
        rows.append((record.partition, offsets[record.partition], record))
        offsets[record.partition] += 1
    return rows


class MadeTables:
    """Commits every `per_epoch` records. Each table is {name: [version]}, a version a dict that write() turns into
    files; tests spoil them in between. With `back`, (when, to): after the epoch `when` another lineage goes on from epoch `to`,
    with epochs of 100 records."""

    def __init__(self, rows, per_epoch=150, back=None):
        self.rows = rows
        self.lineage = "l"
        self.main, self.late, self.letters = [], [], []
        self._latest = {}
        self._open = collections.defaultdict(lambda: [0, 0.0])
        self._counters = collections.Counter()
        self._prefix = dict.fromkeys(range(PARTITIONS), 0)
        for epoch, at in enumerate(range(0, len(rows), per_epoch), 2):
            self._epoch(epoch, rows[at:at + per_epoch])
            if back is not None and epoch == back[1]:
                then, done = copy.deepcopy(self.__dict__), at + per_epoch
            if back is not None and epoch == back[0]:
                self._go_back(then, back[1])
                for number, more in enumerate(range(done, len(rows), 100), 3):
                    self._epoch(number, rows[more:more + 100])
                break

    def _go_back(self, then, to):
        for name in ("_latest", "_open", "_counters", "_prefix"):
            setattr(self, name, then[name])
        for table in (self.main, self.late, self.letters):
            undone = [v for v in table if v["epoch"] > to]
            table.append({**next(v for v in table if v["epoch"] == to), "epoch": 1, "lineage": "m", "rows": [], "undoes": undone,
                          "after": to})
        self.lineage = "m"

    def _watermark(self):
        if len(self._latest) < PARTITIONS:
            return None
        return min(self._latest.values()) - SHAPE.stream.bound_ms

    def _epoch(self, epoch, rows):
        late, letters = [], []
        for partition, offset, record in rows:
            self._prefix[partition] = offset + 1
            self._counters["read"] += 1
            if record.kind == TOMBSTONE:
                self._counters["filtered"] += 1
            elif record.kind in BAD:
                self._counters["bad"] += 1
                letters.append({"topic": "t", "partition": partition, "offset": offset, "payload": record.payload})
            else:
                assert record.kind in (GOOD, LATE)
                self._readable(partition, offset, record, late)
        watermark = self._watermark()
        closed = [window for window in sorted(self._open) if watermark is not None and window[0] + SIZE_MS <= watermark]
        results = []
        for window in closed:
            n, total = self._open.pop(window)
            results.append({"window_start": window[0] * 1000, "window_end": (window[0] + SIZE_MS) * 1000,
                            "event_type": window[1], "n": n, "total": total})
        for table, content in ((self.main, results), (self.late, late), (self.letters, letters)):
            table.append({"epoch": epoch, "watermark": watermark, "prefix": dict(self._prefix),
                          "counters": dict(self._counters), "rows": content, "generation": 1, "lineage": self.lineage})

    def _readable(self, partition, offset, record, late):
        watermark = self._watermark()
        start = record.time_ms - record.time_ms % SIZE_MS
        if watermark is not None and start + SIZE_MS <= watermark:
            self._counters["late"] += 1
            late.append({"seq": record.seq, "_partition": partition, "_offset": offset, "_watermark": watermark * 1000})
            return
        self._counters["used"] += 1
        if record.kind == GOOD:
            self._latest[partition] = max(self._latest.get(partition, 0), record.time_ms)
        window = self._open[start, record.event_type]
        window[0] += 1
        window[1] += record.amount

    def write(self, directory):
        for sink, versions, schema in (("activity", self.main, MAIN), ("activity#late", self.late, LATE_ROWS),
                                       ("events#dead_letter", self.letters, LETTERS)):
            write_table(directory / sink.replace("#", "-"), sink, versions, schema)
        return directory


def write_table(path, sink, versions, schema):
    log = path / "_delta_log"
    log.mkdir(parents=True)
    fields = [{"name": f.name, "type": delta_type(f.type), "nullable": True, "metadata": {}} for f in schema]
    metadata = {"id": sink, "format": {"provider": "parquet", "options": {}}, "partitionColumns": [], "configuration": {},
                "schemaString": json.dumps({"type": "struct", "fields": fields}), "createdTime": 0}
    write_version(log, 0, [{"commitInfo": {"operation": "CREATE TABLE"}},
                           {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, {"metaData": metadata}])
    numbers = {id(version): number for number, version in enumerate(versions, 1)}
    for number, version in enumerate(versions, 1):
        actions = [{"commitInfo": {"weir": signature(sink, version)}},
                   {"txn": {"appId": f"{version['lineage']}/{sink}", "version": version["epoch"], "lastUpdated": 0}}]
        if "undoes" in version:
            actions += handover(sink, version, numbers)
        if version["rows"]:
            name = version.get("file", f"{number}.parquet")
            if not (path / name).exists():
                pyarrow.parquet.write_table(pyarrow.Table.from_pylist(version["rows"], schema), path / name)
            actions.append({"add": {"path": name, "partitionValues": {}, "size": (path / name).stat().st_size,
                                    "modificationTime": 0, "dataChange": True,
                                    "stats": json.dumps({"numRecords": len(version["rows"])})}})
        actions += version.get("more", [])
        write_version(log, number, actions)


def handover(sink, version, numbers):
    actions = [{"txn": {"appId": f"l/{sink}", "version": 2**63 - 1, "lastUpdated": 0}}]
    return actions + [{"remove": {"path": f"{numbers[id(v)]}.parquet", "deletionTimestamp": 0, "dataChange": True}}
                      for v in version["undoes"] if v["rows"]]


def signature(sink, version):
    def text(ms):
        return None if ms is None else rfc3339(ms)

    counters = {name: version["counters"].get(name, 0) for name in ("read", "used", "late", "bad", "filtered")}
    partitions = {str(p): {"next_offset": o, "watermark": None} for p, o in version["prefix"].items()}
    assert parse_time_us(text(version["watermark"])) == (version["watermark"] and version["watermark"] * 1000)
    restore = {}
    if "undoes" in version:
        restore = {"restore": {"undone": [{"app_id": f"l/{sink}", "after": version["after"]}]}}
    return {**restore, "lineage": version["lineage"], "generation": version["generation"], "epoch": version["epoch"],
            "watermark": text(version["watermark"]), "sources": {"events": {"partitions": partitions}}, "counters": counters}


def write_version(log, number, actions):
    (log / f"{number:020d}.json").write_text("".join(json.dumps(action) + "\n" for action in actions))


def delta_type(kind):
    return {"int32": "integer", "int64": "long", "double": "double", "string": "string", "binary": "binary"}.get(
        str(kind), "timestamp")
