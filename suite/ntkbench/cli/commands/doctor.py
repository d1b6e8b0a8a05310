"""`ntkbench doctor`: what is here, and how to get what is not."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import partial

from ntkbench import backends, datasets, paths
from ntkbench.backends import devices
from ntkbench.cli.exits import OK
from ntkbench.cli.tables import show
from ntkbench.errors import InputError, SystemFault


def add_arguments(parser: ArgumentParser) -> None:
    """It takes nothing."""


def run(options: Namespace) -> int:
    """Print the machine, the backends and the data sets."""
    installed = backends.installed()
    rows = [*backends.environment().items()]
    for name in backends.names():
        rows.append((f"backend {name}", "installed" if name in installed else f"missing: pip install {name}"))
    rows += devices.report()
    for name in datasets.names():
        rows.append((f"data {name}", _found(partial(_state, name))))
    rows += [("database", _found(paths.default_database)), ("cache", _found(paths.cache_folder))]
    show(["what", "found"], rows)
    return OK


def _found(find: Callable[[], object]) -> str:
    """What is found, or why nothing can be: a user may have no home folder."""
    try:
        return str(find())
    except (InputError, SystemFault) as fault:
        return str(fault)


def _state(dataset: str) -> str:
    return "here" if datasets.is_cached(dataset) else f"`ntkbench data fetch {dataset}`"
