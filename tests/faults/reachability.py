#!/usr/bin/env python3
"""Which files below a cluster's data directory are needed and missing, and which are there for nobody.

  tests/faults/reachability.py DATA [--grace SECONDS]

Reads job logs by the schema in proto/ and folds them by its own rules, apart from the engine. Prints one line for each
file; exit code 1 when something is missing, or lies unneeded for longer than the grace period (default 900 s).
Needs grpcio-tools.
"""

import argparse
import dataclasses
import functools
import importlib
import pathlib
import struct
import sys
import tempfile
import time

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
GRACE_S = 900.0


@dataclasses.dataclass
class Audit:
    missing: list      # "<file>: named by epoch 12 of job x"
    unreachable: list  # "<file>: named by nobody for 1000 s"
    needed: int        # files named by checkpoints that their logs keep


@functools.cache
def _messages():
    """The generated module of checkpoint.proto, made anew in a folder that goes with this process."""
    from grpc_tools import protoc

    _messages.folder = tempfile.TemporaryDirectory()
    code = protoc.main(["protoc", f"-I{PROTO}", f"--python_out={_messages.folder.name}",
                        *map(str, sorted(PROTO.glob("weir/v1/plan.proto"))), str(PROTO / "weir/v1/checkpoint.proto")])
    assert code == 0, f"protoc ended with {code}"
    sys.path.insert(0, _messages.folder.name)
    # Clients may have loaded another package of this name; these modules are taken by their files.
    saved = {name: sys.modules.pop(name) for name in list(sys.modules) if name == "weir" or name.startswith("weir.")}
    try:
        return importlib.import_module("weir.v1.checkpoint_pb2")
    finally:
        sys.path.remove(_messages.folder.name)
        for name in [n for n in sys.modules if n == "weir" or n.startswith("weir.")]:
            if name in saved or not name.endswith("_pb2"):
                del sys.modules[name]
        sys.modules.update(saved)


def _open(path, magic, message):
    """body | format length crc magic; see state/checkpoint/codec_frame.h. Raises on a damaged file."""
    data = path.read_bytes()
    if len(data) < 16:
        raise ValueError(f"{path} is cut short")
    _, length, _, found = struct.unpack("<III4s", data[-16:])
    if found != magic or length != len(data) - 16:
        raise ValueError(f"{path} is damaged")
    message.ParseFromString(data[:-16])
    return message


class JobLog:
    """What is kept of a job: {epoch: manifest}."""

    def __init__(self, folder):
        self.tail, self.spec, self.ended = 0, None, False
        self.generation = 0  # the newest one
        self.checkpoints, self.committed = {}, {}
        pb = _messages()
        folds = sorted((folder / "fold").glob("*"))
        if folds:
            fold = _open(folds[-1], b"WFLD", pb.Fold())
            for numbered in fold.records:
                self._apply(numbered.n, numbered.record)
            self.tail = fold.tail
        for path in sorted((folder / "log").glob("*")):
            n = int(path.name)
            if n <= self.tail:
                continue
            assert n == self.tail + 1, f"{folder}: record {self.tail + 1} is missing"
            self._apply(n, _open(path, b"WLOG", pb.LogRecord()))
            self.tail = n
        self._prune()

    def _apply(self, n, record):
        kind = record.WhichOneof("kind")
        if kind == "submitted":
            self.spec = record.submitted
        elif kind == "started":
            self.generation = n
        elif kind == "checkpoint":
            self.checkpoints[n] = record.checkpoint
        elif kind == "committed":
            self.committed[record.committed.sink] = record.committed.epoch
        elif kind == "dropped_savepoint":
            self.checkpoints[record.dropped_savepoint.epoch].savepoint = False
        elif kind == "restored":
            self.checkpoints = {e: m for e, m in self.checkpoints.items() if e <= record.restored.epoch}
        elif kind == "ended":
            self.ended = True
        # A checkpoint that is dropped is never needed again, so dropping late is the same as dropping at once, except
        # that a record that goes back counts what was kept then.
        self._prune()

    def awaits_commit(self, epoch):
        return any(self.committed.get(file.sink, 0) < epoch for file in self.checkpoints[epoch].staged)

    def _prune(self):
        if self.spec is None:
            return
        retained = sorted(self.checkpoints)[-max(1, self.spec.plan.settings.retain_checkpoints):]
        self.checkpoints = {e: m for e, m in self.checkpoints.items()
                            if e in retained or m.savepoint or self.awaits_commit(e)}


def job_logs(data):
    """{job id: JobLog} of a cluster that may be running: what is tidied up while it looks is read again."""
    for left in range(5, -1, -1):
        try:
            return {folder.name: JobLog(folder) for folder in sorted(pathlib.Path(data, "jobs").glob("*"))
                    if any((folder / "log").glob("*")) or any((folder / "fold").glob("*"))}
        except (AssertionError, FileNotFoundError):
            if left == 0:
                raise


def audit(data, grace_s=GRACE_S, now=None):
    """Of a cluster at rest or running; in a running one files come and go between two looks, so look again."""
    now = time.time() if now is None else now
    out = Audit([], [], 0)
    for folder in sorted(pathlib.Path(data, "jobs").glob("*")):
        there = {str(p.relative_to(folder)): p for p in (folder / "state").rglob("*") if p.is_file()}
        named = set()
        if any((folder / "log").glob("*")) or any((folder / "fold").glob("*")):
            log = JobLog(folder)
            tables = {sink.id: pathlib.Path(sink.path) for sink in log.spec.plan.sinks}
            for epoch, manifest in log.checkpoints.items():
                where = f"named by epoch {epoch} of job {folder.name}"
                for state in manifest.states:
                    for file in state.files:
                        named.add(file.path)
                        path = there.get(file.path)
                        if path is None:
                            out.missing.append(f"{folder / file.path}: {where}")
                        elif path.stat().st_size != file.size:
                            out.missing.append(f"{folder / file.path}: {where}, but not whole")
                if log.awaits_commit(epoch) and not log.ended:
                    out.missing += [f"{tables[f.sink] / f.path}: {where}" for f in manifest.staged
                                    if "://" not in str(tables[f.sink]) and not (tables[f.sink] / f.path).exists()]
        out.needed += len(named)
        for name, path in there.items():
            try:
                age = now - path.stat().st_ctime
            except FileNotFoundError:
                continue
            if name not in named and age > grace_s:
                out.unreachable.append(f"{path}: named by nobody for {age:.0f} s")
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--grace", type=float, default=GRACE_S, metavar="SECONDS")
    options = parser.parse_args()
    if not (options.data / "jobs").is_dir():
        parser.error(f"{options.data} is no data directory of weir: it has no jobs/")
    found = audit(options.data, options.grace)
    for line in found.missing:
        print("missing", line)
    for line in found.unreachable:
        print("unreachable", line)
    print(f"{found.needed} files needed, {len(found.missing)} missing, {len(found.unreachable)} unreachable")
    return 1 if found.missing or found.unreachable else 0


if __name__ == "__main__":
    sys.exit(main())
