"""Runs the test suites of a built checkout and adds up their counts. Called by scripts/test.

Every suite reports through a file (GoogleTest's JSON, pytest's JUnit XML), so that a suite that dies without one counts as a
failure instead of vanishing. A process that a suite leaves running is a failure too, and is ended.
"""

import ctypes
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
PARTS = ["unit", "sim", "fuzz", "lint", "integration", "faults", "clients", "deploy"]
GTEST_TIMEOUT_S = 900
# A JVM that was told to end may take a while.
GRACE_S = 10


@dataclasses.dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def main(preset, parts):
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        print(f"unknown part {unknown[0]!r}, expected {', '.join(PARTS)}", file=sys.stderr)
        return 2
    adopt_orphans()
    total = Counts()
    for name, run in suites(preset, parts or PARTS):
        print(f"== {name}", flush=True)
        start = time.monotonic()
        counts = run() + left_running()
        print(f"== {name}: {counts} in {time.monotonic() - start:.1f} s", flush=True)
        total += counts
    if total == Counts():
        print("no tests found", file=sys.stderr)
        total.failed = 1
    print(total, flush=True)
    return 1 if total.failed else 0


def suites(preset, parts):
    """(name, function that returns Counts) of every suite of the parts that exists."""
    build = ROOT / "build" / preset
    environment = {**os.environ, "WEIR_BINARY": str(build / "weir"),
                   "UBSAN_OPTIONS": "print_stacktrace=1",
                   "TSAN_OPTIONS": f"suppressions={ROOT}/tests/tsan/suppressions:halt_on_error=1:second_deadlock_stack=1"}
    for part in parts:
        if part in ("unit", "sim"):
            for binary in sorted(build.glob("tests/unit_*" if part == "unit" else "tests/sim")):
                yield f"{part} {binary.name}", lambda b=binary: gtest(b, environment)
        elif part == "fuzz":
            if any(build.glob("tests/fuzz_*")):
                yield part, lambda: replay_corpora(build / "tests", environment)
        else:
            folder = ROOT / ("clients" if part == "clients" else f"tests/{part}")
            if any(folder.rglob("test_*.py")):
                yield part, lambda f=folder: pytest(f, environment)


def gtest(binary, environment):
    with tempfile.TemporaryDirectory() as directory:
        report = pathlib.Path(directory) / "report.json"
        command = [binary, "--gtest_brief=1", f"--gtest_output=json:{report}"]
        try:
            code = subprocess.run(command, cwd=directory, env=environment, timeout=GTEST_TIMEOUT_S).returncode
        except subprocess.TimeoutExpired:
            print(f"{binary.name} did not end in {GTEST_TIMEOUT_S} s")
            return Counts(failed=1)
        if not report.exists():
            print(f"{binary.name} ended with {code} before its report")
            return Counts(failed=1)
        counts = count_gtest(json.loads(report.read_text()))
    if code != 0 and not counts.failed:
        print(f"{binary.name} ended with {code} although no test failed")
        counts.failed = 1
    return counts


def replay_corpora(binaries, environment):
    """One test per fuzz target: that it takes its whole corpus."""
    counts = Counts()
    for corpus in sorted((ROOT / "tests/fuzz/corpus").iterdir()):
        done = subprocess.run([binaries / f"fuzz_{corpus.name}", corpus], env=environment, text=True, timeout=GTEST_TIMEOUT_S,
                              capture_output=True)
        print(f"{corpus.name}: {done.stdout.strip() or done.stderr[-2000:]}")
        counts += Counts(passed=1) if done.returncode == 0 else Counts(failed=1)
    return counts


def count_gtest(report):
    counts = Counts()
    for suite in report["testsuites"]:
        for test in suite["testsuite"]:
            if test["status"] == "NOTRUN" or test["result"] == "SKIPPED":
                counts.skipped += 1
                if test["status"] == "NOTRUN":
                    print(f"skipped, disabled in the source: {suite['name']}.{test['name']}")
            elif test.get("failures"):
                counts.failed += 1
            else:
                counts.passed += 1
    return counts


def pytest(folder, environment):
    with tempfile.TemporaryDirectory() as directory:
        report = pathlib.Path(directory) / "report.xml"
        how = ["-q"] if folder.name == "lint" else ["-v", f"--numprocesses={processes()}", "--dist=loadgroup"]
        code = subprocess.run(
            [sys.executable, "-m", "pytest", *how, "-rs", "--tb=short", "--durations=5", f"--junit-xml={report}",
             folder], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL).returncode
        counts = count_junit(report) if report.exists() else Counts()
    if code != 0 and not counts.failed:
        print(f"pytest ended with {code} although no test failed")
        counts.failed = 1
    return counts


def processes():
    """Of tests that run beside one another. They wait more than they compute: twice as many as processors."""
    return int(os.environ.get("WEIR_TEST_PROCESSES") or 2 * len(os.sched_getaffinity(0)))


def count_junit(report):
    counts = Counts()
    for suite in xml.etree.ElementTree.parse(report).iter("testsuite"):
        failed = int(suite.get("failures")) + int(suite.get("errors"))
        skipped = int(suite.get("skipped"))
        counts += Counts(int(suite.get("tests")) - failed - skipped, failed, skipped)
    return counts


# Processes that outlive their suite.

def adopt_orphans():
    """Makes this process the parent of all descendants whose own parent has ended, so that none can hide."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def left_running():
    counts = Counts()
    deadline = time.monotonic() + GRACE_S
    while living_children() and time.monotonic() < deadline:
        time.sleep(0.1)
    while children := living_children():
        for pid, command in children:
            print(f"left running and ended: {command} (pid {pid})")
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            counts.failed += 1
    return counts


def living_children():
    children = []
    listed = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    for pid in map(int, listed.split()):
        if os.waitpid(pid, os.WNOHANG) == (0, 0):
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
            children.append((pid, command.decode(errors="replace")[:200]))
    return children


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
