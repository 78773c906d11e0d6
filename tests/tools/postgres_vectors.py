#!/usr/bin/env python3
"""Asks a real PostgreSQL what functions, casts and expressions return, and writes the answers as test vectors.

    tests/tools/postgres_vectors.py [--bin DIR]

Needs PostgreSQL 15 or newer (Debian: apt-get install postgresql-15). Starts a server of its own on a Unix socket in a
temporary directory, as user postgres when run by root, and ends it. The tests need no server: they read the file.

Of postgres_vectors.jsonl a line is one call: {"f": function id or "cast", "a": argument values, "t": their types, "to": type of
the cast}, and "v": the result as text or null, or "e": PostgreSQL's error message.

Of postgres_sql.jsonl the first line is a table: {"columns": [[name, type]], "rows": [[value]]}; each other line an expression over
it: {"q": SQL, "type": the result's, "rows": [{"v" or "e"}]}, or {"q", "e"} when PostgreSQL can't make sense of it.
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
import postgres_sql_cases

ROOT = pathlib.Path(__file__).resolve().parents[2]
CALLS = ROOT / "tests/unit/operators/expr/postgres_vectors.jsonl"
SQL = ROOT / "tests/sim/postgres_sql.jsonl"

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


def ask(bin_dir, socket, queries, setup=""):
    """The answers to queries of one value, in order: {"v": ..., "e": ...}."""
    rows = ",\n".join(f"({i}, {quoted(query)})" for i, query in enumerate(queries))
    script = f"""
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
DROP FUNCTION IF EXISTS probe;
{PROBE}
{setup}
SELECT json_build_object('v', answer.value, 'e', answer.error)
FROM (VALUES {rows}) AS cases(i, query), LATERAL probe(query) AS answer ORDER BY i;
"""
    done = subprocess.run([f"{bin_dir}/psql", "-h", socket, "-U", "weir", "-d", "postgres", "-X", "-q", "-A", "-t", "-v",
                           "ON_ERROR_STOP=1"], input=script, check=True, capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines() if line]
    assert len(answers) == len(queries), (len(answers), len(queries))
    return answers


def outcome(answer):
    return {"e": answer["e"]} if answer["e"] is not None else {"v": answer["v"]}


def call_vectors(bin_dir, socket):
    cases = postgres_cases.all_cases()
    answers = ask(bin_dir, socket, [f"SELECT ({expression(case)})::text" for case in cases])
    for (function, values, types, target), answer in zip(cases, answers):
        vector = {"f": function, "a": values, "t": types}
        if target is not None:
            vector["to"] = target
        yield vector | outcome(answer)


def sql_vectors(bin_dir, socket):
    columns, rows = postgres_sql_cases.COLUMNS, postgres_sql_cases.ROWS
    yield {"columns": columns, "rows": rows}
    values = [", ".join([str(i), *("NULL" if v is None else quoted(v) for v in row)]) for i, row in enumerate(rows)]
    setup = (f"CREATE TABLE x (at integer, {', '.join(f'{name} {kind}' for name, kind in columns)});"
             f"INSERT INTO x VALUES {', '.join(f'({row})' for row in values)};")
    expressions = list(dict.fromkeys(postgres_sql_cases.EXPRESSIONS))
    # A table without rows gives a type even to what fails on every row.
    types = ask(bin_dir, socket, [f"SELECT pg_typeof((SELECT ({e}) FROM x WHERE false))" for e in expressions], setup)
    queries = [f"SELECT ({e})::text FROM x WHERE at = {i}" for e in expressions for i in range(len(rows))]
    answers = iter(ask(bin_dir, socket, queries))
    for e, kind in zip(expressions, types):
        outcomes = [outcome(next(answers)) for _ in rows]
        yield {"q": e, "e": kind["e"]} if kind["e"] is not None else {"q": e, "type": kind["v"], "rows": outcomes}


def write(path, vectors):
    lines = [json.dumps(vector, ensure_ascii=False) + "\n" for vector in vectors]
    path.write_text("".join(lines))
    print(f"{len(lines)} lines in {path.relative_to(ROOT)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=max(glob.glob("/usr/lib/postgresql/*/bin"), default=""), help="PostgreSQL's programs")
    args = parser.parse_args()
    with server(args.bin) as socket:
        write(CALLS, call_vectors(args.bin, socket))
        write(SQL, sql_vectors(args.bin, socket))


if __name__ == "__main__":
    main()
