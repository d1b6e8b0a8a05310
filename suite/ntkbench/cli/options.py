"""Options that several commands share."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from ntkbench import paths
from ntkbench.errors import InputError


def as_path(given: str) -> Path:
    """A path of the command line. A shell leaves the "~" after "--db=" to the command."""
    try:
        return paths.expanded(given)
    except InputError as error:
        raise ArgumentTypeError(str(error)) from error


def add_database(parser: ArgumentParser) -> None:
    """Add --db, which `database_path` reads."""
    text = "the results database (default: results/ntkbench.duckdb in a checkout, or $NTKBENCH_DB)"
    parser.add_argument("--db", type=as_path, metavar="FILE", help=text)


def add_task_folders(parser: ArgumentParser) -> None:
    """Add --tasks, the folders of more tasks."""
    parser.add_argument(
        "--tasks", type=as_path, action="append", default=[], metavar="DIR", help="a folder of more tasks"
    )


def add_loudness(parser: ArgumentParser) -> None:
    """Add --verbose and --quiet, which `check_loudness` reads first."""
    parser.add_argument("--verbose", action="store_true", help="show every claim")
    parser.add_argument("--quiet", action="store_true", help="show only what needs attention")


def check_loudness(options: Namespace) -> None:
    """Raise InputError where both are given."""
    if options.verbose and options.quiet:
        raise InputError("--verbose shows more and --quiet less: give one of them")


def database_path(options: Namespace) -> Path:
    """The database that the options name, or the default one."""
    given: Path | None = options.db
    return given if given is not None else paths.default_database()
