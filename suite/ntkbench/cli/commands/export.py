"""`ntkbench export`: the tables as Parquet, the archive form of the database, or a copy for any DuckDB."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ntkbench.cli.exits import OK
from ntkbench.cli.options import add_database, as_path, database_path
from ntkbench.errors import InputError
from ntkbench.results.exchange.parquet import export_parquet
from ntkbench.results.exchange.portable import export_duckdb
from ntkbench.results.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("folder", nargs="?", type=as_path, metavar="DIR", help="a folder for a Parquet file a table")
    parser.add_argument(
        "--duckdb", type=as_path, metavar="FILE", help="a copy that DuckDB 1.0 and newer open, with views"
    )
    add_database(parser)


def run(options: Namespace) -> int:
    """Write the tables, and print their files."""
    if (options.folder is None) == (options.duckdb is None):
        raise InputError("export takes either a folder, DIR, or --duckdb FILE")
    store = Store(database_path(options))
    if options.duckdb is not None:
        export_duckdb(store, options.duckdb)
        print(options.duckdb)
        return OK
    for file in export_parquet(store, options.folder):
        print(file)
    return OK
