"""Data sets: found by name, fetched once, checked against pinned hashes, and cut into the sizes tasks ask for."""

from ntkbench.datasets.catalogue import fetch, get, is_cached, load, names, path
from ntkbench.datasets.dataset import Arrays, Dataset, Hashes
from ntkbench.datasets.progress import Progress
from ntkbench.datasets.select import average_pool, channel_statistics, class_balanced, standardise, subset
from ntkbench.datasets.synthetic import (
    Distribution,
    elliptical,
    gaussian,
    laplace,
    normalised,
    rademacher,
    sphere,
    student,
)

__all__ = [
    "Arrays",
    "Dataset",
    "Distribution",
    "Hashes",
    "Progress",
    "average_pool",
    "channel_statistics",
    "class_balanced",
    "elliptical",
    "fetch",
    "gaussian",
    "get",
    "is_cached",
    "laplace",
    "load",
    "names",
    "normalised",
    "path",
    "rademacher",
    "sphere",
    "standardise",
    "student",
    "subset",
]
