"""`ntkbench import`: records from elsewhere into the database."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from ntkbench.cli.exits import CHECK_FAILED, OK
from ntkbench.cli.options import add_database, add_task_folders, as_path, database_path
from ntkbench.results.exchange.sources import add_incoming, read_sources
from ntkbench.results.inspection.times import to_come
from ntkbench.results.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("sources", nargs="+", type=as_path, metavar="PATH")
    text = "who submits the records: they are checked as by `ntkbench check`, and refused when there is a fault"
    parser.add_argument("--as", dest="submitter", metavar="NAME", help=text)
    add_task_folders(parser)
    add_database(parser)


def run(options: Namespace) -> int:
    """Add the records of every source that are not here yet, all or none.

    With `--as NAME` none unless all are sound: what a name vouches for comes before what nobody does.
    """
    from ntkbench.cli.commands.check import sound

    incoming = read_sources(options.sources, options.submitter)
    if options.submitter is not None and not sound(incoming, options.tasks):
        print("ntkbench: nothing was imported", file=sys.stderr)
        return CHECK_FAILED
    added, present = add_incoming(Store(database_path(options)), incoming)
    if warning := to_come(incoming.records.values()):
        print(f"ntkbench: {warning}", file=sys.stderr)
    print(f"{added} added, {present} were here already")
    return OK
