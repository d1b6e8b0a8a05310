"""What inputs of a kernel must be: their shapes and kinds of numbers."""

from __future__ import annotations

from ntkbench.arrays.array import Array


def check_images(x: Array, name: str) -> None:
    """Raise ValueError unless x is float32 or float64 (N, H, W, C), each at least 1; values are not looked at."""
    if len(_shape(x, name)) != 4 or min(x.shape) < 1:
        raise ValueError(f"{name} must be images (N, H, W, C), not of shape {tuple(x.shape)}")
    _check_dtype(x, name)


def check_vectors(x: Array, name: str) -> None:
    """Raise ValueError unless x is float32 or float64 (N, d), each at least 1; values are not looked at."""
    if len(_shape(x, name)) != 2 or min(x.shape) < 1:
        raise ValueError(f"{name} must be vectors (N, d), not of shape {tuple(x.shape)}")
    _check_dtype(x, name)


def check_pair(x1: Array, x2: Array) -> None:
    """Raise ValueError unless the inputs differ in their number alone."""
    if x1.shape[1:] != x2.shape[1:] or _number(x1) != _number(x2):
        raise ValueError(
            f"x1 and x2 must agree in all but their number: {tuple(x1.shape)} {x1.dtype}, {tuple(x2.shape)} {x2.dtype}"
        )


def _shape(x: Array, name: str) -> tuple[int, ...]:
    if not hasattr(x, "shape"):
        raise TypeError(f"{name} must be an array of NumPy, torch or JAX, not {type(x).__name__}")
    return tuple(x.shape)


def _check_dtype(x: Array, name: str) -> None:
    if _number(x) not in ("float32", "float64"):
        raise ValueError(f"{name} must be float32 or float64, not {x.dtype}")


def _number(x: Array) -> str:
    """The kind of number, whatever the library and, in NumPy, the order of bytes."""
    return str(getattr(x.dtype, "name", x.dtype)).rpartition(".")[2]
