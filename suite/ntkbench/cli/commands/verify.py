"""`ntkbench verify`: whether what was run holds."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import replace

from ntkbench.cli import documents
from ntkbench.cli.exits import CHECK_FAILED, OK
from ntkbench.cli.options import add_database, add_loudness, add_task_folders, as_path, check_loudness, database_path
from ntkbench.cli.parser import OneOf
from ntkbench.cli.summary import attention, show_claims, show_listing, show_tasks
from ntkbench.cli.tables import coloured, say
from ntkbench.errors import InputError
from ntkbench.experiment import registry
from ntkbench.results.checks import Checked, Listing, check, pairs_with_export
from ntkbench.results.comparison import COLUMNS, RATIO_COLUMNS, Pair, compare, time_ratios
from ntkbench.results.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--against", type=as_path, metavar="DIR", help="compare with exported records too")
    parser.add_argument("--rerun", type=int, default=0, metavar="N", help="run N of the stored runs again and compare")
    names, text = ["table", *documents.WRITERS], "table (default), json, markdown or junit (XML that a CI reads)"
    parser.add_argument("--format", default="table", action=OneOf, names=names, metavar="format", help=text)
    add_loudness(parser)
    add_task_folders(parser)
    add_database(parser)


def run(options: Namespace) -> int:
    """Exit code 1 when a verified claim is not reproduced, backends disagree, or an experiment's last run failed.

    A claim that is known not to hold is a finding, and fails when it holds after all. With `--against DIR` the code is
    1 also when a run differs from an exported record of the same task, version, parameters, precision and seed, of any
    backend and machine, by more than the task's tolerance; with `--rerun N` when one of N stored runs, drawn at random,
    comes out otherwise now. Times are shown beside each other and never fail.
    """
    store = Store(database_path(options))
    check_loudness(options)
    if options.rerun < 0:
        raise InputError(f"--rerun must not be negative, not {options.rerun}")
    # Before anything is shown: the folder may be no export.
    exported = None if options.against is None else pairs_with_export(store, options.against)
    found = check(store)
    if exported is not None:
        found, values = _compared(found, "that differ from the reference", "the reference's", exported)
        if values:
            found = replace(found, compared=(f"{values} figures within the reference's tolerance",))
        else:
            found = replace(found, notes=(f"nothing was compared: no run here has its like in {options.against}",))
    if options.rerun:
        # Standard output is for the document alone.
        with nullcontext() if options.format == "table" and not options.quiet else redirect_stdout(sys.stderr):
            pairs, failing = _run_again(store, options)
        found = replace(found, violations=[*found.violations, *failing])
        found, values = _compared(found, "that come out otherwise", "those stored", pairs)
        words = f"{len(pairs)} runs repeated with {values} figures within tolerance"
        found = replace(found, compared=(*found.compared, words))
    if options.format == "table":
        _show(found, options)
    else:
        print(documents.WRITERS[options.format](found))
    return OK if found.holds else CHECK_FAILED


def _show(found: Checked, options: Namespace) -> None:
    """Print the summary; with --quiet what needs attention alone, with --verbose everything."""
    if not options.quiet:
        show_tasks(found.claims, found.failures)
    if options.verbose:
        show_claims(found.claims)
    claims = found.failing if options.quiet else found.claims
    for listing in [*attention(claims), *found.violations]:
        show_listing(listing, whole=options.verbose)
    if not options.quiet:
        for listing in found.times:
            show_listing(listing, whole=options.verbose)
        for note in found.notes:
            print()
            say(note)
        print()
        verdict, _, rest = found.words.partition(":")
        say(coloured(verdict, verdict) + ":" + rest)


def _compared(found: Checked, title: str, whose: str, pairs: Sequence[Pair]) -> tuple[Checked, int]:
    """With what differs and the times; and how many values were compared."""
    compared, ratios = compare(pairs), time_ratios(pairs)
    if compared.differing:
        found = replace(found, violations=[*found.violations, Listing(f"Runs {title}", COLUMNS, compared.differing)])
    if ratios:
        times = Listing(f"Seconds over {whose}: for information, never a failure", RATIO_COLUMNS, ratios)
        found = replace(found, times=[*found.times, times])
    return found, compared.values


def _run_again(store: Store, options: Namespace) -> tuple[list[Pair], list[Listing]]:
    """Each run beside the stored one, and those that fail now."""
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
    rows = [(r.task, r.params, r.seed, r.backend, r.status, r.reason) for r in repeated.failures]
    columns = ("task", "params", "seed", "backend", "status", "reason")
    return repeated.pairs, [Listing("Runs that fail now", columns, rows)] if rows else []
