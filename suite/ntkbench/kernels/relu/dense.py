"""NNGP and NTK of fully connected ReLU networks of infinite width."""

from __future__ import annotations

import math
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.execution import Execution, execution_for, note
from ntkbench.arrays.inputs import check_pair, check_vectors
from ntkbench.kernels.gram.equal_inputs import coincidences, number_inputs
from ntkbench.kernels.gram.tiles import Progress, gram, side
from ntkbench.kernels.relu.layers import recursion
from ntkbench.kernels.relu.network import Kernels, Network

_WORKING_ARRAYS = 20  # live at once in a layer, each one number a pair


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
    if x2 is not None:
        check_vectors(x2, "x2")
        check_pair(x1, x2)
    symmetric = x2 is None
    execution = execution_for(x1) if x2 is None else execution_for(x1, x2)
    if array_api_compat.is_torch_array(x1):
        from ntkbench.kernels.relu import dense_inductor

        faster = dense_inductor.faster_kernels(x1, x2, network, progress)
        if faster is not None:
            return faster
    if x2 is None:
        numbers1 = numbers2 = number_inputs(x1)[0]
        x2, norms1 = x1, _norms(execution, x1, network)
        norms2 = norms1
    else:
        numbers1, numbers2 = number_inputs(x1, x2)
        norms1, norms2 = _norms(execution, x1, network), _norms(execution, x2, network)
    note(execution.name)
    function = execution.compiled(_tile, ("execution", "network"))

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Any, ...]:
        same = coincidences(x1, numbers1[rows], numbers2[columns])
        pieces = (x1[rows, ...], x2[columns, ...], norms1[:, rows], norms2[:, columns], same)
        return tuple(function(*pieces, execution=execution, network=network))

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


def _tile(x1: Any, x2: Any, norms1: Any, norms2: Any, same: Any, *, execution: Execution, network: Network) -> Any:
    covariance = (x1 @ execution.xp.matrix_transpose(x2)) / x1.shape[-1]
    sides = (norms1[:, :, None], norms2[:, None, :])

    def linear(kernel: Any, bias: Any) -> Any:
        return kernel * network.weight + bias

    return network.read_out(*recursion(execution, network, covariance, sides, linear, same))
