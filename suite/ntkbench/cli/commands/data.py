"""`ntkbench data list|fetch|path`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ntkbench import datasets
from ntkbench.cli import completion
from ntkbench.cli.completion import completed_by
from ntkbench.cli.exits import OK
from ntkbench.cli.parser import OneOf
from ntkbench.cli.tables import show


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("action", action=OneOf, names=["list", "fetch", "path"], help="list, fetch or path")
    completed_by(parser.add_argument("names", nargs="*", metavar="NAME"), completion.datasets)
    parser.add_argument("--force", action="store_true", help="fetch again what is there")


def run(options: Namespace) -> int:
    """List data sets, fetch the named ones (default: all), or print their folders."""
    chosen = [datasets.get(name) for name in options.names or datasets.names()]
    if options.action == "list":
        rows = []
        for d in chosen:
            shape, state = "x".join(map(str, d.image_shape)), "here" if datasets.is_cached(d.name) else "not fetched"
            rows.append((d.name, d.title, d.n_train, d.n_test, shape, d.licence, state))
        show(["name", "title", "train", "test", "shape", "licence", "state"], rows)
        return OK
    for dataset in chosen:
        if options.action == "fetch":
            print(datasets.fetch(dataset.name, force=options.force))
        else:
            print(datasets.path(dataset.name))
    return OK
