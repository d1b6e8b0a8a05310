"""A data set that is some classes of another one: nothing more to fetch, and hashes of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ntkbench.datasets.dataset import Arrays, Dataset
from ntkbench.datasets.fetched import Fetched
from ntkbench.datasets.progress import Progress
from ntkbench.errors import SystemFault


@dataclass(frozen=True)
class OfClasses:
    """The images of `classes`, in the order they have in the whole; class number i of them is labelled i."""

    dataset: Dataset
    whole: Fetched[Arrays]
    classes: tuple[int, ...]

    def path(self) -> Path:
        """The folder of the whole."""
        return self.whole.path()

    def is_cached(self) -> bool:
        """Whether the whole is."""
        return self.whole.is_cached()

    def fetch(self, *, force: bool, progress: Progress | None) -> Path:
        """Make sure of the whole and return its folder."""
        return self.whole.fetch(force=force, progress=progress)

    def load(self, progress: Progress | None) -> Arrays:
        """The arrays, the whole fetched first when missing. Raises SystemFault when they are not the pinned ones."""
        whole = self.whole.load(progress)
        arrays = Arrays(*self._part(whole.x_train, whole.y_train), *self._part(whole.x_test, whole.y_test))
        fault = self.dataset.mismatch(arrays)
        if fault is not None:
            raise SystemFault(
                f"{self.dataset.name}: these classes of {self.whole.dataset.name} are not as pinned: {fault}"
            )
        return arrays

    def _part(self, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        wanted = np.array(self.classes)
        chosen = np.isin(y, wanted)
        order = np.argsort(wanted)
        return x[chosen], order[np.searchsorted(wanted[order], y[chosen])].astype(y.dtype)
