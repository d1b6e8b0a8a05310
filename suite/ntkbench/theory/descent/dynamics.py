"""The training of a linearised network in closed form: gradient flow and gradient descent, all times at once.

With K = k(X, X), the loss (1/2) |f(X) - y|^2 and a learning rate eta, the eigenvector of K with eigenvalue l keeps the
share exp(-eta l t) of its error under gradient flow, and (1 - eta l)^t under gradient descent. What it has lost,
divided by l, is what reaches the test points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import finite, host, symmetric, uncompiled
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.cholesky import EPSILON, not_definite, rounding
from ntkbench.solvers.regression import Problem, pose
from ntkbench.solvers.scalars import Scalar, is_known, number, scalar
from ntkbench.theory.descent.propagation import Kind, outputs, outputs_with_derivatives


class Dynamics(NamedTuple):
    """Predictions and the loss while training: float64 arrays, one entry a time along the first axis."""

    times: tuple[Scalar, ...]
    train: Array  # (t, n, k)
    test: Array  # (t, n_test, k)
    loss: Array  # (t,): half the sum of squares over the training points and outputs


class DivergenceError(ValueError):
    """Gradient descent with this learning rate diverges; `limit` is 2 / lambda_max."""

    def __init__(self, rate: float, limit: float) -> None:
        super().__init__(rate, limit)
        self.rate, self.limit = rate, limit

    def __str__(self) -> str:
        return (
            f"gradient descent with learning rate {self.rate:.6g} diverges: it must be below 2 / lambda_max = "
            f"{self.limit:.6g}; for finite times allow_divergence=True computes it all the same"
        )


@standard_settings
def max_learning_rate(k: Array) -> Scalar:
    """2 / lambda_max of a Gram matrix: gradient descent on (1/2) |f(X) - y|^2 converges below it.

    Args:
        k: A symmetric Gram matrix, (n, n).

    Returns:
        The rate, infinite where no eigenvalue is positive. For the mean over n points and k outputs multiply by n k.

    Raises:
        ValueError: The matrix is not square, not symmetric, or holds NaN or infinity.

    References:
        LeCun et al. 1998, Efficient BackProp, section 5.
    """
    (k,) = uncompiled(k)
    execution = execution_for(k)
    with execution.double():
        eigenvalues = execution.xp.linalg.eigvalsh(symmetric(execution, k))
        if execution.traced(eigenvalues):
            largest, xp = eigenvalues[-1], execution.xp
            positive = largest > 0
            return xp.where(positive, 2.0 / xp.where(positive, largest, 1.0), math.inf)
        return _limit(float(host(eigenvalues)[-1]))


@standard_settings
def gradient_flow(
    k_train: Array,
    y_train: Array,
    k_test: Array,
    times: Iterable[float],
    *,
    rate: float = 1.0,
    f0_train: Array | None = None,
    f0_test: Array | None = None,
    allow_divergence: bool = False,
) -> Dynamics:
    """f_t(x) = f_0(x) - K(x,X) K^-1 (I - exp(-rate K t)) (f_0(X) - y) at all times, from one eigendecomposition.

    Arrays, times and the rate may be traced and differentiated: by K to the third order, by the others to any.
    An eigenvalue that is zero to rounding counts as zero: its direction never learns.

    Args:
        k_train: A symmetric Gram matrix, (n, n).
        y_train: Targets, (n, k) or (n,).
        k_test: The kernel of the test points with the training points, (n_test, n).
        times: Times from 0 on; infinity is kernel regression.
        rate: The learning rate.
        f0_train: The outputs at time 0 on the training points, of the shape of `y_train`; zero unless given.
        f0_test: Those on the test points, (n_test, k) or (n_test,); given with `f0_train` or not at all.
        allow_divergence: Compute what diverges, too; overflow is then infinite or NaN.

    Returns:
        Predictions and losses, float64; their last axis is absent where that of `y_train` is.

    Raises:
        NotPositiveDefinite: K has a negative eigenvalue, along which the error grows (unless `allow_divergence`), or a
            zero one and a time is infinite.
        ValueError: Shapes, values, times or the rate make no sense.

    References:
        Jacot et al. 2018 (arXiv:1806.07572), section 5; Lee et al. 2019 (arXiv:1902.06720), equations 8 to 11.
    """
    start = (f0_train, f0_test)
    return _evolve("flow", (k_train, y_train, k_test), start, times, rate, allow_divergence)


@standard_settings
def gradient_descent(
    k_train: Array,
    y_train: Array,
    k_test: Array,
    steps: Iterable[float],
    *,
    rate: float,
    f0_train: Array | None = None,
    f0_test: Array | None = None,
    allow_divergence: bool = False,
) -> Dynamics:
    """f_t(x) = f_0(x) - K(x,X) K^-1 (I - (I - rate K)^t) (f_0(X) - y) after t full-batch steps, for all t at once.

    Arrays and the rate may be traced and differentiated.

    Args:
        k_train: A symmetric Gram matrix, (n, n).
        y_train: Targets, (n, k) or (n,).
        k_test: The kernel of the test points with the training points, (n_test, n).
        steps: Whole numbers of steps, or infinity.
        rate: The learning rate.
        f0_train: The outputs at step 0 on the training points, of the shape of `y_train`; zero unless given.
        f0_test: Those on the test points, (n_test, k) or (n_test,); given with `f0_train` or not at all.
        allow_divergence: Compute what diverges, too; overflow is then infinite or NaN.

    Returns:
        Predictions and losses, as of `gradient_flow`.

    Raises:
        DivergenceError: rate > 2 / lambda_max (at infinity: >=), unless `allow_divergence`.
        NotPositiveDefinite: As for `gradient_flow`.
        ValueError: As for `gradient_flow`.

    References:
        Lee et al. 2019 (arXiv:1902.06720), equations 8 to 11, with (I - rate K)^t in the place of the exponential.
    """
    start = (f0_train, f0_test)
    return _evolve("descent", (k_train, y_train, k_test), start, steps, rate, allow_divergence)


def _evolve(
    kind: Kind,
    arrays: tuple[Array, Array, Array],
    start: tuple[Array, Array],
    times: Iterable[float],
    rate: float,
    allow_divergence: bool,
) -> Dynamics:
    execution = execution_for(*arrays, *(x for x in start if x is not None))
    # An allowed divergence overflows.
    with execution.double(), np.errstate(over="ignore", invalid="ignore"):
        eta = scalar(execution, rate, "the learning rate")
        moments = tuple(scalar(execution, t, "a time") for t in times)
        _check_times(kind, moments, eta)
        problem = pose(execution, *arrays)
        begin = start_of(execution, problem, start)
        spectral = (problem.k_train, eta, *moments)
        traced = execution.traced(*spectral)
        if not traced:
            eigen = execution.xp.linalg.eigh(execution.constant(problem.k_train))
            _check_convergence(kind, host(eigen[0]), moments, eta, allow_divergence)
        if traced or execution.differentiated(*spectral):
            found = outputs_with_derivatives(execution, kind, problem, begin, moments, eta)
        else:
            found = outputs(execution, kind, problem, begin, eigen, moments, eta)
        train, test, loss = found
        return Dynamics(moments, problem.shaped(train), problem.shaped(test), loss)


def start_of(execution: Execution, problem: Problem, start: tuple[Array, Array]) -> tuple[Array, Array]:
    """f_0 on the training and test points as columns, within `execution.double()`."""
    if (start[0] is None) != (start[1] is None):
        raise ValueError("f0_train and f0_test belong together: give both or neither")
    outputs = problem.targets.shape[1]
    found = []
    for name, f0, rows in zip(("f0_train", "f0_test"), start, (problem.k_train, problem.k_test), strict=True):
        if f0 is None:
            found.append(execution.from_numpy(np.zeros((rows.shape[0], outputs)), rows))
            continue
        shape = (rows.shape[0],) if problem.vector else (rows.shape[0], outputs)
        if tuple(f0.shape) != shape:
            raise ValueError(f"{name} must be of shape {shape}, not {tuple(f0.shape)}")
        f0 = finite(execution, f0, name)
        found.append(f0[:, None] if problem.vector else f0)
    return found[0], found[1]


def _check_times(kind: Kind, moments: tuple[Scalar, ...], rate: Scalar) -> None:
    if is_known(rate) and not (math.isfinite(number(rate)) and number(rate) > 0):
        raise ValueError(f"the learning rate must be positive and finite, not {number(rate)}")
    if kind == "descent" and not all(map(is_known, moments)):
        raise ValueError("gradient_descent takes steps that are known; gradient_flow takes times that are traced")
    for t in map(number, filter(is_known, moments)):
        if not t >= 0:
            raise ValueError(f"times start at 0, not at {t}")
        if kind == "descent" and math.isfinite(t) and t != round(t):
            raise ValueError(f"gradient descent takes whole numbers of steps, not {t}")


def _check_convergence(
    kind: Kind, eigenvalues: np.ndarray, moments: tuple[Scalar, ...], rate: Scalar, allow_divergence: bool
) -> None:
    """From ascending eigenvalues (n,). Raises NotPositiveDefinite and DivergenceError."""
    floor = rounding(eigenvalues)
    endless = math.inf in map(number, moments)
    if (eigenvalues[0] < -floor and not allow_divergence) or (eigenvalues[0] <= floor and endless):
        raise not_definite(eigenvalues, 0.0)
    if kind == "descent" and (endless or not allow_divergence):
        _check_rate(number(rate), _limit(float(eigenvalues[-1])), len(eigenvalues), endless)


def _check_rate(rate: float, limit: float, size: int, endless: bool) -> None:
    """Raise DivergenceError beyond the limit, give or take the rounding of the largest eigenvalue."""
    # Each of two solvers, ours and the one behind `max_learning_rate`, errs by a small multiple of n epsilon.
    margin = 4 * size * EPSILON
    if rate > limit * (1 - margin if endless else 1 + margin):
        raise DivergenceError(rate, limit)


def _limit(largest: float) -> float:
    return 2.0 / largest if largest > 0 else math.inf
