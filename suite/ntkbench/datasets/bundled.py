"""A data set that an installed library carries: nothing to fetch, but its hashes are checked all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Generic

from ntkbench.datasets.identity import Content, Identity
from ntkbench.datasets.progress import Progress
from ntkbench.errors import InputError, SystemFault


def scikit_learn_folder(name: str) -> Path:
    """The folder of scikit-learn's data files, found without importing it.

    Raises InputError, in the name of a data set, where it is not there.
    """
    spec = find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            f"data set {name!r} comes with scikit-learn, which is not installed here; use another data set"
        )
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data"


@dataclass(frozen=True)
class Bundled(Generic[Content]):
    """A data set read through `read` out of a library's own `folder`."""

    dataset: Identity[Content]
    read: Callable[[], Content]
    folder: Callable[[], Path]

    def path(self) -> Path:
        """The folder of the library's files."""
        return self.folder()

    def is_cached(self) -> bool:
        """Whether the library is installed: it comes with it."""
        try:
            return self.folder().exists()
        except InputError:
            return False

    def fetch(self, *, force: bool, progress: Progress | None) -> Path:
        """The folder; there is nothing to fetch."""
        return self.folder()

    def load(self, progress: Progress | None) -> Content:
        """The arrays. Raises SystemFault when the library's copy is not the pinned one."""
        arrays = self.read()
        fault = self.dataset.mismatch(arrays)
        if fault is not None:
            raise SystemFault(f"{self.dataset.name}: the copy under {self.folder()} is not the pinned one: {fault}")
        return arrays
