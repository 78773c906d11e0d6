"""Drives lake/ through build/<preset>/tests/lake_tool, one request at a time."""

import contextlib
import json
import os
import pathlib
import subprocess
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[3]


def binary():
    weir = os.environ.get("WEIR_BINARY")
    if weir:
        return pathlib.Path(weir).parent / "tests/lake_tool"
    found = sorted(ROOT.glob("build/*/tests/lake_tool"), key=lambda path: path.stat().st_mtime)
    assert found, "lake_tool is not built: run scripts/build"
    return found[-1]


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Writer:
    """One writer of one table: a process with one committer."""

    def __init__(self, path, columns, app_id="lineage/sink", create=True):
        self.path = str(path)
        self.process = subprocess.Popen([binary()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.state = self.do(do="prepare", path=self.path, app_id=app_id, create=create, columns=columns)
        except BaseException:
            self.close()
            raise

    def do(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"lake_tool died, exit code {self.process.wait()}"
        answer = json.loads(line)
        if not answer.pop("ok"):
            raise Refused(answer["code"], answer["message"])
        return answer

    def write(self, rows):
        """A data file, not yet committed; returns its name."""
        name = f"{uuid.uuid4()}.parquet"
        self.stats = json.loads(self.do(do="write", name=name, rows=rows)["stats"])
        return name

    def commit(self, version, files, weir=None):
        return self.do(do="commit", version=version, files=files, weir=weir or {"epoch": version})

    def rollback(self, undo, version=1, **keywords):
        return self.do(do="rollback", undo=undo, version=version, **keywords)

    def append(self, version, rows):
        return self.commit(version, [self.write(rows)])

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def writer(*arguments, **keywords):
    it = Writer(*arguments, **keywords)
    try:
        yield it
    finally:
        it.close()


def refusal(path, columns, **keywords):
    """The error of preparing the table."""
    try:
        with writer(path, columns, **keywords):
            pass
    except Refused as refused:
        return refused
    raise AssertionError(f"{path} was not refused")
