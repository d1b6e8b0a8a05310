from __future__ import annotations


def test_a_task_is_described_with_its_parts(ntkbench, small_tasks):
    outcome = ntkbench("describe", "squares", "--tasks", small_tasks)
    assert outcome.code == 0
    for part in (
        "Squares (squares, version 1)", "Source: exact", "Small tasks for tests.", "x          int", "square",
        "standard  x=2,3,4", "three squared", "9.000", "memory",
    ):  # fmt: skip
        assert part in outcome.out


def test_a_claim_that_is_known_not_to_hold_is_described_with_its_reason(ntkbench, small_tasks):
    file = small_tasks / "small.py"
    because = "squares are rounded, since 2026-11-28"
    file.write_text(file.read_text().replace('where={"x": 4}', f'where={{"x": 4}}, finding="{because}"'))
    assert f"four squared  {because}" in ntkbench("describe", "squares", "--tasks", small_tasks).out
