"""Images of another size, by interpolation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.duals.products import constant_product
from ntkbench.networks.layers.layer import Shape
from ntkbench.networks.layers.maps.position_map import PositionMap

Method = Literal["nearest", "linear", "cubic", "lanczos3", "lanczos5"]


@dataclass(frozen=True)
class Resize(PositionMap):
    """Positions along each axis as many as asked for, by interpolation, as jax.image.resize has it.

    Args:
        size: how many positions come out along each axis; None leaves an axis as it is.
        method: "nearest", "linear", "cubic" (Keys 1981, a = -1/2), "lanczos3" or "lanczos5".
        antialias: whether the window widens where there are fewer positions than before; not for "nearest".

    Raises:
        ValueError: for sizes and methods that are none.
    """

    size: tuple[int | None, ...]
    method: Method = "linear"
    antialias: bool = True

    def __post_init__(self) -> None:
        sizes = self.size if isinstance(self.size, tuple) else ()
        if not sizes or not all(each is None or (type(each) is int and each > 0) for each in sizes):
            raise ValueError(f"size must be a positive whole number or None for each axis, not {self.size!r}")
        if self.method not in get_args(Method):
            raise ValueError(f"method must be one of {', '.join(get_args(Method))}, not {self.method!r}")

    @property
    def mixes_positions(self) -> bool:
        """Unless it only repeats some and leaves out others."""
        return self.method != "nearest" and any(each is not None for each in self.size)

    def positions(self, before: Shape) -> Shape:
        if len(before) != len(self.size):
            raise ValueError(f"size is for {len(self.size)} axes of positions, and there are {len(before)}")
        return tuple(size if each is None else each for size, each in zip(before, self.size, strict=True))

    def mapped(self, field: Array, axes: range) -> Array:
        for axis, size in zip(axes, self.size, strict=True):
            before = field.shape[axis]
            if size is None or size == before:
                continue
            weights = resize_weights(before, size, self.method, self.antialias)
            field = constant_product(weights, field, axis, ("op", "p", "o"))
        return field


def resize_weights(before: int, after: int, method: str, antialias: bool) -> np.ndarray:
    """What each position that comes out, of `after`, takes of each of those `before`: (after, before).

    Args:
        before: the positions along an axis.
        after: those that come out.
        method: of `Resize`.
        antialias: whether the window widens where there are fewer positions than before.

    Returns:
        Weights in float64, which sum to one over the positions before.

    References:
        Keys 1981, "Cubic convolution interpolation for digital image processing"; Duchon 1979, for Lanczos windows.
    """
    if method == "nearest":
        # As a product too: JAX differentiates no gather of float64 where its default is float32.
        return np.eye(before)[(2 * np.arange(after) + 1) * before // (2 * after)]
    step = before / after
    width = max(step, 1.0) if antialias else 1.0
    centres = (np.arange(after) + 0.5) * step - 0.5
    weights = _WINDOWS[method](np.abs(centres[:, None] - np.arange(before)) / width)
    shares: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return shares


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(1 - x, 0.0))


def _keys(x: np.ndarray) -> np.ndarray:
    near, far = 1 + x**2 * (1.5 * x - 2.5), 2 + x * (x * (2.5 - 0.5 * x) - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos(radius: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.where(x <= radius, np.sinc(x) * np.sinc(x / radius), 0.0)


_WINDOWS = {"linear": _triangle, "cubic": _keys, "lanczos3": _lanczos(3), "lanczos5": _lanczos(5)}
