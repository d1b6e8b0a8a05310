"""What inputs of a kernel must be: their shapes and kinds of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for

HALVES = ("float16", "bfloat16")

KINDS = ("vectors (N, d)", "sequences (N, T, C)", "images (N, H, W, C)", "volumes (N, D, H, W, C)")
"""Of inputs, by the number of their axes of positions."""

WITH_POSITIONS = f"{', '.join(KINDS[1:-1])} or {KINDS[-1]}"


def check_images(x: Array, name: str) -> None:
    """Raise ValueError unless x is float32 or float64 (N, H, W, C), each at least 1; values are not looked at."""
    if len(_shape(x, name)) != 4 or min(x.shape) < 1:
        raise ValueError(f"{name} must be images (N, H, W, C), not of shape {tuple(x.shape)}")
    check_dtype(x, name)


def check_vectors(x: Array, name: str) -> None:
    """Raise ValueError unless x is float32 or float64 (N, d), each at least 1; values are not looked at."""
    if len(_shape(x, name)) != 2 or min(x.shape) < 1:
        raise ValueError(f"{name} must be vectors (N, d), not of shape {tuple(x.shape)}")
    check_dtype(x, name)


def check_pair(x1: Array, x2: Array) -> None:
    """Raise ValueError unless the inputs differ in their number alone."""
    if x1.shape[1:] != x2.shape[1:] or dtype_name(x1) != dtype_name(x2):
        raise ValueError(
            f"x1 and x2 must agree in all but their number: {tuple(x1.shape)} {x1.dtype}, {tuple(x2.shape)} {x2.dtype}"
        )


def check_dtype(x: Array, name: str) -> None:
    """Raise ValueError unless x is float32 or float64."""
    if dtype_name(x) not in ("float32", "float64"):
        wanted = "float32 or float64" if dtype_name(x) in HALVES else "floating-point numbers"
        convert = 'astype("float32")' if hasattr(x, "astype") else "float()"
        raise ValueError(f"{name} must be {wanted}, not {dtype_name(x)}: give {name}.{convert}")


def check_array(x: Array, name: str) -> None:
    """Raise TypeError for what is no array at all, a list say."""
    if not (hasattr(x, "shape") and hasattr(x, "dtype")):
        raise TypeError(
            f"{name} must be an array of NumPy, torch or JAX, not {type(x).__name__}: "
            f'give numpy.asarray({name}, dtype="float32")'
        )


def dtype_name(x: Array) -> str:
    """The name of its dtype, such as "float32", whatever the library and, in NumPy, the order of bytes."""
    return str(getattr(x.dtype, "name", x.dtype)).rpartition(".")[2]


def is_plain(*values: Any) -> bool:
    """Whether these are numbers of Python or NumPy: settings that a program can be compiled for."""
    return all(isinstance(value, int | float | np.number) for value in values)


def is_setting(value: Any) -> bool:
    """Whether it is a plain number, or an array of no dimensions, which may be traced and differentiated."""
    return is_plain(value) or (array_api_compat.is_array_api_obj(value) and value.ndim == 0)


def holds(condition: Any) -> bool:
    """Whether a condition on settings holds; of what is traced nothing is known, and it counts as true."""
    if array_api_compat.is_array_api_obj(condition) and execution_for(condition).traced(condition):
        return True
    return bool(condition)


def _shape(x: Array, name: str) -> tuple[int, ...]:
    check_array(x, name)
    return tuple(x.shape)
