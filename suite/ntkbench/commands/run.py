"""`ntkbench run`: plan, run what is missing, store each record as it is finished, and show the verdicts."""

from __future__ import annotations

import glob
import math
import shlex
import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from ntkbench import backends, devices, earlier, plan, registry
from ntkbench.budget import parse
from ntkbench.cli import INTERRUPTED, OK, RUNS_FAILED, database_path
from ntkbench.commands.budgeted import Budget
from ntkbench.commands.workforce import Workforce, workforce
from ntkbench.errors import InputError
from ntkbench.exchange import append_json_line, read_json_lines
from ntkbench.expectation import Expectation, observed
from ntkbench.live import live, roughly
from ntkbench.provenance import machine_id
from ntkbench.record import DONE, RunRecord, claim_rows
from ntkbench.records import RecordFile
from ntkbench.rows import Declaration
from ntkbench.spec import Task
from ntkbench.store import BusyError, Store
from ntkbench.tables import show_verdicts


def run(options: Namespace) -> int:
    """Exit code 0 when all runs are good, 2 before any for bad usage, 3 when some failed, 130 on Ctrl-C.

    A budget that ends before the runs do is no failure: 0, and the same command goes on.
    """
    since = time.monotonic()
    runs, tasks = _plan(options)
    store = _results(options)
    with workforce(options) as force:
        return _run(runs, tasks, store, force, options, since)


def _run(
    runs: Sequence[plan.PlannedRun],
    tasks: dict[str, Task],
    store: Store | RecordFile,
    force: Workforce,
    options: Namespace,
    since: float,
) -> int:
    if options.dry_run:
        return _dry_run(runs, tasks, store, force, options, since)
    if options.records is not None:
        _check_appendable(options.records)
    store.prepare()
    now = datetime.now(UTC).isoformat()
    store.declare([Declaration(t.name, t.version, now, claim_rows(t)) for t in tasks.values()])
    if not isinstance(store, RecordFile):
        _take_waiting(store)
    todo = plan.missing(runs, _done(store, force, options))
    if len(todo) < len(runs):
        print(f"{len(runs) - len(todo)} of {len(runs)} runs are done already; --rerun repeats them", flush=True)
    records: list[RunRecord] = []
    over = ""
    try:
        if todo:
            over = _execute(todo, tasks, store, force, options, since, records)
    except KeyboardInterrupt:
        command = shlex.join(["ntkbench", *options.words])
        print(f"\ninterrupted; what was finished is kept. Continue with: {command}", file=sys.stderr)
        return INTERRUPTED
    if not isinstance(store, RecordFile):
        _take_waiting(store)
        show_verdicts(store, [t for t in tasks if any(r.task == t for r in runs)])
    else:
        print(f"the records are in {store.path}; `ntkbench import {store.path}` judges them where DuckDB is installed")
    if over:
        print(over)
    failed = [record for record in records if record.status not in DONE]
    for record in failed:
        print(f"failed: {record.task} [{record.backend}] {record.status}: {record.reason}", file=sys.stderr)
    return RUNS_FAILED if failed else OK


def _plan(options: Namespace) -> tuple[list[plan.PlannedRun], dict[str, Task]]:
    if options.seeds is not None and options.seeds < 1:
        raise InputError(f"--seeds must be at least 1, not {options.seeds}")
    if options.timeout is not None and not options.timeout > 0:
        raise InputError(f"--timeout must be positive, not {options.timeout:g}")
    if options.budget is not None:
        parse(options.budget)
        if options.rerun:
            raise InputError("--budget goes on with what is missing and --rerun repeats what is done: give one of them")
    overrides = {}
    for text in options.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set {text!r} is not name=value")
        overrides[name] = value
    tasks = registry.load_tasks(options.tasks)
    chosen = registry.select(tasks, options.names)
    wanted = backends.choose([b for b in options.backend.split(",") if b])
    if options.device == "cuda":
        wanted, left_out = devices.choose(wanted, asked=bool(options.backend))
        for why in left_out:
            print(f"ntkbench: left out: {why}", file=sys.stderr)
    runs = plan.plan(
        chosen,
        tier=options.tier,
        backends=wanted,
        device=options.device,
        precision=options.precision,
        seeds=options.seeds,
        overrides=overrides,
        # A task asked for by name says of every backend that it cannot do it.
        able_only=not options.names,
    )
    return runs, tasks


def _results(options: Namespace) -> Store | RecordFile:
    """Where records go: the database, or, where DuckDB is not installed, the file of --records alone."""
    if find_spec("duckdb") is not None:
        return Store(database_path(options))
    if options.records is None or options.db is not None:
        raise InputError(
            "DuckDB is not installed here: keep the records in a file with --records FILE, without --db, "
            "and import it where DuckDB is"
        )
    return RecordFile(options.records)


def _done(store: Store | RecordFile, force: Workforce, options: Namespace) -> set[str]:
    """The experiments that need no further run."""
    return set[str]().union(*(store.done(machine) for machine in force.machines if not options.rerun))


def _dry_run(
    runs: Sequence[plan.PlannedRun],
    tasks: Mapping[str, Task],
    store: Store | RecordFile,
    force: Workforce,
    options: Namespace,
    since: float,
) -> int:
    done = _done(store, force, options)
    if options.budget is not None:
        _expect(runs, tasks, store, options, since)[1].preview(runs, done)
        return OK
    for planned in runs:
        print(f"{'done' if planned.experiment_id in done else 'run '}  {planned.label}")
    return OK


def _expect(
    runs: Sequence[plan.PlannedRun],
    tasks: Mapping[str, Task],
    store: Store | RecordFile,
    options: Namespace,
    since: float,
) -> tuple[Expectation, Budget]:
    """What the runs are expected to take, and the budget, endless unless it is given, that began at `since`."""
    planned = {run.task: tasks[run.task] for run in runs}
    past = earlier.stored(store, machine_id(), planned)
    expectation = Expectation(past, earlier.reference(planned))
    seconds = math.inf if options.budget is None else parse(options.budget)
    return expectation, Budget.of(seconds, since, planned, past, expectation, store.path)


def _execute(
    todo: Sequence[plan.PlannedRun],
    tasks: dict[str, Task],
    store: Store | RecordFile,
    force: Workforce,
    options: Namespace,
    since: float,
    records: list[RunRecord],
) -> str:
    """Carry out the runs; `records` gets each when it is stored. What there is to say where a budget left some."""
    expectation, budget = _expect(todo, tasks, store, options, since)
    expected = expectation.total(todo)
    if expected is not None and expected >= 60:
        print(f"{len(todo)} runs; going by earlier ones they take {roughly(expected)}", flush=True)
    planned = {run.experiment_id: run for run in todo}
    begun = time.monotonic()
    with live(todo, expectation, budget.until) as display:

        def sink(record: RunRecord) -> None:
            nonlocal begun
            begun = time.monotonic()
            _keep(store, record)
            if options.records is not None and not isinstance(store, RecordFile):
                append_json_line(options.records, record)
            records.append(record)
            if record.status in DONE:
                expectation.learn(observed(planned[record.experiment_id], record))
            display.finished(record)

        stopped = force.execute(
            todo if options.budget is None else budget.turns(todo),
            tasks,
            sink,
            task_folders=options.tasks,
            timeout=options.timeout,
            until=budget.until,
            command=shlex.join(["ntkbench", *options.words]),
            listener=display.stage,
        )
    if stopped is not None:
        budget.note(stopped, begun)
    left = plan.missing(todo, {record.experiment_id for record in records})
    return budget.closing(len(records), stopped, left, options.words) if left else ""


def _keep(store: Store | RecordFile, record: RunRecord) -> None:
    """Store the record; when another process does not let go of the database, set it aside for the next run."""
    try:
        store.add([record])
    except BusyError as error:
        # A file for each record: nobody can take one away while another is being added to it.
        file = store.path.with_name(f"{store.path.name}.{record.run_id}.waiting.jsonl")
        append_json_line(file, record)
        print(f"ntkbench: {error}; the record waits in {file} for the next run", file=sys.stderr)


def _take_waiting(store: Store) -> None:
    """Store the records that were set aside."""
    files = sorted(store.path.parent.glob(f"{glob.escape(store.path.name)}.*.waiting.jsonl"))
    for file in files:
        try:
            store.add(record for _, record in read_json_lines(file))
        except BusyError:
            raise
        except InputError as error:
            # Half a line, perhaps, of a process that was killed while it wrote; it must not stop all others.
            print(f"ntkbench: left aside: {error}", file=sys.stderr)
        else:
            file.unlink(missing_ok=True)


def _check_appendable(path: Path) -> None:
    fresh = not path.exists()
    try:
        with path.open("ab"):
            pass
        if fresh:
            path.unlink()
    except OSError as error:
        raise InputError(f"cannot write to {path}: {error.strerror}") from error
