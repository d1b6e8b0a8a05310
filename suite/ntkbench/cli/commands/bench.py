"""`ntkbench bench`: is a function of yours right, and how fast is it beside ours and other libraries?"""

from __future__ import annotations

import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace

from ntkbench.cli.completion import completed_by
from ntkbench.cli.exits import CHECK_FAILED, OK, RUNS_FAILED
from ntkbench.cli.options import add_database, as_path, database_path
from ntkbench.cli.parser import OneOf
from ntkbench.cli.tables import show
from ntkbench.errors import InputError
from ntkbench.peers import signatures, table
from ntkbench.peers.brought import guest
from ntkbench.peers.entries import PATIENCE, entries, taking_part
from ntkbench.peers.rounds import Outcome, compare
from ntkbench.peers.to_record import record
from ntkbench.peers.virtualenvs import default_folder, interpreters, made_already
from ntkbench.peers.workloads import WORKLOADS, Workload
from ntkbench.results.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    add = parser.add_argument
    text = "a file of Python, or a module of this folder, and a function in it"
    add("function", nargs="?", metavar="MODULE:FUNCTION", help=text)
    works = add("--work", metavar="NAME", help="what it does, such as cntk-flatten: see --list")
    completed_by(works, lambda **_: [signatures.plain(one) for one in WORKLOADS if one.timed])
    add("--list", action="store_true", help="show the works, and what a function of each takes and gives")
    libraries, text = ["numpy", "jax", "torch"], "whose arrays it takes: numpy (default), jax or torch"
    add("--arrays", default="numpy", action=OneOf, names=libraries, metavar="library", help=text)
    add("--quick", action="store_true", help="small sizes, to try it out")
    add("--set", action="append", default=[], metavar="name=value", help="another size, such as n=64")
    add("--rounds", type=int, metavar="N", help="turns that each entry gets (default: 5 to 15)")
    add(
        "--timeout", type=float, default=PATIENCE, metavar="S", help="seconds that a call of it may take (default: 900)"
    )
    add("--with-peers", action="store_true", help="install the peers that are not here yet")
    add("--environments", type=as_path, metavar="DIR", help="where peers are installed (default: .nox)")
    add_database(parser)


def run(options: Namespace) -> int:
    """Exit code 0 when the function is right, 1 when it is wrong, 3 when it fails, 2 before any for bad usage."""
    if options.list:
        show(signatures.COLUMNS, signatures.rows())
        return OK
    workload, rounds = _asked(options)
    own = guest(options.function, workload, options.arrays, options.timeout)
    store = Store(database_path(options))
    store.prepare()
    folder = options.environments or default_folder()
    others = [
        entry
        for entry in taking_part(workload, entries())
        if made_already(entry, folder) or (options.with_peers and entry.requirements is not None)
    ]
    outcomes = compare(
        # What the others are compared with is the function.
        replace(workload, baseline=own.name, goals={}),
        [own, *others],
        interpreters(folder, _say),
        rounds=rounds,
        progress=_say,
        first_must_be_right=True,
    )
    command = shlex.join(["ntkbench", *options.words])
    store.add([record(outcome, "quick" if options.quick else "standard", command) for outcome in outcomes])
    return _told(outcomes)


def _asked(options: Namespace) -> tuple[Workload, int]:
    if options.function is None:
        raise InputError("give MODULE:FUNCTION, such as my_kernels.py:cntk, or --list")
    if options.work is None:
        names = ", ".join(signatures.plain(one) for one in WORKLOADS if one.timed)
        raise InputError(f"say what it does by --work; choose from: {names}")
    for name, value in (("--rounds", options.rounds), ("--timeout", options.timeout)):
        if value is not None and not value > 0:
            raise InputError(f"{name} must be positive, not {value:g}")
    workload = signatures.work(options.work)
    workload = signatures.sized(workload.shrunk() if options.quick else workload, options.set)
    return workload, options.rounds or workload.rounds


def _told(outcomes: Sequence[Outcome]) -> int:
    """Say what was found; the exit code."""
    own = outcomes[0]
    if own.status != "ok":
        print(f"ntkbench: {own.entry.name} failed: {own.reason}", file=sys.stderr)
        return RUNS_FAILED
    print(f"{own.workload.title}: {own.entry.name} is {own.fault or table.rightness(own)}")
    if own.fault:
        return CHECK_FAILED
    show(*table.beside(outcomes))
    print("stored: `ntkbench sql leaderboard` and `ntkbench report` rank it")
    return OK


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
