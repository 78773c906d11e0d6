#!/usr/bin/env python3
"""Asks a real PostgreSQL what functions and casts return, and writes the answers as test vectors.

    tests/tools/postgres_vectors.py [--bin DIR] [--out FILE]

Needs PostgreSQL 15 or newer (Debian: apt-get install postgresql-15). Starts a server of its own on a Unix socket in a
temporary directory, as user postgres when run by root, and ends it. The tests need no server: they read the file.

A line of the file is one call: {"f": function id or "cast", "a": argument values, "t": their types, "to": type of the cast},
and "v": the result as text or null, or "e": PostgreSQL's error message.
"""

import argparse
import contextlib
import glob
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import postgres_cases

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/unit/operators/expr/postgres_vectors.jsonl"

TYPES = {"double": "double precision", "timestamptz": "timestamp with time zone", "timestamp": "timestamp without time zone"}
OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "modulo": "%", "eq": "=", "ne": "<>", "lt": "<", "le": "<=",
             "gt": ">", "ge": ">=", "is_distinct_from": "IS DISTINCT FROM", "concat_op": "||", "like": "LIKE", "ilike": "ILIKE"}
# Functions that are spelled by grammar, or have another name as a function.
QUOTED = {"extract", "substring", "position", "left", "right"}
RENAMED = {"trim": "btrim"}

# Runs a query and catches what it raises.
PROBE = r"""
CREATE FUNCTION probe(query text, OUT value text, OUT error text) AS $$
BEGIN
  EXECUTE query INTO value;
EXCEPTION WHEN OTHERS THEN
  error := SQLERRM;
END $$ LANGUAGE plpgsql;
"""


def literal(value, kind):
    sql_type = TYPES.get(kind, kind)
    return f"CAST(NULL AS {sql_type})" if value is None else f"CAST({quoted(value)} AS {sql_type})"


def quoted(text):
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def expression(case):
    function, values, types, target = case
    args = [literal(v, t) for v, t in zip(values, types)]
    if function == "cast":
        return f"CAST({args[0]} AS {TYPES.get(target, target)})"
    name = function.split("(")[0]
    if name == "negate":
        return f"- ({args[0]})"
    if name in OPERATORS:
        escape = f" ESCAPE {args[2]}" if len(args) == 3 else ""
        return f"({args[0]}) {OPERATORS[name]} ({args[1]}){escape}"
    if name in QUOTED:
        name = f'pg_catalog."{name}"'
    return f"{RENAMED.get(name, name)}({', '.join(args)})"


@contextlib.contextmanager
def server(bin_dir):
    """The socket directory of a fresh server."""
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    directory = tempfile.mkdtemp(prefix="weir-postgres-")
    try:
        if as_postgres:
            shutil.chown(directory, "postgres")
        data = f"{directory}/data"
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": directory}
        subprocess.run([*as_postgres, f"{bin_dir}/initdb", "-D", data, "-A", "trust", "-U", "weir", "--no-sync", "-E", "UTF8",
                        "--locale=C.UTF-8"], **quiet)
        options = f"-k {directory} -c listen_addresses= -c fsync=off"
        control = [*as_postgres, f"{bin_dir}/pg_ctl", "-D", data, "-w", "-l", f"{directory}/log"]
        subprocess.run([*control, "-o", options, "start"], **quiet)
        try:
            yield directory
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(directory)


def ask(bin_dir, socket, cases):
    """The answers to all cases, in order."""
    rows = ",\n".join(f"({i}, {quoted('SELECT (' + expression(case) + ')::text')})" for i, case in enumerate(cases))
    script = f"""
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
{PROBE}
SELECT json_build_object('v', answer.value, 'e', answer.error)
FROM (VALUES {rows}) AS cases(i, query), LATERAL probe(query) AS answer ORDER BY i;
"""
    done = subprocess.run([f"{bin_dir}/psql", "-h", socket, "-U", "weir", "-d", "postgres", "-X", "-q", "-A", "-t", "-v",
                           "ON_ERROR_STOP=1"], input=script, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=max(glob.glob("/usr/lib/postgresql/*/bin"), default=""), help="PostgreSQL's programs")
    parser.add_argument("--out", type=pathlib.Path, default=OUT)
    args = parser.parse_args()
    cases = postgres_cases.all_cases()
    with server(args.bin) as socket:
        answers = ask(args.bin, socket, cases)
    assert len(answers) == len(cases), (len(answers), len(cases))
    with args.out.open("w") as out:
        for (function, values, types, target), answer in zip(cases, answers):
            vector = {"f": function, "a": values, "t": types}
            if target is not None:
                vector["to"] = target
            if answer["e"] is not None:
                vector["e"] = answer["e"]
            else:
                vector["v"] = answer["v"]
            out.write(json.dumps(vector, ensure_ascii=False) + "\n")
    print(f"{len(cases)} vectors in {args.out}")


if __name__ == "__main__":
    main()
