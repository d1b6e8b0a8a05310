"""Regression with Gram matrices of which a float64 copy would be too much: a Cholesky factor in panels of columns.

Left-looking (Golub & Van Loan 2013, section 4.2.9): a panel of the factor is made of that panel of K and of all panels
before it, and written once. Beyond K, in whatever dtype it came, there are n^2 / 2 doubles of the factor: on K's device
where they fit, else in files that the system maps into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.checks import check_symmetric_in_panels, finite, to_numpy
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.memory import available
from ntkbench.arrays.scratch import check_scratch, scratch
from ntkbench.solvers.cholesky import EPSILON, NotPositiveDefinite
from ntkbench.solvers.regression import check_fit, check_ridge

# Columns of a panel: enough work for the processor, and a small part of K.
_CPU_WIDTH, _GPU_WIDTH = 2_048, 8_192
_LANCZOS_VECTORS, _ACCURACY = 300, 1e-6
_WORKING = 4  # panels' worth of arrays beside the factor


@dataclass(frozen=True)
class PanelCholesky:
    """L with K + ridge I = L L', float64: panel j holds the `width` columns from j width on, from the diagonal down."""

    k: Any
    ridge: float
    panels: list[Any]
    width: int

    def solve(self, b: Any) -> Any:
        """The solution x of (K + ridge I) x = b: b (n, k) -> (n, k), float64 of K's library."""
        execution = execution_for(self.k)
        xp = execution.xp
        with execution.double():
            rest, heads = xp.astype(b, xp.float64, copy=False), []
            for panel in self._here():
                head = _triangular(panel[: panel.shape[1]], rest[: panel.shape[1]])
                rest = rest[panel.shape[1] :] - panel[panel.shape[1] :] @ head
                heads.append(head)
            x = rest  # what is left of it: no rows
            for panel in self._here(backwards=True):
                right = heads.pop() - xp.matrix_transpose(panel[panel.shape[1] :]) @ x
                x = xp.concat([_triangular(panel[: panel.shape[1]], right, transposed=True), x])
            return x

    def min_eigenvalue(self) -> float:
        """The least eigenvalue of K, by the Lanczos method on the inverse.

        What it returns is a Rayleigh quotient v' K v of a unit vector: no less than the least eigenvalue, up to
        rounding. It ends when the inverse's eigenvalue is known to a relative 1e-6. Source: Golub & Van Loan 2013,
        section 10.1.
        """
        execution = execution_for(self.k)
        device = array_api_compat.device(self.k)
        with execution.double():

            def inverse(v: np.ndarray) -> np.ndarray:
                return to_numpy(self.solve(execution.xp.asarray(v[:, None], device=device)))[:, 0]

            v = execution.xp.asarray(_largest(inverse, self.k.shape[0])[:, None], device=device)
            product = execution.xp.concat([rows @ v for _, rows in in_float64(execution, self.k, self.width)])
            return float(execution.xp.sum(v * product) / execution.xp.sum(v * v))

    def _here(self, backwards: bool = False) -> Iterator[Any]:
        """The panels, on K's device."""
        xp, device = execution_for(self.k).xp, array_api_compat.device(self.k)
        for panel in reversed(self.panels) if backwards else self.panels:
            yield xp.asarray(panel, device=device)


class PanelRegression(NamedTuple):
    """Predictions (n_test, k), the training residual, the largest |K a - y|, and the factor."""

    prediction: Any
    residual: float
    factor: PanelCholesky


def panel_regression(
    k_train: Any, y_train: Any, k_test: Any, ridge: float = 0.0, *, width: int | None = None
) -> PanelRegression:
    """Solve (K + ridge I) a = y and predict k_test a in float64, with n^2 / 2 doubles beyond the arrays given.

    As `cholesky_regression`, of which it has the errors: k_train (n, n) symmetric, y_train (n, k) or (n,), k_test
    (n_test, n), of one library -> float64 predictions (n_test, k) or (n_test,). Where the matrix is not definite, the
    eigenvalue that NotPositiveDefinite has is an upper bound. Raises MemoryError where the factor has no room in
    memory nor on disk.
    """
    check_ridge(ridge)
    execution = execution_for(k_train, y_train, k_test)
    xp = execution.xp
    check_fit(k_train, y_train, k_test)
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


def panel_cholesky(k: Any, ridge: float = 0.0, *, width: int | None = None) -> PanelCholesky:
    """The factor of K + ridge I, of which the lower triangle is read: k (n, n), float32 or float64.

    Raises NotPositiveDefinite, and MemoryError where the factor has no room.
    """
    execution = execution_for(k)
    xp, n, width = execution.xp, k.shape[0], width or _width(k)
    keep = _storage(k, width)
    panels: list[Any] = []
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
            below = xp.matrix_transpose(_triangular(head, xp.matrix_transpose(panel[stop - start :])))
            panels.append(keep(xp.concat([head, below])))
    return PanelCholesky(k, ridge, panels, width)


def in_float64(execution: Execution, k: Any, width: int) -> Iterator[tuple[slice, Any]]:
    """Some rows of k after others, in float64, within `execution.double()`."""
    for start in range(0, k.shape[0], width):
        rows = slice(start, min(start + width, k.shape[0]))
        yield rows, execution.xp.astype(k[rows, :], execution.xp.float64)


def _largest(operator: Callable[[np.ndarray], np.ndarray], n: int) -> np.ndarray:
    """The eigenvector (n,) of a definite symmetric operator's largest eigenvalue, by Lanczos with all its vectors."""
    v = np.random.default_rng(0).standard_normal(n)
    vectors = np.empty((0, n))
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        v = v / np.linalg.norm(v)
        vectors = np.vstack([vectors, v])
        v = operator(v)
        diagonal.append(float(vectors[-1] @ v))
        for _ in range(2):  # once would leave rounding that grows
            v = v - vectors.T @ (vectors @ v)
        beside.append(float(np.linalg.norm(v)))
        values, mixtures = np.linalg.eigh(np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1))
        # How far off the eigenvalue can be: what the next vector would add.
        if len(vectors) in (n, _LANCZOS_VECTORS) or beside[-1] * abs(mixtures[-1, -1]) <= _ACCURACY * values[-1]:
            largest: np.ndarray = mixtures[:, -1] @ vectors
            return largest


def _width(k: Any) -> int:
    device = array_api_compat.device(k)
    return _CPU_WIDTH if str(getattr(device, "platform", getattr(device, "type", device))) == "cpu" else _GPU_WIDTH


def _storage(k: Any, width: int) -> Callable[[Any], Any]:
    """What keeps a panel: as it is where all of them fit beside K, else in a file."""
    n = k.shape[0]
    needed = 8 * sum((n - start) * min(width, n - start) for start in range(0, n, width))
    free = available(k)
    if free is None or needed + _WORKING * 8 * n * min(width, n) <= free:
        return lambda panel: panel
    check_scratch(needed)

    def write(panel: Any) -> Any:
        place = scratch(tuple(panel.shape), np.float64)
        place[...] = to_numpy(panel)
        return place

    return write


def _factor(execution: Execution, schur: Any, diagonal: Any, n: int, ridge: float) -> Any:
    """The lower Cholesky factor of a Schur complement (w, w), `diagonal` being what the matrix has there."""
    xp = execution.xp
    errors = (np.linalg.LinAlgError, getattr(xp.linalg, "LinAlgError", np.linalg.LinAlgError))
    try:
        factor = xp.linalg.cholesky(schur)
    except errors:
        factor = None
    # As in `cholesky`: below this the sign of a pivot is chance.
    if factor is not None and bool(xp.all(xp.linalg.diagonal(factor) ** 2 > n * EPSILON * diagonal)):
        return factor
    # The inverse of a Schur complement is a part of the inverse: none of its eigenvalues is below the matrix's least,
    # and a negative one shows that there are negative ones.
    least = max(float(xp.linalg.eigvalsh(schur)[0]), 0.0)
    margin = 10 * n * EPSILON * float(xp.max(diagonal))
    raise NotPositiveDefinite(n, ridge, least - ridge, float(f"{1.06 * (ridge + margin):.1e}"), exact=False)


def _triangular(factor: Any, b: Any, transposed: bool = False) -> Any:
    """The solution of L x = b, or of L' x = b."""
    if array_api_compat.is_torch_array(factor):
        import torch

        left = factor.mT if transposed else factor
        return torch.linalg.solve_triangular(left, b, upper=transposed)
    if array_api_compat.is_jax_array(factor):
        from jax.scipy.linalg import solve_triangular as jax_solve

        return jax_solve(factor, b, lower=True, trans=int(transposed))
    from scipy.linalg import solve_triangular

    return solve_triangular(factor, b, lower=True, trans=int(transposed), check_finite=False)
