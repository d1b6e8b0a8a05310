"""How much of a training label a model remembers through a query that shares only part of the training input.

With theta the least-norm interpolator of (z_i, g_i) and k its kernel, for a query z_i^s of each training point,
f(z_i^s) = f_-i(z_i^s) + F_i (g_i - f_-i(z_i)), where f_-i never saw point i and F_i, the feature alignment, knows no
label: F_i = [k(Z^s, Z) K^-1]_ii. Bombari & Mondelli, "How spurious features are memorized" (ICML 2024), section 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import finite, host, uncompiled
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.cholesky import cholesky_regression, cholesky_solve


class Memorisation(NamedTuple):
    """For each training point, float64."""

    alignment: Array  # F_i: (..., n)
    prediction: Array  # f(z_i^s): (..., n)
    residual: Array  # g_i - f_-i(z_i), the error that leaving the point out makes: (n,)


@standard_settings
def memorisation(k_train: Array, labels: Array, k_query: Array) -> Memorisation:
    """The terms of the identity above, for all training points, from one inverse in float64.

    Args:
        k_train: A symmetric Gram matrix, (n, n).
        labels: Labels, (n,).
        k_query: For one set of queries or several, in row i the kernel of z_i^s with all training inputs, (..., n, n).

    Returns:
        The terms, for each training point.

    Raises:
        ValueError: Shapes do not fit, or a value is NaN or infinite.
        NotPositiveDefinite: `k_train` is singular to rounding.

    References:
        Bombari & Mondelli 2024 (arXiv:2305.12100), section 4.
    """
    execution = execution_for(k_train, labels, k_query)
    n = k_train.shape[0]
    if tuple(labels.shape) != (n,) or tuple(k_query.shape[-2:]) != (n, n):
        raise ValueError(
            f"labels must be ({n},) and k_query (..., {n}, {n}) as k_train is, "
            f"not {tuple(labels.shape)} and {tuple(k_query.shape)}"
        )
    with execution.double():
        inverse = cholesky_solve(k_train, execution.from_numpy(np.eye(n), k_train))
        given = (finite(execution, labels, "labels"), finite(execution, k_query, "k_query"))
        return Memorisation(*execution.compiled(_memorisation, ("execution",))(inverse, *given, execution=execution))


def _memorisation(inverse: Array, labels: Array, k_query: Array, *, execution: Execution) -> tuple[Array, Array, Array]:
    xp = execution.xp
    weights = inverse @ labels
    return (
        xp.sum(k_query * xp.matrix_transpose(inverse), axis=-1),
        k_query @ weights,
        weights / xp.linalg.diagonal(inverse),
    )


def with_fresh_core(z: np.ndarray, fresh: np.ndarray, alpha: float) -> np.ndarray:
    """The queries z_i^s = [x~_i, y_i]: the core of each point replaced by a fresh one of the same norm.

    Args:
        z: Training inputs [x, y], (n, d).
        fresh: Inputs that know nothing of them, (n, d).
        alpha: The share of the input, its last coordinates, that is kept, below 1: y.

    Returns:
        The queries, (n, d).

    References:
        Bombari & Mondelli 2024 (arXiv:2305.12100).
    """
    core = round((1 - alpha) * z.shape[1])
    scale = np.linalg.norm(z[:, :core], axis=1) / np.linalg.norm(fresh[:, :core], axis=1)
    return np.concatenate([fresh[:, :core] * scale[:, None], z[:, core:]], axis=1)


@dataclass(frozen=True)
class Recall:
    """What a model gives away of its n training labels, -1 and 1: `memorisation`, in NumPy, beside the labels."""

    alignment: np.ndarray  # (sets, n), for several sets of queries
    prediction: np.ndarray  # (sets, n)
    residual: np.ndarray  # (n,)
    labels: np.ndarray  # (n,)

    @property
    def mean_alignment(self) -> np.ndarray:
        """The mean feature alignment of each set of queries, (sets,)."""
        mean: np.ndarray = self.alignment.mean(axis=1)
        return mean

    @property
    def spurious_accuracy(self) -> float:
        """The labels told from the first set of queries, in percent."""
        return 100 * float(np.mean(self.prediction[0] * self.labels > 0))

    @property
    def generalisation(self) -> float:
        """The labels told from the points themselves when left out of the training, in percent."""
        return 100 * float(np.mean((self.labels - self.residual) * self.labels > 0))

    def covariance(self, gamma: float = 0.0) -> float:
        """Cov(f(z^s) - gamma (g - f_-i(z_i)), g) over the points, for the first set of queries.

        Args:
            gamma: The share of the residual that is taken off. With the alignment's constant the covariance tends to 0.

        Returns:
            The covariance.

        References:
            Bombari & Mondelli 2024 (arXiv:2305.12100), section 4.
        """
        rest = self.prediction[0] - gamma * self.residual if gamma else self.prediction[0]
        return float(np.mean(rest * (self.labels - self.labels.mean())))

    def covariance_error(self, gamma: float = 0.0) -> float:
        """A bound of the standard error of `covariance` around 0, with the same gamma.

        With labels of mean zero f_-i(z_i^s) = sum_{l != i} A_il g_l is independent of g_i, and the covariance is a mean
        of A_il g_l g_i: of variance sum_{i < l} (A_il + A_li)^2 / n^2, at most 2 sum A_il^2 / n^2. That is twice the
        mean square of what is averaged, over n.

        Args:
            gamma: The share of the residual that is taken off.

        Returns:
            sqrt(2 mean(rest^2) / n).
        """
        rest = self.prediction[0] - gamma * self.residual
        return float(np.sqrt(2 * np.mean(rest**2) / len(rest)))


@standard_settings
def recall_by_size(k_train: Array, labels: Array, k_query: Array, sizes: Iterable[int]) -> list[Recall]:
    """What is given away of the labels after training on the first n points, for each n of `sizes`.

    Args:
        k_train: The Gram matrix of all points, (m, m).
        labels: Their labels, (m,).
        k_query: The kernels of several sets of queries with all points, (sets, m, m).
        sizes: The numbers of points, up to m.

    Returns:
        What is recalled of n points each.

    Raises:
        ValueError: As for `memorisation`.
        NotPositiveDefinite: As for `memorisation`.
    """
    k_train, labels, k_query = uncompiled(k_train, labels, k_query)
    found = []
    for n in sizes:
        terms = memorisation(k_train[:n, :n], labels[:n], k_query[:, :n, :n])
        alignment, prediction, residual = (host(part) for part in terms)
        found.append(Recall(alignment, prediction, residual, host(labels[:n])))
    return found


@standard_settings
def identity_error(k_train: Array, labels: Array, k_query: Array, points: Sequence[int]) -> float:
    """How far both sides of the identity, and the residuals, are from regression anew without some points.

    Args:
        k_train: A symmetric Gram matrix, (n, n).
        labels: Labels, (n,).
        k_query: The kernel of one set of queries with all training inputs, (n, n).
        points: The points that are left out, one at a time.

    Returns:
        The largest absolute difference.

    Raises:
        ValueError: As for `memorisation`.
        NotPositiveDefinite: As for `memorisation`.
    """
    k_train, labels, k_query = uncompiled(k_train, labels, k_query)
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
    """gamma: what the feature alignment tends to when a share of the input is kept, for n = ratio * d points.

    At ratio infinity, d << n << d^2, it is A = sum_{l>=2} a_l alpha^l / sum_{l>=2} a_l: for the NTK the published
    constant. For finite ratios (alpha s tau + A) / (s tau + 1), with s = a_1 / sum_{l>=2} a_l and tau the positive root
    of tau (1 + s tau + s ratio) = 1 + s tau.

    Args:
        series: The coefficients a_l of the kernel sum_l a_l (z . z' / d)^l of a model with many neurons: mu_l^2 for
            random features, mu'_{l-1}^2 for the NTK of the first layer (mu, mu' the Hermite coefficients of phi, phi').
        alpha: The share of the input that is kept.
        ratio: n / d.

    Returns:
        The constant, from 0 to 1.

    Raises:
        ValueError: A number is out of range, or the kernel is linear.

    References:
        Bombari & Mondelli 2024 (arXiv:2305.12100), for an infinite ratio.
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
