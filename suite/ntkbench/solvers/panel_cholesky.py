"""Regression with Gram matrices of which a float64 copy would be too much: a Cholesky factor in panels of columns.

Left-looking (Golub & Van Loan 2013, section 4.2.9): a panel of the factor is made of that panel of K and of all panels
before it, and written once. Beyond K, in whatever dtype it came, there are n^2 / 2 doubles of the factor: on K's device
where they fit, else in files that the system maps into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import check_symmetric_in_panels, finite, to_numpy
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.memory import available
from ntkbench.arrays.scratch import check_scratch, scratch
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.cholesky import EPSILON, NotPositiveDefinite
from ntkbench.solvers.regression import check_fit, check_ridge, check_values_are_there

# Columns of a panel: enough work for the processor, and a small part of K.
_CPU_WIDTH, _GPU_WIDTH = 2_048, 8_192
_ACCURACY = 1e-6  # of the inverse's largest eigenvalue
_WORKING = 4  # panels' worth of arrays beside the factor


@dataclass(frozen=True)
class PanelCholesky:
    """L with K + ridge I = L L', float64: panel j holds the `width` columns from j width on, from the diagonal down."""

    k: Array
    ridge: float
    panels: list[Array]
    width: int

    def solve(self, b: Array) -> Array:
        """The solution x of (K + ridge I) x = b.

        Args:
            b: (n, k), of K's library.

        Returns:
            x (n, k), float64.
        """
        execution = execution_for(self.k)
        xp = execution.xp
        with execution.double():
            rest, heads = xp.astype(b, xp.float64, copy=False), []
            for panel in self._here():
                head = execution.solve_triangular(panel[: panel.shape[1], :], rest[: panel.shape[1], :])
                rest = rest[panel.shape[1] :] - panel[panel.shape[1] :] @ head
                heads.append(head)
            x = rest  # what is left of it: no rows
            for panel in self._here(backwards=True):
                right = heads.pop() - xp.matrix_transpose(panel[panel.shape[1] :]) @ x
                x = xp.concat([execution.solve_triangular(panel[: panel.shape[1], :], right, transposed=True), x])
            return x

    def min_eigenvalue(self) -> float:
        """The least eigenvalue of K, by the Lanczos method on the inverse, until it is known to a relative 1e-6.

        Returns:
            A Rayleigh quotient v' K v of a unit vector: no less than the least eigenvalue, up to rounding.

        References:
            Lehoucq, Sorensen & Yang 1998, ARPACK Users' Guide, section 4.
        """
        execution = execution_for(self.k)
        device = array_api_compat.device(self.k)
        with execution.double():

            def inverse(v: np.ndarray) -> np.ndarray:
                return execution.to_numpy(self.solve(execution.xp.asarray(v.reshape(-1, 1), device=device)))[:, 0]

            v = execution.xp.asarray(_largest(inverse, self.k.shape[0])[:, None], device=device)
            product = execution.xp.concat([rows @ v for _, rows in in_float64(execution, self.k, self.width)])
            return float(execution.xp.sum(v * product) / execution.xp.sum(v * v))

    def _here(self, backwards: bool = False) -> Iterator[Array]:
        """The panels, on K's device."""
        xp, device = execution_for(self.k).xp, array_api_compat.device(self.k)
        for panel in reversed(self.panels) if backwards else self.panels:
            yield xp.asarray(panel, device=device)


class PanelRegression(NamedTuple):
    """Predictions (n_test, k), the training residual, the largest |K a - y|, and the factor."""

    prediction: Array
    residual: float
    factor: PanelCholesky


@standard_settings
def panel_regression(
    k_train: Array, y_train: Array, k_test: Array, ridge: float = 0.0, *, width: int | None = None
) -> PanelRegression:
    """Solve (K + ridge I) a = y and predict k_test a in float64, with n^2 / 2 doubles beyond the arrays given.

    As `cholesky_regression`, for matrices of which copies would be too large. Assumes that K is symmetric and
    K + ridge I positive definite.

    Args:
        k_train: the Gram matrix K of the training points, (n, n), float32 or float64.
        y_train: the targets, (n, k) or (n,), of the same library.
        k_test: the kernel between test and training points, (n_test, n), of the same library.
        ridge: at least 0.
        width: columns of a panel; where None, by the device.

    Returns:
        Float64 predictions (n_test, k), or (n_test,) where the targets are (n,), the training residual, and the factor.

    Raises:
        NotPositiveDefinite: the eigenvalue that it has is an upper bound of the least one.
        ValueError: for shapes that do not fit, K not symmetric, NaN, infinity, or a negative ridge.
        MemoryError: where the factor has no room in memory nor on disk.
        TypeError: for arrays that are traced or differentiated.

    References:
        Golub & Van Loan 2013, Matrix Computations, section 4.2.9.
    """
    check_ridge(ridge)
    execution = execution_for(k_train, y_train, k_test)
    xp = execution.xp
    check_fit(k_train, y_train, k_test)
    check_values_are_there(execution, "panel_regression", "cholesky_regression", k_train, y_train, k_test)
    width = width or _width(k_train)
    with execution.double():
        vector = y_train.ndim == 1
        targets = finite(execution, y_train[:, None] if vector else y_train, "y_train")
        check_symmetric_in_panels(execution, k_train, width, "k_train")
        for _, rows_of_k in in_float64(execution, k_test, width):
            finite(execution, rows_of_k, "k_test")
        factor = panel_cholesky(k_train, ridge, width=width)
        weights = factor.solve(targets)
        residual = 0.0
        for rows, rows_of_k in in_float64(execution, k_train, width):
            left = rows_of_k @ weights + ridge * weights[rows] - targets[rows]
            residual = max(residual, float(xp.max(xp.abs(left))))
        parts = [rows_of_k @ weights for _, rows_of_k in in_float64(execution, k_test, width)]
        prediction = xp.concat(parts) if parts else weights[:0]
        return PanelRegression(prediction[:, 0] if vector else prediction, residual, factor)


@standard_settings
def panel_cholesky(k: Array, ridge: float = 0.0, *, width: int | None = None) -> PanelCholesky:
    """The factor of K + ridge I, of which the lower triangle is read.

    Args:
        k: the matrix K, (n, n), float32 or float64, assumed to be symmetric.
        ridge: at least 0.
        width: columns of a panel; where None, by the device.

    Returns:
        The panels of the factor.

    Raises:
        NotPositiveDefinite: where K + ridge I is not definite to working precision.
        MemoryError: where the factor has no room.
    """
    execution = execution_for(k)
    xp, n, width = execution.xp, k.shape[0], width or _width(k)
    keep = _storage(k, width)
    panels: list[Array] = []
    with execution.double():
        for start in range(0, n, width):
            stop = min(start + width, n)
            panel = xp.astype(k[start:, start:stop], xp.float64)
            if ridge:
                eye = xp.eye(n - start, stop - start, dtype=xp.float64, device=array_api_compat.device(k))
                panel = panel + ridge * eye
            diagonal = 1.0 * xp.linalg.diagonal(panel[: stop - start])  # a copy: the panel changes
            for i, before in enumerate(panels):
                left = xp.asarray(before[start - i * width :], device=array_api_compat.device(k))
                panel -= left @ xp.matrix_transpose(left[: stop - start])
            head = _factor(execution, panel[: stop - start], diagonal, n, ridge)
            right = xp.matrix_transpose(panel[stop - start :, :])
            below = xp.matrix_transpose(execution.solve_triangular(head, right))
            panels.append(keep(xp.concat([head, below])))
    return PanelCholesky(k, ridge, panels, width)


def in_float64(execution: Execution, k: Array, width: int) -> Iterator[tuple[slice, Array]]:
    """Some rows of k after others, in float64, within `execution.double()`."""
    for start in range(0, k.shape[0], width):
        rows = slice(start, min(start + width, k.shape[0]))
        yield rows, execution.xp.astype(k[rows, :], execution.xp.float64)


def _largest(operator: Callable[[np.ndarray], np.ndarray], n: int) -> np.ndarray:
    """The eigenvector (n,) of a definite symmetric operator's largest eigenvalue."""
    if n == 1:
        return np.ones(1)
    from scipy.sparse.linalg import LinearOperator, eigsh

    start = np.random.default_rng(0).standard_normal(n)
    inverse = LinearOperator((n, n), matvec=operator, dtype=np.float64)
    vectors: np.ndarray = eigsh(inverse, k=1, which="LA", v0=start, tol=_ACCURACY)[1]
    return vectors[:, 0]


def _width(k: Array) -> int:
    return _CPU_WIDTH if execution_for(k).on_cpu(k) else _GPU_WIDTH


def _storage(k: Array, width: int) -> Callable[[Array], Array]:
    """What keeps a panel: as it is where all of them fit beside K, else in a file."""
    n = k.shape[0]
    needed = 8 * sum((n - start) * min(width, n - start) for start in range(0, n, width))
    free = available(k)
    if free is None or needed + _WORKING * 8 * n * min(width, n) <= free:
        return lambda panel: panel
    check_scratch(needed)

    def write(panel: Array) -> Array:
        place = scratch(tuple(panel.shape), np.float64)
        place[...] = to_numpy(panel)
        return place

    return write


def _factor(execution: Execution, schur: Array, diagonal: Array, n: int, ridge: float) -> Array:
    """The lower Cholesky factor of a Schur complement (w, w), `diagonal` being what the matrix has there."""
    xp = execution.xp
    factor = execution.cholesky(schur)
    # As in `cholesky`: below this the sign of a pivot is chance.
    if factor is not None and bool(xp.all(xp.linalg.diagonal(factor) ** 2 > n * EPSILON * diagonal)):
        return factor
    # The inverse of a Schur complement is a part of the inverse: none of its eigenvalues is below the matrix's least,
    # and a negative one shows that there are negative ones.
    least = max(float(xp.linalg.eigvalsh(schur)[0]), 0.0)
    margin = 10 * n * EPSILON * float(xp.max(diagonal))
    raise NotPositiveDefinite(n, ridge, least - ridge, float(f"{1.06 * (ridge + margin):.1e}"), exact=False)
