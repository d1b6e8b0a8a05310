"""`ntkbench import` and `export`."""

from __future__ import annotations

from argparse import Namespace

from ntkbench.cli.main import OK, database_path
from ntkbench.results.exchange import import_sources
from ntkbench.results.parquet import export_parquet
from ntkbench.results.store import Store


def import_(options: Namespace) -> int:
    """Add the records of every source that are not here yet, all or none."""
    added, present = import_sources(Store(database_path(options)), options.sources)
    print(f"{added} added, {present} were here already")
    return OK


def export(options: Namespace) -> int:
    """Write the tables."""
    for file in export_parquet(Store(database_path(options)), options.folder):
        print(file)
    return OK
