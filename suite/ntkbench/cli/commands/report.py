"""`ntkbench report`: the HTML pages."""

from __future__ import annotations

import webbrowser
from argparse import Namespace

from ntkbench.cli.main import OK, database_path
from ntkbench.errors import InputError
from ntkbench.experiment import registry
from ntkbench.report.site import write_site
from ntkbench.results.store import Store


def report(options: Namespace) -> int:
    """Write the pages, print where, and show them if asked to."""
    path = database_path(options)
    out = options.out if options.out is not None else path.parent / "report"
    index = write_site(Store(path), registry.load_tasks(options.tasks), out)
    print(index)
    if options.open and not webbrowser.open(index.resolve().as_uri()):
        raise InputError(f"no browser was found; open {index} yourself")
    return OK
