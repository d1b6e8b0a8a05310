"""Which run comes next when time is short, on plans whose order can be told by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import pytest

from ntkbench.errors import InputError
from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Claim, Metric, Task, Tier
from ntkbench.planning.budget import at_least, choose, in_turn, ordered, parse_duration, worths
from ntkbench.planning.estimate import Estimate


def function(ctx: object, n: int, kind: str) -> None: ...


CLAIMS = (
    Claim("from memory", metric="m", value=1.0, tolerance=0.1, source="memory", where={"n": 3}),
    Claim("read", metric="m", value=1.0, tolerance=0.1, source="a paper", where={"n": 4}, verified=True),
    Claim(
        "of three seeds",
        metric="m",
        value=1.0,
        tolerance=0.1,
        source="a paper",
        where={"n": 2},
        verified=True,
        repeats=3,
    ),
)
TASKS = {
    "t": Task("t", "T", "s", "", function, (Metric("m", "1"),), (Tier("smoke", n=1, kind="a"),), claims=CLAIMS),
    "u": Task("u", "U", "s", "", function, (Metric("m", "1"),), (Tier("smoke", n=1, kind="a"),)),
}


def planned(n: int, seed: int = 0, *, task: str = "t", backend: str = "jax", kind: str = "a") -> PlannedRun:
    return PlannedRun(
        task, 1, "smoke", {"n": n, "kind": kind}, backend, "cpu", "float32", seed, None, None, cost=float(n)
    )


def seconds(run: PlannedRun) -> float:
    """As if each unit of cost took a second."""
    return run.cost


def names(runs: Iterable[PlannedRun]) -> list[tuple[object, ...]]:
    return [(run.task, run.params["n"], run.seed) for run in runs]


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90.0), ("90s", 90.0), ("8m", 480.0), ("1.5h", 5400.0), (".5", 0.5), ("2.m", 120.0), (" 8m ", 480.0)],
)
def test_a_time_is_a_number_with_or_without_a_unit(text: str, value: float) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize(
    "text", ["", "m", "8x", "8 m", "-8m", "0", "0m", "nan", "inf", "1e3", "8m30s", "٣m", "8M", "9" * 400, "\udcff"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^a time is a positive number of seconds, or one with s, m or h, not"):
        parse_duration(text)


def test_a_run_is_worth_what_the_best_claim_is_that_waits_for_it() -> None:
    runs = [planned(n) for n in (1, 3, 4)]
    assert worths(runs, TASKS, []) == {runs[1].experiment_id: 1, runs[2].experiment_id: 2}


def test_a_claim_that_is_judged_waits_for_nothing_more() -> None:
    more = planned(4, kind="b")
    assert worths([more], TASKS, []) == {more.experiment_id: 2}
    assert worths([more], TASKS, [planned(4)]) == {}


def test_a_claim_waits_on_each_backend_of_its_own() -> None:
    on_torch = planned(4, backend="torch")
    assert worths([on_torch], TASKS, [planned(4)]) == {on_torch.experiment_id: 2}


def test_a_claim_waits_for_the_seeds_that_it_needs_and_no_more() -> None:
    runs = [planned(2, seed) for seed in range(5)]
    assert list(worths(runs, TASKS, [])) == [run.experiment_id for run in runs[:3]]
    measured = [planned(2, seed) for seed in (0, 4)]
    assert list(worths(runs[1:4], TASKS, measured)) == [runs[1].experiment_id]


def test_of_several_runs_that_a_claim_could_be_judged_by_the_cheapest_counts() -> None:
    claims = (Claim("of every run", metric="m", value=0.0, tolerance=1.0, source="exact", verified=True, over="worst"),)
    tasks = {"t": replace(TASKS["t"], claims=claims)}
    runs = [planned(n) for n in (9, 1, 5)]
    assert worths(runs, tasks, []) == {runs[1].experiment_id: 2}


def test_claims_come_first_and_then_the_cheapest() -> None:
    runs = [planned(n) for n in (9, 3, 1, 4, 5)]
    assert names(ordered(runs, worths(runs, TASKS, []), seconds)) == [("t", n, 0) for n in (4, 3, 1, 5, 9)]


def test_the_cheapest_is_the_one_that_takes_the_least_time_whatever_its_cost() -> None:
    slow, fast = planned(1, task="u"), planned(9, task="u", backend="torch")
    assert ordered([slow, fast], {}, lambda run: 8.0 if run is fast else 60.0) == [fast, slow]


def test_of_what_is_unknown_the_smallest_comes_early_and_the_rest_last_once_it_told_nothing() -> None:
    runs = [planned(1, task="t"), planned(5, task="u"), planned(6, task="u")]

    def only_t(run: PlannedRun) -> float | None:
        return run.cost if run.task == "t" else None

    assert names(ordered(runs, {}, only_t)) == [("u", 5, 0), ("u", 6, 0), ("t", 1, 0)]
    assert names(ordered(runs, {}, only_t, tried={"u"})) == [("t", 1, 0), ("u", 5, 0), ("u", 6, 0)]


def test_the_first_that_fits_is_chosen() -> None:
    runs = [planned(n) for n in (9, 5, 3)]
    assert [choose(runs, left, seconds, lambda run: False) for left in (9.0, 8.9, 3.0, 2.9, 0.0, -1.0)] == [
        runs[0], runs[1], runs[2], None, None, None,
    ]  # fmt: skip


def test_what_can_go_on_from_a_checkpoint_is_begun_when_nothing_fits_and_only_then() -> None:
    runs = [planned(n) for n in (900, 800, 30)]

    def resumable(run: PlannedRun) -> bool:
        return run.params["n"] == 800

    assert choose(runs, 40.0, seconds, resumable) is runs[2]
    assert choose(runs[:2], 40.0, seconds, resumable) is runs[1]
    # Nothing is written to the disk before twenty seconds of work.
    assert choose(runs[:2], 19.9, seconds, resumable) is None
    assert choose(runs[:2], 0.0, seconds, resumable) is None


def test_an_unknown_run_is_tried_while_there_is_time() -> None:
    run = planned(5)
    assert choose([run], 0.1, lambda run: None, lambda run: False) is run
    assert choose([run], 0.0, lambda run: None, lambda run: False) is None


def test_runs_are_handed_out_as_long_as_one_fits() -> None:
    runs = [planned(n, task="u") for n in (7, 5, 4, 2)]
    given: list[PlannedRun] = []
    for run in in_turn(runs, TASKS, [], seconds, lambda: 12.0 - sum(map(seconds, given))):
        given.append(run)
    assert names(given) == [("u", 2, 0), ("u", 4, 0), ("u", 5, 0)]


def test_what_was_learnt_from_one_run_decides_on_the_next() -> None:
    runs = [planned(n, task="u") for n in (50, 3, 10)]
    given: list[PlannedRun] = []

    def learnt(run: PlannedRun) -> float | None:
        # Four seconds for a unit of cost, as the first run shows: 12, then 40, and 200 for the largest.
        return 4 * run.cost if given else None

    for run in in_turn(runs, TASKS, [], learnt, lambda: 100.0 - sum(4 * run.cost for run in given)):
        given.append(run)
    assert names(given) == [("u", 3, 0), ("u", 10, 0)]


def test_a_run_that_judged_a_claim_takes_the_worth_of_the_others() -> None:
    runs = [planned(4), planned(4, kind="b"), planned(1)]
    assert names(in_turn(runs, TASKS, [], seconds, lambda: math.inf)) == [("t", 4, 0), ("t", 1, 0), ("t", 4, 0)]


def test_a_run_that_a_budget_ended_in_may_take_twice_as_long_as_it_was_seen_to() -> None:
    stopped, other = planned(5), planned(6)

    def estimate(run: PlannedRun) -> Estimate:
        return Estimate(run.cost, 0.5 * run.cost, 1.5 * run.cost)

    bounded = at_least(estimate, {stopped.experiment_id: 100.0})
    assert (bounded(stopped), bounded(other)) == (Estimate(100.0, 100.0, 200.0), Estimate(6.0, 3.0, 9.0))
    assert at_least(estimate, {stopped.experiment_id: 3.0})(stopped) == Estimate(5.0, 3.0, 7.5)
    assert at_least(lambda run: None, {stopped.experiment_id: 1.0})(stopped) == Estimate(1.0, 1.0, 2.0)
    assert at_least(lambda run: None, {})(stopped) is None
