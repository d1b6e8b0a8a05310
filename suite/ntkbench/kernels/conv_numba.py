"""The convolutional kernels on the CPU with numba: the same decomposition as `conv`, arranged for `conv_lanes`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ntkbench.kernels.conv_lanes import LANES, mirror, sums_of_pairs
from ntkbench.kernels.network import Network, Pooling
from ntkbench.kernels.tiles import Progress, check_room

_ROWS = 64  # x1 images between two reports of progress


def kernel_matrices(
    x1: npt.NDArray[Any],
    x2: npt.NDArray[Any] | None,
    network: Network,
    pooling: Pooling,
    wanted: tuple[str, ...],
    scale: float,
    progress: Progress | None,
) -> tuple[npt.NDArray[Any], ...]:
    """As `conv.kernel_matrices`, for NumPy arrays (n, H, W, C) -> the wanted (n1, n2)."""
    symmetric = x2 is None
    if x2 is None:
        x2 = x1
    n1, height, width, channels = x1.shape
    n2 = len(x2)
    check_room(x1, (n1, n2), len(wanted))
    images1, norms1 = np.require(x1, requirements=["C", "W"]), _norms(x1, network)
    images2, norms2 = _in_lanes(x2), _in_lanes(norms1 if symmetric else _norms(x2, network))
    inverse1, inverse2 = _inverse(norms1), _inverse(norms2)
    shifts = 1 if pooling == "flatten" else height * width
    # In the order that `conv_lanes` names them.
    constants = np.array([network.weight / 9, network.bias, 1 / channels, 1.0, 0.5], x1.dtype)
    mean = x1.dtype.type(1 / (height * width * shifts))
    matrices = {name: np.empty((n1, n2), x1.dtype) for name in wanted}
    done, total = 0, n1 * (n1 + 1) // 2 if symmetric else n1 * n2
    for start in range(0, n1, _ROWS):
        rows = slice(start, min(start + _ROWS, n1))
        nngp, ntk = np.zeros((2, rows.stop - start, n2), x1.dtype)
        sides = (images1[rows], norms1[rows], inverse1[rows], images2, norms2, inverse2)
        sums_of_pairs(*sides, start if symmetric else -1, shifts, network.first_trained, constants, nngp, ntk)
        kernels = network.read_out(nngp * mean, ntk * mean)._asdict()
        for name, matrix in matrices.items():
            matrix[rows] = kernels[name] * x1.dtype.type(scale)
        done += sum(n2 - i for i in range(rows.start, rows.stop)) if symmetric else (rows.stop - start) * n2
        if progress is not None:
            progress(done, total)
    if symmetric:
        for matrix in matrices.values():
            mirror(matrix)
    return tuple(matrices.values())


def _norms(x: npt.NDArray[Any], network: Network) -> npt.NDArray[Any]:
    """Standard deviations of the preactivations, (n, H, W, C) -> (n, depth - 1, H, W)."""
    variance = np.einsum("nhwc,nhwc->nhw", x, x) / x.dtype.type(x.shape[-1])
    layers = []
    for _ in range(network.depth - 1):
        for axis in (1, 2):
            padded = np.pad(variance, [(1, 1) if a == axis else (0, 0) for a in range(3)])
            take = [np.take(padded, range(k, k + variance.shape[axis]), axis) for k in range(3)]
            variance = take[0] + take[1] + take[2]
        variance = variance * x.dtype.type(network.weight / 9) + x.dtype.type(network.bias)
        layers.append(np.sqrt(variance))
        variance = variance / 2
    return np.stack(layers, axis=1)


def _inverse(norms: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """1 / norms, and 0 where a norm is 0, which makes the correlation there 0."""
    inverse: npt.NDArray[Any] = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
    return inverse


def _in_lanes(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n, ...) -> (ceil(n / LANES), ..., LANES), the last block filled up with zeros."""
    blocks = -(-len(a) // LANES)
    padded = np.zeros((blocks * LANES, *a.shape[1:]), a.dtype)
    padded[: len(a)] = a
    return np.ascontiguousarray(np.moveaxis(padded.reshape(blocks, LANES, *a.shape[1:]), 1, -1))
