"""How long runs will take, as those that are finished tell: runs of this session, earlier ones here, the reference."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from ntkbench.experiment.plan import PlannedRun
from ntkbench.planning.estimate import Errors, Estimate, Guess
from ntkbench.results.record import RunRecord
from ntkbench.running.stopwatch import REPEATS

# As if so many seconds, or that share of a run to come, had gone as expected: a first run of one second, most of it
# start-up, tells little of a machine, and nothing of runs that take minutes.
_TRUST, _TRUST_SHARE = 0.5, 0.02
# Each later run leaves this share of what the runs before it tell: of a backend's speed here, which stays, and of how
# busy the machine is, which changes.
_KEEP, _KEEP_PACE = 0.9, 0.6
# What two runs have in common, from most to least: all but the seed, all but sizes, the backend, the task.
_ALL, _CHOICES, _BACKEND, _TASK = range(4)
# The factor by which a run may differ from one that has that in common, and that from another machine's.
_DOUBT, _DOUBT_ELSEWHERE = (1.3, 2.0, 3.0, 4.0), 1.5


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
        outside = self.seconds - sum(map(REPEATS.seconds, self.stages))
        return max(outside, 0.0) + sum(REPEATS.seconds(ratio * stage) for stage in self.stages)


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
        self._session, self._history, self._reference = _Source(), _Source(), _Source(_DOUBT_ELSEWHERE)
        self._errors = Errors()
        for observation in reference:
            self._reference.speeds.add(observation)
        for observation in history:
            self._reference.compare(observation)
            self._history.speeds.add(observation)

    def learn(self, observation: Observation) -> None:
        """Take account of a run of this session."""
        expected = self.seconds(observation.run)
        if expected is not None:
            self._errors.add(expected, observation.whole)
        for source in (self._session, self._history, self._reference):
            source.compare(observation)
        self._session.speeds.add(observation)

    def seconds(self, run: PlannedRun) -> float | None:
        """The run's wall-clock seconds; None where nothing is known of its task on its device."""
        guess = self._guess(run)
        return None if guess is None else guess.seconds

    def estimate(self, run: PlannedRun) -> Estimate | None:
        """The run's wall-clock seconds as a range; None where nothing is known of its task on its device."""
        guess = self._guess(run)
        return None if guess is None else self._errors.estimate([guess])

    def total(self, runs: Iterable[PlannedRun]) -> Estimate | None:
        """Seconds of all these runs; None unless all are known, and most of it by runs on their own backends."""
        guesses: list[Guess] = []
        borrowed = 0.0
        for run in runs:
            guess = self._guess(run)
            if guess is None:
                return None
            guesses.append(guess)
            borrowed += guess.seconds if guess.likeness == _TASK else 0.0
        total = self._errors.estimate(guesses)
        return total if borrowed <= total.seconds / 2 else None

    def _guess(self, run: PlannedRun) -> _Guess | None:
        guesses = (self._session.guess(run), self._history.guess(run), self._reference.guess(run))
        return min((g for g in guesses if g is not None), key=lambda g: g.likeness, default=None)


@dataclass(frozen=True)
class _Guess(Guess):
    """A guess, and what the run has in common with the one that it is made by."""

    likeness: int


class _Speeds:
    """Observations, found by what they have in common with a run."""

    def __init__(self) -> None:
        self._alike: defaultdict[tuple[object, ...], list[Observation]] = defaultdict(list)

    def add(self, observation: Observation) -> None:
        for key in _keys(observation.run):
            self._alike[key].append(observation)

    def likest(self, run: PlannedRun) -> tuple[int, float] | None:
        """What the run has in common with those that are most like it, and its seconds by them."""
        for likeness, key in enumerate(_keys(run)):
            found = self._alike.get(key)
            if found and likeness == _ALL:
                return likeness, fmean(o.whole for o in found)
            if found:
                # A backend that has not been seen may be as slow as any.
                backends = {o.run.backend for o in found}
                return likeness, max(_nearest(run, [o for o in found if o.run.backend == b]) for b in backends)
        return None


class _Ratio:
    """How long runs take, as a multiple of what was expected; each later run leaves the share `keep` of the earlier."""

    def __init__(self, keep: float) -> None:
        self._keep, self._expected, self._taken = keep, 0.0, 0.0

    def add(self, expected: float, taken: float) -> None:
        self._expected = self._keep * self._expected + expected
        self._taken = self._keep * self._taken + taken

    def ratio(self, seconds: float) -> float:
        """The multiple for a run of so many seconds."""
        trust = max(_TRUST, _TRUST_SHARE * seconds)
        return (self._taken + trust) / (self._expected + trust)


class _Source:
    """Speeds of other days, machines or of this session, and how runs here and now compare with them.

    Each backend and device has a speed of its own, which stays; all have the pace of the last few runs in common: a
    machine gets busy, and idle again.

    Args:
        doubt: The factor by which runs may differ because they took place elsewhere.
    """

    def __init__(self, doubt: float = 1.0) -> None:
        self.speeds = _Speeds()
        self._doubt = doubt
        self._ratios: defaultdict[tuple[str, str], _Ratio] = defaultdict(lambda: _Ratio(_KEEP))
        self._pace = _Ratio(_KEEP_PACE)

    def compare(self, observation: Observation) -> None:
        found = self.speeds.likest(observation.run)
        if found is not None and found[0] == _ALL:
            own = self._ratios[observation.run.backend, observation.run.device]
            own.add(found[1], observation.whole)
            # What its own speed does not explain.
            self._pace.add(found[1] * own.ratio(found[1]), observation.whole)

    def guess(self, run: PlannedRun) -> _Guess | None:
        found = self.speeds.likest(run)
        if found is None:
            return None
        likeness, seconds = found
        ratio = self._ratios[run.backend, run.device].ratio(seconds) * self._pace.ratio(seconds)
        return _Guess(seconds * ratio, _DOUBT[likeness] * self._doubt, likeness)


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
