"""The fully connected kernels on torch: inductor, one compiled loop a layer, where the work is worth compiling for."""

from __future__ import annotations

import math

import torch

from ntkbench.arrays import inductor
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for
from ntkbench.duals.arc_cosine import relu_dual_short
from ntkbench.kernels.gram.equal_inputs import coincidences, number_inputs
from ntkbench.kernels.gram.tiles import Progress, gram
from ntkbench.kernels.relu.dense_tiles import DenseTiles, Float64Tiles
from ntkbench.kernels.relu.layers import inverse
from ntkbench.kernels.relu.network import Kernels, Network
from ntkbench.kernels.relu.norms import mean_square, norms, variances

_SIDE = 512  # of a tile: two arrays of 1 MiB stay in the caches from layer to layer


def applies(x1: Array, x2: Array | None, network: Network) -> bool:
    """Whether the kernels of these tensors, (n1, d) and (n2, d), are worth compiling for."""
    pairs = len(x1) * (len(x1) + 1) // 2 if x2 is None else len(x1) * len(x2)
    return inductor.applies(pairs * network.depth, *((x1,) if x2 is None else (x1, x2)))


def compute(x1: Array, x2: Array | None, network: Network, progress: Progress | None) -> Kernels:
    """As `dense.fc_kernels`, for float32 tensors on the CPU.

    Args:
        x1: Inputs (n1, d).
        x2: Other inputs (n2, d), or None.
        network: What is computed.
        progress: Called with (pairs done, pairs in all).

    Returns:
        Both kernels, each (n1, n2).

    Raises:
        Unavailable: Where nothing compiles.
    """
    symmetric = x2 is None
    x1 = x1.detach()
    x2 = x1 if x2 is None else x2.detach()
    numbers1, numbers2 = number_inputs(x1) * 2 if symmetric else number_inputs(x1, x2)
    norms1, own = _own(x1, network)
    norms2 = norms1 if symmetric else _own(x2, network)[0]
    inverse1, inverse2 = inverse(torch, norms1), inverse(torch, norms2)
    constants = torch.tensor([network.weight, network.bias])
    layer = inductor.compiled(_layer)
    execution = execution_for(x1)
    wide = Float64Tiles(DenseTiles(execution, network, x1, x2))

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Array, Array]:
        same = coincidences(x1, numbers1[rows], numbers2[columns])
        nngp = x1[rows] @ x2[columns].T
        nngp.mul_(network.weight / x1.shape[1]).add_(network.bias)
        if wide.needed(_closest(nngp, inverse1[0, rows], inverse2[0, columns], same)):
            return wide.block(rows, columns, same)
        ntk = nngp.clone()
        sides = (norms1[:, rows], inverse1[:, rows], norms2[:, columns], inverse2[:, columns])
        for of_layer in zip(*sides, strict=True):
            layer(*of_layer, constants, nngp, ntk)
        if same is not None:
            for kernel, exact in zip((nngp, ntk), own, strict=True):
                kernel.mul_(1.0 - same).add_(same * exact[rows, None])
        return nngp, ntk

    shape = (len(x1), len(x2))
    # As few tiles as there can be, of one size: the last of them overlaps the one before by little.
    size = math.ceil(max(shape) / math.ceil(max(shape) / _SIDE))
    return Kernels(*gram(execution, x1, shape, tile, outputs=2, size=size, symmetric=symmetric, progress=progress))


def _own(x: Array, network: Network) -> tuple[Array, tuple[Array, Array]]:
    """Norms of the preactivations of each hidden layer, (depth - 1, n), and both kernels of each input with itself.

    The kernels come from the variances alone: a correlation of one formed by division would lose half the digits.
    """
    execution = execution_for(x)
    layers = variances(mean_square(execution, x), network, network.dense)
    nngp = network.dense(layers[-1] / 2, network.bias)
    ntk = layers[0]
    for variance in (*layers[1:], nngp):
        ntk = variance + ntk * (network.weight / 2)
    return norms(execution, layers), (nngp, ntk)


def _closest(nngp: Array, inverse1: Array, inverse2: Array, same: Array | None) -> Array:
    """The largest size of a correlation of two inputs that differ, from the first layer's covariances (n1, n2)."""
    correlation = nngp * inverse1[:, None] * inverse2
    return (correlation if same is None else correlation * (1.0 - same)).abs().max()


def _layer(
    norm1: Array, inverse1: Array, norm2: Array, inverse2: Array, constants: Array, nngp: Array, ntk: Array
) -> None:
    """Both kernels (n1, n2) of a layer's preactivations, in place of those of the layer before it."""
    correlation = torch.clamp(nngp * (inverse1[:, None] * inverse2), -1.0, 1.0)
    value, slope = relu_dual_short(torch, correlation)
    after = value * (norm1[:, None] * norm2) * constants[0] + constants[1]
    ntk.copy_(after + ntk * slope * constants[0])
    nngp.copy_(after)
