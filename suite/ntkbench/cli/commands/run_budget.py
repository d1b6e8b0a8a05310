"""`ntkbench run --budget`: the runs that fit into it, those that do not, and what is said when it is over."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ntkbench.cli.progress import roughly
from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Task
from ntkbench.machine.hardware import machine_id
from ntkbench.planning import past_runs
from ntkbench.planning.budget import Estimates, Resumable, at_least, in_turn
from ntkbench.planning.expectation import Expectation, Observation
from ntkbench.running.checkpoints import kept_since


@dataclass(frozen=True)
class Budget:
    """Seconds that runs may take, until the moment `until` of `time.monotonic`."""

    seconds: float
    until: float
    tasks: Mapping[str, Task]
    measured: Sequence[PlannedRun]  # the good runs of this machine
    estimate: Estimates
    notes: Path  # where runs are noted that a budget ended in
    resumable: Resumable  # whether a run, when it is stopped, will go on from there

    @classmethod
    def of(
        cls,
        seconds: float,
        since: float,
        tasks: Mapping[str, Task],
        past: Sequence[Observation],
        expectation: Expectation,
        database: Path,
    ) -> Budget:
        """The budget of a command that began at the moment `since`, on this machine with its `past`."""
        notes = database.with_name(f"{database.name}.stopped.jsonl")
        stopped = past_runs.read_stopped(notes, machine_id())
        estimate = at_least(expectation.estimate, stopped)
        measured = [o.run for o in past if o.status == "ok"]

        def resumable(run: PlannedRun) -> bool:
            # Not where as much time as this made no block of it.
            return tasks[run.task].checkpoints and 2 * stopped.get(run.experiment_id, 0.0) <= seconds

        return cls(seconds, since + seconds, tasks, measured, estimate, notes, resumable)

    def turns(self, todo: Sequence[PlannedRun]) -> Iterator[PlannedRun]:
        """The runs, each chosen when the one before is finished."""
        return self._in_turn(todo, lambda: self.until - time.monotonic())

    def preview(self, runs: Sequence[PlannedRun], done: Collection[str]) -> None:
        """Print what would run, in order, what would be left, and what is done, each with what it is expected to take.

        Nothing is learned here, as it is when the runs take place: what is unknown is taken to fit. A part may be done
        of a run that goes on from checkpoints.
        """
        todo = [run for run in runs if run.experiment_id not in done]
        fitting: list[PlannedRun] = []

        def left() -> float:
            # The range of several runs is narrower than the sum of theirs.
            return self.seconds - sum(estimate.seconds for run in fitting if (estimate := self.estimate(run)))

        for run in self._in_turn(todo, left):
            word = "run" if (self._most(run) or 0.0) <= left() else "part"
            print(f"{word:5}  {self._words(run):17}  {run.label}")
            fitting.append(run)
        for run in todo:
            if run not in fitting:
                print(f"later  {self._words(run):17}  {run.label}")
        for run in runs:
            if run.experiment_id in done:
                print(f"done   {'':17}  {run.label}")

    def note(self, run: PlannedRun, begun: float) -> None:
        """Remember, for the next call, that a run that began at this moment had not ended when the budget did.

        One that has left a checkpoint has less to do then, however long it took.
        """
        if not kept_since(time.time() - (time.monotonic() - begun)):
            past_runs.append_stopped(self.notes, machine_id(), run, self.until - begun)

    def closing(
        self, finished: int, stopped: PlannedRun | None, left: Sequence[PlannedRun], words: Sequence[str]
    ) -> str:
        """What was done, what was stopped, what is `left` (the stopped one is part of it), and how to go on."""
        known = at_least(self.estimate, past_runs.read_stopped(self.notes, machine_id()))
        estimates = [estimate for run in left if (estimate := known(run)) is not None]
        unknown = len(left) - len(estimates)
        why = "no other run fits into the budget" if stopped is None else "the budget is over"
        work = (
            f", {roughly(sum(e.low for e in estimates), sum(e.high for e in estimates))} of work" if estimates else ""
        )
        work += f" and {unknown} of unknown length" if estimates and unknown else ""
        lines = [f"{why}: {finished} finished, {len(left)} left{work}"]
        if stopped is not None:
            lines.append(f"stopped, and not recorded: {stopped.label}")
        how = f"go on with: {shlex.join(['ntkbench', *words])}"
        shortest = min(estimates, key=lambda e: e.high, default=None)
        if shortest and not unknown and shortest.high > self.seconds and not any(map(self.resumable, left)):
            takes = roughly(shortest.low, shortest.high)
            how = f"none of them fits into a budget of this size: the shortest takes {takes}"
        return "\n".join([*lines, how])

    def _in_turn(self, todo: Sequence[PlannedRun], left: Callable[[], float]) -> Iterator[PlannedRun]:
        return in_turn(todo, self.tasks, self.measured, self._most, left, self.resumable)

    def _most(self, run: PlannedRun) -> float | None:
        estimate = self.estimate(run)
        return None if estimate is None else estimate.high

    def _words(self, run: PlannedRun) -> str:
        estimate = self.estimate(run)
        return "unknown" if estimate is None else roughly(estimate.low, estimate.high)
