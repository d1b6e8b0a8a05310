"""Derivatives of functions on arrays, by the library that the arrays are of."""

from __future__ import annotations

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.transforms import Transforms


def transforms_for(x: Array) -> Transforms:
    """The transforms of the array's library. Raises TypeError for one that does not differentiate."""
    transforms = execution_for(x).transforms
    if transforms is None:
        raise TypeError(f"empirical kernels need derivatives, which arrays of type {type(x).__name__} have not")
    return transforms
