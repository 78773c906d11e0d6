"""Weir with a mistake built in (base/mutant.h), in a situation where it matters: the checker must notice each."""

import pathlib

import pytest

from cluster import WEIR
from plan import Action, Plan

MUTANTS = pathlib.Path(WEIR).parent / "tests/weir_mutants"

SLOW_PUBLISH = {"coordinator": ["coordinator.before_publish=delay:1500"]}
CRASH_AFTER_COMMIT = {"coordinator": ["coordinator.after_commit=crash@4"]}
LOST_RESPONSE = {"coordinator": ["lake.after_log_put=error@4"]}
# The second checkpoint of a generation is reported when the next generation runs, and the next one's first comes later.
LATE_REPORT = {"worker-1": ["worker.after_upload=delay:5000@2;worker.before_upload=delay:5000@3"]}
LOSE_A_WORKER = [Action(0, "kill", "worker-0", after="worker.after_upload")]

# mistake: (shape, what is armed, what happens, how long faults go on)
SITUATIONS = {
    "drop_row": ("rows_all", {}, [], 3),
    "repeat_commit": ("tumble_few", CRASH_AFTER_COMMIT, [], 4),
    "ignore_lost_response": ("tumble_few", LOST_RESPONSE, [], 4),
    "lose_carried_files": ("rows_all", SLOW_PUBLISH, [], 4),
    "skip_fence": ("rows_all", LATE_REPORT, LOSE_A_WORKER, 9),
}
# How often a situation comes about depends on the machine.
ATTEMPTS = 3


def run(lane, directory, mutant, shape, arms, actions, seconds):
    plan = Plan(0, shape, workers=2, slots=1, parallelism=2, interval_ms=500, partitions=2, faults_s=seconds,
                binary=str(MUTANTS), environment={"WEIR_MUTANT": mutant}, arms=arms, actions=actions)
    return lane.run(directory, plan)


@pytest.mark.parametrize("mutant", SITUATIONS)
def test_a_mistake_is_caught(lane, tmp_path, mutant):
    outcomes = []
    for attempt in range(ATTEMPTS):
        outcomes.append(run(lane, tmp_path / str(attempt), mutant, *SITUATIONS[mutant]))
        if outcomes[-1].violations:
            return
    pytest.fail(f"{mutant} passed unnoticed: {outcomes}")


@pytest.mark.parametrize("mutant", ["lose_carried_files", "skip_fence"])
def test_the_situation_without_the_mistake_passes(lane, tmp_path, mutant):
    """The rest are in every other run of seeds."""
    outcome = run(lane, tmp_path, "", *SITUATIONS[mutant])
    assert outcome.ok, outcome
