from __future__ import annotations


def test_tasks_are_listed_with_their_tiers_and_claims(ntkbench, small_tasks):
    outcome = ntkbench("list", "--tasks", small_tasks)
    assert (outcome.code, outcome.err) == (0, "")
    rows = {line.split()[0]: line for line in outcome.out.splitlines() if line.strip()}
    assert {"cifar_cntk", "differentiates", "faults", "squares"} <= set(rows)
    assert rows["squares"].split() == ["squares", "Squares", "smoke,", "standard", "2"]
