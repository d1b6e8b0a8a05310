"""Options that several commands share."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ntkbench import paths


def add_database(parser: ArgumentParser) -> None:
    """Add --db, which `database_path` reads."""
    text = "the results database (default: results/ntkbench.duckdb in a checkout, or $NTKBENCH_DB)"
    parser.add_argument("--db", type=Path, metavar="FILE", help=text)


def add_task_folders(parser: ArgumentParser) -> None:
    """Add --tasks, the folders of more tasks."""
    parser.add_argument("--tasks", type=Path, action="append", default=[], metavar="DIR", help="a folder of more tasks")


def database_path(options: Namespace) -> Path:
    """The database that the options name, or the default one."""
    given: Path | None = options.db
    return given if given is not None else paths.default_database()
