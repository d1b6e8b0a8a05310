"""`ntkbench import`: records from elsewhere into the database."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ntkbench.cli.exits import OK
from ntkbench.cli.options import add_database, database_path
from ntkbench.results.exchange import import_sources
from ntkbench.results.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("sources", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--as", dest="submitter", metavar="NAME", help="who made them; they are checked first")
    add_database(parser)


def run(options: Namespace) -> int:
    """Add the records of every source that are not here yet, all or none."""
    added, present = import_sources(Store(database_path(options)), options.sources, options.submitter)
    print(f"{added} added, {present} were here already")
    return OK
