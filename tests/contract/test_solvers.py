"""Every solver on every backend: one table, the same systems, and what each says that it assumes.

A new solver is a row. The oracles are solutions in 50 digits (mpmath) and closed forms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import mpmath
import numpy as np
import pytest

from ntkbench import solvers
from ntkbench.solvers import NotPositiveDefinite

SIZE, OUTPUTS = 12, 2


@dataclass(frozen=True)
class Solver:
    """How a solver is called: (k, b, ridge) -> the solution of (K + ridge I) x = b.

    What is a regression is asked for x itself: with k_test = I the predictions are the coefficients.
    """

    solve: Callable[[Any, Any, float], Any]
    symmetric: bool = True  # refuses a matrix that is not
    definite: bool = True  # refuses one that is not
    digits: float = 1.0  # how many of 16 - log10(condition) it may lose


def regression(function: Callable[..., Any], k: Any, b: Any, ridge: float) -> Any:
    return function(k, b, identity_like(k), ridge=ridge).prediction


def path(k: Any, b: Any, ridge: float) -> Any:
    return solvers.ridge_path(k, b, identity_like(k), [ridge]).prediction[0, ...]


def gradient(preconditioner: Callable[[Any, Any, float], Any] | None, k: Any, b: Any, ridge: float) -> Any:
    chosen = None if preconditioner is None else preconditioner(k, b, ridge)
    return solvers.conjugate_gradient(k, b, ridge=ridge, preconditioner=chosen, tolerance=1e-13, throw=False).x


def identity_like(k: Any) -> Any:
    from ntkbench.arrays.execution import execution_for

    xp = execution_for(k).xp
    return xp.eye(k.shape[0], dtype=k.dtype)


SOLVERS = {
    "LU": Solver(partial(regression, solvers.kernel_regression), symmetric=False, definite=False),
    "Cholesky": Solver(partial(regression, solvers.cholesky_regression)),
    "Cholesky, x": Solver(lambda k, b, ridge: solvers.cholesky_solve(k, b, ridge)),
    "panels": Solver(partial(regression, partial(solvers.panel_regression, width=5))),
    "ridge path": Solver(path, digits=1.5),
    "conjugate gradient": Solver(partial(gradient, None), digits=2.0),
    "with Jacobi": Solver(partial(gradient, lambda k, b, ridge: solvers.jacobi(k, ridge)), digits=2.0),
    "with pivoted Cholesky": Solver(
        partial(gradient, lambda k, b, ridge: solvers.pivoted_cholesky(k, rank=4, ridge=ridge)), digits=2.0
    ),
    "with Nystrom": Solver(
        partial(gradient, lambda k, b, ridge: solvers.nystrom(k, b, rank=4, ridge=ridge)), digits=2.0
    ),
}


@dataclass(frozen=True)
class System:
    """A definite matrix by its eigenvalues, and a ridge."""

    least: float
    ridge: float

    @property
    def condition(self) -> float:
        return (1.0 + self.ridge) / (self.least + self.ridge)


SYSTEMS = {
    "well": System(least=0.1, ridge=0.0),
    "well, ridge": System(least=0.1, ridge=0.5),
    "ill": System(least=1e-8, ridge=0.0),
    "ill, ridge": System(least=1e-12, ridge=1e-6),
}


@cache
def matrices(least: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))
    k = q @ np.diag(np.geomspace(least, 1.0, SIZE)) @ q.T
    return (k + k.T) / 2, rng.standard_normal((SIZE, OUTPUTS))


@cache
def exact(least: float, ridge: float, dtype: str) -> np.ndarray:
    """The solution for the matrix as its numbers are, in 50 digits."""
    k, b = (a.astype(dtype).astype(np.float64) for a in matrices(least))
    with mpmath.workdps(50):
        matrix = mpmath.matrix(k.tolist()) + ridge * mpmath.eye(SIZE)
        columns = [mpmath.lu_solve(matrix, mpmath.matrix(column.tolist())) for column in b.T]
        return np.array([[float(v) for v in column] for column in columns]).T


@pytest.fixture(params=SOLVERS)
def solver(request: pytest.FixtureRequest) -> Solver:
    return SOLVERS[request.param]


def given(backend: Any, least: float, dtype: str = "float64") -> list[Any]:
    return [backend.asarray(a, dtype) for a in matrices(least)]


@pytest.mark.parametrize("system", SYSTEMS)
def test_it_solves_a_system_to_the_digits_that_its_condition_leaves(backend: Any, solver: Solver, system: str) -> None:
    s = SYSTEMS[system]
    found = backend.to_numpy(solver.solve(*given(backend, s.least), s.ridge))
    expected = exact(s.least, s.ridge, "float64")
    assert found.dtype == np.float64
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert error <= 1e-16 * SIZE * s.condition * 10**solver.digits


def test_a_float32_matrix_is_solved_in_float64(backend: Any, solver: Solver) -> None:
    found = backend.to_numpy(solver.solve(*given(backend, 0.1, "float32"), 0.5))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, exact(0.1, 0.5, "float32"), rtol=1e-10, atol=1e-12)


def test_for_a_multiple_of_the_identity_the_solution_is_a_quotient(backend: Any, solver: Solver) -> None:
    k, b = backend.asarray(3.0 * np.eye(SIZE), "float64"), given(backend, 0.1)[1]
    found = backend.to_numpy(solver.solve(k, b, 1.0))
    np.testing.assert_allclose(found, backend.to_numpy(b) / 4.0, rtol=1e-13)


def test_a_vector_is_solved_as_a_column_is(backend: Any, solver: Solver) -> None:
    k, b = given(backend, 0.1)
    column, vector = (backend.to_numpy(solver.solve(k, part, 0.5)) for part in (b[:, :1], b[:, 0]))
    assert (column.shape, vector.shape) == ((SIZE, 1), (SIZE,))
    np.testing.assert_allclose(vector, column[:, 0], rtol=1e-13)


@pytest.mark.parametrize("shape", [(SIZE - 1, OUTPUTS), (SIZE, OUTPUTS, 1), ()])
def test_right_hand_sides_that_do_not_fit_are_refused(backend: Any, solver: Solver, shape: tuple[int, ...]) -> None:
    k, b = given(backend, 0.1)[0], backend.asarray(np.ones(shape), "float64")
    with pytest.raises(ValueError, match="shape"):
        solver.solve(k, b, 0.0)


def test_a_matrix_that_is_not_square_is_refused(backend: Any, solver: Solver) -> None:
    k, b = given(backend, 0.1)
    with pytest.raises(ValueError, match="square"):
        solver.solve(k[:, :-1], b, 0.0)


@pytest.mark.parametrize("which", [0, 1])
def test_what_is_not_finite_is_refused(backend: Any, solver: Solver, which: int) -> None:
    arrays = [a.copy() for a in matrices(0.1)]
    arrays[which][3, 1] = np.inf
    with pytest.raises(ValueError, match="NaN or infinity"):
        solver.solve(*(backend.asarray(a, "float64") for a in arrays), 0.0)


@pytest.mark.parametrize("ridge", [-1.0, np.nan, np.inf])
def test_a_ridge_that_is_none_is_refused(backend: Any, solver: Solver, ridge: float) -> None:
    with pytest.raises(ValueError, match="a ridge must be finite"):
        solver.solve(*given(backend, 0.1), ridge)


def test_a_matrix_that_is_not_symmetric_is_solved_or_refused_as_it_says(backend: Any, solver: Solver) -> None:
    k, b = matrices(0.1)
    skew = k + np.eye(SIZE, k=3)
    arrays = backend.asarray(skew, "float64"), backend.asarray(b, "float64")
    if solver.symmetric:
        with pytest.raises(ValueError, match="must be symmetric"):
            solver.solve(*arrays, 0.0)
    else:
        found = backend.to_numpy(solver.solve(*arrays, 0.0))
        np.testing.assert_allclose(skew @ found, b, atol=1e-11)


def test_a_matrix_that_is_not_definite_is_solved_or_refused_as_it_says(backend: Any, solver: Solver) -> None:
    k, b = matrices(0.1)
    arrays = backend.asarray(k - 0.5 * np.eye(SIZE), "float64"), backend.asarray(b, "float64")
    if solver.definite:
        with pytest.raises((NotPositiveDefinite, ValueError)):
            solver.solve(*arrays, 0.0)
    else:
        found = backend.to_numpy(solver.solve(*arrays, 0.0))
        np.testing.assert_allclose((k - 0.5 * np.eye(SIZE)) @ found, b, atol=1e-11)
