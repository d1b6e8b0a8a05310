"""The kernels of infinitely many soft decision trees, in closed form."""

from __future__ import annotations

import math
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for, note
from ntkbench.arrays.half import takes_half
from ntkbench.arrays.inputs import check_pair, check_vectors
from ntkbench.arrays.settings import standard_settings
from ntkbench.duals.gaussians import Gaussians
from ntkbench.kernels.gram.equal_inputs import coincidences, number_inputs, traced_coincidences
from ntkbench.kernels.gram.tiles import Progress, gram, mirrored, part, side
from ntkbench.kernels.relu.network import Kernels
from ntkbench.networks.activations import Erf

_WORKING_ARRAYS = 16  # live at once in a tile, each one number a pair
_FLOAT64_BYTES = 8


@standard_settings
@takes_half
def tree_kernels(
    x1: Array, x2: Array | None = None, *, depth: int, alpha: float, progress: Progress | None = None
) -> Kernels:
    """NNGP and NTK Gram matrices of infinitely many soft trees: the limit of `networks.SoftTrees`.

    Perfect binary trees and oblivious ones have the same kernels. With S = x . z, not divided by d, and T and T' the
    means of the products of two inputs' shares and of their derivatives, the NNGP is (2 T)^depth, and the NTK that
    and depth 2^depth S T^(depth - 1) T'. They are computed in float64.

    Args:
        x1: inputs (n1, d), float32, float64, float16 or bfloat16, of NumPy, torch or JAX.
        x2: other inputs (n2, d) of the same kind; None for x1 with itself, which gives symmetric matrices.
        depth: of the trees, the nodes on the way to a leaf; at least 1.
        alpha: how hard the splits (1 + erf(alpha w . x)) / 2 are, positive.
        progress: called with (pairs done, pairs in all).

    Returns:
        Both kernels, each (n1, n2), of the library, dtype and device of x1. Divided by the roots of their diagonals,
        both tend to the identity as the depth grows.

    Raises:
        ValueError: for shapes, dtypes or numbers that make no sense.
        TypeError: for arrays of two libraries, or of none that is known.
        MemoryError: before it starts, when the matrices do not fit.

    References:
        Kanoh & Sugiyama 2022 (arXiv:2109.04983), the theorems on perfect and on oblivious trees.
    """
    _check_numbers(depth, alpha)
    check_vectors(x1, "x1")
    if x2 is not None:
        check_vectors(x2, "x2")
        check_pair(x1, x2)
    execution = execution_for(x1) if x2 is None else execution_for(x1, x2)
    note(execution.name)
    second = x1 if x2 is None else x2
    function = execution.compiled(_tile, ("execution", "depth", "alpha"))
    known: dict[str, Any] = {"execution": execution, "depth": depth, "alpha": float(alpha)}
    if execution.traced(x1, second):
        # Without values there is neither a number for each input, nor any memory to look at.
        with execution.double():
            kernels = function(x1, second, traced_coincidences(x1, x2), **known)
            return Kernels(*(mirrored(k, execution=execution) if x2 is None else k for k in kernels))
    numbers1, numbers2 = number_inputs(x1) * 2 if x2 is None else number_inputs(x1, x2)

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Array, ...]:
        same = coincidences(x1, numbers1[rows], numbers2[columns])
        return tuple(function(part(x1, rows), part(second, columns), same, **known))

    size = side(_WORKING_ARRAYS * _FLOAT64_BYTES, execution.budget(x1))
    shape = (x1.shape[0], second.shape[0])
    options: dict[str, Any] = {"outputs": 2, "size": size, "symmetric": x2 is None, "progress": progress}
    with execution.double():
        return Kernels(*gram(execution, x1, shape, tile, **options))


def _tile(
    x1: Array, x2: Array, same: Array | None, *, execution: Execution, depth: int, alpha: float
) -> tuple[Array, Array]:
    """Both kernels (n1, n2); `same` is 1 where two inputs are one and the same, else 0."""
    xp = execution.xp
    one, other = xp.astype(x1, xp.float64), xp.astype(x2, xp.float64)
    q11, q22 = xp.sum(one * one, axis=-1)[:, None], xp.sum(other * other, axis=-1)[None, :]
    q12 = one @ xp.matrix_transpose(other)
    if same is not None:
        # A mean, such that each side has its share of the gradient.
        q12 = xp.where(same > 0.0, 0.5 * (q11 + q22), q12)
    # T and T' of the source: means of the products of two inputs' shares, and of their derivatives.
    shares, slopes = Erf(0.5, alpha, 0.5).dual(Gaussians(xp, q12, q11, q22))
    above = (2.0 * shares) ** (depth - 1)
    nngp, ntk = 2.0 * shares * above, 2.0 * above * (shares + depth * q12 * slopes)
    return xp.astype(nngp, x1.dtype), xp.astype(ntk, x1.dtype)


def _check_numbers(depth: int, alpha: float) -> None:
    if type(depth) is not int or depth < 1:
        raise ValueError(f"depth must be a positive whole number, not {depth!r}")
    if not (alpha > 0 and math.isfinite(alpha)):
        raise ValueError(f"alpha must be positive and finite, not {alpha!r}")
