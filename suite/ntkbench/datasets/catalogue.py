"""The data sets there are, by name: the one list, and the functions people call.

To add a data set, write a module beside `digits.py` or `mnist.py`, or beside `uci90.py` where it is
one of many small tables, and name it in `_PROVIDERS`. Installed distributions add theirs by entry points of the group
"ntkbench.datasets", each a `Provider`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ntkbench import plugins
from ntkbench.datasets.bundled_tables import TABLES
from ntkbench.datasets.cifar10 import CIFAR2, CIFAR10
from ntkbench.datasets.collection import Collection, Table, Tables
from ntkbench.datasets.dataset import Arrays, Dataset
from ntkbench.datasets.digits import DIGITS
from ntkbench.datasets.identity import Identity
from ntkbench.datasets.mnist import MNIST
from ntkbench.datasets.progress import Progress
from ntkbench.datasets.uci90 import UCI90
from ntkbench.errors import InputError, unknown


@runtime_checkable
class Provider(Protocol):
    """A data set and the way to have it: `Fetched` into the cache, or `Bundled` with an installed library."""

    @property
    def dataset(self) -> Identity[Any]:
        """What it provides."""

    def path(self) -> Path:
        """The folder where the arrays live, or will."""

    def is_cached(self) -> bool:
        """Whether `load` can do without fetching."""

    def fetch(self, *, force: bool, progress: Progress | None) -> Path:
        """Make sure of the arrays and return their folder."""

    def load(self, progress: Progress | None) -> Any:
        """The arrays, fetched first when missing."""


_PROVIDERS: dict[str, Provider] = {p.dataset.name: p for p in (CIFAR2, CIFAR10, DIGITS, MNIST, TABLES, UCI90)}
ENTRY_POINT_GROUP = "ntkbench.datasets"


def names() -> list[str]:
    """The names of all data sets, sorted."""
    return sorted(_providers())


def optional() -> list[str]:
    """The names of those that a run may do without."""
    return [name for name in names() if get(name).optional]


def get(name: str) -> Identity[Any]:
    """What is known about a data set without having it.

    Args:
        name: of a data set.

    Returns:
        A `Dataset` of images or a `Collection` of tables.

    Raises:
        InputError: for an unknown name.
    """
    return _provider(name).dataset


def images(name: str) -> Dataset:
    """What is known about a data set of images without having it.

    Args:
        name: of such a data set.

    Raises:
        InputError: for an unknown name, or a collection.
    """
    known = get(name)
    if not isinstance(known, Dataset):
        raise InputError(f"data set {name!r} is a collection of tables, not one of images: use load_collection")
    return known


def load(name: str, progress: Progress | None = None) -> Arrays:
    """The arrays of a data set of images, fetched first when missing.

    Args:
        name: of such a data set.
        progress: told how far a fetch is; where None, it reports to stderr.

    Returns:
        Images and labels; cached ones are memory-mapped and read-only.

    Raises:
        InputError: for an unknown name, a collection, or a data set that comes with a library that is not installed.
        DatasetUnavailable: when no source gives it.
        SystemFault: when the cache folder cannot be written.
    """
    images(name)
    arrays: Arrays = _provider(name).load(progress)
    return arrays


def load_collection(name: str, progress: Progress | None = None) -> Mapping[str, Table]:
    """The tables of a collection by name, fetched first when missing.

    Args:
        name: of a collection.
        progress: told how far a fetch is; where None, it reports to stderr.

    Returns:
        The tables in the order of the collection, memory-mapped and read-only.

    Raises:
        InputError: for an unknown name, or a data set of images.
        DatasetUnavailable: when no source gives it.
        SystemFault: when the cache folder cannot be written.
    """
    known = get(name)
    if not isinstance(known, Collection):
        raise InputError(f"data set {name!r} is one of images, not a collection of tables: use load")
    tables: Tables = _provider(name).load(progress)
    return dict(zip(known.tables, tables, strict=True))


def fetch(name: str, *, force: bool = False, progress: Progress | None = None) -> Path:
    """Make sure that a data set is cached.

    Args:
        name: of a data set.
        force: whether to fetch it again when it is.
        progress: told how far a fetch is; where None, it reports to stderr.

    Returns:
        Its folder.

    Raises:
        InputError: for an unknown name, or a data set that comes with a library that is not installed.
        DatasetUnavailable: when no source gives it.
        SystemFault: when the cache folder cannot be written.
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


def _providers() -> dict[str, Provider]:
    found = dict(_PROVIDERS)

    def take(provider: Any, origin: str) -> None:
        if not isinstance(provider, Provider) or not isinstance(provider.dataset, Identity):
            raise InputError("it provides no data set, as a Bundled of ntkbench.datasets does")
        if provider.dataset.name in found:
            raise InputError(f"there is another data set {provider.dataset.name!r}")
        found[provider.dataset.name] = provider

    plugins.offer(ENTRY_POINT_GROUP, take)
    return found


def _provider(name: str) -> Provider:
    known = _providers()
    if name not in known:
        raise unknown("dataset", name, known)
    return known[name]
