"""NNGP and NTK of fully connected ReLU networks of infinite width."""

from __future__ import annotations

import math

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for, note
from ntkbench.arrays.inputs import check_pair, check_vectors
from ntkbench.arrays.unavailable import attempt
from ntkbench.kernels.gram.equal_inputs import coincidences, number_inputs
from ntkbench.kernels.gram.tiles import Progress, gram, part, side
from ntkbench.kernels.relu.layers import recursion
from ntkbench.kernels.relu.network import Kernels, Network
from ntkbench.kernels.relu.norms import mean_square, norms, variances

_WORKING_ARRAYS = 20  # live at once in a layer, each one number a pair


def fc_kernels(
    x1: Array,
    x2: Array | None = None,
    *,
    depth: int,
    w_std: float = math.sqrt(2.0),
    b_std: float = 0.0,
    progress: Progress | None = None,
) -> Kernels:
    """NNGP and NTK Gram matrices of a fully connected ReLU network with `depth` weight layers.

    The input layer divides by d. On torch inductor computes them where the work is worth compiling for.

    Args:
        x1: Inputs (n1, d), float32 or float64, of NumPy, torch or JAX.
        x2: Other inputs (n2, d) of the same kind; None for x1 with itself, which gives symmetric matrices.
        depth: Layers with weights, the readout among them; at least 2.
        w_std: Standard deviation of the weights, times sqrt(fan-in).
        b_std: Standard deviation of the biases.
        progress: Called with (pairs done, pairs in all).

    Returns:
        Both kernels, each (n1, n2), of the library, dtype and device of x1. Where an input meets itself they are exact
        to rounding. An input that is not finite has NaN in its row and column, and nowhere else.

    Raises:
        ValueError: For shapes, dtypes, depths or standard deviations that make no sense.
        TypeError: For arrays of two libraries, or of none that is known.
        MemoryError: Before it starts, when the matrices do not fit.

    References:
        Jacot et al. 2018; Lee et al. 2019, in the NTK parametrisation.
    """
    network = Network(depth, w_std, b_std)
    check_vectors(x1, "x1")
    if x2 is not None:
        check_vectors(x2, "x2")
        check_pair(x1, x2)
    execution = execution_for(x1) if x2 is None else execution_for(x1, x2)
    if execution.name == "aten":
        from ntkbench.kernels.relu import dense_inductor

        if dense_inductor.applies(x1, x2, network):
            kernels = attempt("inductor", lambda: dense_inductor.compute(x1, x2, network, progress), execution)
            if kernels is not None:
                return kernels
    note(execution.name)
    numbers1, numbers2 = number_inputs(x1) * 2 if x2 is None else number_inputs(x1, x2)
    norms1 = layer_norms(execution, x1, network)
    norms2 = norms1 if x2 is None else layer_norms(execution, x2, network)
    second = x1 if x2 is None else x2
    function = execution.compiled(_tile, ("execution", "network"))

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Array, ...]:
        same = coincidences(x1, numbers1[rows], numbers2[columns])
        pieces = (part(x1, rows), part(second, columns), part(norms1, rows, 1), part(norms2, columns, 1), same)
        return tuple(function(*pieces, execution=execution, network=network))

    size = side(_WORKING_ARRAYS * x1.dtype.itemsize, execution.budget(x1))
    shape = (x1.shape[0], second.shape[0])
    matrices = gram(execution, x1, shape, tile, outputs=2, size=size, symmetric=x2 is None, progress=progress)
    return Kernels(*matrices)


def layer_norms(execution: Execution, x: Array, network: Network) -> Array:
    """Standard deviations of the preactivations of each hidden layer, (n, d) -> (depth - 1, n)."""
    return execution.compiled(_layer_norms, ("execution", "network"))(x, execution=execution, network=network)


def _layer_norms(x: Array, *, execution: Execution, network: Network) -> Array:
    return norms(execution, variances(mean_square(execution, x), network, network.dense))


def _tile(
    x1: Array, x2: Array, norms1: Array, norms2: Array, same: Array | None, *, execution: Execution, network: Network
) -> Kernels:
    covariance = (x1 @ execution.xp.matrix_transpose(x2)) / x1.shape[-1]
    sides = (norms1[:, :, None], norms2[:, None, :])
    return network.read_out(*recursion(execution, network, covariance, sides, network.dense, same))
