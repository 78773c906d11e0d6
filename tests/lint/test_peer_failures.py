"""docs/reliability.md names a test, or a reason, for each of the 25 failures of peers; the tests are there."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (\d+) \| (.+) \| (.+) \|$", re.MULTILINE)
UNIT = re.compile(r"`(\w+)\.([A-Z]\w+)`")
PYTHON = re.compile(r"`(test_\w+)`")


def rows():
    text = (ROOT / "docs/reliability.md").read_text()
    return ROW.findall(text[text.index("## Peers' failures"):text.index("## Simulation")])


def sources(suffix):
    return "\n".join(path.read_text() for path in (ROOT / "tests").rglob(f"*{suffix}"))


def test_every_row_is_there_and_names_a_test():
    assert [int(number) for number, _, _ in rows()] == list(range(1, 26))
    for number, _, here in rows():
        assert UNIT.search(here) or PYTHON.search(here), number


def test_the_tests_are_there():
    there = {(suite, name) for suite, name in re.findall(r"TEST(?:_[FP])?\((\w+),\s*(\w+)\)", sources("_test.cc"))}
    functions = set(re.findall(r"^def (test_\w+)\(", sources(".py"), re.MULTILINE))
    for number, _, here in rows():
        assert set(UNIT.findall(here)) <= there, f"row {number}: {set(UNIT.findall(here)) - there}"
        assert set(PYTHON.findall(here)) <= functions, f"row {number}: {set(PYTHON.findall(here)) - functions}"
