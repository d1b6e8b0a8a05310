"""`ntkbench sql`: a query, read-only, as a table, CSV or JSON."""

from __future__ import annotations

import csv
import re
import sys
from argparse import ArgumentParser, Namespace
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ntkbench import paths
from ntkbench.cli import completion
from ntkbench.cli.completion import completed_by
from ntkbench.cli.exits import OK
from ntkbench.cli.json_text import json_text
from ntkbench.cli.options import add_database, database_path
from ntkbench.cli.parser import OneOf
from ntkbench.cli.tables import show
from ntkbench.errors import InputError, unknown
from ntkbench.results import queries
from ntkbench.results.database import connect
from ntkbench.results.store import answer

if TYPE_CHECKING:
    import duckdb


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    completed_by(parser.add_argument("query", nargs="?", metavar="SELECT...|NAME|FILE"), completion.queries)
    parser.add_argument("--list", action="store_true", help="show the queries that have a name")
    formats = ["table", "csv", "json"]
    parser.add_argument(
        "--format", default="table", action=OneOf, names=formats, metavar="format", help="table (default), csv or json"
    )
    add_database(parser)


def run(options: Namespace) -> int:
    """Print the answer, or with --list the questions that have a name."""
    if options.list:
        show(["name", "question"], [(query.name, query.about) for query in queries.library().values()])
        return OK
    if options.query is None:
        raise InputError("give a query, the name of one (see `ntkbench sql --list`), or a file")
    text = _text(options.query)
    with connect(database_path(options)) as connection:
        # A query reads the database and nothing else: no other file is opened, written or attached.
        connection.execute("SET enable_external_access = false; SET lock_configuration = true")
        columns, rows = _interruptible(connection, text)
    if options.format == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)
    elif options.format == "json":
        _require_distinct(columns)
        print(json_text([dict(zip(columns, row, strict=True)) for row in rows], indent=1))
    else:
        show(columns, rows)
    return OK


def _interruptible(connection: duckdb.DuckDBPyConnection, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    # DuckDB would hear of Ctrl-C when it has the answer; in another thread it lets this one hear.
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(answer, connection, text)
        try:
            return future.result()
        except KeyboardInterrupt:
            connection.interrupt()
            raise


def _text(query: str) -> str:
    """The query, or what is in the file or under the name that it gives."""
    if re.fullmatch(r"[\w-]+", query):  # one word is no SQL
        known = queries.library()
        if query not in known:
            raise unknown("query", query, known)
        return known[query].sql
    file = paths.expanded(query)
    if file.suffix != ".sql" or "\n" in query or query.split()[0].lower() in ("select", "from", "with"):
        return query
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
        raise InputError(f"cannot read {query}: {why}") from error


def _cell(value: Any) -> Any:
    """A value of CSV, which has no lists: they are JSON there."""
    return json_text(value) if isinstance(value, list | tuple | dict) else value


def _require_distinct(columns: list[str]) -> None:
    """Raise InputError where two columns have one name, of which an object of JSON could hold one alone."""
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"two columns are named {twice!r}, and JSON has room for one: give one another name with AS, or take csv"
        )
