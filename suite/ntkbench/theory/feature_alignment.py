"""How much of a training label a model remembers through a query that shares only part of the training input.

With theta the least-norm interpolator of (z_i, g_i) and k its kernel, for a query z_i^s of each training point,
f(z_i^s) = f_-i(z_i^s) + F_i (g_i - f_-i(z_i)), where f_-i never saw point i and F_i, the feature alignment, knows no
label: F_i = [k(Z^s, Z) K^-1]_ii. Bombari & Mondelli, "How spurious features are memorized" (ICML 2024), section 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.checks import finite, host
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.solvers.cholesky import cholesky_regression, cholesky_solve


class Memorisation(NamedTuple):
    """For each training point, float64."""

    alignment: Any  # F_i: (..., n)
    prediction: Any  # f(z_i^s): (..., n)
    residual: Any  # g_i - f_-i(z_i), the error that leaving the point out makes: (n,)


def memorisation(k_train: Any, labels: Any, k_query: Any) -> Memorisation:
    """The terms of the identity above, for all training points, from one inverse in float64.

    k_train (n, n) symmetric, labels (n,), k_query (..., n, n): row i the kernel of a query z_i^s with all training
    inputs, for one set of queries or several; of one library. Raises ValueError for shapes that do not fit, NaN or
    infinity, NotPositiveDefinite for a singular k_train.
    """
    execution = execution_for(k_train, labels, k_query)
    xp, n = execution.xp, k_train.shape[0]
    if tuple(labels.shape) != (n,) or tuple(k_query.shape[-2:]) != (n, n):
        raise ValueError(
            f"labels must be ({n},) and k_query (..., {n}, {n}) as k_train is, "
            f"not {tuple(labels.shape)} and {tuple(k_query.shape)}"
        )
    with execution.double():
        inverse = cholesky_solve(k_train, xp.eye(n, dtype=xp.float64, device=array_api_compat.device(k_train)))
        given = (finite(execution, labels, "labels"), finite(execution, k_query, "k_query"))
        return Memorisation(*execution.compiled(_memorisation, ("execution",))(inverse, *given, execution=execution))


def _memorisation(inverse: Any, labels: Any, k_query: Any, *, execution: Execution) -> tuple[Any, Any, Any]:
    xp = execution.xp
    weights = inverse @ labels
    return (
        xp.sum(k_query * xp.matrix_transpose(inverse), axis=-1),
        k_query @ weights,
        weights / xp.linalg.diagonal(inverse),
    )


def identity_error(k_train: Any, labels: Any, k_query: Any, points: Sequence[int]) -> float:
    """How far both sides of the identity, and the residuals, are from regression anew without each of `points`.

    Arrays as for `memorisation`, with one set of queries: the largest absolute difference.
    """
    alignment, prediction, residual = (host(part) for part in memorisation(k_train, labels, k_query))
    errors = []
    for i in points:
        rest = np.delete(np.arange(k_train.shape[0]), i)
        rows = execution_for(k_train, k_query).xp.stack([k_train[i], k_query[i]])[:, rest]
        of_point, of_query = host(cholesky_regression(k_train[rest][:, rest], labels[rest], rows).prediction)
        without = float(labels[i]) - of_point
        errors += [abs(residual[i] - without), abs(prediction[i] - (of_query + alignment[i] * without))]
    return float(max(errors))


def alignment_constant(series: Sequence[float], alpha: float, ratio: float = math.inf) -> float:
    """gamma: what the feature alignment tends to when a share `alpha` of the input is kept, for n = ratio * d points.

    `series` are the coefficients a_l of the kernel sum_l a_l (z . z' / d)^l of a model with many neurons: mu_l^2 for
    random features, mu'_{l-1}^2 for the NTK of the first layer (mu, mu' the Hermite coefficients of phi and phi').

    At ratio infinity, d << n << d^2, it is A = sum_{l>=2} a_l alpha^l / sum_{l>=2} a_l: for the NTK the published
    constant. For finite ratios (alpha s tau + A) / (s tau + 1), with s = a_1 / sum_{l>=2} a_l and tau the positive root
    of tau (1 + s tau + s ratio) = 1 + s tau. Raises ValueError for numbers out of range.
    """
    if not 0 <= alpha <= 1 or not ratio >= 0:
        raise ValueError(f"alpha must lie in [0, 1] and ratio must not be negative, not {alpha} and {ratio}")
    rest = math.fsum(series[2:])
    if len(series) < 3 or min(series) < 0 or not rest > 0:
        raise ValueError("the kernel needs coefficients that are not negative, and a term beyond the linear one")
    limit = math.fsum(a * alpha**order for order, a in enumerate(series) if order >= 2) / rest
    if math.isinf(ratio):
        return limit
    s = series[1] / rest
    b = 1.0 + s * (ratio - 1.0)
    tau = 2.0 / (b + math.sqrt(b * b + 4.0 * s))
    return (alpha * s * tau + limit) / (s * tau + 1.0)
