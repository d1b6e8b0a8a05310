"""Arrays that layers are made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Constant:
    """A float64 array that does not change and, unlike NumPy's, can be a key: part of a layer, which is one.

    Args:
        shape: of the array.
        data: its numbers in the order of C, as bytes.
    """

    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, values: Any, name: str) -> Constant:
        """That of nested lists or an array of any library. Raises ValueError, with `name`, for what is none."""
        if isinstance(values, cls):
            return values
        try:
            array = np.asarray(values)
            real = array.dtype.kind in "biuf"
        except (TypeError, ValueError, RuntimeError):
            real = False
        if not real:
            raise ValueError(f"{name} must be an array of real numbers, not {values!r:.80}")
        if not (np.isfinite(array).all() and array.size):
            raise ValueError(f"{name} must hold finite numbers, at least one")
        return cls(array.shape, array.astype(np.float64).tobytes())

    @property
    def array(self) -> np.ndarray:
        """The array, which cannot be written."""
        return np.frombuffer(self.data).reshape(self.shape)

    def __repr__(self) -> str:
        return f"Constant{self.shape}"
