"""The kernels of any architecture as one function of inputs and settings that libraries trace and differentiate.

What is traced has no values: which inputs are one and the same is part of the computation, and all pairs are computed
in one pass.
"""

from __future__ import annotations

from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for, note
from ntkbench.duals.covariance import Variances
from ntkbench.kernels.general.arrangements import Arrangement, arrangement_of
from ntkbench.kernels.general.passes import cross_pass, own_pass, wide
from ntkbench.kernels.general.structure import draws_anew
from ntkbench.kernels.gram.equal_inputs import traced_coincidences
from ntkbench.kernels.gram.tiles import mirrored
from ntkbench.kernels.relu.dense_derivative import UNROLLED
from ntkbench.kernels.relu.network import Kernels
from ntkbench.networks.layers import Serial
from ntkbench.networks.layers.settings import settings_of

_REST = "execution", "architecture", "arrangement"
_IN_BLOCKS = 2**16  # entries of a matrix from which the time to compile two blocks is worth it
_BALANCED = (3 - 5**0.5) / 2  # of a symmetric matrix: so many rows have as many entries as the triangle of the others


def differentiable_kernels(architecture: Serial, x1: Array, x2: Array | None) -> Kernels:
    """NNGP and NTK, computed in float64, with derivatives by inputs and by settings that are arrays.

    Args:
        architecture: layers that fit the inputs.
        x1: inputs (n1, ...).
        x2: inputs (n2, ...), or None.

    Returns:
        Two matrices (n1, n2) in the dtype of the inputs. Where an input meets itself, they are exact, and their
        derivative is the symmetric one, the limit of central differences.
    """
    execution = execution_for(x1, *([] if x2 is None else [x2]))
    note(execution.name)
    options: dict[str, Any] = {
        "execution": execution,
        "architecture": architecture,
        "arrangement": arrangement_of(architecture, tuple(x1.shape[1:])),
    }
    # A program can be compiled for plain numbers alone.
    whole = _whole if settings_of(architecture) else execution.compiled(_whole, _REST)
    with execution.double():
        return Kernels(*whole(x1, x2, **options))


def _whole(
    x1: Array, x2: Array | None, *, execution: Execution, architecture: Serial, arrangement: Arrangement
) -> tuple[Array, ...]:
    xp = execution.xp
    first = wide(xp, x1)
    second = first if x2 is None else wide(xp, x2)
    own, each1 = own_pass(execution, architecture, first, arrangement, UNROLLED)
    each2 = each1 if x2 is None else own_pass(execution, architecture, second, arrangement, UNROLLED)[1]
    each = tuple(zip(each1, each2, strict=True))
    kernels = _crossed(execution, architecture, first, second, each, arrangement, symmetric=x2 is None)
    same = _same(xp, architecture, x1, x2)
    results = []
    for kernel, exact in zip(kernels, own, strict=True):
        # The value is that of an input with itself; the derivative is that of two inputs, which may part.
        result = kernel + execution.constant(xp.where(same > 0.0, exact[:, None] - kernel, xp.zeros_like(kernel)))
        if x2 is None:
            here = xp.eye(x1.shape[0], dtype=xp.bool, device=array_api_compat.device(x1))
            result = xp.where(here, exact[:, None], result)
            result = mirrored(result, execution=execution)
        results.append(xp.astype(result, x1.dtype))
    return tuple(results)


def _crossed(
    execution: Execution,
    architecture: Serial,
    x1: Array,
    x2: Array,
    each: tuple[Variances, ...],
    arrangement: Arrangement,
    *,
    symmetric: bool,
) -> list[Array]:
    """`cross_pass`, large matrices in two blocks of rows: XLA computes what does not depend on each other at once.

    Of a symmetric matrix the lower left block is zero.
    """
    n1, n2 = x1.shape[0], x2.shape[0]
    if not execution.compiles or n1 * n2 < _IN_BLOCKS:
        return cross_pass(execution, architecture, x1, x2, each, arrangement, UNROLLED)
    above = round(_BALANCED * n1) if symmetric else n1 // 2
    left = above if symmetric else 0
    upper, lower = (
        cross_pass(
            execution,
            architecture,
            x1[rows, ...],
            x2[columns, ...],
            tuple((own1[..., rows], own2[..., columns]) for own1, own2 in each),
            arrangement,
            UNROLLED,
        )
        for rows, columns in ((slice(0, above), slice(0, n2)), (slice(above, n1), slice(left, n2)))
    )
    xp = execution.xp
    blank = xp.zeros((n1 - above, left), dtype=x1.dtype, device=array_api_compat.device(x1))
    return [xp.concat([a, xp.concat([blank, b], axis=1)], axis=0) for a, b in zip(upper, lower, strict=True)]


def _same(xp: Any, architecture: Serial, x1: Array, x2: Array | None) -> Array:
    """1 where inputs are one and the same, else 0; of what is drawn for each, only a row of one array is itself."""
    if not draws_anew(architecture):
        return traced_coincidences(x1, x2)
    device = array_api_compat.device(x1)
    if x2 is None:
        return xp.eye(x1.shape[0], dtype=x1.dtype, device=device)
    return xp.zeros((x1.shape[0], x2.shape[0]), dtype=x1.dtype, device=device)
