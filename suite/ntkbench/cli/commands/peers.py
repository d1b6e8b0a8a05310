"""`ntkbench peers`: time other libraries and ours on the same inputs, store all, and show the table.

The page peers.md beside the database is of whole runs; a part of one is written where --out says.
"""

from __future__ import annotations

import shlex
import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

from ntkbench.backends import environment
from ntkbench.cli.exits import OK, RUNS_FAILED
from ntkbench.cli.options import add_database, as_path, database_path
from ntkbench.cli.tables import show
from ntkbench.errors import InputError, unknown
from ntkbench.files import real, require_appendable, write
from ntkbench.peers import table
from ntkbench.peers.entries import Entry, entries, taking_part
from ntkbench.peers.rounds import Outcome, compare
from ntkbench.peers.to_record import record
from ntkbench.peers.virtualenvs import default_folder, interpreters
from ntkbench.peers.workloads import WORKLOADS, Workload
from ntkbench.results.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--work", action="append", default=[], metavar="NAME", help="default: all of the work")
    parser.add_argument("--entry", action="append", default=[], metavar="NAME", help="default: all entries")
    parser.add_argument("--rounds", type=int, metavar="N", help="turns that each entry gets (default: 5 to 15)")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try it out")
    parser.add_argument("--environments", type=as_path, metavar="DIR", help="where peers are installed (default: .nox)")
    parser.add_argument(
        "--out", type=as_path, metavar="FILE", help="default: of a whole run, peers.md beside the database"
    )
    add_database(parser)


def run(options: Namespace) -> int:
    """Exit code 0 when all entries did their work, 2 before any for bad usage, 3 when some failed."""
    workloads, chosen = _chosen(options)
    store = Store(database_path(options))
    part = options.quick or options.work or options.entry
    out = options.out or (None if part else store.path.parent / "peers.md")
    if out is not None:
        _prepare(out)
    command = shlex.join(["ntkbench", *options.words])
    store.prepare()
    python = interpreters(options.environments or default_folder(), _say)
    outcomes: list[Outcome] = []
    for workload in workloads:
        those = taking_part(workload, chosen)
        found = compare(workload, those, python, rounds=options.rounds or workload.rounds, progress=_say)
        store.add([record(outcome, "quick" if options.quick else "standard", command) for outcome in found])
        outcomes += found
    for columns, rows in ((table.COLUMNS, table.rows(outcomes)), table.diagonals(outcomes)):
        if rows:
            show(columns, rows)
    if out is not None:
        moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        write(real(out), table.markdown(outcomes, environment(), moment, command))
        print(out)
    failed = [outcome for outcome in outcomes if outcome.status not in ("ok", "not_applicable")]
    for outcome in failed:
        print(f"failed: {outcome.workload.name} [{outcome.entry.name}] {outcome.reason}", file=sys.stderr)
    return RUNS_FAILED if failed else OK


def _chosen(options: Namespace) -> tuple[list[Workload], list[Entry]]:
    if options.rounds is not None and options.rounds < 1:
        raise InputError(f"--rounds must be at least 1, not {options.rounds}")
    works, names = {w.name for w in WORKLOADS}, {e.name for e in entries()}
    for kind, given, known in (("work", options.work, works), ("entry", options.entry, names)):
        for name in given:
            if name not in known:
                raise unknown(kind, name, known)
    chosen = [e for e in entries() if not options.entry or e.name in options.entry]
    wanted = [w for w in WORKLOADS if not options.work or w.name in options.work]
    workloads = [w.shrunk() if options.quick else w for w in wanted if taking_part(w, chosen)]
    if not workloads:
        raise InputError(f"{', '.join(options.entry)} does none of {', '.join(options.work)}")
    return workloads, chosen


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _prepare(page: Path) -> None:
    """Make sure that the page can be written, before minutes are spent on what goes into it."""
    try:
        real(page).parent.mkdir(parents=True, exist_ok=True)
        content = page.read_bytes() if page.is_file() else b""
    except OSError as error:
        raise InputError(f"cannot write to {page}: {error.strerror}") from error
    if content and not content.startswith(table.HEAD.encode()):
        raise InputError(f"{page} is no page of `ntkbench peers`, which would replace it: name another file with --out")
    require_appendable(page)
