"""How long runs are expected to take, from observations written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ntkbench.experiment.plan import PlannedRun
from ntkbench.planning.estimate import Estimate
from ntkbench.planning.expectation import Expectation, Observation, observed
from ntkbench.results.record import RunRecord, TimingRow

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())


def planned(n: int, seed: int = 0, *, backend: str = "jax", task: str = "images", kind: str = "gap") -> PlannedRun:
    """A run whose cost is its size n."""
    return PlannedRun(
        task, 1, "smoke", {"n": n, "kind": kind}, backend, "cpu", "float32", seed, None, None, cost=float(n)
    )


def took(run: PlannedRun, seconds: float, *stages: float) -> Observation:
    """That the run took so many seconds; all of them in one long stage, unless `stages` says so."""
    return Observation(run, "ok", seconds, stages or (seconds,))


def seconds(expectation: Expectation, runs: Sequence[PlannedRun]) -> float:
    total = expectation.total(runs)
    assert total is not None
    return total.seconds


def test_a_record_tells_its_wall_clock_time_and_the_least_of_each_stage() -> None:
    samples: Mapping[str, Sequence[float]] = {"kernel": [50.0, 0.6, 0.5], "solve": [0.25, 1.0]}
    timings = [
        TimingRow(stage, "steady" if number else "first", max(number - 1, 0), seconds)
        for stage, taken in samples.items()
        for number, seconds in enumerate(taken)
    ]
    finished = (datetime.fromisoformat(RECORD.started) + timedelta(seconds=60)).isoformat()
    run = planned(1)
    found = observed(run, replace(RECORD, timings=timings, finished=finished))
    assert found == Observation(run, "ok", 60.0, (0.5, 0.25))


def test_without_a_run_of_its_task_nothing_is_known() -> None:
    expectation = Expectation()
    assert expectation.seconds(planned(1)) is None
    expectation.learn(took(planned(1, task="texts"), 30.0))
    assert expectation.seconds(planned(1)) is None


@pytest.mark.parametrize("change", [{"task_version": 2}, {"device": "cuda"}, {"precision": "float64"}])
def test_another_version_device_or_precision_tells_nothing(change: dict[str, object]) -> None:
    expectation = Expectation(reference=[took(planned(1), 30.0)])
    assert expectation.seconds(replace(planned(1), **change)) is None  # type: ignore[arg-type]


def test_a_run_of_the_same_parameters_is_taken_as_it_was_whatever_its_seed() -> None:
    expectation = Expectation(reference=[took(planned(10, seed), 30.0 + seed, 1.0) for seed in (1, 3)])
    assert expectation.seconds(planned(10, 7)) == pytest.approx(32.0)


def test_a_run_that_went_on_from_a_checkpoint_took_what_its_stages_took_in_all() -> None:
    expectation = Expectation(reference=[took(planned(10), 60.0, 900.0, 30.0)])
    assert expectation.seconds(planned(10, 1)) == pytest.approx(930.0)


def test_stages_grow_with_the_cost_and_what_is_outside_of_them_does_not() -> None:
    # Two stages of 25 s and 40 s, called once; 5 s outside.
    expectation = Expectation(reference=[took(planned(10), 70.0, 25.0, 40.0)])
    assert expectation.seconds(planned(30)) == pytest.approx(5.0 + 75.0 + 120.0)


def test_a_stage_that_gets_long_is_repeated_no_more() -> None:
    # 1 s a call and 3 calls (2 s of repeats); 2 s outside; 60 times as large, it is called once.
    expectation = Expectation(reference=[took(planned(10), 5.0, 1.0)])
    assert expectation.seconds(planned(600)) == pytest.approx(2.0 + 60.0)


def test_the_nearest_size_decides() -> None:
    sizes = {1: 90.0, 100: 100.0, 10_000: 9_000.0}
    expectation = Expectation(reference=[took(planned(n), seconds) for n, seconds in sizes.items()])
    assert expectation.seconds(planned(200)) == pytest.approx(200.0)
    assert expectation.seconds(planned(5_000)) == pytest.approx(4_500.0)


def test_choices_such_as_the_pooling_come_before_the_size() -> None:
    expectation = Expectation(reference=[took(planned(100, kind="gap"), 900.0), took(planned(1, kind="flat"), 30.0)])
    assert expectation.seconds(planned(50, kind="flat")) == pytest.approx(1_500.0)
    assert expectation.seconds(planned(50, kind="other")) == pytest.approx(450.0)  # the nearest size of any choice


def test_a_backend_that_has_not_run_counts_as_the_slowest() -> None:
    expectation = Expectation()
    expectation.learn(took(planned(10), 40.0))
    expectation.learn(took(planned(10, backend="numba"), 30.0))
    assert expectation.seconds(planned(100, backend="torch")) == pytest.approx(400.0)


def test_runs_without_a_cost_do_no_harm() -> None:
    expectation = Expectation()
    expectation.learn(took(planned(0), 30.0))
    assert expectation.seconds(planned(0, 1)) == pytest.approx(30.0)
    assert expectation.seconds(planned(5)) == pytest.approx(30.0)


def test_of_equally_near_runs_the_session_comes_before_the_history_and_that_before_the_reference() -> None:
    run = planned(10)
    expectation = Expectation(reference=[took(run, 30.0)])
    assert expectation.seconds(run) == pytest.approx(30.0)
    expectation = Expectation(history=[took(run, 50.0)], reference=[took(run, 30.0)])
    assert expectation.seconds(run) == pytest.approx(50.0)
    expectation.learn(took(run, 70.0))
    assert expectation.seconds(run) == pytest.approx(70.0)


@pytest.mark.parametrize("source", ["history", "reference"])
def test_on_a_machine_twice_as_slow_the_rest_is_soon_expected_to_take_twice_as_long(source: str) -> None:
    sizes = range(20, 120)  # seconds of each run, by one unit of cost a second
    expectation = Expectation(**{source: [took(planned(n), float(n)) for n in sizes]})
    runs = [planned(n) for n in sizes]
    assert seconds(expectation, runs) == pytest.approx(sum(sizes))
    for run in runs[:25]:
        expectation.learn(took(run, 2.0 * run.cost))
    assert seconds(expectation, runs[25:]) == pytest.approx(2.0 * sum(sizes[25:]), rel=0.03)


def test_each_backend_is_corrected_by_its_own_runs() -> None:
    known = [took(planned(n, backend=b), 1_000.0) for n in (1, 2) for b in ("jax", "torch")]
    expectation = Expectation(reference=known)
    expectation.learn(took(planned(1), 3_000.0))
    assert expectation.seconds(planned(2)) == pytest.approx(3_000.0, rel=0.03)
    assert expectation.seconds(planned(2, backend="torch")) == pytest.approx(1_000.0, rel=0.03)


def test_earlier_runs_of_this_machine_correct_the_reference() -> None:
    expectation = Expectation(history=[took(planned(1), 500.0)], reference=[took(planned(n), 1_000.0) for n in (1, 2)])
    assert expectation.seconds(planned(2)) == pytest.approx(500.0, rel=0.03)


def test_a_short_run_that_took_long_to_start_says_little_of_the_machine() -> None:
    expectation = Expectation(reference=[took(planned(1), 0.1), took(planned(2), 1_000.0)])
    expectation.learn(took(planned(1), 6.0))
    assert 1_000.0 < (expectation.seconds(planned(2)) or 0.0) < 2_000.0


def test_the_total_is_that_of_all_runs() -> None:
    expectation = Expectation(reference=[took(planned(10), 30.0), took(planned(20), 45.0)])
    assert seconds(expectation, [planned(10), planned(10, 1), planned(20)]) == pytest.approx(105.0)
    assert expectation.total([]) == Estimate(0.0, 0.0, 0.0)


def test_nothing_is_said_while_a_task_is_unknown() -> None:
    expectation = Expectation(reference=[took(planned(10), 30.0)])
    assert expectation.total([planned(10), planned(1, task="texts")]) is None


def test_nothing_is_said_while_most_of_the_work_is_on_backends_that_have_not_run() -> None:
    expectation = Expectation()
    expectation.learn(took(planned(10), 40.0))
    runs = [planned(10, 1), planned(20, backend="numba")]
    assert expectation.total(runs) is None
    assert seconds(expectation, [*runs, planned(10, 2)]) == pytest.approx(160.0)


def test_equal_runs_are_expected_to_take_the_same_to_the_last() -> None:
    expectation = Expectation()
    for seed in range(5):
        expectation.learn(took(planned(10, seed), 26.0))
        left = [planned(10, s) for s in range(seed + 1, 5)]
        assert seconds(expectation, left) == pytest.approx(26.0 * (4 - seed))
