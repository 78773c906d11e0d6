"""A Delta table's log as it stands, and a watcher that sees to it that no version changes or loses files once it was
seen. Reads the log itself; checker.py lets deltalake confirm which files each version has."""

import dataclasses
import datetime
import json
import pathlib
import threading
import urllib.parse

LOOK_S = 0.3


@dataclasses.dataclass
class Version:
    number: int
    weir: dict | None          # commitInfo.weir
    txns: list                 # (app id, version)
    adds: dict                 # path relative to the table: (size, rows)
    removes: list

    @property
    def restore(self):
        """What a handover says that it undid; None for other versions."""
        return self.weir.get("restore")

    @property
    def watermark_us(self):
        return parse_time_us(self.weir.get("watermark"))

    @property
    def prefix(self):
        """{partition: next offset}; one source."""
        (source,) = self.weir["sources"].values()
        return {int(p): at["next_offset"] for p, at in source["partitions"].items()}


def parse_time_us(text):
    """Microseconds since 1970; None for no time, and beyond years for an infinite one."""
    if text is None or text == "-infinity":
        return None
    if text == "infinity":
        return 2**62
    at = datetime.datetime.fromisoformat(text)
    return (at - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(microseconds=1)


def read_history(table):
    """All versions in order."""
    return [parse_version(n, path.read_bytes()) for n, path in version_files(table)]


def version_files(table):
    log = pathlib.Path(table, "_delta_log")
    return sorted((int(p.stem), p) for p in log.glob("*.json") if p.stem.isdigit())


def parse_version(number, content):
    version = Version(number, None, [], {}, [])
    for line in content.decode().splitlines():
        action = json.loads(line)
        if "commitInfo" in action:
            version.weir = action["commitInfo"].get("weir")
        elif "txn" in action:
            version.txns.append((action["txn"]["appId"], action["txn"]["version"]))
        elif "add" in action:
            add = action["add"]
            rows = json.loads(add["stats"])["numRecords"]
            version.adds[urllib.parse.unquote(add["path"])] = (add["size"], rows)
        elif "remove" in action:
            version.removes.append(urllib.parse.unquote(action["remove"]["path"]))
    return version


class Watcher:
    """Looks at tables all the time, as a reader would. violations() after close()."""

    def __init__(self, tables):
        self._tables = [pathlib.Path(t) for t in tables]
        self._seen = {}   # path of a version: its content
        self._wrong = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def close(self):
        self._over.set()
        self._thread.join(30)
        self.look(again=True)
        return self._wrong

    def _run(self):
        while not self._over.wait(LOOK_S):
            self.look()

    def look(self, again=False):
        for table in self._tables:
            for number, path in version_files(table):
                if path in self._seen and not again:
                    continue
                content = path.read_bytes()
                if self._seen.setdefault(path, content) != content:
                    self._wrong.append(f"{table.name}: version {number} was changed after it was seen")
                self._look_at_files(table, number, content)

    def _look_at_files(self, table, number, content):
        for name, (size, _) in parse_version(number, content).adds.items():
            file = table / name
            if not file.exists():
                self._wrong.append(f"{table.name}: version {number} names {name}, which does not exist")
            elif file.stat().st_size != size:
                self._wrong.append(f"{table.name}: {name} of version {number} has {file.stat().st_size} bytes, not {size}")
