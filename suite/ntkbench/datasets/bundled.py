"""A data set that an installed library carries: nothing to fetch, but its hashes are checked all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ntkbench.datasets.dataset import Arrays, Dataset
from ntkbench.datasets.progress import Progress
from ntkbench.errors import InputError, SystemFault


@dataclass(frozen=True)
class Bundled:
    """A data set read through `read` out of a library's own `folder`."""

    dataset: Dataset
    read: Callable[[], Arrays]
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

    def load(self, progress: Progress | None) -> Arrays:
        """The arrays. Raises SystemFault when the library's copy is not the pinned one."""
        arrays = self.read()
        fault = self.dataset.mismatch(arrays)
        if fault is not None:
            raise SystemFault(f"{self.dataset.name}: the copy under {self.folder()} is not the pinned one: {fault}")
        return arrays
