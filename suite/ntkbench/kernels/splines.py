"""The kernel of one layer of a KAN: it is linear in its coefficients, and exact at any width."""

from __future__ import annotations

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for, note
from ntkbench.arrays.half import takes_half
from ntkbench.arrays.inputs import check_pair, check_vectors
from ntkbench.arrays.settings import standard_settings
from ntkbench.kernels.empirical.costs import side
from ntkbench.kernels.gram.tiles import Progress, gram, mirrored, part
from ntkbench.networks.splines import Splines

# Matrix products gain from tiles far larger than a cache.
_BUDGET = 2**28


@standard_settings
@takes_half
def spline_kernel(
    x1: Array,
    x2: Array | None = None,
    *,
    degree: int,
    intervals: int,
    low: float = 0.0,
    high: float = 1.0,
    progress: Progress | None = None,
) -> Array:
    """The sum over the d inputs, and over all B-splines, of B(x1_j) B(x2_j): the kernel of `networks.Kan((d, 1), ...)`.

    It is the NTK for any coefficients, since the layer is linear in them, and the NNGP for those from N(0, 1).

    Args:
        x1: inputs (n1, d), float32, float64, float16 or bfloat16, of NumPy, torch or JAX.
        x2: other inputs (n2, d) of the same kind; None for x1 with itself, which gives a symmetric matrix.
        degree: of the splines, as for `networks.Splines`.
        intervals: of their grid.
        low: where the grid begins.
        high: where it ends.
        progress: called with (pairs done, pairs in all).

    Returns:
        The kernel (n1, n2), of the library, dtype and device of x1, computed in float64.

    Raises:
        ValueError: for shapes, dtypes or grids that make no sense.
        TypeError: for arrays of two libraries, or of none that is known.
        MemoryError: before it starts, when the matrix does not fit.

    References:
        Wang et al. 2024 (arXiv:2410.01803).
    """
    splines = Splines(degree, intervals, low, high)
    check_vectors(x1, "x1")
    if x2 is not None:
        check_vectors(x2, "x2")
        check_pair(x1, x2)
    execution = execution_for(x1) if x2 is None else execution_for(x1, x2)
    note(execution.name)
    second = x1 if x2 is None else x2
    features = execution.compiled(_features, ("splines",))
    if execution.traced(x1, second):
        with execution.double():
            one = features(x1, splines=splines)
            other = one if x2 is None else features(second, splines=splines)
            matrix = execution.xp.astype(one @ execution.xp.matrix_transpose(other), x1.dtype)
            return mirrored(matrix, execution=execution) if x2 is None else matrix

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Array, ...]:
        one = features(part(x1, rows), splines=splines)
        other = one if diagonal else features(part(second, columns), splines=splines)
        xp = execution.xp
        return (xp.astype(one @ xp.matrix_transpose(other), x1.dtype),)

    # What the recursion holds of each input; for each pair the product, and what becomes of it.
    each = 4 * x1.shape[1] * (splines.functions + splines.degree)
    size = side(each, 2, max(_BUDGET, execution.budget(x1)) // 8)
    shape = (x1.shape[0], second.shape[0])
    with execution.double():
        (matrix,) = gram(execution, x1, shape, tile, outputs=1, size=size, symmetric=x2 is None, progress=progress)
    return matrix


def _features(x: Array, *, splines: Splines) -> Array:
    """All B-splines of all inputs (n, d), in float64: (n, d times their number)."""
    xp = array_api_compat.array_namespace(x)
    return xp.reshape(splines.at(xp.astype(x, xp.float64)), (x.shape[0], x.shape[1] * splines.functions))
