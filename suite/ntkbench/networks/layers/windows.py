"""Windows that move over images: how often they fit, and what lies in them."""

from __future__ import annotations

from typing import Any, Literal

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array

Padding = Literal["same", "valid", "circular"]
Pair = tuple[int, int]

PADDINGS = ("same", "valid", "circular")


def check_pair(pair: Any, name: str) -> None:
    """Raise ValueError unless this is a window or a stride, along rows and columns."""
    if not (isinstance(pair, tuple) and len(pair) == 2 and all(type(v) is int and v > 0 for v in pair)):
        raise ValueError(f"{name} must be two positive whole numbers, not {pair!r}")


def check_padding(padding: Any) -> None:
    """Raise ValueError unless this is one of `PADDINGS`."""
    if padding not in PADDINGS:
        raise ValueError(f"padding must be one of {', '.join(PADDINGS)}, not {padding!r}")


def image_size(shape: tuple[int, ...], layer: object) -> Pair:
    """Height and width of inputs of a layer. Raises ValueError for what are no images."""
    if len(shape) != 3:
        raise ValueError(f"{type(layer).__name__} needs images (H, W, C), not inputs of shape {shape}")
    return shape[0], shape[1]


def count(size: Pair, window: Pair, stride: Pair, padding: Padding = "valid") -> Pair:
    """How many windows there are along the rows and columns of an image. Raises ValueError when none fits."""
    if padding != "valid":
        return -(-size[0] // stride[0]), -(-size[1] // stride[1])
    if size[0] < window[0] or size[1] < window[1]:
        raise ValueError(f"a window of {window} does not fit into images of {size}")
    return (size[0] - window[0]) // stride[0] + 1, (size[1] - window[1]) // stride[1] + 1


def counts_inside(length: int, window: int, stride: int, number: int) -> list[int]:
    """Of each of `number` windows along an axis, zeros around it: how many of its places lie in the image."""
    start = -(max((number - 1) * stride + window - length, 0) // 2)
    firsts = (start + stride * k for k in range(number))
    return [min(first + window, length) - max(first, 0) for first in firsts]


def reach(window: Pair, dilation: Pair) -> Pair:
    """Rows and columns from the first place in a window to the last, which lie `dilation` apart."""
    return (window[0] - 1) * dilation[0] + 1, (window[1] - 1) * dilation[1] + 1


def places(x: Array, window: Pair, stride: Pair, dilation: Pair = (1, 1)) -> list[Array]:
    """For each place in the window, row by row, what lies there as it moves over images (n, H, W, C)."""
    height, width = reach(window, dilation)
    rows = (x.shape[1] - height) // stride[0] * stride[0] + 1
    columns = (x.shape[2] - width) // stride[1] * stride[1] + 1
    return [
        x[:, i : i + rows : stride[0], j : j + columns : stride[1], :]
        for i in range(0, height, dilation[0])
        for j in range(0, width, dilation[1])
    ]


def padded(x: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
    """Images (n, H, W, C) with what is put around them; the odd row or column comes last."""
    if padding == "valid":
        return x
    xp, device = array_api_compat.array_namespace(x), array_api_compat.device(x)
    number = count((x.shape[1], x.shape[2]), window, stride, padding)
    for axis in (1, 2):
        length = x.shape[axis]
        total = max((number[axis - 1] - 1) * stride[axis - 1] + window[axis - 1] - length, 0)
        low, high = total // 2, total - total // 2
        if padding == "circular":
            # By index, since the padding may be longer than the image.
            x = xp.take(x, xp.arange(-low, length + high, device=device) % length, axis=axis)
            continue
        shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in (low, high)]
        before, after = (xp.zeros(shape, dtype=x.dtype, device=device) for shape in shapes)
        x = xp.concat([before, x, after], axis=axis) if total else x
    return x
