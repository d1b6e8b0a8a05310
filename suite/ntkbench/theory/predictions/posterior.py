"""Inference with a Gaussian process whose covariance is a kernel: what infinitely wide Bayesian networks predict."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host, symmetric
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.cholesky import definite_or_nan, lower_factor
from ntkbench.solvers.regression import checked_ridge, pose, seen, shifted
from ntkbench.solvers.scalars import Scalar


class Posterior(NamedTuple):
    """A Gaussian process after it has seen targets: float64 arrays. All outputs have one covariance."""

    mean: Array  # (n_test, k), or (n_test,) where the targets are (n,)
    covariance: Array  # (n_test, n_test), of the function without noise
    log_likelihood: Scalar  # of the targets, summed over outputs; an array () where it is traced or differentiated


@standard_settings
def posterior(k_train: Array, y_train: Array, k_test: Array, k_test_test: Array, *, ridge: Scalar = 0.0) -> Posterior:
    """The posterior of a Gaussian process with covariance K: of the NNGP, an infinitely wide Bayesian network's.

    Arrays and the ridge may be traced and differentiated.

    Args:
        k_train: The kernel K of the training points, (n, n), symmetric.
        y_train: Targets, (n, k) or (n,).
        k_test: The kernel of the test points with the training points, (n_test, n).
        k_test_test: That of the test points, (n_test, n_test), symmetric.
        ridge: The variance of the noise on the targets, at least 0.

    Returns:
        Mean k_test (K + ridge I)^-1 y, covariance k_test_test - k_test (K + ridge I)^-1 k_test', and the targets' log
        marginal likelihood.

    Raises:
        NotPositiveDefinite: K + ridge I is not definite; the message has a ridge that would do.
        ValueError: Shapes, values or the ridge make no sense.

    References:
        Rasmussen & Williams 2006, algorithm 2.1; Lee et al. 2018 (arXiv:1711.00165), equations 8 and 9.
    """
    execution = execution_for(k_train, y_train, k_test, k_test_test)
    with execution.double():
        level = checked_ridge(execution, ridge)
        problem = pose(execution, k_train, y_train, k_test)
        prior = checked_prior(execution, k_test_test, k_test)
        matrix, places = shifted(execution.xp, problem.k_train, level), (problem.targets, problem.k_test, prior)
        traced = execution.traced(matrix)
        matrix = definite_or_nan(execution, matrix) if traced else lower_factor(execution, matrix, level)
        infer = execution.compiled(_by_lu if traced else _by_factor, ("execution",))
        mean, covariance, likelihood = infer(matrix, *places, execution=execution)
        if not execution.differentiated(likelihood):
            likelihood = seen(execution, likelihood)
        return Posterior(problem.shaped(mean), covariance, likelihood)


def posterior_gaps(one: Posterior, other: Posterior, targets: int) -> dict[str, float]:
    """How far two posteriors of the same targets are apart; they may be of two libraries.

    Args:
        one: A posterior.
        other: Another one.
        targets: How many numbers the targets are, n k.

    Returns:
        The largest absolute differences of "mean" and "covariance", and that of the log "likelihood" a target.
    """
    return {
        "mean": float(np.abs(host(one.mean) - host(other.mean)).max()),
        "covariance": float(np.abs(host(one.covariance) - host(other.covariance)).max()),
        "likelihood": abs(float(one.log_likelihood) - float(other.log_likelihood)) / targets,
    }


def checked_prior(execution: Execution, k_test_test: Array, k_test: Array) -> Array:
    """The test points' kernel in float64, within `execution.double()`. Raises ValueError where it does not fit."""
    wanted = (k_test.shape[0],) * 2
    if tuple(k_test_test.shape) != wanted:
        raise ValueError(f"k_test_test must be {wanted} as k_test is, not of shape {tuple(k_test_test.shape)}")
    return symmetric(execution, k_test_test, "k_test_test") if k_test.shape[0] else k_test_test


def _by_factor(
    lower: Array, targets: Array, k_test: Array, prior: Array, *, execution: Execution
) -> tuple[Array, Array, Array]:
    xp, k = execution.xp, targets.shape[1]
    # One solve of all columns.
    columns = xp.concat([targets, xp.matrix_transpose(k_test)], axis=1)
    white = execution.solve_triangular(lower, columns)
    y, cross = white[:, :k], white[:, k:]
    back = xp.matrix_transpose(cross)
    likelihood = _log_density(xp, y * y, 2.0 * xp.sum(xp.log(xp.linalg.diagonal(lower))))
    return execution.matmul(back, y), prior - execution.matmul(back, cross), likelihood


def _by_lu(
    matrix: Array, targets: Array, k_test: Array, prior: Array, *, execution: Execution
) -> tuple[Array, Array, Array]:
    """The same, from the matrix, with derivatives as `cholesky_solve` has them."""
    xp, k = execution.xp, targets.shape[1]
    solved = xp.linalg.solve(matrix, xp.concat([targets, xp.matrix_transpose(k_test)], axis=1))
    mean, explained = (execution.matmul(k_test, part) for part in (solved[:, :k], solved[:, k:]))
    return mean, prior - explained, _log_density(xp, targets * solved[:, :k], xp.linalg.slogdet(matrix)[1])


def _log_density(xp: Any, squares: Array, log_determinant: Array) -> Array:
    """Of Gaussians, one an output, whose squares (n, k) are of white numbers or have the same sums."""
    n, k = squares.shape
    return -0.5 * (xp.sum(squares) + k * (log_determinant + n * math.log(2.0 * math.pi)))
