"""The passes over an architecture: of each input with itself, then of two sets of inputs with each other.

The first gives exact diagonals, and what layers need of each input in the second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution
from ntkbench.duals.covariance import Covariance, Variances, between, itself
from ntkbench.kernels.general.arrangements import Arrangement
from ntkbench.kernels.general.displacements import of_inputs
from ntkbench.kernels.general.walk import Walk, of_itself
from ntkbench.networks.layers import Serial


def own_pass(
    execution: Execution, architecture: Serial, x: Array, arrangement: Arrangement, unrolled: int = 0
) -> tuple[list[Array], list[Array]]:
    """NNGP and NTK of each input with itself, (n,) each, and what layers need of each, (..., n) (see `OfEach`).

    Args:
        execution: of the library of the inputs.
        architecture: what is computed.
        x: inputs (n, ...), float64.
        arrangement: which pairs of positions there are at once.
        unrolled: how many repetitions of a block are written out rather than looped over.
    """
    xp = execution.xp
    if arrangement == "displacements":
        parts = of_inputs(execution, architecture, x, unrolled=unrolled)
        kept = list(parts.own_variances())
        return kernels_of(xp, replace(parts, variances=tuple((v, v) for v in kept)).result()), kept
    kept = []

    def keep(function: Callable[[Covariance], Array], covariance: Covariance) -> Variances:
        found = of_itself(function, covariance)
        kept.append(found[0])
        return found

    walk = Walk(execution, keep, unrolled=unrolled)
    return kernels_of(xp, walk.after(architecture, itself(xp, x, arrangement == "all pairs"))), kept


def cross_pass(
    execution: Execution,
    architecture: Serial,
    x1: Array,
    x2: Array,
    each: tuple[Variances, ...],
    arrangement: Arrangement,
    unrolled: int = 0,
) -> list[Array]:
    """NNGP and NTK of inputs x1 (n1, ...) with x2 (n2, ...), float64, (n1, n2) each.

    Args:
        execution: of the library of the inputs.
        architecture: what is computed.
        x1: the inputs of the rows.
        x2: those of the columns.
        each: what `own_pass` kept of both; none where nothing is needed of it.
        arrangement: which pairs of positions there are at once.
        unrolled: how many repetitions of a block are written out rather than looped over.
    """
    xp = execution.xp
    if arrangement == "displacements":
        return kernels_of(xp, of_inputs(execution, architecture, x1, x2, each, unrolled).result())
    kept = iter(each)

    def next_of_each(function: Callable[[Covariance], Array], covariance: Covariance) -> Variances | None:
        return next(kept, None)

    walk = Walk(execution, next_of_each, unrolled=unrolled)
    return kernels_of(xp, walk.after(architecture, between(xp, x1, x2, arrangement == "all pairs")))


def kernels_of(xp: Any, covariance: Covariance) -> list[Array]:
    """NNGP and NTK, which is zero where no layer is trained."""
    nngp = covariance.nngp
    return [nngp, xp.zeros_like(nngp) if covariance.ntk is None else covariance.ntk]


def wide(xp: Any, x: Array) -> Array:
    """In float64."""
    return x if x.dtype == xp.float64 else xp.astype(x, xp.float64)
