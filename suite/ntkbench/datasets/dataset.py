"""A data set of images: its pinned identity (`Dataset`), and its images and labels (`Arrays`)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ntkbench.datasets.identity import Identity
from ntkbench.errors import InputError

ARRAY_NAMES = ("x_train", "y_train", "x_test", "y_test")

_SHA256 = re.compile(r"[0-9a-f]{64}")


def array_sha256(array: npt.NDArray[Any]) -> str:
    """The SHA-256 of an array's bytes in C order; its shape and dtype are no part of it.

    Args:
        array: Of any shape and dtype.

    Returns:
        64 hex digits, as `Hashes` pins them.
    """
    return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data).hexdigest()


@dataclass(frozen=True)
class Hashes:
    """The SHA-256 (64 hex digits) of each of a data set's four arrays."""

    x_train: str
    y_train: str
    x_test: str
    y_test: str

    def __post_init__(self) -> None:
        """Raise ValueError when one is not a SHA-256 in lower-case hex."""
        for name, value in self:
            if not _SHA256.fullmatch(value):
                raise ValueError(f"{name}: {value!r} is not a SHA-256 in lower-case hex")

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Pairs (array name, hash), in the order of `ARRAY_NAMES`."""
        return ((name, getattr(self, name)) for name in ARRAY_NAMES)

    @property
    def combined(self) -> str:
        """One hash over everything: the SHA-256 of the four hex texts, concatenated in the order of `ARRAY_NAMES`."""
        return hashlib.sha256("".join(value for _, value in self).encode()).hexdigest()


@dataclass(frozen=True)
class Arrays:
    """A data set's images and labels; they may be memory-mapped and read-only.

    `x_train`, `x_test`: (N, H, W, C), C order, uint8 or float. `y_train`, `y_test`: (N,), uint8 or int64.
    Raises InputError when shapes or dtypes do not fit together.
    """

    x_train: npt.NDArray[Any]
    y_train: npt.NDArray[Any]
    x_test: npt.NDArray[Any]
    y_test: npt.NDArray[Any]

    def __post_init__(self) -> None:
        """Check shapes, dtypes and memory order."""
        for part in ("train", "test"):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            if x.ndim != 4 or not x.flags.c_contiguous or not (x.dtype == np.uint8 or x.dtype.kind == "f"):
                raise InputError(f"x_{part} is {x.dtype}{x.shape}, not uint8 or float (N, H, W, C) in C order")
            if y.dtype not in (np.uint8, np.int64):
                raise InputError(f"y_{part} is {y.dtype}, not uint8 or int64")
            if y.shape != x.shape[:1]:
                raise InputError(f"y_{part} has shape {y.shape} for {x.shape[0]} images")
        if self.x_train.shape[1:] != self.x_test.shape[1:] or self.x_train.dtype != self.x_test.dtype:
            raise InputError("x_train and x_test differ in image shape or dtype")


@dataclass(frozen=True, kw_only=True)
class Dataset(Identity[Arrays]):
    """A data set of images: its size and pinned hashes, beside its name and origin.

    `image_shape` is (H, W, C) in pixels and channels. Raises ValueError when a field makes no sense.
    """

    hashes: Hashes
    image_shape: tuple[int, int, int]
    n_train: int
    n_test: int
    n_classes: int

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        if len(self.image_shape) != 3 or min(*self.image_shape, self.n_train, self.n_test, self.n_classes) < 1:
            raise ValueError(f"{self.name}: image shape, counts and classes must be positive")

    @property
    def sha256(self) -> str:
        """The one canonical hash over all four arrays (see `Hashes.combined`)."""
        return self.hashes.combined

    @property
    def array_names(self) -> tuple[str, ...]:
        """Those of `Arrays`."""
        return ARRAY_NAMES

    def made_of(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """The images and labels with these arrays. Raises InputError when they do not fit together."""
        return Arrays(**arrays)

    def mismatch(self, content: Arrays) -> str | None:
        """What in `content` is not this data set, in words; None when shapes and every hash are as pinned."""
        counts = {"train": self.n_train, "test": self.n_test}
        for part, n in counts.items():
            shape = getattr(content, f"x_{part}").shape
            if shape != (n, *self.image_shape):
                return f"x_{part} has shape {shape}, not {(n, *self.image_shape)}"
        for name, pinned in self.hashes:
            found = array_sha256(getattr(content, name))
            if found != pinned:
                return f"{name} has SHA-256 {found[:12]}…, not {pinned[:12]}…"
        return None
