"""How long runs will take, as those that are finished tell: runs of this session, earlier ones here, the reference."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from ntkbench.experiment.plan import PlannedRun
from ntkbench.results.record import RunRecord
from ntkbench.running.stopwatch import ENOUGH, LONG, SAMPLES

# As if so many seconds had gone as expected: a first run of one second, most of it start-up, tells little of a machine.
_TRUST = 10.0
# What two runs have in common, from most to least: all but the seed, all but sizes, the backend, the task.
_ALL, _CHOICES, _BACKEND, _TASK = range(4)


@dataclass(frozen=True)
class Observation:
    """What a run took that ended well or did not apply."""

    run: PlannedRun
    status: str
    seconds: float
    """Of the wall clock, for the whole run."""
    stages: Sequence[float]
    """Seconds of one call of each stage."""

    @property
    def whole(self) -> float:
        """The seconds, with those of earlier processes where the run went on from a checkpoint of theirs."""
        return max(self.seconds, sum(self.stages))

    def scaled(self, run: PlannedRun) -> float:
        """The seconds of a run of another size: its stages as the costs are, and the same outside of them."""
        ratio = run.cost / self.run.cost if run.cost > 0 and self.run.cost > 0 else 1.0
        outside = self.seconds - sum(map(repeated, self.stages))
        return max(outside, 0.0) + sum(repeated(ratio * stage) for stage in self.stages)


def observed(run: PlannedRun, record: RunRecord) -> Observation:
    """What the record of a run tells of the time that it took.

    Args:
        run: The run as it was planned, for its cost.
        record: Its record.
    """
    taken = datetime.fromisoformat(record.finished) - datetime.fromisoformat(record.started)
    # The smallest sample: compilation is over after the first call.
    smallest = {t.stage: t.seconds for t in sorted(record.timings, key=lambda t: -t.seconds)}
    return Observation(run, record.status, taken.total_seconds(), tuple(smallest.values()))


class Expectation:
    """Seconds of runs to come, corrected by how this session compares with what was expected of it.

    The nearest relative decides: a run of the same parameters, else of the same choices and another size, else of the
    same backend, else of any; of equally near ones the session's before the history's before the reference's.

    Args:
        history: Past runs of this machine.
        reference: Past runs of another machine.
    """

    def __init__(self, history: Iterable[Observation] = (), reference: Iterable[Observation] = ()) -> None:
        self._session = _Speeds()
        self._reference, self._history = _Source(), _Source()
        for observation in reference:
            self._reference.speeds.add(observation)
        for observation in history:
            self._reference.compare(observation)
            self._history.speeds.add(observation)

    def learn(self, observation: Observation) -> None:
        """Take account of a run of this session."""
        for source in (self._history, self._reference):
            source.compare(observation)
        self._session.add(observation)

    def seconds(self, run: PlannedRun) -> float | None:
        """The run's wall-clock seconds; None where nothing is known of its task on its device."""
        guess = self._guess(run)
        return None if guess is None else guess.seconds

    def total(self, runs: Iterable[PlannedRun]) -> float | None:
        """Seconds of all these runs; None unless all are known, and most of it by runs on their own backends."""
        total = borrowed = 0.0
        for run in runs:
            guess = self._guess(run)
            if guess is None:
                return None
            total += guess.seconds
            borrowed += guess.seconds if guess.likeness == _TASK else 0.0
        return total if borrowed <= total / 2 else None

    def _guess(self, run: PlannedRun) -> _Guess | None:
        guesses = (self._session.guess(run), self._history.guess(run), self._reference.guess(run))
        return min((g for g in guesses if g is not None), key=lambda g: g.likeness, default=None)


@dataclass(frozen=True)
class _Guess:
    likeness: int
    seconds: float


class _Speeds:
    """Observations, found by what they have in common with a run."""

    def __init__(self) -> None:
        self._alike: defaultdict[tuple[object, ...], list[Observation]] = defaultdict(list)

    def add(self, observation: Observation) -> None:
        for key in _keys(observation.run):
            self._alike[key].append(observation)

    def guess(self, run: PlannedRun) -> _Guess | None:
        for likeness, key in enumerate(_keys(run)):
            found = self._alike.get(key)
            if found and likeness == _ALL:
                return _Guess(likeness, fmean(o.whole for o in found))
            if found:
                # A backend that has not been seen may be as slow as any.
                backends = {o.run.backend for o in found}
                return _Guess(likeness, max(_nearest(run, [o for o in found if o.run.backend == b]) for b in backends))
        return None


class _Source:
    """Speeds of other days or machines, and how runs here compare with them, by backend and device."""

    def __init__(self) -> None:
        self.speeds = _Speeds()
        self._expected: defaultdict[tuple[str, str], float] = defaultdict(lambda: _TRUST)
        self._taken: defaultdict[tuple[str, str], float] = defaultdict(lambda: _TRUST)

    def compare(self, observation: Observation) -> None:
        guess = self.speeds.guess(observation.run)
        if guess is not None and guess.likeness == _ALL:
            key = (observation.run.backend, observation.run.device)
            self._expected[key] += guess.seconds
            self._taken[key] += observation.whole

    def guess(self, run: PlannedRun) -> _Guess | None:
        guess, key = self.speeds.guess(run), (run.backend, run.device)
        if guess is None:
            return None
        return _Guess(guess.likeness, guess.seconds * self._taken[key] / self._expected[key])


def _keys(run: PlannedRun) -> tuple[tuple[object, ...], ...]:
    """What a run may have in common with others, from most to least."""
    params = tuple(sorted(run.params.items()))
    choices = tuple((name, value) for name, value in params if isinstance(value, str | bool))
    task = (run.task, run.task_version, run.device, run.precision)
    return (
        (_ALL, *task, run.backend, params),
        (_CHOICES, *task, run.backend, choices),
        (_BACKEND, *task, run.backend),
        (_TASK, *task),
    )


def _nearest(run: PlannedRun, found: Sequence[Observation]) -> float:
    """The run's seconds by the observation nearest in size; of equal ones the fastest, which had least to start."""

    def distance(o: Observation) -> float:
        return abs(math.log(run.cost / o.run.cost)) if run.cost > 0 and o.run.cost > 0 else math.inf

    return min(found, key=lambda o: (distance(o), o.seconds)).scaled(run)


def repeated(single: float) -> float:
    """Seconds that a stage takes when its stopwatch repeats it.

    Args:
        single: Seconds of one call.
    """
    calls, total = 0, 0.0
    while single < LONG and calls < SAMPLES and total < ENOUGH:
        calls, total = calls + 1, total + single
    return single + total
