"""`ntkbench doctor`: what is here, and how to get what is not."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ntkbench import backends, datasets, paths
from ntkbench.cli.exits import OK
from ntkbench.cli.tables import show
from ntkbench.machine import cuda


def add_arguments(parser: ArgumentParser) -> None:
    """It takes nothing."""


def run(options: Namespace) -> int:
    """Print the machine, the backends and the data sets."""
    from ntkbench.machine.provenance import environment

    installed = backends.installed()
    rows = [*environment().items()]
    for name in backends.names():
        rows.append((f"backend {name}", "installed" if name in installed else f"missing: pip install {name}"))
    rows += cuda.report()
    for name in datasets.names():
        rows.append((f"data {name}", "here" if datasets.is_cached(name) else f"`ntkbench data fetch {name}`"))
    rows += [("database", str(paths.default_database())), ("cache", str(paths.cache_folder()))]
    show(["what", "found"], rows)
    return OK
