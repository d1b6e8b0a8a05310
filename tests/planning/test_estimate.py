"""Ranges of time to come: their arithmetic, and simulated sessions in which the truth is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence

import pytest

from ntkbench.errors import InputError
from ntkbench.experiment.plan import PlannedRun
from ntkbench.planning.estimate import Errors, Estimate, Guess
from ntkbench.planning.expectation import Expectation, Observation


@pytest.mark.parametrize("ends", [(5.0, 6.0, 7.0), (5.0, 4.0, 3.0), (5.0, -1.0, 7.0)])
def test_a_range_is_in_order(ends: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="no range of seconds"):
        Estimate(*ends)


def test_before_any_run_the_range_of_one_is_its_doubt() -> None:
    # The errors of a single run and the shared one are alike: together the square root of two.
    found = Errors().estimate([Guess(100.0, 2.0)])
    assert found.seconds == pytest.approx(100.0)
    assert (found.low, found.high) == pytest.approx((100.0 * 2.0 ** -(2**0.5), 100.0 * 2.0**2**0.5))


def test_errors_of_single_runs_even_out_and_shared_ones_do_not() -> None:
    found = Errors().estimate([Guess(1.0, 2.0)] * 10_000)
    assert found.high / found.seconds == pytest.approx(2.0, rel=1e-3)


def test_runs_that_went_as_expected_narrow_the_range_and_one_that_did_not_widens_it() -> None:
    errors, widths = Errors(), []
    for taken in (10.0, 10.0, 10.0, 30.0):
        errors.add(10.0, taken)
        found = errors.estimate([Guess(10.0, 2.0)] * 3)
        widths.append(found.high / found.low)
    assert widths[0] > widths[1] > widths[2]
    assert widths[3] > widths[0]


def test_short_runs_tell_little_of_long_ones() -> None:
    short, long = Errors(), Errors()
    for _ in range(5):
        short.add(0.1, 0.1)
        long.add(100.0, 100.0)
    guesses = [Guess(100.0, 2.0)]
    assert short.estimate(guesses).high == pytest.approx(Errors().estimate(guesses).high, rel=0.01)
    assert long.estimate(guesses).high < 0.6 * short.estimate(guesses).high


def test_what_is_left_counts_down_to_the_other_runs() -> None:
    whole, present = Estimate(100.0, 80.0, 130.0), Estimate(20.0, 15.0, 30.0)
    assert whole.after(10.0, present) == Estimate(90.0, 70.0, 120.0)
    assert whole.after(20.0, present) == Estimate(80.0, 60.0, 110.0)
    assert whole.after(30.0, present) == Estimate(80.0, 60.0, 100.0)
    # Three times what it should have taken at most: so may the others.
    assert whole.after(90.0, present) == Estimate(80.0, 60.0, 300.0)
    assert whole.at_most(90.0) == Estimate(90.0, 80.0, 90.0)


def planned(n: int, seed: int, backend: str) -> PlannedRun:
    return PlannedRun("images", 1, "smoke", {"n": n}, backend, "cpu", "float32", seed, None, None, cost=float(n))


BACKENDS = ("jax", "torch", "numba")
RUNS = [planned(round(5 * 1.15**k), seed, backend) for k in range(20) for backend in BACKENDS for seed in range(2)]


def session(chance: random.Random, known: str, slower: Callable[[int], float]) -> list[tuple[Estimate | None, float]]:
    """After each run of a simulated session, what is expected of the rest and what it takes.

    What is `known` before is off by a factor for each backend where it is from another machine, and each run by some
    15 % everywhere; run k takes `slower(k)` times as long as that.
    """
    before = {key: key[0] * math.exp(chance.gauss(0, 0.3)) for key in dict.fromkeys((r.cost, r.backend) for r in RUNS)}
    seen = [observation(run, before[run.cost, run.backend]) for run in RUNS]
    expectation = {
        "reference": lambda: Expectation(reference=seen),
        "history": lambda: Expectation(history=seen),
        "nothing": Expectation,
    }[known]()
    factor = {b: math.exp(chance.gauss(0, 0.5 if known == "reference" else 0.0)) for b in BACKENDS}
    taken = [
        before[run.cost, run.backend] * factor[run.backend] * math.exp(chance.gauss(0, 0.15)) * slower(k)
        for k, run in enumerate(RUNS)
    ]
    found = []
    for k, run in enumerate(RUNS):
        found.append((expectation.total(RUNS[k:]), sum(taken[k:])))
        expectation.learn(observation(run, taken[k]))
    return found


def observation(run: PlannedRun, seconds: float) -> Observation:
    return Observation(run, "ok", seconds, (seconds,))


def share_inside(found: Sequence[tuple[Estimate | None, float]]) -> float:
    known = [estimate.low <= truth <= estimate.high for estimate, truth in found if estimate is not None]
    return sum(known) / len(known)


def nearly_always(held: Iterable[bool]) -> bool:
    """In nine of ten simulated sessions, which differ by chance."""
    sessions = list(held)
    return sum(sessions) >= 0.9 * len(sessions)


KNOWN = ("reference", "history", "nothing")


@pytest.mark.parametrize("known", KNOWN)
def test_the_range_holds_the_truth_and_narrows(known: str) -> None:
    sessions = [session(random.Random(number), known, lambda k: 1.0) for number in range(20)]
    assert share_inside([step for steps in sessions for step in steps]) > 0.85
    widths = [[estimate.high / estimate.low for estimate, _ in steps if estimate is not None] for steps in sessions]
    assert nearly_always(min(each) < 2.0 for each in widths)
    # A session that knows this machine begins narrow.
    assert known == "history" or nearly_always(each[60] < 0.8 * each[0] for each in widths)


@pytest.mark.parametrize("known", KNOWN)
def test_a_machine_that_is_suddenly_three_times_slower_is_told_within_a_few_runs(known: str) -> None:
    half = len(RUNS) // 2
    sessions = [session(random.Random(number), known, lambda k: 3.0 if k >= half else 1.0) for number in range(20)]
    told = []
    for steps in sessions:
        estimate, truth = steps[half]
        assert estimate is not None
        assert estimate.high < truth  # nobody could know
        later = [e.seconds / t for e, t in steps[half + 6 : half + 20] if e is not None]
        told.append(sum(later) / len(later))
    assert nearly_always(share > 0.7 for share in told)
    assert share_inside([step for steps in sessions for step in steps[half + 5 : half + 20]]) > 0.85
