"""A few seeds in every run of the tests; scripts/faults runs as many as one likes."""

import pytest

from plan import expand

# Chosen for what is in them; see `scripts/faults --from N --plan`.
SEEDS = [152, 182]


@pytest.mark.parametrize("seed", SEEDS)
def test_seed(lane, tmp_path, seed):
    plan = expand(seed, root=lane.root)
    print(*plan.lines(), sep="\n")
    outcome = lane.run(tmp_path / "seed", plan)
    assert outcome.ok, f"{outcome.error}\n" + "\n".join(outcome.violations)
    assert outcome.versions > 3 and outcome.records > 1000
