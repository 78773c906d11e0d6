"""Runs seeds of faults and says what became of each. Called by scripts/faults."""

import argparse
import collections
import dataclasses
import json
import multiprocessing
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from lane import Lane  # noqa: E402
from plan import KINDS, expand  # noqa: E402
from trial import Outcome  # noqa: E402


def main():
    arguments = parse()
    base = arguments.directory or pathlib.Path(tempfile.mkdtemp(prefix="weir-faults-"))
    base.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    seeds = list(range(arguments.first, arguments.first + arguments.seeds))
    lanes = min(arguments.jobs, len(seeds))
    work = [(base / f"lane-{lane}", seeds[lane::lanes], arguments) for lane in range(lanes)]
    outcomes = []
    results = multiprocessing.SimpleQueue()
    processes = [multiprocessing.Process(target=run_lane, args=(*item, results)) for item in work]
    # Told to end, lanes take their processes and namespaces with them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for process in processes:
        process.start()
    try:
        for _ in seeds:
            report, outcome = results.get()
            print(report, flush=True)
            outcomes.append(outcome)
            if arguments.json:
                arguments.json.write_text(json.dumps(summary(outcomes, time.monotonic() - begin), indent=1) + "\n")
    finally:
        for process in processes:
            if len(outcomes) < len(seeds):
                process.terminate()
            process.join()
    print_summary(summary(outcomes, time.monotonic() - begin))
    if not arguments.keep and not arguments.directory and all(o.ok for o in outcomes):
        shutil.rmtree(base, ignore_errors=True)
    return 0 if all(o.ok for o in outcomes) else 1


def parse():
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many (default 1)")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first seed (default 1)")
    parser.add_argument("--jobs", type=int, default=1, help="seeds at a time, each with a broker of its own (default 1)")
    parser.add_argument("--keep", action="store_true", help="keep the files of seeds that passed, too")
    parser.add_argument("--kinds", help=f"only these kinds of faults, comma-separated, of: {', '.join(sorted(set(KINDS)))}")
    parser.add_argument("--directory", type=pathlib.Path, help="where seeds run (default: a temporary one)")
    parser.add_argument("--json", type=pathlib.Path, help="write outcomes and the summary here")
    parser.add_argument("--plan", action="store_true", help="print the plans only")
    arguments = parser.parse_args()
    if arguments.seeds < 1 or arguments.jobs < 1:
        parser.error("--seeds and --jobs are at least 1")
    arguments.kinds = arguments.kinds.split(",") if arguments.kinds else None
    for kind in arguments.kinds or []:
        if kind not in KINDS:
            parser.error(f"unknown kind {kind!r}, of {', '.join(sorted(set(KINDS)))}")
    if arguments.plan:
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            print(f"seed {seed}", *expand(seed, arguments.kinds).lines(), sep="\n  ")
        sys.exit(0)
    return arguments


def run_lane(directory, seeds, arguments, results):
    """One seed after the other, with one broker."""
    left = list(seeds)
    try:
        with Lane(directory) as lane:
            while left:
                results.put(run_seed(lane, directory, left[0], arguments))
                left.pop(0)
    except Exception:  # noqa: BLE001 - the parent waits for one result per seed
        for seed in left:
            outcome = Outcome(seed, "", error=f"the lane failed: {traceback.format_exc()}")
            results.put((f"seed {seed}: FAILED: {outcome.error}", outcome))


def run_seed(lane, base, seed, arguments):
    """(what to print, Outcome)"""
    plan = expand(seed, arguments.kinds, lane.root)
    directory = base / f"seed-{seed}"
    shutil.rmtree(directory, ignore_errors=True)
    try:
        outcome = lane.run(directory, plan)
    except Exception:  # noqa: BLE001 - of the harness; the other seeds go on
        outcome = Outcome(seed, plan.shape, error=f"the harness failed: {traceback.format_exc()}")
    lines = [f"seed {seed}: {'ok' if outcome.ok else 'FAILED'}: {outcome.records} records, {outcome.versions} versions, "
             f"generation {outcome.generations}, converged in {outcome.converge_s:.1f} s, checked in {outcome.check_s:.1f} s, "
             f"{outcome.total_s:.1f} s in all"]
    lines += [f"  {line}" for line in plan.lines()]
    lines.append(f"  performed: {', '.join(outcome.faults) or 'nothing'}")
    if outcome.ok:
        if not arguments.keep:
            shutil.rmtree(directory, ignore_errors=True)
    else:
        kinds = f" --kinds {','.join(arguments.kinds)}" if arguments.kinds else ""
        lines += [f"  error: {outcome.error}"] if outcome.error else []
        lines += [f"  violation: {violation}" for violation in outcome.violations]
        lines += [f"  files and logs: {directory}", f"  again: scripts/faults --from {seed}{kinds} --keep"]
    return "\n".join(lines), outcome


def summary(outcomes, seconds):
    faults = collections.defaultdict(lambda: {"runs": 0, "times": 0, "failed": 0})
    for outcome in outcomes:
        for fault, times in collections.Counter(outcome.faults).items():
            row = faults[fault]
            row["runs"] += 1
            row["times"] += times
            row["failed"] += not outcome.ok
    return {"seeds": len(outcomes), "failed": sorted(o.seed for o in outcomes if not o.ok), "seconds": round(seconds, 1),
            "records": sum(o.records for o in outcomes), "versions": sum(o.versions for o in outcomes),
            "converge_s_max": max(o.converge_s for o in outcomes),
            "faults": dict(sorted(faults.items())), "outcomes": [dataclasses.asdict(o) for o in outcomes]}


def print_summary(total):
    print(f"\n{'fault':44} {'runs':>5} {'times':>6} {'failed':>7}")
    for fault, row in total["faults"].items():
        print(f"{fault:44} {row['runs']:5} {row['times']:6} {row['failed']:7}")
    print(f"{total['seeds']} seeds, {len(total['failed'])} failed{' ' + str(total['failed']) if total['failed'] else ''}; "
          f"{total['versions']} table versions judged over {total['records']} records, in {total['seconds']:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
