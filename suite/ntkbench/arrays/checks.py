"""What is checked of arrays before they are computed with, and small arrays as NumPy's."""

from __future__ import annotations

import math

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for

_SMALL = 2**21  # numbers near the processor: NumPy has looked at them before a program is compiled for their shape


def finite(execution: Execution, x: Array, name: str) -> Array:
    """An array in float64, within `execution.double()`. Raises ValueError for NaN or infinity."""
    if not all_finite(execution, x):
        raise ValueError(f"{name} holds NaN or infinity")
    if str(x.dtype).endswith("float64"):
        return x
    if _small(execution, x) and not execution.traced(x) and not execution.differentiated(x):
        return execution.from_numpy(execution.to_numpy(x).astype(np.float64), x)
    return execution.xp.astype(x, execution.xp.float64)


def all_finite(execution: Execution, x: Array) -> bool:
    """Whether an array holds neither NaN nor infinity; True for one that is traced, which holds nothing yet."""
    if execution.traced(x):
        return True
    if _small(execution, x):
        return bool(np.isfinite(execution.to_numpy(x)).all())
    return bool(execution.compiled(_all_finite, ("execution",))(x, execution=execution))


def symmetric(execution: Execution, k: Array, name: str = "k") -> Array:
    """A square matrix in float64, within `execution.double()`. Raises ValueError unless it is symmetric.

    Libraries read one triangle and say nothing of the other; here they may differ by half the digits of the dtype.
    One that is traced has no values to look at.
    """
    matrix = square(execution, k, name)
    if execution.traced(matrix):
        return matrix
    if _small(execution, matrix):
        seen = execution.to_numpy(matrix)
        _check_asymmetry(float(np.abs(seen - seen.T).max()), float(np.abs(seen).max()), k, name)
    else:
        difference, size = execution.compiled(_own_asymmetry, ("execution",))(matrix, execution=execution)
        _check_asymmetry(float(difference), float(size), k, name)
    return matrix


def check_symmetric_in_panels(execution: Execution, k: Array, width: int, name: str) -> None:
    """What `symmetric` checks, for `width` rows at a time and without a copy of the whole."""
    check_square(k, name)
    differences, sizes = [], []
    for start in range(0, k.shape[0], width):
        rows = finite(execution, k[start : start + width, :], name)
        columns = execution.xp.astype(k[:, start : start + width], execution.xp.float64)
        difference, size = _asymmetry(rows, execution.xp.matrix_transpose(columns), execution=execution)
        differences.append(float(difference))
        sizes.append(float(size))
    _check_asymmetry(max(differences), max(sizes), k, name)


def check_square(k: Array, name: str) -> None:
    """Raise ValueError unless k is (n, n) with n >= 1; values are not looked at."""
    if k.ndim != 2 or k.shape[0] != k.shape[1] or k.shape[0] < 1:
        raise ValueError(f"{name} must be a square matrix (n, n) with n >= 1, not of shape {tuple(k.shape)}")


def square(execution: Execution, k: Array, name: str) -> Array:
    """A square matrix in float64, within `execution.double()`. Raises ValueError for shapes, NaN or infinity."""
    check_square(k, name)
    return finite(execution, k, name)


def to_numpy(array: Array) -> np.ndarray:
    """An array of any library and device as NumPy's; it may share its memory."""
    return execution_for(array).to_numpy(array)


def host(x: Array) -> np.ndarray:
    """A small array of any library and device as NumPy's own, fractions in float64."""
    found = to_numpy(x)
    return np.array(found, dtype=np.float64 if found.dtype.kind == "f" else None)


def uncompiled(*arrays: Array) -> tuple[Array, ...]:
    """The arrays as NumPy's where their library would compile programs for sizes at which NumPy is as fast."""
    execution = execution_for(*arrays)
    if execution.compiles and all(_small(execution, x) for x in arrays):
        return tuple(execution.to_numpy(x) for x in arrays)
    return arrays


def _small(execution: Execution, x: Array) -> bool:
    return math.prod(x.shape) <= _SMALL and execution.on_cpu(x)


def _all_finite(x: Array, *, execution: Execution) -> Array:
    return execution.xp.all(execution.xp.isfinite(x))


def _asymmetry(matrix: Array, transposed: Array, *, execution: Execution) -> tuple[Array, Array]:
    xp = execution.xp
    return xp.max(xp.abs(matrix - transposed)), xp.max(xp.abs(matrix))


def _own_asymmetry(matrix: Array, *, execution: Execution) -> tuple[Array, Array]:
    return _asymmetry(matrix, execution.xp.matrix_transpose(matrix), execution=execution)


def _check_asymmetry(difference: float, size: float, k: Array, name: str) -> None:
    single = str(k.dtype).endswith("float32")
    if difference > math.sqrt(float(np.finfo(np.float32 if single else np.float64).eps)) * size:
        raise ValueError(f"{name} must be symmetric; it differs from its transpose by {difference:.3g}")
