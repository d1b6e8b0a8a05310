"""`ntkbench report`: the HTML pages."""

from __future__ import annotations

import webbrowser
from argparse import ArgumentParser, Namespace

from ntkbench.cli.exits import OK
from ntkbench.cli.options import add_database, add_task_folders, as_path, database_path
from ntkbench.errors import InputError
from ntkbench.experiment import registry
from ntkbench.report.site import write_site
from ntkbench.results.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--out", type=as_path, metavar="DIR", help="default: the folder report/ beside the database")
    parser.add_argument("--open", action="store_true", help="and show it in the browser")
    add_task_folders(parser)
    add_database(parser)


def run(options: Namespace) -> int:
    """Write the pages, print where, and show them if asked to."""
    path = database_path(options)
    out = options.out if options.out is not None else path.parent / "report"
    questions = {name: topic.question for name, topic in registry.topics(options.tasks).items()}
    index = write_site(Store(path), registry.load_tasks(options.tasks), out, questions)
    print(index)
    if options.open and not webbrowser.open(index.resolve().as_uri()):
        raise InputError(f"no browser was found; open {index} yourself")
    return OK
