"""The path lint refuses paths of one machine and accepts paths that are the same everywhere."""

import machine_paths
import pytest


@pytest.mark.parametrize("line", [
    'path = "/home/alice/weir/data"',
    "cd /work/alice && ninja",
    "--cache /tmp/weir-cache",
    "file:///root/table",
    "log: /Users/bob/x.log",
])
def test_refuses(line):
    assert machine_paths.violations("f", f"ok\n{line}\n") == [f"f:2: path of one machine: {line}"]


@pytest.mark.parametrize("line", [
    "#!/usr/bin/env python3",
    "./work/queue and base/root/x",
    "$HOME/root/x ${root}/work/x ~/work/x",
    "https://example.org/home/page",
    "mount /dev/null",
    "dir = '/home/weir/'  # machine-path: the home inside the image",
])
def test_accepts(line):
    assert machine_paths.violations("f", line) == []


def test_documents_may_use_scratch_directories():
    line = "weir worker --cache /tmp/weir-cache"
    assert machine_paths.violations("README.md", line) == []
    assert machine_paths.violations("run.sh", line) != []


def test_checkout_has_none():
    found = [m for path, text in machine_paths.texts() for m in machine_paths.violations(path, text)]
    assert found == []
