"""Kernel ridge regression for many ridges at once, from one eigendecomposition, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.cholesky import not_definite, rounding
from ntkbench.solvers.regression import checked_ridge, pose
from ntkbench.solvers.scalars import Scalar, number, stacked


class RidgePath(NamedTuple):
    """What `ridge_path` returns: float64 arrays, one entry a ridge along the first axis."""

    ridges: tuple[Scalar, ...]
    prediction: Array  # (r, n_test, k)
    residual: Array  # (r, n, k): y - f on the training points
    leave_one_out: Array  # (r, n, k): y_i - f_i with f fitted without point i
    degrees_of_freedom: Array  # (r,): the trace of K (K + ridge I)^-1

    @property
    def leave_one_out_loss(self) -> list[Scalar]:
        """The mean squared leave-one-out residual for each ridge."""
        execution = execution_for(self.leave_one_out)
        with execution.double():
            squares = self.leave_one_out**2
            losses = execution.xp.mean(squares, axis=tuple(range(1, squares.ndim)))
            if execution.traced(losses):
                return [losses[i] for i in range(len(self.ridges))]
            numbers: list[Scalar] = host(losses).tolist()
            return numbers

    @property
    def best(self) -> int:
        """The index of the ridge with the least leave-one-out loss; of equal ones the first. It takes values."""
        losses = self.leave_one_out_loss
        return losses.index(min(losses))


@standard_settings
def ridge_path(k_train: Array, y_train: Array, k_test: Array, ridges: Iterable[float]) -> RidgePath:
    """Regression with K + ridge I for every ridge, with residuals, leave-one-out residuals and degrees of freedom.

    Assumes that K is symmetric, and positive definite with the least of the ridges. The cost beyond one
    eigendecomposition is O(n (n + n_test)) a ridge and output. With 1 - H = ridge (K + ridge I)^-1 the ridge cancels:
    y_i - f_-i(x_i) = (y_i - f_i) / (1 - H_ii) = [(K + ridge I)^-1 y]_i / [(K + ridge I)^-1]_ii.

    Args:
        k_train: the Gram matrix K of the training points, (n, n), float32 or float64.
        y_train: the targets, (n, k) or (n,), of the same library.
        k_test: the kernel between test and training points, (n_test, n), of the same library.
        ridges: each at least 0; 0 is the limit, leave-one-out residuals included.

    Returns:
        Float64 arrays with an entry for each ridge; their last axis is absent where that of y_train is.

    Raises:
        NotPositiveDefinite: if K is not definite with the least of the ridges.
        ValueError: for no ridge, a negative one, shapes that do not fit, K not symmetric, NaN or infinity.

    References:
        Hastie, Tibshirani & Friedman 2009, The Elements of Statistical Learning, sections 7.6 and 7.10.1.
    """
    execution = execution_for(k_train, y_train, k_test)
    xp = execution.xp
    with execution.double():
        levels = tuple(checked_ridge(execution, r) for r in ridges)
        if not levels:
            raise ValueError("a ridge path needs at least one ridge")
        problem = pose(execution, k_train, y_train, k_test)
        places = (problem.targets, problem.k_test, stacked(execution, levels, problem.k_train))
        traced = execution.traced(problem.k_train, *levels)
        if not traced:
            values, vectors = xp.linalg.eigh(execution.constant(problem.k_train))
            eigenvalues, least = host(values), min(map(number, levels))
            if eigenvalues[0] + least <= rounding(eigenvalues):
                raise not_definite(eigenvalues, least)
        if traced or execution.differentiated(problem.k_train, *levels):
            function = execution.compiled(_inverses, ("execution",))
            *results, freedom = function(problem.k_train, *places, execution=execution)
        else:
            inverse = 1.0 / (eigenvalues + np.array(levels)[:, None])
            freedom, inverse = (execution.from_numpy(v, vectors) for v in (inverse @ eigenvalues, inverse))
            results = execution.compiled(_path, ("execution",))(vectors, *places, inverse, execution=execution)
        prediction, residual, leave_one_out = (problem.shaped(r) for r in results)
        return RidgePath(levels, prediction, residual, leave_one_out, freedom)


def _path(
    vectors: Array, targets: Array, k_test: Array, ridge: Array, inverse: Array, *, execution: Execution
) -> tuple[Array, Array, Array]:
    """Predictions, residuals and leave-one-out residuals; inverse (r, n): 1 / (eigenvalue + ridge)."""
    xp = execution.xp
    coefficients = inverse[:, :, None] * (xp.matrix_transpose(vectors) @ targets)
    weights = vectors @ coefficients
    inverse_diagonal = inverse @ xp.matrix_transpose(vectors * vectors)
    return (
        (k_test @ vectors) @ coefficients,
        ridge[:, None, None] * weights,
        weights / inverse_diagonal[:, :, None],
    )


def _inverses(
    k: Array, targets: Array, k_test: Array, ridge: Array, *, execution: Execution
) -> tuple[Array, Array, Array, Array]:
    """The same and the degrees of freedom, by an inverse a ridge: eigenvectors have no derivative at equal values."""
    xp = execution.xp
    k = 0.5 * (k + xp.matrix_transpose(k))
    eye = xp.eye(k.shape[0], dtype=k.dtype, device=array_api_compat.device(k))
    inverse = xp.linalg.inv(k + ridge[:, None, None] * eye)
    weights = execution.matmul(inverse, targets)
    return (
        execution.matmul(k_test, weights),
        ridge[:, None, None] * weights,
        weights / xp.sum(inverse * eye, axis=2)[:, :, None],
        xp.sum(k * inverse, axis=(1, 2)),
    )
