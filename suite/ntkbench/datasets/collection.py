"""A data set of many small classification sets: its pinned identity (`Collection`) and its arrays (`Tables`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ntkbench.datasets.dataset import array_sha256
from ntkbench.datasets.identity import Identity
from ntkbench.errors import InputError

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Table:
    """One set of samples and its published splits.

    Attributes:
        x: Samples, float32 (n, d).
        labels: Their classes from 0, int16 (n,); or values to be predicted, where these are whole numbers.
        test: uint8 (k, n), 1 where a sample is tested in that of the k splits; it trains in the others.
        validation: uint8 (n,), 1 where a sample is in the half held out to choose hyper-parameters.
    """

    x: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int16]
    test: npt.NDArray[np.uint8]
    validation: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Check the shapes and dtypes. Raises InputError."""
        n = len(self.labels)
        kinds = {"x": (np.float32, 2), "labels": (np.int16, 1), "test": (np.uint8, 2), "validation": (np.uint8, 1)}
        for name, (dtype, axes) in kinds.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.ndim != axes:
                raise InputError(f"{name} is {array.dtype}{array.shape}, not {np.dtype(dtype)} with {axes} axes")
        if not len(self.x) == self.test.shape[1] == len(self.validation) == n:
            raise InputError(f"{n} labels for {len(self.x)} samples, splits of {self.test.shape[1]} in test")

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return int(self.labels.max()) + 1

    def splits(self) -> Iterator[tuple[Indices, Indices]]:
        """The indices of the training and of the test samples of each split."""
        return (_halves(tested) for tested in self.test)

    def tuning(self) -> tuple[Indices, Indices]:
        """The indices of the samples to train on and to validate on, when hyper-parameters are chosen."""
        return _halves(self.validation)


@dataclass(frozen=True)
class Tables:
    """Many tables behind one another; they may be memory-mapped and read-only.

    Attributes:
        shapes: int64 (sets, 2), the n and d of each.
        x: float32 (sum of n d,), row by row.
        labels: int16 (sum of n,).
        test: uint8 (k, sum of n).
        validation: uint8 (sum of n,).
    """

    shapes: npt.NDArray[np.int64]
    x: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int16]
    test: npt.NDArray[np.uint8]
    validation: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, tables: Sequence[Table]) -> Tables:
        """The tables in their order."""
        return cls(
            shapes=np.array([t.x.shape for t in tables], np.int64).reshape(-1, 2),
            x=np.concatenate([t.x.ravel() for t in tables]),
            labels=np.concatenate([t.labels for t in tables]),
            test=np.concatenate([t.test for t in tables], axis=1),
            validation=np.concatenate([t.validation for t in tables]),
        )

    def __iter__(self) -> Iterator[Table]:
        """Each table, as views."""
        row = entry = 0
        for n, d in self.shapes.tolist():
            rows = slice(row, row + n)
            x = self.x[entry : entry + n * d].reshape(n, d)
            yield Table(x, self.labels[rows], self.test[:, rows], self.validation[rows])
            row, entry = row + n, entry + n * d


@dataclass(frozen=True, kw_only=True)
class Collection(Identity[Tables]):
    """A data set of many tables: their names in the order of the arrays, and the SHA-256 over all arrays."""

    tables: tuple[str, ...]
    arrays_sha256: str

    @property
    def sha256(self) -> str:
        """The SHA-256 of the five arrays' hashes in hex, concatenated in the order of the fields of `Tables`."""
        return self.arrays_sha256

    @property
    def array_names(self) -> tuple[str, ...]:
        """Those of `Tables`."""
        return tuple(field.name for field in fields(Tables))

    def made_of(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Tables:
        """The tables with these arrays."""
        return Tables(**arrays)

    def mismatch(self, content: Tables) -> str | None:
        """What in `content` is not this data set, in words; None when the hash is as pinned."""
        hashes = [array_sha256(getattr(content, name)) for name in self.array_names]
        found = hashlib.sha256("".join(hashes).encode()).hexdigest()
        return None if found == self.sha256 else f"its arrays have SHA-256 {found[:12]}…, not {self.sha256[:12]}…"


def _halves(held_out: npt.NDArray[np.uint8]) -> tuple[Indices, Indices]:
    return np.flatnonzero(held_out == 0), np.flatnonzero(held_out)
