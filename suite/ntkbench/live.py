"""Shows a run in progress: bars with stage and time left on a terminal, else one line a finished run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from ntkbench import formats
from ntkbench.cli import mute
from ntkbench.plan import PlannedRun
from ntkbench.record import RunRecord
from ntkbench.stopwatch import LONG

if TYPE_CHECKING:
    from rich.progress import Progress

# What `stopwatch.measure` adds to the first call of a stage that is shorter than LONG.
_REPEATS = 5
_ENOUGH = 2.0  # seconds


class Display(Protocol):
    """Told what happens."""

    def stage(self, run: PlannedRun, stage: str, share: float | None) -> None:
        """A stage of `run` begins, or is so far."""

    def finished(self, record: RunRecord) -> None:
        """A run has ended, well or not."""


@dataclass(frozen=True)
class _Speed:
    """What the largest run of a task on a backend tells about the next ones."""

    cost: float
    rate: float  # seconds for a unit of cost: all stages called once, steady
    overhead: float  # seconds outside the stages

    def wall(self, run: PlannedRun) -> float:
        return self.overhead + repeated(self.rate * run.cost)


class Estimate:
    """Seconds left of some runs, from the stages of those that are finished."""

    def __init__(self, runs: Sequence[PlannedRun]) -> None:
        self._left = {r.experiment_id: r for r in runs}
        self._speeds: dict[tuple[str, str], _Speed] = {}  # by task and backend; costs of two tasks do not compare

    def finished(self, record: RunRecord, seconds: float) -> None:
        """A run has ended after so many seconds, well or not."""
        run = self._left.pop(record.experiment_id, None)
        if run is None or run.cost <= 0 or not record.timings:
            return
        key = (run.task, run.backend)
        # The larger run is less about start-up and more about what is to come.
        if key not in self._speeds or run.cost >= self._speeds[key].cost:
            # The smallest sample: compilation is over after the first call.
            smallest = {t.stage: t.seconds for t in sorted(record.timings, key=lambda t: -t.seconds)}
            outside = seconds - sum(t.seconds for t in record.timings)
            self._speeds[key] = _Speed(run.cost, sum(smallest.values()) / run.cost, max(outside, 0.0))

    def seconds(self, elapsed: float = 0.0) -> float | None:
        """The estimate, `elapsed` seconds after the last run ended.

        None while less than half of any task's remaining cost is on backends whose speed is known.
        """
        for task in {r.task for r in self._left.values()}:
            runs = [r for r in self._left.values() if r.task == task]
            known = sum(r.cost for r in runs if (task, r.backend) in self._speeds)
            if not any(t == task for t, _ in self._speeds) or known < 0.5 * sum(r.cost for r in runs):
                return None
        walls = [self._speed(r).wall(r) for r in self._left.values()]
        return sum(walls) - min(elapsed, walls[0]) if walls else 0.0

    def _speed(self, run: PlannedRun) -> _Speed:
        own = self._speeds.get((run.task, run.backend))
        # A backend that has not been seen may be as slow as any.
        return own or max((s for (t, _), s in self._speeds.items() if t == run.task), key=lambda s: s.rate)


def repeated(single: float) -> float:
    """Seconds that a stage takes when its stopwatch repeats it, from those of one call."""
    calls, total = 0, 0.0
    while single < LONG and calls < _REPEATS and total < _ENOUGH:
        calls, total = calls + 1, total + single
    return single + total


def summary(record: RunRecord, number: int, total: int, seconds: float, left: float | None) -> str:
    """One line for a finished run."""
    params = " ".join(f"{k}={v}" for k, v in record.params.items())
    figure = f"{record.metrics[0].name} {record.metrics[0].value:.4g}" if record.metrics else record.reason
    rest = "" if left is None or number == total else f", {roughly(left)} left"
    status = "" if record.status == "ok" else f" {record.status}"
    return f"[{number}/{total}] {record.task} {record.backend} {params} seed={record.seed}:{status} {figure} " \
           f"({formats.seconds(seconds)}{rest})"  # fmt: skip


def roughly(seconds: float) -> str:
    """A time to come, no more exact than it is known: a few seconds, about 20 s, about 4 min, about 2.5 h."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 100:
        return f"about {10 * round(seconds / 10)} s"
    if seconds < 100 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


class _Lines:
    def __init__(self, runs: Sequence[PlannedRun]) -> None:
        self._estimate, self._total, self._number = Estimate(runs), len(runs), 0
        self._since = time.monotonic()

    def stage(self, run: PlannedRun, stage: str, share: float | None) -> None:
        pass

    def finished(self, record: RunRecord) -> None:
        seconds, self._since = time.monotonic() - self._since, time.monotonic()
        self._number += 1
        self._estimate.finished(record, seconds)
        self.write(summary(record, self._number, self._total, seconds, self._estimate.seconds()))

    def write(self, line: str) -> None:
        try:
            print(line, flush=True)
        except BrokenPipeError:
            # Whoever read the lines has gone; the runs go on.
            mute()


class _Bars(_Lines):
    def __init__(self, runs: Sequence[PlannedRun], bars: Progress) -> None:
        super().__init__(runs)
        self._bars = bars
        self._all = bars.add_task("all runs", total=len(runs), left=self._left)
        self._one = bars.add_task("", total=None, left=lambda: "")

    def stage(self, run: PlannedRun, stage: str, share: float | None) -> None:
        total = None if share is None else 1.0
        params = " ".join(str(v) for v in run.params.values())
        what = f"{run.task} {run.backend} {params} seed={run.seed}: {stage}"
        self._bars.update(self._one, description=what, total=total, completed=share or 0.0)

    def write(self, line: str) -> None:
        self._bars.console.print(line, markup=False, highlight=False)
        self._bars.update(self._all, completed=self._number)
        self._bars.reset(self._one, total=None, description="")

    def _left(self) -> str:
        left = self._estimate.seconds(time.monotonic() - self._since)
        return "" if left is None or self._number == self._total else f"{roughly(left)} left"


@contextmanager
def live(runs: Sequence[PlannedRun]) -> Iterator[Display]:
    """A display for these runs, on standard output."""
    if not sys.stdout.isatty() or find_spec("rich") is None:
        yield _Lines(runs)
        return
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Left(ProgressColumn):
        """Asks anew each time that the bars are drawn, so that the time left counts down within a long run."""

        def render(self, task: Task) -> Text:
            return Text(task.fields["left"]())

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn(), Left())
    with Progress(*columns, transient=True) as bars:
        yield _Bars(runs, bars)
