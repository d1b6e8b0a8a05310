"""Data sets: found by name, fetched once, checked against pinned hashes, and cut into the sizes tasks ask for."""

from ntkbench.datasets.bundled import Bundled
from ntkbench.datasets.catalogue import fetch, get, images, is_cached, load, load_collection, names, optional, path
from ntkbench.datasets.collection import Collection, Table
from ntkbench.datasets.dataset import Arrays, Dataset, Hashes, array_sha256
from ntkbench.datasets.progress import Progress
from ntkbench.datasets.select import average_pool, channel_statistics, class_balanced, standardise, subset
from ntkbench.datasets.synthetic import (
    Distribution,
    elliptical,
    exponential,
    gaussian,
    laplace,
    normalised,
    rademacher,
    sphere,
    student,
    uniform,
    weibull,
)
from ntkbench.datasets.unavailable import DatasetUnavailable

__all__ = [
    "Arrays",
    "Bundled",
    "Collection",
    "Dataset",
    "DatasetUnavailable",
    "Distribution",
    "Hashes",
    "Progress",
    "Table",
    "array_sha256",
    "average_pool",
    "channel_statistics",
    "class_balanced",
    "elliptical",
    "exponential",
    "fetch",
    "gaussian",
    "get",
    "images",
    "is_cached",
    "laplace",
    "load",
    "load_collection",
    "names",
    "normalised",
    "optional",
    "path",
    "rademacher",
    "sphere",
    "standardise",
    "student",
    "subset",
    "uniform",
    "weibull",
]
