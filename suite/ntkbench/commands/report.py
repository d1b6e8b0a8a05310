"""`ntkbench report`: the HTML pages."""

from __future__ import annotations

from argparse import Namespace

from ntkbench import registry
from ntkbench.cli import OK, database_path
from ntkbench.site import write_site
from ntkbench.store import Store


def report(options: Namespace) -> int:
    """Write the pages and print where."""
    path = database_path(options)
    out = options.out if options.out is not None else path.parent / "report"
    print(write_site(Store(path), registry.load_tasks(options.tasks), out))
    return OK
