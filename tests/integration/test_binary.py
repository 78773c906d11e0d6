"""How the product's binary is linked: what makes a mistake in it harder to use."""

import subprocess

from cluster import WEIR


def readelf(*options):
    return subprocess.run(["readelf", "-W", *options, WEIR], check=True, capture_output=True, text=True).stdout


def test_the_binary_is_hardened():
    header, dynamic, segments = readelf("-h"), readelf("-d"), readelf("-l")
    assert "DYN (Position-Independent Executable file)" in header
    assert "BIND_NOW" in dynamic and "NOW" in dynamic, dynamic
    assert "GNU_RELRO" in segments
    stack = next(line for line in segments.splitlines() if "GNU_STACK" in line)
    assert " RWE " not in stack, stack
    for line in segments.splitlines():
        assert not (line.strip().startswith("LOAD") and " RWE " in line), line
    assert "TEXTREL" not in dynamic
