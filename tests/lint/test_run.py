"""tests/run.py counts what suites report, and notices those that do not report or leave processes behind."""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import run
from run import Counts


def binary(path, script):
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return path


def test_counts_gtest_results():
    tests = [
        {"name": "a", "status": "RUN", "result": "COMPLETED"},
        {"name": "b", "status": "RUN", "result": "COMPLETED", "failures": [{}]},
        {"name": "c", "status": "RUN", "result": "SKIPPED"},
        {"name": "d", "status": "NOTRUN", "result": "SUPPRESSED"},
    ]
    assert run.count_gtest({"testsuites": [{"name": "S", "testsuite": tests}]}) == Counts(1, 1, 2)


def test_a_binary_that_dies_is_a_failure(tmp_path):
    crashing = binary(tmp_path / "unit_x", "kill -SEGV $$\n")
    assert run.gtest(crashing, os.environ) == Counts(failed=1)


def test_a_bad_exit_after_a_good_report_is_a_failure(tmp_path):
    # As a sanitizer does that finds something at the end.
    report = '{"testsuites": [{"name": "S", "testsuite": [{"name": "a", "status": "RUN", "result": "COMPLETED"}]}]}'
    leaking = binary(tmp_path / "unit_x", f"echo '{report}' > \"${{2#--gtest_output=json:}}\"; exit 23\n")
    assert run.gtest(leaking, os.environ) == Counts(passed=1, failed=1)


def test_counts_junit_results(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="7" failures="1" errors="1" skipped="2"/></testsuites>')
    assert run.count_junit(report) == Counts(3, 2, 2)


def test_the_closing_line():
    assert str(Counts(3)) == "3 passed, 0 failed"
    assert str(Counts(3, 1, 2)) == "3 passed, 1 failed, 2 skipped"


def test_ends_an_orphan_and_counts_it():
    script = ("import subprocess, sys; sys.path.insert(0, 'tests'); import run; run.adopt_orphans(); run.GRACE_S = 0;"
              "subprocess.run(['sh', '-c', 'setsid sleep 1000 & exit 0']); print(run.left_running())")
    result = subprocess.run([sys.executable, "-c", script], cwd=run.ROOT, capture_output=True, text=True, timeout=60)
    assert result.stdout.splitlines()[-1] == "0 passed, 1 failed"
    assert "left running and ended: " in result.stdout


def test_no_tests_is_a_failure(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "adopt_orphans", lambda: None)
    monkeypatch.setattr(run, "left_running", Counts)
    assert run.main("release", []) == 1
    assert capsys.readouterr().out == "0 passed, 1 failed\n"
