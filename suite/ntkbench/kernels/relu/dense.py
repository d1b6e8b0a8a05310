"""NNGP and NTK of fully connected ReLU networks of infinite width."""

from __future__ import annotations

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for, note
from ntkbench.arrays.half import takes_half
from ntkbench.arrays.inputs import check_pair, check_vectors, dtype_name
from ntkbench.arrays.settings import standard_settings
from ntkbench.arrays.unavailable import attempt
from ntkbench.kernels.gram.equal_inputs import coincidences, number_inputs
from ntkbench.kernels.gram.tiles import Progress, gram, side
from ntkbench.kernels.relu import dense_derivative
from ntkbench.kernels.relu.dense_tiles import DenseTiles, Float64Tiles
from ntkbench.kernels.relu.extent import beyond_float32, by_float64
from ntkbench.kernels.relu.network import SQRT2, Kernels, Network

_WORKING_ARRAYS = 20  # live at once in a layer, each one number a pair


@standard_settings
@takes_half
def fc_kernels(
    x1: Array,
    x2: Array | None = None,
    *,
    depth: int,
    w_std: float | Array = SQRT2,
    b_std: float | Array = 0.0,
    progress: Progress | None = None,
) -> Kernels:
    """NNGP and NTK Gram matrices of a fully connected ReLU network with `depth` weight layers.

    The input layer divides by d. On torch inductor computes them where the work is worth compiling for.

    Args:
        x1: Inputs (n1, d), float32, float64, float16 or bfloat16, of NumPy, torch or JAX.
        x2: Other inputs (n2, d) of the same kind; None for x1 with itself, which gives symmetric matrices.
        depth: Layers with weights, the readout among them; at least 2.
        w_std: Standard deviation of the weights, times sqrt(fan-in): a number, or an array of no dimensions.
        b_std: Standard deviation of the biases, likewise.
        progress: Called with (pairs done, pairs in all).

    Returns:
        Both kernels, each (n1, n2), of the library, dtype and device of x1, good to a part in 1e5 of
        both diagonals' geometric mean in float32: what that takes between nearly parallel inputs is computed in
        float64. Where an input meets itself they are exact to rounding. An input that is not finite has NaN in its row
        and column, and nowhere else.

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
    scales = (network.w_std, network.b_std)
    if execution.traced(x1, x2, *scales) or execution.differentiated(x1, x2, *scales) or not network.is_plain:
        return dense_derivative.differentiable_kernels(network, x1, x2)
    if beyond_float32(network, x1, *([] if x2 is None else [x2])):
        return Kernels(*by_float64(execution, lambda a, b: _kernels(execution, network, a, b, progress), x1, x2))
    return _kernels(execution, network, x1, x2, progress)


def _kernels(execution: Execution, network: Network, x1: Array, x2: Array | None, progress: Progress | None) -> Kernels:
    if execution.name == "aten":
        from ntkbench.kernels.relu import dense_inductor

        if dense_inductor.applies(x1, x2, network):
            kernels = attempt("inductor", lambda: dense_inductor.compute(x1, x2, network, progress), execution)
            if kernels is not None:
                return kernels
    note(execution.name)
    numbers1, numbers2 = number_inputs(x1) * 2 if x2 is None else number_inputs(x1, x2)
    tiles = DenseTiles(execution, network, x1, x1 if x2 is None else x2)
    wide = Float64Tiles(tiles) if dtype_name(x1) == "float32" else None

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Array, ...]:
        same = coincidences(x1, numbers1[rows], numbers2[columns])
        nngp, ntk, closest = tiles.block(rows, columns, same)
        if wide is not None and wide.needed(closest):
            return wide.block(rows, columns, same)
        return nngp, ntk

    size = side(_WORKING_ARRAYS * x1.dtype.itemsize, execution.budget(x1))
    shape = (x1.shape[0], tiles.x2.shape[0])
    matrices = gram(execution, x1, shape, tile, outputs=2, size=size, symmetric=x2 is None, progress=progress)
    return Kernels(*matrices)
