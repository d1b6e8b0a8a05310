"""NNGP and NTK of fully connected ReLU networks of infinite width."""

from __future__ import annotations

import math
from typing import Any

import array_api_compat

from ntkbench.kernels.dual import relu_dual
from ntkbench.kernels.execution import Execution, execution_for, note
from ntkbench.kernels.network import Kernels, Network, check_pair, check_vectors
from ntkbench.kernels.tiles import Progress, gram, side

_WORKING_ARRAYS = 16  # live at once in a layer, each one number a pair


def fc_kernels(
    x1: Any,
    x2: Any | None = None,
    *,
    depth: int,
    w_std: float = math.sqrt(2.0),
    b_std: float = 0.0,
    progress: Progress | None = None,
) -> Kernels:
    """NNGP and NTK Gram matrices of a fully connected ReLU network with `depth` weight layers.

    x1 (n1, d) and x2 (n2, d), float32 or float64, of NumPy, torch or JAX -> two (n1, n2) of the same kind. Without
    x2: of x1 with itself, symmetric, its diagonal exact. The input layer divides by d. Raises ValueError for shapes,
    dtypes or depths that make no sense. Source: Jacot et al. 2018; Lee et al. 2019, in the NTK parametrisation.
    """
    network = Network(depth, w_std, b_std)
    check_vectors(x1, "x1")
    symmetric = x2 is None
    if x2 is None:
        x2 = x1
    else:
        check_vectors(x2, "x2")
        check_pair(x1, x2)
    execution = execution_for(x1, x2)
    note(execution.name)
    norms1, norms2 = _norms(execution, x1, network), _norms(execution, x2, network)

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Any, ...]:
        function = execution.compiled(_tile, ("execution", "network", "diagonal"))
        pieces = (x1[rows], x2[columns], norms1[:, rows], norms2[:, columns])
        return tuple(function(*pieces, execution=execution, network=network, diagonal=diagonal))

    size = side(_WORKING_ARRAYS * x1.dtype.itemsize, execution.budget(x1))
    shape = (x1.shape[0], x2.shape[0])
    matrices = gram(execution, x1, shape, tile, outputs=2, size=size, symmetric=symmetric, progress=progress)
    return Kernels(*matrices)


def _norms(execution: Execution, x: Any, network: Network) -> Any:
    """Standard deviations of the preactivations of each hidden layer: (depth - 1, n)."""
    xp = execution.xp
    variance = xp.sum(x * x, axis=-1) / x.shape[-1]
    layers = []
    for _ in range(network.depth - 1):
        variance = variance * network.weight + network.bias
        layers.append(xp.sqrt(variance))
        variance = variance / 2
    return xp.stack(layers)


def _tile(x1: Any, x2: Any, norms1: Any, norms2: Any, *, execution: Execution, network: Network, diagonal: bool) -> Any:
    xp = execution.xp
    covariance = (x1 @ xp.matrix_transpose(x2)) / x1.shape[-1] * network.weight + network.bias
    device = array_api_compat.device(x1)
    same = xp.eye(*covariance.shape, dtype=covariance.dtype, device=device) > 0.0 if diagonal else None

    def layer(carry: Any, norms: Any) -> Any:
        nngp, ntk = carry
        kappa, slope, scale = _activate(xp, nngp, norms[0][:, None], norms[1][None, :], same)
        nngp = scale * kappa
        return nngp * network.weight + network.bias, (nngp + ntk * slope) * network.weight + network.bias

    # All hidden layers but the last are followed by a hidden layer, the last by the readout.
    last1, last2 = norms1[-1], norms2[-1]
    carry = (covariance, covariance)
    if network.depth > 2:
        carry = execution.scan(layer, carry, (norms1[:-1], norms2[:-1]))
    kappa, slope, scale = _activate(xp, carry[0], last1[:, None], last2[None, :], same)
    return network.read_out(scale * kappa, carry[1] * slope)


def _activate(xp: Any, covariance: Any, norm1: Any, norm2: Any, same: Any) -> tuple[Any, Any, Any]:
    """The dual activations of ReLU and the product of the norms; zero vectors have correlation zero."""
    scale = norm1 * norm2
    positive = scale > 0.0
    correlation = xp.where(positive, covariance / xp.where(positive, scale, xp.ones_like(scale)), 0.0 * scale)
    if same is not None:
        # The correlation of a vector with itself is one; formed by division it would lose half the digits.
        correlation = xp.where(same, xp.ones_like(correlation), correlation)
    return *relu_dual(xp, correlation), scale
