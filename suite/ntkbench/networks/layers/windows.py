"""Windows that move along axes of positions, one to three of them: how often they fit, and what lies in them."""

from __future__ import annotations

import itertools
from typing import Any, Literal

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.inputs import KINDS, WITH_POSITIONS

Padding = Literal["same", "valid", "circular"]
Sizes = tuple[int, ...]
"""A number for each axis of positions."""

PADDINGS = ("same", "valid", "circular")
_MOST_AXES = len(KINDS) - 1


def check_window(window: Any) -> None:
    """Raise ValueError unless this is a window, a number for each of one to three axes."""
    if not (_are_sizes(window) and len(window) <= _MOST_AXES):
        raise ValueError(f"window must be a tuple of one to three positive whole numbers, not {window!r}")


def check_fits(sizes: Any, name: str, window: Sizes) -> None:
    """Raise ValueError unless this is a stride or a dilation for the axes of a window."""
    if not (_are_sizes(sizes) and len(sizes) == len(window)):
        wanted = f"a tuple of as many positive whole numbers as the window has, {len(window)}"
        raise ValueError(f"{name} must be {wanted}, not {sizes!r}")


def check_padding(padding: Any) -> None:
    """Raise ValueError unless this is one of `PADDINGS`."""
    if padding not in PADDINGS:
        raise ValueError(f"padding must be one of {', '.join(PADDINGS)}, not {padding!r}")


def check_positions(shape: tuple[int, ...], layer: object) -> Sizes:
    """The positions of a layer's inputs of `shape`. Raises ValueError for vectors."""
    if len(shape) < 2:
        raise ValueError(f"{type(layer).__name__} needs {WITH_POSITIONS}, not vectors of shape {shape}")
    return shape[:-1]


def count(size: Sizes, window: Sizes, stride: Sizes, padding: Padding = "valid") -> Sizes:
    """How many windows there are along each axis. Raises ValueError when none fits, or for other axes."""
    check_axes(size, window)
    if padding != "valid":
        return tuple(-(-length // step) for length, step in zip(size, stride, strict=True))
    along = list(zip(size, window, stride, strict=True))
    if any(length < w for length, w, _ in along):
        raise ValueError(f"a window of {window} does not fit into {' x '.join(map(str, size))} positions")
    return tuple((length - w) // step + 1 for length, w, step in along)


def check_axes(size: Sizes, window: Sizes) -> None:
    """Raise ValueError unless the window has a number for each axis of positions."""
    if len(size) != len(window):
        numbers = f": give it {len(size)} number{'s'[: len(size) > 1]}"
        raise ValueError(f"a window of {window} is for {KINDS[len(window)]}, not for {KINDS[len(size)]}{numbers}")


def counts_inside(length: int, window: int, stride: int, number: int) -> list[int]:
    """Of each of `number` windows along an axis, zeros around it: how many of its places lie between the borders."""
    start = -(max((number - 1) * stride + window - length, 0) // 2)
    firsts = (start + stride * k for k in range(number))
    return [min(first + window, length) - max(first, 0) for first in firsts]


def reach(window: Sizes, dilation: Sizes) -> Sizes:
    """How far it is along each axis from the first place in a window to the last, which lie `dilation` apart."""
    return tuple((w - 1) * apart + 1 for w, apart in zip(window, dilation, strict=True))


def places(x: Array, window: Sizes, stride: Sizes, dilation: Sizes | None = None) -> list[Array]:
    """For each place in the window, the last axis first, what lies there as it moves over x (n, *positions, C)."""
    apart = dilation or (1,) * len(window)
    along = []
    for length, far, step, d in zip(x.shape[1:-1], reach(window, apart), stride, apart, strict=True):
        last = (length - far) // step * step + 1
        along.append([slice(first, first + last, step) for first in range(0, far, d)])
    return [x[(slice(None), *place, slice(None))] for place in itertools.product(*along)]


def padded(x: Array, window: Sizes, stride: Sizes, padding: Padding) -> Array:
    """Inputs (n, *positions, C) with what is put around them; the odd place comes last."""
    if padding == "valid":
        return x
    xp, device = array_api_compat.array_namespace(x), array_api_compat.device(x)
    number = count(tuple(x.shape[1:-1]), window, stride, padding)
    for axis in range(1, x.ndim - 1):
        length = x.shape[axis]
        total = max((number[axis - 1] - 1) * stride[axis - 1] + window[axis - 1] - length, 0)
        low, high = total // 2, total - total // 2
        if padding == "circular":
            # By index, since the padding may be longer than the axis.
            x = xp.take(x, xp.arange(-low, length + high, device=device) % length, axis=axis)
            continue
        shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in (low, high)]
        before, after = (xp.zeros(shape, dtype=x.dtype, device=device) for shape in shapes)
        x = xp.concat([before, x, after], axis=axis) if total else x
    return x


def _are_sizes(sizes: Any) -> bool:
    return isinstance(sizes, tuple) and len(sizes) > 0 and all(type(size) is int and size > 0 for size in sizes)
