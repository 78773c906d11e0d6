"""The watcher finds nothing beside a faultless job, and finds each way to take away what readers need."""

import dataclasses
import hashlib

import pytest

from made_history import MadeTables, made_records
from places import Directory
from test_checker import miscount_rows_of_a_file
from watcher import Watcher

JOB = "activity-1234abcd"


@pytest.fixture(scope="module")
def rows():
    return made_records(600)


@dataclasses.dataclass
class Staged:
    path: str


@dataclasses.dataclass
class Manifest:
    staged: list


@dataclasses.dataclass
class Log:
    generation: int
    checkpoints: dict


def watch(tmp_path, logs=None, tables=("activity",)):
    return Watcher(Directory(tmp_path), tables, lambda: logs or {})


def test_a_missing_file_is_caught(rows, tmp_path):
    tables = MadeTables(rows)
    miscount_rows_of_a_file(tables)
    tables.write(tmp_path)
    assert any("none.parquet" in wrong for wrong in watch(tmp_path).close())


def test_a_version_that_changes_is_caught(rows, tmp_path):
    MadeTables(rows).write(tmp_path)
    watcher = watch(tmp_path)
    watcher.look()
    version = tmp_path / "activity/_delta_log" / f"{3:020d}.json"
    version.write_text(version.read_text().replace('"generation": 1', '"generation": 2'))
    assert any("version 3 was changed" in wrong for wrong in watcher.close())


def test_a_version_that_goes_is_caught(rows, tmp_path):
    MadeTables(rows).write(tmp_path)
    watcher = watch(tmp_path)
    watcher.look()
    (tmp_path / "activity/_delta_log" / f"{3:020d}.json").unlink()
    assert any("is gone" in wrong for wrong in watcher.close())


def test_a_faultless_history_passes(rows, tmp_path):
    MadeTables(rows).write(tmp_path)
    watcher = watch(tmp_path, tables=["activity", "not-there"])
    watcher.look()
    assert watcher.close() == []


def test_a_file_that_a_later_version_removes_must_stay(rows, tmp_path):
    tables = MadeTables(rows)
    added = next(number for number, version in enumerate(tables.main, 1) if version["rows"])
    tables.main[-1]["more"] = [{"remove": {"path": f"{added}.parquet", "deletionTimestamp": 0, "dataChange": True}}]
    tables.write(tmp_path)
    watcher = watch(tmp_path)
    watcher.look()
    (tmp_path / f"activity/{added}.parquet").unlink()
    assert any(f"names {added}.parquet, which does not exist" in wrong for wrong in watcher.close())


def data_file(job, generation):
    rest = f"{generation}-1-0-0-3.parquet"
    return f"{hashlib.sha256(f'{job}/{rest}'.encode()).hexdigest()[:16]}-{rest}"


@pytest.mark.parametrize("what, job, generation, held, wrong", [
    ("left by a fenced generation", JOB, 5, False, ""),
    ("of the generation that runs", JOB, 9, False, "generation 9 of job"),
    ("in a checkpoint", JOB, 5, True, "epoch 7 of job"),
    ("of another job", "other-1234abcd", 5, False, "planned it")])
def test_a_data_file_that_no_version_names_may_go_when(rows, tmp_path, what, job, generation, held, wrong):
    MadeTables(rows).write(tmp_path)
    name = data_file(job, generation)
    (tmp_path / "activity" / name).write_bytes(b"rows")
    watcher = watch(tmp_path, {JOB: Log(9, {7: Manifest([Staged(name)] if held else [])})})
    watcher.look()
    (tmp_path / "activity" / name).unlink()
    found = watcher.close()
    assert bool(found) == bool(wrong), what
    assert all(name in text and wrong in text for text in found)
