"""Situations in which faults once broke a promise, each named after what went wrong (docs/reliability.md lists them)."""

from plan import Action, Plan


def test_a_submit_whose_answer_was_lost_does_not_come_back_as_a_second_job(lane, tmp_path):
    """The record of the job landed, the append said it hadn't, the user submitted again: at the coordinator's next start
    both jobs ran and wrote the same tables."""
    plan = Plan(0, "tumble_few", workers=1, slots=2, parallelism=2, interval_ms=500, partitions=2, faults_s=4,
                arms={"coordinator": ["coordinator.after_submitted=error@1"]},
                actions=[Action(2, "kill", "coordinator", 0.2)])
    outcome = lane.run(tmp_path / "run", plan)
    assert outcome.ok, f"{outcome.error}\n" + "\n".join(outcome.violations)
    assert "coordinator.after_submitted=error" in outcome.faults
