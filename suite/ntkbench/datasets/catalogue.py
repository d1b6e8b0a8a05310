"""The data sets there are, by name: the one list, and the functions people call.

To add a data set, write a module beside `digits.py` or `mnist.py` and name it in `_PROVIDERS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ntkbench.datasets.cifar10 import CIFAR2, CIFAR10
from ntkbench.datasets.dataset import Arrays, Dataset
from ntkbench.datasets.digits import DIGITS
from ntkbench.datasets.mnist import MNIST
from ntkbench.datasets.progress import Progress
from ntkbench.errors import unknown


class Provider(Protocol):
    """A data set and the way to have it: `Fetched` into the cache, or `Bundled` with an installed library."""

    @property
    def dataset(self) -> Dataset:
        """What it provides."""

    def path(self) -> Path:
        """The folder where the arrays live, or will."""

    def is_cached(self) -> bool:
        """Whether `load` can do without fetching."""

    def fetch(self, *, force: bool, progress: Progress | None) -> Path:
        """Make sure of the arrays and return their folder."""

    def load(self, progress: Progress | None) -> Arrays:
        """The arrays, fetched first when missing."""


_PROVIDERS: dict[str, Provider] = {p.dataset.name: p for p in (CIFAR2, CIFAR10, DIGITS, MNIST)}


def names() -> list[str]:
    """The names of all data sets, sorted."""
    return sorted(_PROVIDERS)


def get(name: str) -> Dataset:
    """What is known about a data set without having it.

    Args:
        name: of a data set.

    Raises:
        InputError: for an unknown name.
    """
    return _provider(name).dataset


def load(name: str, progress: Progress | None = None) -> Arrays:
    """A data set's arrays, fetched first when missing.

    Args:
        name: of a data set.
        progress: told how far a fetch is; where None, it reports to stderr.

    Returns:
        Images and labels; cached ones are memory-mapped and read-only.

    Raises:
        InputError: for an unknown name, or a data set that comes with a library that is not installed.
        SystemFault: when no source can be reached, or the cache folder cannot be written.
    """
    return _provider(name).load(progress)


def fetch(name: str, *, force: bool = False, progress: Progress | None = None) -> Path:
    """Make sure that a data set is cached.

    Args:
        name: of a data set.
        force: whether to fetch it again when it is.
        progress: told how far a fetch is; where None, it reports to stderr.

    Returns:
        Its folder.

    Raises:
        InputError: as `load` does.
        SystemFault: as `load` does.
    """
    return _provider(name).fetch(force=force, progress=progress)


def path(name: str) -> Path:
    """The folder where a data set's files live, or will once fetched.

    Args:
        name: of a data set.

    Raises:
        InputError: for an unknown name.
    """
    return _provider(name).path()


def is_cached(name: str) -> bool:
    """Whether `load` needs no network.

    Args:
        name: of a data set.

    Raises:
        InputError: for an unknown name.
    """
    return _provider(name).is_cached()


def _provider(name: str) -> Provider:
    if name not in _PROVIDERS:
        raise unknown("dataset", name, _PROVIDERS)
    return _PROVIDERS[name]
