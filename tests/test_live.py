from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from ntkbench import live, stopwatch
from ntkbench.plan import PlannedRun
from ntkbench.record import RunRecord, TimingRow

RECORD = RunRecord.from_json((Path(__file__).parent / "data" / "record.json").read_text())


def planned(number: int, cost: float, backend: str = "jax", task: str = "images") -> PlannedRun:
    return PlannedRun(task, 1, "smoke", {"n": number}, backend, "cpu", "float32", 0, None, None, cost)


def finished(run: PlannedRun, stages: dict[str, Sequence[float]], **changes) -> RunRecord:
    """The record of a run whose stages took these seconds: the first call and the steady ones."""
    timings = [
        TimingRow(stage, "steady" if number else "first", max(number - 1, 0), seconds)
        for stage, samples in stages.items()
        for number, seconds in enumerate(samples)
    ]
    return replace(RECORD, experiment_id=run.experiment_id, timings=timings, **changes)


@pytest.mark.parametrize("single", [1e-6, 0.3, 0.4, 0.7, 1.0, 1.9, 2.5, 19.9, 20.0, 300.0])
def test_a_stage_is_expected_to_be_repeated_as_the_stopwatch_does(single):
    now = 0.0

    def call() -> None:
        nonlocal now
        now += single

    stopwatch.measure("stage", call, lambda _: None, lambda: now)
    assert live.repeated(single) == pytest.approx(now)


def test_the_time_left_follows_from_the_steady_time_and_not_from_compilation():
    small, large = planned(1, cost=10), planned(2, cost=600)
    estimate = live.Estimate([small, large])
    # 50 s of compilation; a call takes 0.5 + 0.25 s, so one of the large run takes 60 times that: 45 s, called once.
    estimate.finished(finished(small, {"kernel": [50.0, 0.5, 0.6], "solve": [1.0, 0.25]}), seconds=52.35)
    assert estimate.seconds() == pytest.approx(45.0)


def test_short_runs_are_expected_to_be_repeated_and_to_have_an_overhead():
    runs = [planned(n, cost=10) for n in range(3)]
    estimate = live.Estimate(runs)
    # 0.5 s a call: called first and 4 times more until 2 s are full; 3 s outside the stages.
    estimate.finished(finished(runs[0], {"kernel": [0.5] * 5}), seconds=5.5)
    assert estimate.seconds() == pytest.approx(2 * (3.0 + 2.5))


def test_the_largest_run_so_far_sets_the_speed():
    runs = [planned(1, cost=1), planned(2, cost=100), planned(3, cost=2), planned(4, cost=1000)]
    estimate = live.Estimate(runs)
    for run, seconds in ((runs[0], 1.0), (runs[1], 30.0), (runs[2], 9.0)):
        estimate.finished(finished(run, {"kernel": [seconds]}), seconds)
    assert estimate.seconds() == pytest.approx(300.0)


def test_a_backend_that_has_not_run_counts_as_the_slowest():
    runs = [planned(1, 10), planned(2, 10, "numba"), planned(3, 100), planned(4, 100, "torch")]
    estimate = live.Estimate(runs)
    estimate.finished(finished(runs[0], {"kernel": [40.0]}), 40.0)
    estimate.finished(finished(runs[1], {"kernel": [30.0]}), 30.0)
    assert estimate.seconds() == pytest.approx(400.0 + 400.0)


def test_nothing_is_said_while_most_of_the_rest_is_on_backends_that_have_not_run():
    runs = [planned(1, 10), planned(2, 1, "numba"), planned(3, 900, "numba"), planned(4, 100)]
    estimate = live.Estimate(runs)
    assert estimate.seconds() is None
    estimate.finished(finished(runs[0], {"kernel": [40.0]}), 40.0)
    assert estimate.seconds() is None
    estimate.finished(finished(runs[1], {"kernel": [0.03]}), 0.2)
    assert estimate.seconds() is not None


def test_nothing_is_said_while_a_task_that_is_left_has_not_run():
    runs = [planned(1, 1), planned(2, 1), planned(3, 1, task="texts")]
    estimate = live.Estimate(runs)
    estimate.finished(finished(runs[0], {"kernel": [1.0]}), 1.0)
    assert estimate.seconds() is None
    estimate.finished(finished(runs[1], {"kernel": [1.0]}), 1.0)
    assert estimate.seconds() is None


def test_a_failed_run_is_done_and_says_nothing_of_speed():
    runs = [planned(1, 10), planned(2, 10), planned(3, 10)]
    estimate = live.Estimate(runs)
    estimate.finished(finished(runs[0], {}, status="killed", reason="signal 9"), 500.0)
    assert estimate.seconds() is None
    estimate.finished(finished(runs[1], {"kernel": [30.0]}), 30.0)
    assert estimate.seconds() == pytest.approx(30.0)


def test_runs_without_a_cost_do_no_harm():
    runs = [planned(1, 0), planned(2, 0)]
    estimate = live.Estimate(runs)
    estimate.finished(finished(runs[0], {"kernel": [1.0]}), 1.0)
    assert estimate.seconds() is None


def test_the_time_left_counts_down_within_a_run_and_never_below_the_others():
    runs = [planned(1, 10), planned(2, 10), planned(3, 10)]
    estimate = live.Estimate(runs)
    estimate.finished(finished(runs[0], {"kernel": [30.0]}), 30.0)
    left = [estimate.seconds(elapsed) for elapsed in (0.0, 10.0, 30.0, 100.0)]
    assert left == pytest.approx([60.0, 50.0, 30.0, 30.0])


def test_when_all_is_done_nothing_is_left():
    run = planned(1, 10)
    estimate = live.Estimate([run])
    estimate.finished(finished(run, {"kernel": [30.0]}), 30.0)
    assert estimate.seconds() == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.3, "a few seconds"),
        (12.0, "about 10 s"),
        (99.0, "about 100 s"),
        (912.0, "about 15 min"),
        (5_900.0, "about 98 min"),
        (18_266.0, "about 5.1 h"),
    ],
)
def test_a_time_to_come_is_told_roughly(seconds, text):
    assert live.roughly(seconds) == text


def test_a_line_tells_what_ran_what_came_out_and_how_long_it_took():
    line = live.summary(RECORD, 2, 9, 88.0, 900.0)
    for part in ("[2/9] ", "images numba", "depth=3", "seed=0", "accuracy 40.7", "88.0 s, about 15 min left"):
        assert part in line
    assert "left" not in live.summary(RECORD, 9, 9, 88.0, 0.0)
    assert "left" not in live.summary(RECORD, 2, 9, 88.0, None)
    failed = replace(RECORD, status="timeout", reason="took longer than 5 s", metrics=[])
    assert ": timeout took longer than 5 s (5.00 s" in live.summary(failed, 1, 2, 5.0, None)


def test_without_a_terminal_there_is_one_line_a_run(capsys):
    runs = [planned(n, cost=10) for n in range(3)]
    with live.live(runs) as display:
        for run in runs:
            display.stage(run, "kernel", 0.5)
            display.finished(finished(run, {"kernel": [30.0]}))
    lines = capsys.readouterr().out.splitlines()
    assert [line[:5] for line in lines] == ["[1/3]", "[2/3]", "[3/3]"]


def test_estimates_of_equal_runs_fall_from_run_to_run():
    runs = [planned(n, cost=10) for n in range(5)]
    estimate = live.Estimate(runs)
    left = []
    for run in runs:
        estimate.finished(finished(run, {"kernel": [25.0]}), 26.0)
        left.append(estimate.seconds())
    assert all(a - b == pytest.approx(26.0) for a, b in pairwise(left))
