#!/usr/bin/env python3
"""Refuses paths of somebody's own machine in tracked files: they work for nobody else.

  tests/lint/machine_paths.py [file...]    all text files of the checkout if no file is named
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Homes and mounts; scratch directories too, except in documents, whose examples may well use one. A line that has to name
# one says `machine-path: <why>`.
MACHINE_PATH = re.compile(r"(?:(?<![\w.$}~/-])|(?<=://))/(?:home|root|work|workspace|Users|mnt)/[\w.]")
SCRATCH_PATH = re.compile(r"(?<![\w.$}~/-])/tmp/[\w.]")
EXCUSE = "machine-path:"


def violations(path, text):
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = MACHINE_PATH.search(line) or (not path.endswith(".md") and SCRATCH_PATH.search(line))
        if match and EXCUSE not in line:
            found.append(f"{path}:{number}: path of one machine: {line.strip()[:100]}")
    return found


def texts():
    """(path, text) of the tracked and not yet added text files of the checkout."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, check=True, capture_output=True, text=True)
    for path in sorted(set(listed.stdout.splitlines())):
        file = ROOT / path
        if path.startswith("tests/lint/test_") or not file.is_file():
            continue
        try:
            yield path, file.read_text()
        except UnicodeDecodeError:
            continue


def main(arguments):
    named = [(name, pathlib.Path(name).read_text()) for name in arguments]
    found = [message for path, text in named or texts() for message in violations(path, text)]
    for message in found:
        print(message)
    print(f"machine paths: {len(found)} found", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
