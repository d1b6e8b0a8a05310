"""Cholesky solves, and one error for every library when the matrix is not positive definite."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.solvers.cholesky import NotPositiveDefinite, cholesky_regression, cholesky_solve


def matrix(eigenvalues: list[float], seed: int = 0) -> np.ndarray:
    """A symmetric matrix with these eigenvalues."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(eigenvalues),) * 2))
    k = q @ np.diag(eigenvalues) @ q.T
    return (k + k.T) / 2


DEFINITE = matrix([0.5, 1.0, 2.0, 3.0, 4.0, 8.0])
B = np.random.default_rng(1).standard_normal((6, 2))


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_the_solution_is_that_of_numpy(backend: Any, ridge: float) -> None:
    x = cholesky_solve(backend.asarray(DEFINITE, "float64"), backend.asarray(B, "float64"), ridge)
    np.testing.assert_allclose(backend.to_numpy(x), np.linalg.solve(DEFINITE + ridge * np.eye(6), B), rtol=1e-12)


def test_a_vector_is_solved_as_a_column_is(backend: Any) -> None:
    k, b = backend.asarray(DEFINITE, "float64"), backend.asarray(B, "float64")
    np.testing.assert_array_equal(
        backend.to_numpy(cholesky_solve(k, b[:, 0])), backend.to_numpy(cholesky_solve(k, b[:, :1]))[:, 0]
    )


def test_the_regression_is_that_of_the_textbook(backend: Any) -> None:
    # [[2, 1], [1, 2]] a = (1, 0) is solved by a = (2, -1) / 3.
    arrays = ([[2.0, 1.0], [1.0, 2.0]], [[1.0], [0.0]], [[1.0, 1.0], [3.0, 0.0]])
    result = cholesky_regression(*(backend.asarray(np.array(v), "float64") for v in arrays))
    np.testing.assert_allclose(backend.to_numpy(result.prediction), [[1 / 3], [2.0]], rtol=1e-14)
    assert result.residual < 1e-15


def test_a_float32_matrix_is_solved_in_float64(backend: Any) -> None:
    k, b = DEFINITE.astype(np.float32), B.astype(np.float32)
    x = backend.to_numpy(cholesky_solve(backend.asarray(k, "float32"), backend.asarray(b, "float32")))
    assert x.dtype == np.float64
    np.testing.assert_allclose(x, np.linalg.solve(k.astype(np.float64), b.astype(np.float64)), rtol=1e-12)


def test_one_point_and_no_test_point_are_a_problem_too() -> None:
    one, empty = np.array([[4.0]]), np.zeros((0, 1))
    assert float(cholesky_solve(one, one)[0, 0]) == 1.0
    assert tuple(cholesky_regression(one, one, empty).prediction.shape) == (0, 1)


@pytest.mark.parametrize(
    ("k", "smallest"),
    [
        (matrix([-0.25, 1.0, 2.0, 3.0, 4.0, 5.0]), -0.25),
        (np.ones((6, 6)), 0.0),
        (np.zeros((6, 6)), 0.0),
        (-np.eye(6), -1.0),
        (matrix([0.0, 0.0, 0.0, 1.0, 2.0, 100.0]), 0.0),
    ],
    ids=["indefinite", "rank one", "zero", "negative", "rank three"],
)
def test_what_is_not_definite_is_one_error_in_every_library(backend: Any, k: np.ndarray, smallest: float) -> None:
    k_here, b = backend.asarray(k, "float64"), backend.asarray(B, "float64")
    with pytest.raises(np.linalg.LinAlgError) as caught:
        cholesky_solve(k_here, b)
    error = caught.value
    assert isinstance(error, NotPositiveDefinite)
    assert (error.size, error.ridge, error.exact) == (6, 0.0, True)
    assert error.eigenvalue == pytest.approx(smallest, abs=1e-12)
    # Its advice is good, and not far more than is needed.
    x = backend.to_numpy(cholesky_solve(k_here, b, error.sufficient))
    shifted = k + error.sufficient * np.eye(6)
    np.testing.assert_allclose(shifted @ x, B, atol=1e-11 * np.abs(shifted).max() * np.abs(x).max())
    assert error.sufficient <= -1.2 * smallest + 1e-11


def test_the_message_says_size_eigenvalue_and_ridge(backend: Any) -> None:
    k = backend.asarray(matrix([-0.25, 1.0, 2.0, 3.0, 4.0, 5.0]), "float64")
    with pytest.raises(NotPositiveDefinite) as caught:
        cholesky_solve(k, backend.asarray(B, "float64"), 0.1)
    assert str(caught.value) == (
        "K + ridge I of size 6 with ridge 0.1 is not positive definite to working precision: "
        f"the smallest eigenvalue of K is -0.25; a ridge of {caught.value.sufficient:.2g} would make it so"
    )
    assert 0.25 < float(f"{caught.value.sufficient:.2g}") <= 0.28


def test_the_error_survives_a_process_boundary() -> None:
    error = NotPositiveDefinite(3, 0.0, -0.5, 0.6)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.sufficient == 0.6


def test_a_point_given_twice_is_found_though_rounding_would_hide_it(backend: Any) -> None:
    x = np.random.default_rng(0).standard_normal((5, 9))
    x = np.concatenate([x, x[:1]])
    with pytest.raises(NotPositiveDefinite):
        cholesky_solve(backend.asarray(x @ x.T, "float64"), backend.asarray(B, "float64"))


def test_scales_far_apart_are_no_reason_to_refuse(backend: Any) -> None:
    k = np.diag([1e-20, 1e-10, 1.0, 1e5, 1e10, 1e20])
    x = cholesky_solve(backend.asarray(k, "float64"), backend.asarray(B, "float64"))
    np.testing.assert_allclose(backend.to_numpy(x), B / np.diag(k)[:, None], rtol=1e-14)


@given(st.integers(1, 8), st.integers(0, 10**6), st.floats(-6, 2))
@settings(max_examples=30, deadline=None)
def test_a_definite_matrix_is_never_refused(n: int, seed: int, exponent: float) -> None:
    rng = np.random.default_rng(seed)
    k = matrix(list(10.0 ** rng.uniform(exponent - 6, exponent, n)), seed)
    b = rng.standard_normal((n, 1))
    x = cholesky_solve(k, b)
    assert np.linalg.norm(k @ x - b) <= 1e-13 * np.linalg.norm(k, 2) * np.linalg.norm(x) + 1e-13


@pytest.mark.parametrize(
    ("k", "b", "fault"),
    [
        (np.array([[2.0, 1.0], [0.0, 2.0]]), np.ones((2, 1)), "k must be symmetric; .* by 1"),
        (np.eye(2), np.ones((3, 1)), "b must have 2 rows"),
        (np.eye(2), np.ones((2, 1, 1)), "b must have 2 rows"),
        (np.eye(2), np.full((2, 1), np.nan), "b holds NaN"),
        (np.full((2, 2), np.nan), np.ones((2, 1)), "k holds NaN"),
    ],
)
def test_bad_input_is_named(k: np.ndarray, b: np.ndarray, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        cholesky_solve(k, b)
