"""`ntkbench data list|fetch|path`."""

from __future__ import annotations

from argparse import Namespace

from ntkbench import datasets
from ntkbench.cli.main import OK
from ntkbench.cli.tables import show


def data(options: Namespace) -> int:
    """List data sets, fetch the named ones (default: all), or print their folders."""
    names = options.names or datasets.names()
    chosen = [datasets.get(name) for name in names]
    if options.action == "list":
        rows = [
            (d.name, d.title, d.n_train, d.n_test, "x".join(map(str, d.image_shape)), d.licence,
             "here" if datasets.is_cached(d.name) else "not fetched")
            for d in chosen
        ]  # fmt: skip
        show(["name", "title", "train", "test", "shape", "licence", "state"], rows)
        return OK
    for dataset in chosen:
        if options.action == "fetch":
            print(datasets.fetch(dataset.name, force=options.force))
        else:
            print(datasets.path(dataset.name))
    return OK
