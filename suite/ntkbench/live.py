"""Shows a run in progress: bars with stage and time left on a terminal, else one line a finished run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ntkbench.plan import PlannedRun
from ntkbench.record import RunRecord

if TYPE_CHECKING:
    from rich.progress import Progress


class Display(Protocol):
    """Told what happens."""

    def stage(self, run: PlannedRun, stage: str, share: float | None) -> None:
        """A stage of `run` begins, or is so far."""

    def finished(self, record: RunRecord) -> None:
        """A run has ended, well or not."""


class Estimate:
    """Seconds left, from each backend's speed so far; None before any backend has one."""

    def __init__(self, runs: Sequence[PlannedRun]) -> None:
        self._left = {r.experiment_id: r for r in runs}
        self._spent: dict[str, tuple[float, float]] = {}  # backend -> cost, seconds

    def finished(self, experiment_id: str, seconds: float) -> None:
        """A run ended after so many seconds."""
        run = self._left.pop(experiment_id, None)
        if run is not None:
            cost, spent = self._spent.get(run.backend, (0.0, 0.0))
            self._spent[run.backend] = (cost + run.cost, spent + seconds)

    def seconds(self) -> float | None:
        """The estimate, without what the present run has done already."""
        if not self._spent:
            return None
        slowest = max(spent / max(cost, 1e-300) for cost, spent in self._spent.values())
        total = 0.0
        for run in self._left.values():
            cost, spent = self._spent.get(run.backend, (0.0, 0.0))
            total += run.cost * (spent / cost if cost else slowest)
        return total


def summary(record: RunRecord, number: int, total: int, seconds: float, left: float | None) -> str:
    """One line for a finished run."""
    params = " ".join(f"{k}={v}" for k, v in record.params.items())
    figure = f"{record.metrics[0].name} {record.metrics[0].value:.4g}" if record.metrics else record.reason
    rest = "" if left is None or number == total else f", about {duration(left)} left"
    status = "" if record.status == "ok" else f" {record.status}"
    return f"[{number}/{total}] {record.task} {record.backend} {params} seed={record.seed}:{status} {figure} " \
           f"({duration(seconds)}{rest})"  # fmt: skip


def duration(seconds: float) -> str:
    """Seconds for people: 0.4 s, 12 s, 3 min 20 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class _Lines:
    def __init__(self, runs: Sequence[PlannedRun]) -> None:
        self._estimate, self._total, self._number = Estimate(runs), len(runs), 0
        self._since = time.monotonic()

    def stage(self, run: PlannedRun, stage: str, share: float | None) -> None:
        pass

    def finished(self, record: RunRecord) -> None:
        seconds, self._since = time.monotonic() - self._since, time.monotonic()
        self._number += 1
        self._estimate.finished(record.experiment_id, seconds)
        self.write(summary(record, self._number, self._total, seconds, self._estimate.seconds()))

    def write(self, line: str) -> None:
        print(line, flush=True)


class _Bars(_Lines):
    def __init__(self, runs: Sequence[PlannedRun], bars: Progress) -> None:
        super().__init__(runs)
        self._bars = bars
        self._all = bars.add_task("all runs", total=len(runs))
        self._one = bars.add_task("", total=None)

    def stage(self, run: PlannedRun, stage: str, share: float | None) -> None:
        total = None if share is None else 1.0
        params = " ".join(str(v) for v in run.params.values())
        what = f"{run.task} {run.backend} {params} seed={run.seed}: {stage}"
        self._bars.update(self._one, description=what, total=total, completed=share or 0.0)

    def write(self, line: str) -> None:
        self._bars.console.print(line, markup=False, highlight=False)
        left = self._estimate.seconds()
        text = "all runs" + (f", about {duration(left)} left" if left else "")
        self._bars.update(self._all, completed=self._number, description=text)


@contextmanager
def live(runs: Sequence[PlannedRun]) -> Iterator[Display]:
    """A display for these runs, on standard output."""
    if not sys.stdout.isatty():
        yield _Lines(runs)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bars:
        yield _Bars(runs, bars)
