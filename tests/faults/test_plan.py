"""Plans: the failpoints of the tree are in them, and a seed says all."""

import pathlib
import re

import pytest

from plan import (COORDINATORS, EFFECTS, FAILPOINTS, FAULTS_S, FOLLOWER, KINDS, LEADER, PARTS,
                  TASK_ERRORS_MAX, expand)
from shapes import shapes

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = ["base", "lake", "state", "operators", "worker", "coordinator", "cli"]
NAME = re.compile(r'"((?:base|blob_store|lake|state|operators|worker|coordinator)\.(?:before|after)_\w+)"')
CALL = re.compile(r'\b(?:Failpoint|HitFailpoint)\(([^)]*)\)')


def sources():
    return [path for folder in CODE for path in (ROOT / folder).rglob("*") if path.suffix in (".h", ".cc")]


def test_every_failpoint_of_the_tree_is_armed_by_plans_or_by_a_test_of_its_own():
    named = {name for path in sources() for name in NAME.findall(path.read_text())}
    assert set(FAILPOINTS) <= named
    tests = "".join(path.read_text() for folder in ("unit", "integration") for path in (ROOT / "tests" / folder).rglob("*")
                    if path.suffix in (".cc", ".py"))
    assert [name for name in sorted(named - set(FAILPOINTS)) if name not in tests] == []


def test_failpoints_are_named_so_that_the_test_above_finds_them():
    for path in sources():
        if path.name.startswith("failpoint."):
            continue
        for argument in CALL.findall(path.read_text()):
            assert NAME.fullmatch(argument) or argument in ("points.before", "points.after"), f"{path}: {argument}"


def test_a_durable_step_has_a_failpoint_before_and_after_it():
    for name in FAILPOINTS:
        other = name.replace(".before_", ".after_") if ".before_" in name else name.replace(".after_", ".before_")
        assert other in FAILPOINTS or name in ("coordinator.after_captured", PARTS), name


@pytest.fixture(scope="module")
def plans():
    return [expand(seed) for seed in range(1, 4001)]


def test_plans_cover_every_failpoint_with_every_effect(plans):
    armed = {re.sub(r"@\d+$", "", spec) for plan in plans for lives in plan.arms.values() for spec in lives}
    assert armed == {f"{name}={effect}" for name in FAILPOINTS for effect in EFFECTS}


def test_plans_cover_every_shape_and_kind(plans):
    assert {plan.shape for plan in plans} == set(shapes())
    drawn = {action.kind for plan in plans for action in plan.actions}
    renamed = {"partition": "add_partition", "disk": "fill"}
    assert {renamed.get(kind, kind) for kind in KINDS} - {"failpoint", "leader"} | {"net"} == drawn


def test_leaders_and_their_standbys_are_killed_and_paused_past_the_lease(plans):
    with_standby = [plan for plan in plans if plan.coordinators == 2]
    assert 0.3 < len(with_standby) / len(plans) < 0.6
    done = {(a.kind, a.target) for plan in with_standby for a in plan.actions if a.kind == "kill" or a.seconds > 3}
    assert {(kind, target) for kind in ("kill", "pause") for target in (LEADER, FOLLOWER)} <= done
    assert not any(a.target in (LEADER, FOLLOWER, "standby") for plan in plans if plan.coordinators == 1 for a in plan.actions)
    assert any("standby" in plan.arms for plan in plans)


def test_every_link_that_a_plan_breaks_is_there(plans):
    for plan in plans:
        control = COORDINATORS[:plan.coordinators] if plan.coordinators == 2 else workers(plan)
        links = {f"{name}/control" for name in control} | {f"{name}/exchange" for name in workers(plan)}
        assert {a.target for a in plan.actions if a.kind == "link"} <= links | ({"store"} if plan.s3 or plan.s3_tables else set())


def workers(plan):
    return [f"worker-{i}" for i in range(plan.workers)]


def test_tables_and_job_data_are_on_s3_in_all_combinations(plans):
    assert {(plan.s3, plan.s3_tables) for plan in plans} == {(a, b) for a in (False, True) for b in (False, True)}
    for plan in plans:
        assert not plan.namespaces or not (plan.s3 or plan.s3_tables), "MinIO is on the loopback"
        assert plan.s3_tables or not shapes()[plan.shape].for_s3
        assert plan.small_disk != "tables" or not plan.s3_tables
        assert plan.small_disk != "data" or not plan.s3


def test_a_worker_joins_once_and_after_those_that_were_there(plans):
    for plan in plans:
        joining = [a.target for a in plan.actions if a.kind == "join"]
        assert joining in ([], [f"worker-{plan.workers}"])
        assert not joining or joining[0] not in plan.arms


def test_a_seed_gives_the_same_plan_again():
    assert [list(expand(seed).lines()) for seed in range(50)] == [list(expand(seed).lines()) for seed in range(50)]


def test_without_root_no_plan_needs_it():
    for seed in range(500):
        plan = expand(seed, root=False)
        assert not plan.namespaces and not plan.small_disk
        assert not {action.kind for action in plan.actions} & {"net", "fill"}


def test_a_plan_keeps_within_its_bounds(plans):
    for plan in plans:
        assert not plan.small_disk or not any("=error" in spec for process, lives in plan.arms.items()
                                              if process not in COORDINATORS for spec in lives)
        assert plan.parallelism <= plan.workers * plan.slots
        errors = [spec for process, lives in plan.arms.items() if process not in COORDINATORS for spec in lives
                  if "=error" in spec]
        assert len(errors) <= TASK_ERRORS_MAX
        assert all(0 <= action.at_s <= FAULTS_S and action.seconds <= 6 for action in plan.actions)
        assert sorted(plan.actions, key=lambda a: a.at_s) == plan.actions
