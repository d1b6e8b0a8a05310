"""Which fields carry a convolutional kernel from layer to layer, on the array API.

A 3x3 convolution takes the covariance of positions (p, p') to a sum over (p + s, p' + s): the displacement p' - p never
changes, and displacements need nothing of each other. Flattening needs displacement zero alone: a field (H, W) for each
image pair. Global average pooling needs all: here one displacement of the rows at a time with all pairs (x, x') of
columns, a field (H, W, W') in which neighbours lie on diagonals. Nothing of size (H W)^2 is stored.

Displacements of the rows are taken cyclically: d and d - H fill one field without overlap, and a seam between their
parts, which no stencil may cross, is all that tells them apart. Every field is then full, of one shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution

Sums = Callable[[Array], Array]
"""The sums over the nine neighbours of every place of a field; its own adjoint, of fields that are 0 where none is."""


class Walk(Protocol):
    """What all hidden layers make of fields."""

    def __call__(
        self, covariance: Array, own: tuple[Array, Array], sums: Sums, same: Array | None, inside: Array | float
    ) -> tuple[Array, Array]:
        """NNGP and inherited NTK after the last ReLU.

        Args:
            covariance: That of the inputs: the field.
            own: What both sides have with themselves, (depth - 1, ...), each layer's broadcast to the field.
            sums: Of a field.
            same: 1 where both sides are one and the same, else 0, broadcast likewise; None if they are nowhere.
            inside: 1 where the field has numbers and 0 where it has none, broadcast likewise.
        """


def flatten_means(
    execution: Execution, images: tuple[Array, Array], own: tuple[Array, Array], same: Array | None, walk: Walk
) -> tuple[Array, ...]:
    """The means over positions of NNGP and inherited NTK after the last ReLU, (n1, n2) each.

    Args:
        execution: Of the library of the arrays.
        images: (n1, H, W, C) and (n2, H, W, C).
        own: What `walk` takes of both sides, (depth - 1, n, H, W).
        same: 1 where two images are one and the same, else 0, (n1, n2); None where none are.
        walk: The layers.
    """
    xp, (x1, x2) = execution.xp, images
    covariance = _covariance(execution, x1[:, None, ...], x2[None, ...])
    sides = (own[0][:, :, None, ...], own[1][:, None, ...])
    same = None if same is None else same[:, :, None, None]

    def sums(field: Array) -> Array:
        return execution.box(execution.box(field, 2, 0), 3, 0)

    return tuple(xp.mean(field, axis=(2, 3)) for field in walk(covariance, sides, sums, same, 1.0))


def gap_sums(
    execution: Execution, images: tuple[Array, Array], own: tuple[Array, Array], same: Array | None, dy: Any, walk: Walk
) -> tuple[Array, ...]:
    """As `flatten_means`: the sums over all pairs of positions whose rows are `dy` apart, cyclically.

    Fields are (n1, n2, H, W, W' + 1), the last column a gutter of zeros. With the last two axes as one, the neighbours
    (x + 1, x' + 1) are W' + 2 apart, and the gutter keeps rows apart.
    """
    xp, (x1, x2) = execution.xp, images
    n1, height, width, _ = x1.shape
    shape = (n1, x2.shape[0], height, width, width + 1)
    device = array_api_compat.device(x1)
    columns = xp.arange(width + 1, device=device)
    inside = xp.astype(columns < width, x1.dtype)
    if same is not None:
        straight = xp.astype(xp.arange(width, device=device)[:, None] == columns, x1.dtype)
        same = same[:, :, None, None, None] * straight * xp.astype(dy == 0, x1.dtype)

    def pad(field: Array) -> Array:
        return xp.concat([field, xp.zeros_like(field[..., :1])], axis=-1)

    # Cyclically, the rows from here on belong to the displacement dy - height.
    seam = (height - dy) % height
    shifted, shifted_own = execution.roll(x2, dy, 1), execution.roll(own[1], dy, 2)
    covariance = _covariance(execution, x1[:, None, :, :, None, :], shifted[None, :, :, None, :, :])
    sides = (own[0][:, :, None, :, :, None], pad(shifted_own)[:, None, :, :, None, :])

    def sums(field: Array) -> Array:
        field = xp.reshape(execution.box(field, 2, seam), (*shape[:3], -1))
        return xp.reshape(execution.box(field, 3, 0, width + 2), shape)

    return tuple(xp.sum(field, axis=(2, 3, 4)) for field in walk(pad(covariance), sides, sums, same, inside))


def _covariance(execution: Execution, x1: Array, x2: Array) -> Array:
    """The mean over channels, the last axis, of x1 x2, which are broadcast; for few channels faster than products."""
    xp = execution.xp
    shape = np.broadcast_shapes(tuple(x1.shape), tuple(x2.shape))
    zero = xp.zeros(shape[:-1], dtype=x1.dtype, device=array_api_compat.device(x1))
    channels = tuple(xp.moveaxis(x, -1, 0) for x in (x1, x2))
    return execution.scan(lambda total, pair: total + pair[0] * pair[1], zero, channels) / shape[-1]
