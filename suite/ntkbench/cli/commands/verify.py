"""`ntkbench verify`: whether what was run holds."""

from __future__ import annotations

import random
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from ntkbench import backends
from ntkbench.cli.exits import CHECK_FAILED, OK
from ntkbench.cli.options import add_database, add_task_folders, database_path
from ntkbench.cli.tables import show
from ntkbench.errors import InputError
from ntkbench.experiment import registry
from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Task
from ntkbench.machine import cuda
from ntkbench.results.comparison import COLUMNS, RATIO_COLUMNS, Pair, compare, pairs, time_ratios
from ntkbench.results.parquet import reading_export
from ntkbench.results.record import RunRecord
from ntkbench.results.rows import read_records
from ntkbench.results.store import Store

_CHECKS = {
    "Verified claims that are not reproduced": "SELECT task, claim, backend, side, published, tolerance, measured "
    "FROM verdict WHERE verified AND verdict = 'not reproduced'",
    "Runs that disagree with other backends": "SELECT task, params, seed, backend, device, differs_in FROM agreement "
    "WHERE status = 'disagrees'",
    "Runs that failed": "SELECT task, params, seed, backend, status, reason FROM failure",
}
_LATEST = "SELECT run_id FROM run WHERE status = 'ok' QUALIFY latest_attempt(experiment_id, NULL, finished, run_id)"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--against", type=Path, metavar="DIR", help="compare with exported records too")
    parser.add_argument("--rerun", type=int, default=0, metavar="N", help="run N of the stored runs again and compare")
    add_task_folders(parser)
    add_database(parser)


def run(options: Namespace) -> int:
    """Exit code 1 when a verified claim is not reproduced, backends disagree, or an experiment's last run failed.

    With `--against DIR` also when a run differs from an exported record of the same task, version, parameters,
    precision and seed, of any backend and machine, by more than the task's tolerance; with `--rerun N` when one of N
    stored runs, drawn at random, comes out otherwise now. Times are shown beside each other and never fail.
    """
    store = Store(database_path(options))
    if options.rerun < 0:
        raise InputError(f"--rerun must not be negative, not {options.rerun}")
    code, compared = OK, ""
    reference = [] if options.against is None else _reference(options.against)
    for title, query in _CHECKS.items():
        columns, rows = store.query(query)
        if rows:
            show(columns, rows, title)
            code = CHECK_FAILED
    if options.against is not None:
        found = pairs(_alike(store, reference), reference)
        figures, failed = _show("that differ from the reference", "the reference's", found)
        code = max(code, failed)
        compared += f", {figures} figures within the reference's tolerance" if figures else ""
        if not figures:
            print(f"nothing was compared: no run here has its like in {options.against}")
    if options.rerun:
        drawn = _draw(store, registry.load_tasks(options.tasks), options.rerun)
        again, failures = _run_again(drawn, options.tasks)
        figures, failed = _show("that come out otherwise", "those stored", again)
        if failures:
            show(["task", "params", "seed", "backend", "status", "reason"], failures, "Runs that fail now")
            failed = CHECK_FAILED
        code = max(code, failed)
        compared += f", {len(again)} runs repeated with {figures} figures within tolerance"
    if code == OK:
        ((held,),) = store.query("SELECT count(*) FROM verdict WHERE verified AND verdict = 'reproduced'")[1]
        print(f"all is well: {held} verified claims reproduced, no disagreement, no failure{compared}")
    return code


def _show(title: str, whose: str, found: Sequence[Pair]) -> tuple[int, int]:
    """Print what differs, and the times; how many figures were compared, and the exit code."""
    outcome = compare(found)
    if outcome.differing:
        show(COLUMNS, outcome.differing, f"Runs {title}")
    if ratios := time_ratios(found):
        show(RATIO_COLUMNS, ratios, f"Seconds over {whose}: for information, never a failure")
    return outcome.values, CHECK_FAILED if outcome.differing else OK


def _reference(folder: Path) -> list[RunRecord]:
    with reading_export(folder) as connection:
        return read_records(connection, [row[0] for row in connection.execute(_LATEST).fetchall()])


def _alike(store: Store, reference: Sequence[RunRecord]) -> list[RunRecord]:
    """The latest runs of the tasks that the reference has."""
    tasks = sorted({record.task for record in reference})
    query = "SELECT run_id FROM latest_run WHERE task IN (SELECT unnest(?::VARCHAR[]))"
    with store.reading() as connection:
        return read_records(connection, [row[0] for row in connection.execute(query, [tasks]).fetchall()])


def _draw(store: Store, tasks: Mapping[str, Task], number: int) -> list[RunRecord]:
    """Some of the latest runs that can be run again here. Raises InputError when there is none."""
    with store.reading() as connection:
        rows = connection.execute("SELECT run_id, task, task_version, backend, device FROM latest_run").fetchall()
        known = [
            row for row in sorted(rows)
            if row[1] in tasks and tasks[row[1]].version == row[2] and row[3] in backends.installed()
            and (row[4] == "cpu" or "cuda" in backends.capabilities(row[3]))
        ]  # fmt: skip
        on_cuda = sorted({backend for *_, backend, device in known if device == "cuda"})
        faults = cuda.obstacles(on_cuda) if on_cuda else {}
        ids = [run_id for run_id, *_, backend, device in known if device == "cpu" or not faults[backend]]
        if not ids:
            why = "; ".join(dict.fromkeys(faults.values())) or "no good run here is of a task and a backend at hand"
            raise InputError(f"nothing can be run again: {why}")
        return read_records(connection, random.sample(ids, min(number, len(ids))))


def _run_again(
    stored: Sequence[RunRecord], task_folders: Sequence[Path]
) -> tuple[list[Pair], list[tuple[object, ...]]]:
    """Each run beside the stored one, and those that fail now. Nothing is stored: this is a check, not a result."""
    from ntkbench.cli.progress import live
    from ntkbench.planning.expectation import Expectation, observed
    from ntkbench.running.runner import execute

    tasks = registry.load_tasks(task_folders)
    planned = [PlannedRun.from_record(record, tasks[record.task]) for record in stored]
    known = {run.experiment_id: record for run, record in zip(planned, stored, strict=True)}
    again: list[Pair] = []
    failures: list[tuple[object, ...]] = []
    alike = {run.experiment_id: run for run in planned}
    expectation = Expectation(reference=[observed(run, record) for run, record in zip(planned, stored, strict=True)])
    with live(planned, expectation) as display:

        def sink(record: RunRecord) -> None:
            if record.status == "ok":
                expectation.learn(observed(alike[record.experiment_id], record))
            display.finished(record)
            if record.status == "ok":
                again.append((record, known[record.experiment_id]))
            else:
                failures.append((record.task, record.params, record.seed, record.backend, record.status, record.reason))

        execute(planned, tasks, sink, task_folders=task_folders, listener=display.stage)
    return again, failures
