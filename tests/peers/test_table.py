"""Ratios, intervals, verdicts and the page, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.peers.entries import Entry
from ntkbench.peers.reference import Errors
from ntkbench.peers.rounds import Outcome
from ntkbench.peers.table import COLUMNS, Ratio, diagonals, markdown, ratio, rows
from ntkbench.peers.workloads import Workload

WORK = Workload("w", "fc", {"n": 10, "features": 7, "depth": 3, "cross": False}, {}, "base", {"ours": 2.0})
FACTS = {"cpu": "A CPU", "cores": "2", "memory": "8 GiB", "system": "Linux", "commit": "abc"}


def outcome(name: str, seconds: list[float], error: float = 1e-7, diagonal: float = 1e-6, **more: object) -> Outcome:
    entry = Entry(name, frozenset({"fc"}), Path("script.py"))
    turns = [[s] for s in seconds]
    found = {"packages": {"lib": "1.2"}, "errors": Errors(error, diagonal), "working_memory": 3 * 2**20}
    return Outcome(WORK, entry, turns=turns, **{**found, **more})


def cells(*outcomes: Outcome) -> dict[str, dict[str, str]]:
    return {row[1]: dict(zip(COLUMNS, row, strict=True)) for row in rows(outcomes)}


@pytest.mark.parametrize(
    ("baseline", "entry", "expected"),
    [
        ([4.0, 4.0, 4.0], [1.0, 2.0, 4.0], Ratio(2.0, 1.0, 4.0)),
        ([8.0], [2.0], Ratio(4.0, 4.0, 4.0)),
        # The drift of the machine, twice as slow in the second round, is in both and cancels.
        ([3.0, 6.0, 3.0], [1.0, 2.0, 1.0], Ratio(3.0, 3.0, 3.0)),
        # A baseline that takes long has one round only.
        ([6.0], [2.0, 1.0, 1.0], Ratio(3.0, 3.0, 3.0)),
        # Of ten the second from either end: floor(5.5 - 0.98 sqrt(10)) = 2.
        ([10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], [1.0] * 10, Ratio(5.5, 2.0, 9.0)),
    ],
)
def test_the_ratio_is_paired_by_round(baseline, entry, expected) -> None:
    assert ratio(baseline, entry) == expected


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Ratio(3.0, 2.0, 4.0), "reached"),
        (Ratio(3.0, 1.9, 4.0), "open"),
        (Ratio(1.8, 1.7, 2.0), "open"),
        (Ratio(1.8, 1.7, 1.9), "not reached"),
    ],
)
def test_a_goal_is_judged_by_the_interval(found, verdict) -> None:
    assert found.reaches(2.0) == verdict


def test_a_row_has_time_rate_ratio_and_verdict() -> None:
    found = cells(outcome("base", [6.0, 6.0, 6.0]), outcome("ours", [2.0, 1.5, 2.0]))
    assert found["base"]["work"] == "FC ReLU, depth 3, 10 x 10, d = 7"
    assert found["ours"]["work"] == ""
    assert found["base"]["verdict"] == "baseline"
    # 10 x 10 pairs through 3 layers.
    assert found["base"]["pair-layers/s"] == "50.0"
    assert found["ours"]["pair-layers/s"] == "150"
    assert found["ours"]["time"] == "2.00 s"
    assert found["ours"]["times as fast"] == "3.00 (3.00 to 4.00)"
    assert found["ours"]["goal"] == ">= 2.00"
    assert found["ours"]["verdict"] == "reached"
    assert found["ours"]["working memory"] == "3.00 MiB"


def test_what_disagrees_has_no_ratio_and_neither_has_what_is_compared_with_it() -> None:
    found = cells(outcome("base", [6.0]), outcome("ours", [1.0], error=1.1e-5), outcome("other", [1.0]))
    assert (found["ours"]["times as fast"], found["ours"]["verdict"]) == ("", "disagrees")
    assert found["ours"]["error"] == "1.1e-05"
    assert found["other"]["times as fast"] == "6.00 (6.00 to 6.00)"
    found = cells(outcome("base", [6.0], error=1.0), outcome("ours", [1.0]))
    assert (found["base"]["verdict"], found["ours"]["times as fast"], found["ours"]["verdict"]) == ("disagrees", "", "")


def test_a_baseline_that_rounds_badly_is_compared_and_the_table_says_so() -> None:
    found = cells(outcome("base", [6.0], error=1e-4, float64_error=2e-14), outcome("ours", [1.0]))
    assert found["base"]["verdict"] == "baseline; float32 rounds badly (float64: 2.0e-14)"
    assert found["base"]["error"] == "1.0e-04"
    assert found["ours"]["times as fast"] == "6.00 (6.00 to 6.00)"


def test_goals_beside_others_than_the_baseline_stand_with_the_verdict() -> None:
    work = replace(WORK, also={"slow": {"ours": 5.0}, "failed": {"ours": 5.0}, "steady": {"ours": 4.0, "base": 1.0}})
    times = {"base": [6.0, 6.0], "ours": [2.0, 2.0], "slow": [20.0, 8.0], "steady": [6.0, 6.0]}
    found = cells(*(replace(outcome(name, seconds), workload=work) for name, seconds in times.items()))
    slow = "over slow 7.00 (4.00 to 10.0), goal 5.00: open"
    assert found["ours"]["verdict"] == f"reached; {slow}; over steady 3.00 (3.00 to 3.00), goal 4.00: not reached"
    assert found["base"]["verdict"] == "baseline; over steady 1.00 (1.00 to 1.00), goal 1.00: reached"


def test_what_failed_says_why() -> None:
    failed = outcome("ours", [], status="error", reason="no | network", errors=None)
    found = cells(outcome("base", [6.0]), failed)
    assert found["ours"]["verdict"] == "error: no | network"
    assert found["ours"]["times as fast"] == ""
    assert "error: no \\| network |" in markdown([failed], FACTS, "now", "ntkbench peers")


def test_the_diagonal_is_a_table_of_its_own() -> None:
    columns, body = diagonals([outcome("base", [1.0], diagonal=8e-4), outcome("ours", [1.0], diagonal=1e-5)])
    assert columns == ("diagonal of", "base", "ours")
    assert body == [("FC ReLU, depth 3, 10 x 10, d = 7", "8.0e-04 !", "1.0e-05")]


def test_work_that_is_not_timed_is_in_the_table_of_diagonals_alone() -> None:
    untimed = replace(outcome("ours", [1.0]), workload=replace(WORK, timed=False))
    assert rows([untimed]) == []
    assert len(diagonals([untimed])[1]) == 1


def test_the_page_says_where_its_numbers_come_from() -> None:
    page = markdown([outcome("base", [6.0]), outcome("ours", [2.0])], FACTS, "2030-01-02", "ntkbench peers --rounds 1")
    assert "`ntkbench peers --rounds 1` on 2030-01-02" in page
    assert "A CPU, 2 cores, 8 GiB; Linux" in page
    assert "Commit abc" in page
    assert "- ours: lib 1.2" in page
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table[:4]}) == 1
    assert "| ours | 2.00 s | 150 | 1.0e-07 | 3.00 MiB | 3.00 (3.00 to 3.00) | >= 2.00 | reached |" in page
