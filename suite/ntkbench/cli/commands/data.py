"""`ntkbench data list|fetch|path`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from typing import Any

from ntkbench import datasets
from ntkbench.cli import completion
from ntkbench.cli.completion import completed_by
from ntkbench.cli.exits import OK, SYSTEM_FAULT
from ntkbench.cli.parser import OneOf
from ntkbench.cli.tables import show
from ntkbench.datasets.identity import Identity


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("action", action=OneOf, names=["list", "fetch", "path"], help="list, fetch or path")
    completed_by(parser.add_argument("names", nargs="*", metavar="NAME"), completion.datasets)
    parser.add_argument("--force", action="store_true", help="fetch again what is there")


def run(options: Namespace) -> int:
    """List data sets, fetch the named ones (default: all), or print their folders."""
    chosen = [datasets.get(name) for name in options.names or datasets.names()]
    match options.action:
        case "list":
            _list(chosen)
            return OK
        case "path":
            print("\n".join(str(datasets.path(dataset.name)) for dataset in chosen))
            return OK
    return max([_fetch(dataset, options) for dataset in chosen])


def _fetch(dataset: Identity[Any], options: Namespace) -> int:
    """Fetch one data set and print its folder; one that no source gives leaves the others to be fetched."""
    try:
        print(datasets.fetch(dataset.name, force=options.force), flush=True)
    except datasets.DatasetUnavailable as fault:
        print(f"ntkbench: {fault}", file=sys.stderr)
        return OK if dataset.optional and not options.names else SYSTEM_FAULT
    return OK


def _list(chosen: Iterable[Identity[Any]]) -> None:
    rows = []
    for d in chosen:
        state = "here" if datasets.is_cached(d.name) else "not fetched"
        match d:
            case datasets.Dataset():
                size: tuple[object, ...] = (d.n_train, d.n_test, "x".join(map(str, d.image_shape)))
            case datasets.Collection():
                size = ("", "", f"{len(d.tables)} sets")
        rows.append((d.name, d.title, *size, d.licence, state))
    show(["name", "title", "train", "test", "shape", "licence", "state"], rows)
