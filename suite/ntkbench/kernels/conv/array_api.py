"""The convolutional kernels on the array API: every library's, wherever no faster implementation applies.

A 3x3 convolution takes the covariance of positions (p, p') to a sum over (p + s, p' + s): the displacement p' - p never
changes, and displacements need nothing of each other. Flattening needs displacement zero alone: a field (H, W) for each
image pair. Global average pooling needs all: here one displacement of the rows at a time with all pairs (x, x') of
columns, a field (H, W, W') in which neighbours lie on diagonals. Nothing of size (H W)^2 is stored.

Displacements of the rows are taken cyclically: d and d - H fill one field without overlap, and a seam between their
parts, which no stencil may cross, is all that tells them apart. Every field is then full, of one shape.
"""

from __future__ import annotations

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution
from ntkbench.kernels.conv.own import layer_norms
from ntkbench.kernels.conv.problem import ConvProblem, Readout
from ntkbench.kernels.gram.tiles import side
from ntkbench.kernels.relu.layers import recursion
from ntkbench.kernels.relu.network import Network

_WORKING_FIELDS = 16  # live at once in a layer where operations run one by one; a compiler needs fewer


def compute(problem: ConvProblem) -> tuple[Array, ...]:
    """The wanted Gram matrices of any images, (n1, n2) each."""
    execution, x1, x2 = problem.execution, problem.x1, problem.second
    norms1 = layer_norms(execution, x1, problem.network)
    norms2 = norms1 if problem.symmetric else layer_norms(execution, x2, problem.network)
    block = _flatten if problem.pooling == "flatten" else _gap
    function = execution.compiled(block, ("execution", "readout"))

    def tile(rows: slice, columns: slice, same: Array | None) -> tuple[Array, ...]:
        sides = x1[rows, ...], x2[columns, ...], norms1[:, rows, ...], norms2[:, columns, ...]
        return tuple(function(*sides, same, execution=execution, readout=problem.readout))

    height, width, _ = problem.image
    # All pairs of columns, H times, from the cache next to a core: several times as fast as from one that cores share.
    field, share = (height * width, 1) if problem.pooling == "flatten" else (height * width * (width + 1), 8)
    size = side(_WORKING_FIELDS * field * x1.dtype.itemsize, execution.budget(x1) // share)
    return problem.in_tiles(tile, size)


def _flatten(
    x1: Array, x2: Array, norms1: Array, norms2: Array, same: Array | None, *, execution: Execution, readout: Readout
) -> tuple[Array, ...]:
    """One block: images (n1, H, W, C) and (n2, H, W, C), norms (depth - 1, n, H, W) -> the wanted (n1, n2)."""
    xp = execution.xp
    covariance = _covariance(execution, x1[:, None, ...], x2[None, ...])
    sides = (norms1[:, :, None, ...], norms2[:, None, ...])

    same = None if same is None else same[:, :, None, None]

    def convolve(field: Array, bias: float) -> Array:
        return _scaled(readout.network, execution.box(execution.box(field, 2, 0), 3, 0), bias)

    fields = recursion(execution, readout.network, covariance, sides, convolve, same)
    return readout(*(xp.mean(field, axis=(2, 3)) for field in fields))


def _gap(
    x1: Array, x2: Array, norms1: Array, norms2: Array, same: Array | None, *, execution: Execution, readout: Readout
) -> tuple[Array, ...]:
    """As `_flatten`. Fields are (n1, n2, H, W, W' + 1), the last column a gutter of zeros.

    With the last two axes as one, the neighbours (x + 1, x' + 1) are W' + 2 apart, and the gutter keeps rows apart.
    """
    xp = execution.xp
    n1, height, width, _ = x1.shape
    shape = (n1, x2.shape[0], height, width, width + 1)
    device = array_api_compat.device(x1)
    columns = xp.arange(width + 1, device=device)
    inside = xp.astype(columns < width, x1.dtype)
    if same is not None:
        straight = xp.astype(xp.arange(width, device=device)[:, None] == columns, x1.dtype)
        same = same[:, :, None, None, None] * straight

    def pad(field: Array) -> Array:
        return xp.concat([field, xp.zeros_like(field[..., :1])], axis=-1)

    def displacement(sums: tuple[Array, ...], dy: tuple[Array]) -> tuple[Array, ...]:
        # Cyclically, the rows from here on belong to the displacement dy - height.
        seam = (height - dy[0]) % height
        shifted, shifted_norms = execution.roll(x2, dy[0], 1), execution.roll(norms2, dy[0], 2)
        covariance = _covariance(execution, x1[:, None, :, :, None, :], shifted[None, :, :, None, :, :])
        sides = (norms1[:, :, None, :, :, None], pad(shifted_norms)[:, None, :, :, None, :])
        here = None if same is None else same * xp.astype(dy[0] == 0, x1.dtype)

        def convolve(field: Array, bias: float) -> Array:
            field = xp.reshape(execution.box(field, 2, seam), (*shape[:3], -1))
            return _scaled(readout.network, xp.reshape(execution.box(field, 3, 0, width + 2), shape), bias, inside)

        fields = recursion(execution, readout.network, pad(covariance), sides, convolve, here)
        return tuple(total + xp.sum(field, axis=(2, 3, 4)) for total, field in zip(sums, fields, strict=True))

    zero = xp.zeros(shape[:2], dtype=x1.dtype, device=device)
    sums = execution.scan(displacement, (zero, zero), (xp.arange(height, device=device),))
    return readout(*(total / (height * width) ** 2 for total in sums))


def _covariance(execution: Execution, x1: Array, x2: Array) -> Array:
    """The mean over channels, the last axis, of x1 x2, which are broadcast; for few channels faster than products."""
    xp = execution.xp
    shape = np.broadcast_shapes(tuple(x1.shape), tuple(x2.shape))
    zero = xp.zeros(shape[:-1], dtype=x1.dtype, device=array_api_compat.device(x1))
    channels = tuple(xp.moveaxis(x, -1, 0) for x in (x1, x2))
    return execution.scan(lambda total, pair: total + pair[0] * pair[1], zero, channels) / shape[-1]


def _scaled(network: Network, sums: Array, bias: float, inside: Array | float = 1.0) -> Array:
    """What a 3x3 convolution makes of a kernel, from the sums over its neighbours; 0 where `inside` is 0."""
    scaled = sums * (inside * (network.weight / 9))
    return scaled + inside * bias if network.bias else scaled
