#!/usr/bin/env python3
"""Refuses an #include that the layout of the source tree forbids.

Three rules, each a table below: which folder may include which, which files may include a third-party library, and which
headers are too heavy for a header of ours. Adding a library or a folder means adding a line here.

  tests/lint/layers.py [file...]    all sources of the checkout if no file is named
"""

import fnmatch
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The folders of the product and what each may include besides itself and base/.
FOLDERS = {
    "base": set(),
    "model": set(),
    "lake": {"model"},
    "state/checkpoint": {"model"},
    "state/keyed": {"state/checkpoint", "model"},
    "sql": {"model"},
    "operators": {"lake", "state/keyed", "model"},
    "worker": {"operators", "state/checkpoint", "state/keyed", "model"},
    "coordinator": {"sql", "state/checkpoint", "lake", "model"},
    "cli": {"worker", "coordinator", "operators", "sql", "lake", "state/checkpoint", "state/keyed", "model"},
}

# A unit test may include what its folder may, its own folder of tests, and these; other tests and bench/ may include anything.
FOR_UNIT_TESTS = {"tests/fakes"}

# Files that speak the wire: they alone see generated headers and gRPC.
WIRE = ["model/wire*.cc", "*_rpc.cc", "state/checkpoint/codec*.cc"]

# Third-party headers by prefix, the longest prefix decides: the files that may include them. `*` crosses folders.
THIRD_PARTY = {
    "absl/": ["*"],
    "absl/time/clock.h": ["base/*"],  # Wall time, which jumps: waits are measured by a Clock that comes by constructor.
    "xxhash.h": ["state/keyed/*", "operators/*"],
    "arrow/": ["model/*", "lake/*", "state/keyed/*", "operators/*", "worker/*", "cli/*"],
    "arrow/compute/": [],  # Kernels are ours; libarrow_compute also exports another RE2 than the one we link.
    "CLI/": ["cli/*"],
    "curl/": ["base/*curl*.cc", "base/http_client*.cc"],
    "google/protobuf/": WIRE,
    "google/rpc/": WIRE,
    "grpc/": WIRE + ["cli/*.cc"],
    "grpcpp/": WIRE + ["cli/*.cc"],
    "httplib.h": ["base/http_server*.cc", "cli/http_server*.cc"],
    "librdkafka/": ["operators/source/*kafka*.cc", "cli/*kafka*.cc"],
    "nlohmann/": ["base/*.cc", "lake/*", "sql/pars*", "cli/*"],
    "openssl/": ["base/*.cc", "operators/*.cc"],
    "parquet/": ["lake/parquet*.cc"],
    "pg_query.h": ["sql/pars*.cc"],
    "prometheus/": ["base/metrics*.cc"],
    "re2/": ["model/regex.cc", "operators/*"],
    "roaring/": ["lake/*"],
    "rocksdb/": ["state/keyed/*rocks*.cc", "state/keyed/*tier*.cc"],
    "simdjson.h": ["lake/delta_actions.cc", "operators/decode/*", "operators/source/kafka_stats.cc"],
    "weir/v1/": WIRE,
    "zstd.h": ["lake/*.cc", "operators/*.cc", "state/keyed/*.cc"],
    # Test and benchmark libraries never reach the product.
    "benchmark/": [],
    "gmock/": [],
    "gtest/": [],
}

# Too heavy for a header of ours, which every includer would pay for: forward-declare, or keep it to the .cc.
LIGHT_HEADERS = {"absl/", "arrow/type_fwd.h", "nlohmann/json_fwd.hpp", "xxhash.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)


def violations(path, text):
    """The forbidden includes of one file, as 'path:line: message'; `path` is relative to the repository root."""
    scope = scope_of(path)
    if scope is None:
        return []
    found = []
    for match in INCLUDE.finditer(text):
        message = check(path, scope, match[2], quoted=match[1] == '"')
        if message:
            line = text.count("\n", 0, match.start(2)) + 1
            found.append(f"{path}:{line}: {message}")
    return found


def scope_of(path):
    """The folder whose rules hold for a file, or None for a file that may include anything."""
    if path.startswith("tests/unit/"):
        return folder_of(path.removeprefix("tests/unit/"))
    return folder_of(path)


def folder_of(path):
    for folder in FOLDERS:
        if path.startswith(folder + "/"):
            return folder
    return None


def check(path, scope, header, quoted):
    """Why `path`, of folder `scope`, may not include `header`, or None if it may."""
    is_test = path.startswith("tests/")
    library = library_of(header)
    if library is not None:
        if is_test:
            return None
        return check_third_party(path, header, library)
    if not quoted:
        return None  # The standard library and the system.
    if is_test and any(header.startswith(f"{name}/") for name in FOR_UNIT_TESTS | {f"tests/unit/{scope}"}):
        return None
    target = folder_of(header)
    if target is None:
        return f'"{header}" is neither a path from the root of the repository nor a known library'
    if target in FOLDERS[scope] | {scope, "base"}:
        return None
    return f'{scope}/ may not include {target}/ ("{header}")'


def library_of(header):
    prefixes = [prefix for prefix in THIRD_PARTY if header.startswith(prefix)]
    return max(prefixes, key=len, default=None)


def check_third_party(path, header, library):
    allowed = THIRD_PARTY[library]
    if not any(fnmatch.fnmatchcase(path, pattern) for pattern in allowed):
        where = ", ".join(allowed) or "tests"
        return f"<{header}> belongs in {where} only"
    if path.endswith(".h") and not any(header.startswith(light) for light in LIGHT_HEADERS):
        return f"<{header}> is too heavy for a header: forward-declare what it gives, or move it to the .cc"
    return None


def sources():
    """Tracked and not yet added sources of the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.h", "*.cc"],
        cwd=ROOT, check=True, capture_output=True, text=True)
    return sorted(path for path in set(listed.stdout.splitlines()) if (ROOT / path).is_file())


def main(arguments):
    paths = [str(pathlib.Path(name).resolve().relative_to(ROOT)) for name in arguments] or sources()
    found = [message for path in paths for message in violations(path, (ROOT / path).read_text())]
    for message in found:
        print(message)
    print(f"layers: {len(paths)} files, {len(found)} forbidden includes", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
