from __future__ import annotations


def test_a_task_is_described_with_its_parts(ntkbench, small_tasks):
    outcome = ntkbench("describe", "squares", "--tasks", small_tasks)
    assert outcome.code == 0
    for part in (
        "Squares (squares, version 1)", "Source: exact", "Small tasks for tests.", "x           int", "square",
        "standard   x=2,3,4", "three squared", "9.000", "memory",
    ):  # fmt: skip
        assert part in outcome.out
