"""`ntkbench list`: the tasks and their tiers."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ntkbench.cli.exits import OK
from ntkbench.cli.options import add_task_folders
from ntkbench.cli.tables import show
from ntkbench.experiment import registry


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    add_task_folders(parser)


def run(options: Namespace) -> int:
    """Print each task with its tiers."""
    tasks = registry.load_tasks(options.tasks).values()
    rows = [(t.name, t.title, ", ".join(t.tier_names), len(t.claims)) for t in tasks]
    show(["task", "title", "tiers", "claims"], rows)
    return OK
