"""`ntkbench run`: plan, run what is missing, store each record as it is finished, and show the verdicts."""

from __future__ import annotations

import math
import shlex
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec

from ntkbench.cli.advice import worded
from ntkbench.cli.commands.run_budget import Budget
from ntkbench.cli.commands.run_options import add_arguments as add_arguments
from ntkbench.cli.commands.run_options import planned_runs
from ntkbench.cli.commands.run_workforce import SharedRuns, Workforce, workforce
from ntkbench.cli.exits import INTERRUPTED, OK, RUNS_FAILED
from ntkbench.cli.options import database_path
from ntkbench.cli.progress import live, roughly, silent
from ntkbench.cli.summary import attention, show_claims, show_listing, show_tasks
from ntkbench.cli.tables import say
from ntkbench.errors import InputError, SystemFault
from ntkbench.experiment import plan
from ntkbench.experiment.spec import Task
from ntkbench.files import real
from ntkbench.machine.hardware import machine_id
from ntkbench.planning import past_runs
from ntkbench.planning.budget import parse_duration
from ntkbench.planning.estimate import Estimate
from ntkbench.planning.expectation import Expectation, observed
from ntkbench.results.exchange.json_lines import append_json_line
from ntkbench.results.exchange.set_aside import keep, take_set_aside
from ntkbench.results.record import DONE, RunRecord, claim_rows
from ntkbench.results.record_file import RecordFile
from ntkbench.results.rows import Declaration
from ntkbench.results.sink import RecordSink
from ntkbench.results.store import Store
from ntkbench.results.verdicts import failures, judged, not_run
from ntkbench.running.settings import RunSettings


def run(options: Namespace) -> int:
    """Exit code 0 when all runs are good, 2 before any for bad usage, 3 when some failed, 130 on Ctrl-C.

    A budget that ends before the runs do is no failure: 0, and the same command goes on.
    """
    since = time.monotonic()
    runs, tasks = planned_runs(options)
    store = _results(options)
    with workforce(options) as force:
        call = _Call(options, since, runs, tasks, store, force)
        return call.dry_run() if options.dry_run else call.run()


@dataclass(frozen=True)
class _Call:
    """One call of the command: its words, when it began, the runs it asks for and what they need."""

    options: Namespace
    since: float
    runs: Sequence[plan.PlannedRun]
    tasks: dict[str, Task]
    store: RecordSink
    force: Workforce

    def dry_run(self) -> int:
        done = self._done()
        if self.options.budget is not None:
            self._expect(self.runs)[1].preview(self.runs, done)
            return OK
        for planned in self.runs:
            print(f"{'done' if planned.experiment_id in done else 'run '}  {planned.label}")
        todo = plan.missing(self.runs, done)
        if todo:
            expected = self._expect(todo)[0].total(todo)
            print(f"how long {_number(todo)} will take is not known" if expected is None else _going_by(todo, expected))
        return OK

    def run(self) -> int:
        if self.options.records is not None:
            RecordFile(self.options.records).prepare()
        self.store.prepare()
        now = datetime.now(UTC).isoformat()
        self.store.declare([Declaration(t.name, t.version, now, claim_rows(t)) for t in self.tasks.values()])
        take_set_aside(self.store, _tell)
        todo = plan.missing(self.runs, self._done())
        if len(todo) < len(self.runs):
            already = f"{len(self.runs) - len(todo)} of {len(self.runs)} runs are done already"
            self._say(f"{already}; --rerun repeats them")
        self._warn_of_other_files()
        records: list[RunRecord] = []
        over = ""
        try:
            if todo:
                over = self._execute(todo, records)
        except KeyboardInterrupt:
            print(f"\ninterrupted; what was finished is kept. Continue with: {self._command}", file=sys.stderr)
            return INTERRUPTED
        failed = [record for record in records if record.status not in DONE]
        try:
            self._close()
        except SystemFault as fault:
            if not failed:
                raise
            _tell(worded(fault))
        if over:
            print(over)  # as it is: it ends with a command to be copied
        for record in failed:
            print(f"failed: {record.task} [{record.backend}] {record.status}: {record.reason}", file=sys.stderr)
        return RUNS_FAILED if failed else OK

    def _close(self) -> None:
        """Say what came of it all, where there is a database to ask."""
        database = self.store.database
        if database is None:
            path = self.store.path
            self._say(f"the records are in {path}; `ntkbench import {path}` judges them where DuckDB is installed")
        else:
            take_set_aside(self.store, _tell)
            self._summarize(database)

    def _summarize(self, database: Store) -> None:
        """Print what came of the tasks; with --quiet what needs attention alone, with --verbose everything."""
        tasks = sorted({run.task for run in self.runs})
        claims, quiet = judged(database, tasks), self.options.quiet
        if not quiet:
            show_tasks(claims, failures(database, tasks))
        if self.options.verbose:
            show_claims(claims)
        for listing in attention([claim for claim in claims if claim.fails or not quiet]):
            show_listing(listing, whole=self.options.verbose)
        waiting = not_run(database, tasks)
        if waiting and not quiet:
            more = "1 more claim is" if waiting == 1 else f"{waiting} more claims are"
            print()
            say(f"{more} not run yet; see `ntkbench describe TASK` for the tiers that do")

    def _warn_of_other_files(self) -> None:
        """Say which stored runs are of other files of their tasks: numbers of one version are compared."""
        stored = self.store.latest(machine_id(), list(self.tasks))
        for name, task in self.tasks.items():
            others = [a for a in stored if a.of_other_file(task)]
            if others:
                count = "1 stored run" if len(others) == 1 else f"{len(others)} stored runs"
                _tell(
                    f"the file of task {name!r} is another than that of {count} of its version {task.version}: "
                    "where numbers may change give it a new version, else --rerun repeats them"
                )

    def _say(self, text: str) -> None:
        if not self.options.quiet:
            say(text)

    @property
    def _command(self) -> str:
        return shlex.join(["ntkbench", *self.options.words])

    def _done(self) -> set[str]:
        """The experiments that need no further run."""
        if self.options.rerun:
            return set()
        return set[str]().union(*map(self.store.done, self.force.machines))

    def _expect(self, runs: Sequence[plan.PlannedRun]) -> tuple[Expectation, Budget]:
        """What the runs are expected to take, and the budget, endless unless it is given."""
        planned = {run.task: self.tasks[run.task] for run in runs}
        past = past_runs.stored(self.store, machine_id(), planned)
        expectation = Expectation(past, past_runs.reference(planned))
        seconds = math.inf if self.options.budget is None else parse_duration(self.options.budget)
        return expectation, Budget.of(seconds, self.since, planned, past, expectation, self.store.path)

    def _execute(self, todo: Sequence[plan.PlannedRun], records: list[RunRecord]) -> str:
        """Carry out the runs; `records` gets each when it is stored. What there is to say where a budget left some."""
        expectation, budget = self._expect(todo)
        expected = expectation.total(todo)
        if expected is not None and expected.high >= 60:
            self._say(_going_by(todo, expected))
        planned = {run.experiment_id: run for run in todo}
        begun = time.monotonic()
        with silent() if self.options.quiet else live(todo, expectation, budget.until) as display:

            def sink(record: RunRecord) -> None:
                nonlocal begun
                begun = time.monotonic()
                keep(self.store, record, _tell)
                if self.options.records not in (None, self.store.path):
                    append_json_line(self.options.records, record)
                records.append(record)
                if record.status in DONE:
                    expectation.learn(observed(planned[record.experiment_id], record))
                display.finished(record)

            settings = RunSettings(tuple(self.options.tasks), self.options.timeout, self._command)
            if isinstance(self.force, SharedRuns):
                self.force.execute(todo, self.tasks, sink, settings)
                stopped = None
            else:
                turns = todo if self.options.budget is None else budget.turns(todo)
                stopped = self.force.execute(
                    turns, self.tasks, sink, settings, until=budget.until, listener=display.stage
                )
        if stopped is not None:
            budget.note(stopped, begun)
        left = plan.missing(todo, {record.experiment_id for record in records})
        return budget.closing(len(records), stopped, left, self.options.words) if left else ""


def _number(runs: Sequence[plan.PlannedRun]) -> str:
    return "1 run" if len(runs) == 1 else f"{len(runs)} runs"


def _going_by(runs: Sequence[plan.PlannedRun], expected: Estimate) -> str:
    """What earlier runs tell of these."""
    takes = "takes" if len(runs) == 1 else "take"
    return f"going by earlier ones, {_number(runs)} {takes} {roughly(expected.low, expected.high)}"


def _tell(text: str) -> None:
    print(f"ntkbench: {text}", file=sys.stderr)


def _results(options: Namespace) -> RecordSink:
    """Where records go: the database, or, where DuckDB is not installed, the file of --records alone."""
    if find_spec("duckdb") is not None:
        store = Store(database_path(options))
        if options.records is not None and real(options.records) == real(store.path):
            raise InputError(f"--records names the database, {store.path}: name another file")
        return store
    if options.records is None or options.db is not None:
        raise InputError(
            "DuckDB is not installed here: keep the records in a file with --records FILE, without --db, "
            "and import it where DuckDB is"
        )
    return RecordFile(options.records)
