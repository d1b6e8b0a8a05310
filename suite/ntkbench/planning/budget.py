"""Which run comes next when time is short: those that a claim waits for first, then the cheapest; what fits alone."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from ntkbench.errors import InputError, brief
from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Claim, Task
from ntkbench.planning.estimate import Estimate
from ntkbench.running.stopwatch import LONG

Seconds = Callable[[PlannedRun], float | None]
"""What a run may take at most, as far as that is known; what fits is decided by it."""
Estimates = Callable[[PlannedRun], Estimate | None]
Resumable = Callable[[PlannedRun], bool]

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_REST, _UNVERIFIED, _VERIFIED = range(3)


def parse_duration(text: str) -> float:
    """Seconds that "90", "90s", "8m" or "1.5h" name.

    Raises:
        InputError: For anything else, and for what is not positive.
    """
    found = re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)([smh]?)", text.strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds < math.inf:
        raise InputError(f"a time is a positive number of seconds, or one with s, m or h, not {brief(text)}")
    return seconds


def at_least(estimates: Estimates, stopped: Mapping[str, float]) -> Estimates:
    """The estimate, but at least as long as an earlier budget saw the run go on, and at most twice that or longer.

    Otherwise each call would begin with the run that it could not end the last time.

    Args:
        estimates: The estimate of a run.
        stopped: By experiment, the seconds after which a budget stopped it.
    """

    def bounded(run: PlannedRun) -> Estimate | None:
        estimate, seen = estimates(run), stopped.get(run.experiment_id)
        if seen is None:
            return estimate
        known = estimate or Estimate(seen, seen, seen)
        seconds = max(known.seconds, seen)
        return Estimate(seconds, max(known.low, seen), max(known.high, 2 * seen, seconds))

    return bounded


def worths(runs: Iterable[PlannedRun], tasks: Mapping[str, Task], measured: Iterable[PlannedRun]) -> dict[str, int]:
    """By experiment, what a run is worth: 2 when a verified claim waits for it, 1 when an unverified one does, else 0.

    A claim waits, on each backend, until as many seeds as it needs have run, and for the cheapest runs that make them
    up.

    Args:
        runs: The runs to be judged.
        tasks: Their tasks, by name.
        measured: The good runs of this machine.

    Returns:
        The worth of each run that is worth anything, by `experiment_id`.
    """
    waiting, done = _by_side(runs), _by_side(measured)
    found: dict[str, int] = {}
    for side, candidates in waiting.items():
        for claim in tasks[side[0]].claims:
            worth = _VERIFIED if claim.verified else _UNVERIFIED
            seeds = {run.seed for run in done.get(side, ()) if _is_about(claim, run)}
            for run in sorted(candidates, key=lambda r: r.cost):
                if len(seeds) < claim.repeats and run.seed not in seeds and _is_about(claim, run):
                    seeds.add(run.seed)
                    found[run.experiment_id] = max(worth, found.get(run.experiment_id, _REST))
    return found


def ordered(
    runs: Sequence[PlannedRun], worth: Mapping[str, int], seconds: Seconds, tried: Collection[str] = ()
) -> list[PlannedRun]:
    """The runs by what they are worth, then the cheapest first.

    Where nothing is known of a task's speed, its smallest run comes early, to tell; once that was tried and still
    nothing is known, the others come last.

    Args:
        runs: The runs to be done.
        worth: What each is worth, as `worths` says.
        seconds: What a run may take at most.
        tried: The names of the tasks of which a run was done.
    """

    def key(run: PlannedRun) -> tuple[float, ...]:
        estimate = seconds(run)
        unknown = math.inf if run.task in tried else 0.0
        return -worth.get(run.experiment_id, _REST), unknown if estimate is None else estimate, run.cost

    return sorted(runs, key=key)


def choose(runs: Sequence[PlannedRun], left: float, seconds: Seconds, resumable: Resumable) -> PlannedRun | None:
    """The first of the runs that fits; one of unknown length does.

    Where none fits, the first that can go on from a checkpoint: what it gets done is not lost, unless there is less
    time than it takes to leave one.

    Args:
        runs: The runs in their order.
        left: Seconds that are left.
        seconds: What a run may take at most.
        resumable: Whether a run, stopped, will go on from there.

    Returns:
        The run to do next; None when time is up.
    """
    if left <= 0:
        return None
    fitting = next((run for run in runs if (seconds(run) or 0.0) <= left), None)
    return next(filter(resumable, runs), None) if fitting is None and left >= LONG else fitting


def in_turn(
    runs: Iterable[PlannedRun],
    tasks: Mapping[str, Task],
    measured: Iterable[PlannedRun],
    seconds: Seconds,
    left: Callable[[], float],
    resumable: Resumable = lambda run: False,
) -> Iterator[PlannedRun]:
    """The runs to be done, each chosen when it is asked for, by what is known then.

    A run that was handed out counts as measured from then on: one that failed is not made up for by dearer ones.

    Args:
        runs: The runs to be done.
        tasks: Their tasks, by name.
        measured: The good runs of this machine.
        seconds: What a run may take at most.
        left: Seconds that are left when it is called.
        resumable: Whether a run, stopped, will go on from there.
    """
    waiting, known = list(runs), list(measured)
    tried: set[str] = set()
    while waiting:
        chosen = choose(ordered(waiting, worths(waiting, tasks, known), seconds, tried), left(), seconds, resumable)
        if chosen is None:
            return
        waiting.remove(chosen)
        yield chosen
        tried.add(chosen.task)
        known.append(chosen)


def _by_side(runs: Iterable[PlannedRun]) -> dict[tuple[str, str, str, str], list[PlannedRun]]:
    """The runs by task, backend, device and precision."""
    found: defaultdict[tuple[str, str, str, str], list[PlannedRun]] = defaultdict(list)
    for run in runs:
        found[run.task, run.backend, run.device, run.precision].append(run)
    return found


def _is_about(claim: Claim, run: PlannedRun) -> bool:
    return all(run.params.get(name) == value for name, value in claim.where.items())
