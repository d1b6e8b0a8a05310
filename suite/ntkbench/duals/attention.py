"""Covariances of weighted sums over positions, each input with weights of its own, as attention needs them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of
from ntkbench.duals.covariance import Covariance, Variances


def between_positions(xp: Any, covariance: Covariance, field: Array) -> Array:
    """A field of all pairs of positions as (P, P, ...), P positions in one row."""
    assert covariance.positions is not None
    number, axes = math.prod(covariance.positions), len(covariance.positions)
    return xp.reshape(field, (number, number, *field.shape[2 * axes :]))


def present_positions(own: Covariance) -> Array | None:
    """Which positions of inputs that meet themselves are present, (1, P, n); None: all are."""
    return None if own.present is None else own.present[0].reshape((1, -1, own.present[0].shape[-1]))


def attended(xp: Any, covariance: Covariance, weights: Variances) -> Covariance:
    """A_x K A_z' for each pair of inputs, of NNGP and NTK; the variances are left out.

    Args:
        xp: the namespace of the arrays' library.
        covariance: of all pairs of positions.
        weights: A_x of the first and A_z of the second inputs, (P, P, n1) and (P, P, n2): what each of P positions
            makes of all. Where inputs meet themselves, the first alone counts.

    Returns:
        The covariance of all pairs of positions behind the sums.

    References:
        Hron et al. 2020, "Infinite attention", section 3; Yang 2020, "Tensor Programs II", appendix on transformers.
    """
    matmul = execution_of(xp).matmul
    first, second = (xp.permute_dims(each, (2, 0, 1)) for each in weights)

    def weighted(field: Array) -> Array:
        flat = between_positions(xp, covariance, field)
        if covariance.own:
            sums = matmul(matmul(first, xp.permute_dims(flat, (2, 0, 1))), xp.matrix_transpose(first))
            return xp.reshape(xp.permute_dims(sums, (1, 2, 0)), field.shape)
        number, _, n1, n2 = flat.shape
        rows = xp.reshape(xp.permute_dims(flat, (2, 0, 1, 3)), (n1, number, number * n2))
        half = xp.reshape(matmul(first, rows), (n1, number, number, n2))
        columns = xp.reshape(xp.permute_dims(half, (3, 2, 1, 0)), (n2, number, number * n1))
        both = xp.reshape(matmul(second, columns), (n2, number, number, n1))
        return xp.reshape(xp.permute_dims(both, (2, 1, 3, 0)), field.shape)

    return replace(covariance.without_variances().map(weighted), all_pairs=True)
