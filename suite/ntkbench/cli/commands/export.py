"""`ntkbench export`: the tables as Parquet, the archive form of the database."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ntkbench.cli.exits import OK
from ntkbench.cli.options import add_database, database_path
from ntkbench.results.parquet import export_parquet
from ntkbench.results.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("folder", type=Path, metavar="DIR")
    add_database(parser)


def run(options: Namespace) -> int:
    """Write the tables, and print their files."""
    for file in export_parquet(Store(database_path(options)), options.folder):
        print(file)
    return OK
