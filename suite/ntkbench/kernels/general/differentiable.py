"""The kernels of any architecture as one function of inputs and settings that libraries trace and differentiate.

What is traced has no values: which inputs are one and the same is part of the computation, and all pairs are computed
in one pass.
"""

from __future__ import annotations

from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for, note
from ntkbench.duals.covariance import Covariance, Variances, between, itself
from ntkbench.kernels.general.structure import draws_anew
from ntkbench.kernels.general.walk import Walk
from ntkbench.kernels.gram.equal_inputs import traced_coincidences
from ntkbench.kernels.relu.dense_derivative import UNROLLED
from ntkbench.kernels.relu.network import Kernels
from ntkbench.networks.layers import Serial
from ntkbench.networks.layers.settings import settings_of

_REST = "execution", "architecture", "all_pairs"


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
        "all_pairs": architecture.all_pairs_before(False),
    }
    # A program can be compiled for plain numbers alone.
    whole = _whole if settings_of(architecture) else execution.compiled(_whole, _REST)
    with execution.double():
        return Kernels(*whole(x1, x2, **options))


def _whole(
    x1: Array, x2: Array | None, *, execution: Execution, architecture: Serial, all_pairs: bool
) -> tuple[Array, ...]:
    xp = execution.xp
    first = _wide(xp, x1)
    second = first if x2 is None else _wide(xp, x2)
    own, pooled1 = _own(execution, architecture, all_pairs, first)
    pooled2 = pooled1 if x2 is None else _own(execution, architecture, all_pairs, second)[1]
    pooled = iter(list(zip(pooled1, pooled2, strict=True)))

    def next_pooled(covariance: Covariance) -> Variances | None:
        return next(pooled)

    inputs = between(xp, first, second, all_pairs)
    kernels = kernels_of(xp, Walk(execution, next_pooled, unrolled=UNROLLED).after(architecture, inputs))
    same = _same(xp, architecture, x1, x2)
    results = []
    for kernel, exact in zip(kernels, own, strict=True):
        # The value is that of an input with itself; the derivative is that of two inputs, which may part.
        result = kernel + execution.constant(xp.where(same > 0.0, exact[:, None] - kernel, xp.zeros_like(kernel)))
        if x2 is None:
            here = xp.eye(x1.shape[0], dtype=xp.bool, device=array_api_compat.device(x1))
            result = xp.where(here, exact[:, None], result)
            result = xp.triu(result) + xp.matrix_transpose(xp.triu(result, k=1))
        results.append(xp.astype(result, x1.dtype))
    return tuple(results)


def _own(execution: Execution, architecture: Serial, all_pairs: bool, x: Array) -> tuple[list[Array], list[Array]]:
    """NNGP and NTK of each input with itself, (n,), and the variances (..., n) behind layers that mix positions."""
    pooled: list[Array] = []

    def keep(covariance: Covariance) -> None:
        pooled.append(covariance.own_variance(execution.xp))

    result = Walk(execution, keep, unrolled=UNROLLED).after(architecture, itself(execution.xp, x, all_pairs))
    return kernels_of(execution.xp, result), pooled


def _same(xp: Any, architecture: Serial, x1: Array, x2: Array | None) -> Array:
    """1 where inputs are one and the same, else 0; of what is drawn for each, only a row of one array is itself."""
    if not draws_anew(architecture):
        return traced_coincidences(x1, x2)
    device = array_api_compat.device(x1)
    if x2 is None:
        return xp.eye(x1.shape[0], dtype=x1.dtype, device=device)
    return xp.zeros((x1.shape[0], x2.shape[0]), dtype=x1.dtype, device=device)


def kernels_of(xp: Any, covariance: Covariance) -> list[Array]:
    """NNGP and NTK, which is zero where no layer is trained."""
    nngp = covariance.nngp
    return [nngp, xp.zeros_like(nngp) if covariance.ntk is None else covariance.ntk]


def _wide(xp: Any, x: Array) -> Array:
    return x if x.dtype == xp.float64 else xp.astype(x, xp.float64)
