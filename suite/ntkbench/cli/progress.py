"""Shows a run in progress: bars with stage and time left on a terminal, else one line a finished run."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from ntkbench import formats
from ntkbench.experiment.plan import PlannedRun
from ntkbench.planning.estimate import Estimate
from ntkbench.planning.expectation import Expectation
from ntkbench.results.record import RunRecord

if TYPE_CHECKING:
    from rich.progress import Progress


class Display(Protocol):
    """Told what happens."""

    def stage(self, run: PlannedRun, stage: str, share: float | None) -> None:
        """A stage of `run` begins, or is so far."""

    def finished(self, record: RunRecord) -> None:
        """A run has ended, well or not."""


def summary(record: RunRecord, number: int, total: int, seconds: float, left: Estimate | None) -> str:
    """One line for a finished run."""
    params = " ".join(f"{k}={v}" for k, v in record.params.items())
    figure = f"{record.metrics[0].name} {record.metrics[0].value:.4g}" if record.metrics else record.reason
    rest = "" if left is None or number == total else f", {roughly(left.low, left.high)} left"
    status = "" if record.status == "ok" else f" {record.status}"
    return f"[{number}/{total}] {record.task} {record.backend} {params} seed={record.seed}:{status} {figure} " \
           f"({formats.seconds(seconds)}{rest})"  # fmt: skip


def roughly(low: float, high: float) -> str:
    """A time to come, no more exact than it is known: a few seconds, about 10 to 30 s, about 4 min, up to 2.5 h.

    Args:
        low: The least seconds that it may be.
        high: The most seconds.
    """
    if high < 10:
        return "a few seconds"
    if high < 100:
        unit, ends = "s", [f"{10 * round(seconds / 10)}" for seconds in (low, high)]
    elif high < 100 * 60:
        unit, ends = "min", [f"{round(seconds / 60)}" for seconds in (low, high)]
    else:
        unit, ends = "h", [f"{seconds / 3600:.1f}" for seconds in (low, high)]
    if ends[0] == ends[1]:
        return f"about {ends[1]} {unit}"
    return f"up to {ends[1]} {unit}" if float(ends[0]) == 0 else f"about {ends[0]} to {ends[1]} {unit}"


class _Lines:
    def __init__(self, runs: Sequence[PlannedRun], expectation: Expectation, until: float) -> None:
        self._expectation, self._until = expectation, until
        self._left = {r.experiment_id: r for r in runs}
        self._total, self._number = len(runs), 0
        self._since, self._expected = time.monotonic(), expectation.total(runs)

    def stage(self, run: PlannedRun, stage: str, share: float | None) -> None:
        pass

    def finished(self, record: RunRecord) -> None:
        seconds, self._since = time.monotonic() - self._since, time.monotonic()
        self._number += 1
        self._left.pop(record.experiment_id, None)
        # Once a run: bars ask for it many times a second.
        self._expected = self._expectation.total(self._left.values())
        self.write(summary(record, self._number, self._total, seconds, self._still_left(None)))

    def _still_left(self, present: Estimate | None) -> Estimate | None:
        """What is expected of the runs that are left, no longer than the budget.

        Args:
            present: What was expected of the run that goes on since `_since`; None where there is none.
        """
        left = (
            self._expected
            if present is None or self._expected is None
            else self._expected.after(time.monotonic() - self._since, present)
        )
        return None if left is None else left.at_most(max(0.0, self._until - time.monotonic()))

    def write(self, line: str) -> None:
        print(line, flush=True)


class _Silence:
    def stage(self, run: PlannedRun, stage: str, share: float | None) -> None:
        pass

    def finished(self, record: RunRecord) -> None:
        pass


@contextmanager
def silent() -> Iterator[Display]:
    """A display that shows nothing."""
    yield _Silence()


class _Bars(_Lines):
    def __init__(self, runs: Sequence[PlannedRun], expectation: Expectation, until: float, bars: Progress) -> None:
        super().__init__(runs, expectation, until)
        self._bars = bars
        self._present: Estimate | None = None
        self._all = bars.add_task("all runs", total=len(runs), left=self._words_left)
        self._one = bars.add_task("", total=None, left=lambda: "")

    def stage(self, run: PlannedRun, stage: str, share: float | None) -> None:
        total = None if share is None else 1.0
        params = " ".join(str(v) for v in run.params.values())
        what = f"{run.task} {run.backend} {params} seed={run.seed}: {stage}"
        self._bars.update(self._one, description=what, total=total, completed=share or 0.0)
        if share is None:
            self._present = self._expectation.estimate(run)

    def write(self, line: str) -> None:
        self._bars.console.print(line, markup=False, highlight=False)
        self._bars.update(self._all, completed=self._number)
        self._bars.reset(self._one, total=None, description="")
        self._present = None

    def _words_left(self) -> str:
        left = self._still_left(self._present)
        return "" if left is None or self._number == self._total else f"{roughly(left.low, left.high)} left"


@contextmanager
def live(runs: Sequence[PlannedRun], expectation: Expectation, until: float = math.inf) -> Iterator[Display]:
    """A display for these runs, on standard output; they stop at the moment `until` of `time.monotonic`.

    The caller lets the expectation learn of a record before it shows it here.
    """
    if not sys.stdout.isatty() or find_spec("rich") is None:
        yield _Lines(runs, expectation, until)
        return
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Left(ProgressColumn):
        """Asks anew each time that the bars are drawn, so that the time left counts down within a long run."""

        def render(self, task: Task) -> Text:
            return Text(task.fields["left"]())

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn(), Left())
    with Progress(*columns, transient=True) as bars:
        yield _Bars(runs, expectation, until, bars)
