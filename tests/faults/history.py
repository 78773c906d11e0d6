"""A Delta table's log as it stands. Reads the log itself; checker.py lets deltalake confirm which files each version
has."""

import dataclasses
import datetime
import json
import pathlib
import urllib.parse

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
