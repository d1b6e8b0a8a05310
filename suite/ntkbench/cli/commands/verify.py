"""`ntkbench verify`: whether what was run holds."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from ntkbench.cli.exits import CHECK_FAILED, OK
from ntkbench.cli.options import add_database, add_task_folders, database_path
from ntkbench.cli.tables import show
from ntkbench.errors import InputError
from ntkbench.experiment import registry
from ntkbench.results.checks import claims_held, pairs_with_export, violations
from ntkbench.results.comparison import COLUMNS, RATIO_COLUMNS, Compared, Pair, compare, time_ratios
from ntkbench.results.store import Store


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
    # Before anything is shown: the folder may be no export.
    exported = None if options.against is None else pairs_with_export(store, options.against)
    holds, compared = _stored(store), ""
    if exported is not None:
        found = _compare("that differ from the reference", "the reference's", exported)
        holds = holds and not found.differing
        if found.values:
            compared += f", {found.values} figures within the reference's tolerance"
        else:
            print(f"nothing was compared: no run here has its like in {options.against}")
    if options.rerun:
        pairs, none_failed = _run_again(store, options)
        found = _compare("that come out otherwise", "those stored", pairs)
        holds = holds and none_failed and not found.differing
        compared += f", {len(pairs)} runs repeated with {found.values} figures within tolerance"
    if not holds:
        return CHECK_FAILED
    print(f"all is well: {claims_held(store)} verified claims reproduced, no disagreement, no failure{compared}")
    return OK


def _stored(store: Store) -> bool:
    """Print what does not hold of the stored results; whether all does."""
    found = violations(store)
    for violation in found:
        show(violation.columns, violation.rows, violation.title)
    return not found


def _compare(title: str, whose: str, pairs: Sequence[Pair]) -> Compared:
    """Print what differs, and the times."""
    found = compare(pairs)
    if found.differing:
        show(COLUMNS, found.differing, f"Runs {title}")
    if ratios := time_ratios(pairs):
        show(RATIO_COLUMNS, ratios, f"Seconds over {whose}: for information, never a failure")
    return found


def _run_again(store: Store, options: Namespace) -> tuple[list[Pair], bool]:
    """Each run beside the stored one, and whether none fails now; those that do are printed."""
    from ntkbench.cli.progress import live
    from ntkbench.planning.repetition import Repetition, draw
    from ntkbench.running.runner import execute
    from ntkbench.running.settings import RunSettings

    tasks = registry.load_tasks(options.tasks)
    repetition = Repetition.of(draw(store, tasks, options.rerun), tasks)
    with live(repetition.planned, repetition.expectation) as display:
        sink, repeated = repetition.collect(display.finished)
        settings = RunSettings(task_folders=tuple(options.tasks))
        execute(repetition.planned, tasks, sink, settings, listener=display.stage)
    if repeated.failures:
        rows = [(r.task, r.params, r.seed, r.backend, r.status, r.reason) for r in repeated.failures]
        show(["task", "params", "seed", "backend", "status", "reason"], rows, "Runs that fail now")
    return repeated.pairs, not repeated.failures
