"""A reader beside the job: no version of a table changes once it was seen, its files stay for as long as the version can
be read, also when a later one removes them, and of other data files only those go that a fenced generation left."""

import hashlib
import re
import threading

from history import parse_version

LOOK_S = 0.3
VERSION = re.compile(r"_delta_log/(\d{20})\.json")
# model/data_file_name.h: what is hashed is the job's id, a slash, and the rest.
DATA_FILE = re.compile(r"([0-9a-f]{16})-((\d+)-\d+-\d+-\d+-\d+\.parquet)")


class Watcher:
    """`place` as in places.py, `tables` are names in it. `job_logs` gives {job id: reachability.JobLog} as of now. Looks all the
    time; violations come from close()."""

    def __init__(self, place, tables, job_logs=dict):
        self._place = place
        self._tables = list(tables)
        self._job_logs = job_logs
        self._seen = {table: {} for table in self._tables}   # name of a version: its content
        self._named = {table: {} for table in self._tables}  # file: (size, version)
        self._there = {table: set() for table in self._tables}
        self._wrong = {}  # in order, each once
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def close(self):
        self._over.set()
        self._thread.join(30)
        self.look(again=True)
        return list(self._wrong)

    def _run(self):
        while not self._over.wait(LOOK_S):
            self.look()

    def look(self, again=False):
        for table in self._tables:
            sizes = self._place.sizes(table)
            for name in sorted(filter(VERSION.fullmatch, sizes)):
                if again or name not in self._seen[table]:
                    self._read(table, name)
            self._look_for_named_files(table, sizes)
            self._look_for_deleted_files(table, sizes)

    def _violation(self, table, text):
        self._wrong[f"{table}: {text}"] = True

    def _read(self, table, name):
        number = int(VERSION.fullmatch(name)[1])
        content = self._place.read(table, name)
        if self._seen[table].setdefault(name, content) != content:
            self._violation(table, f"version {number} was changed after it was seen")
        for file, (size, _) in parse_version(number, content).adds.items():
            self._named[table].setdefault(file, (size, number))

    def _look_for_named_files(self, table, sizes):
        for name in set(self._seen[table]) - set(sizes):
            if self._place.size(table, name) is None:
                self._violation(table, f"{name} is gone")
        for name, (size, version) in self._named[table].items():
            # A listing isn't of one moment: what it misses is looked up.
            found = sizes.get(name) if name in sizes else self._place.size(table, name)
            if found is None:
                self._violation(table, f"version {version} names {name}, which does not exist")
            elif found != size:
                self._violation(table, f"{name} of version {version} has {found} bytes, not {size}")

    def _look_for_deleted_files(self, table, sizes):
        there = {name for name in sizes if DATA_FILE.fullmatch(name)}
        gone = [name for name in self._there[table] - there - set(self._named[table]) if self._place.size(table, name) is None]
        self._there[table] = there
        logs = self._job_logs() if gone else {}
        for name in gone:
            why = deleted_without_reason(name, logs)
            if why:
                self._violation(table, f"{name}, which no version names, was deleted, but {why}")


def deleted_without_reason(name, logs):
    """Empty when a fenced generation had planned the file and no checkpoint holds it."""
    digest, rest, generation = DATA_FILE.fullmatch(name).groups()
    for job, log in logs.items():
        if hashlib.sha256(f"{job}/{rest}".encode()).hexdigest()[:16] != digest:
            continue
        if int(generation) >= log.generation:
            return f"generation {log.generation} of job {job} runs"
        holding = [epoch for epoch, manifest in log.checkpoints.items() if any(f.path == name for f in manifest.staged)]
        return f"epoch {holding[0]} of job {job} holds it" if holding else ""
    return f"none of the jobs {sorted(logs)} planned it"
