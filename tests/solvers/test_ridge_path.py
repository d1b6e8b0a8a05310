"""Ridge paths from one eigendecomposition, against one solve, and one refit without a point, for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.solvers.cholesky import NotPositiveDefinite
from ntkbench.solvers.ridge_path import RidgePath, ridge_path

RIDGES = (0.0, 1e-3, 0.5, 100.0)


def problem(n: int = 6, n_test: int = 4, outputs: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n, n))
    return a @ a.T + 0.1 * np.eye(n), rng.standard_normal((n, outputs)), rng.standard_normal((n_test, n))


def path_on(backend: Any, arrays: tuple[np.ndarray, ...], ridges: Any = RIDGES, dtype: str = "float64") -> RidgePath:
    return ridge_path(*(backend.asarray(a, dtype) for a in arrays), ridges)


def refits(k: np.ndarray, y: np.ndarray, ridge: float) -> np.ndarray:
    """y_i - f_i with f fitted to all points but i, one fit a point."""
    errors = []
    for i in range(len(k)):
        others = np.arange(len(k)) != i
        weights = np.linalg.solve(k[np.ix_(others, others)] + ridge * np.eye(len(k) - 1), y[others])
        errors.append(y[i] - k[i, others] @ weights)
    return np.array(errors)


def test_every_ridge_is_a_regression_of_its_own(backend: Any) -> None:
    k, y, k_test = problem()
    path = path_on(backend, (k, y, k_test))
    assert path.ridges == RIDGES
    for i, ridge in enumerate(RIDGES):
        shifted = k + ridge * np.eye(6)
        weights = np.linalg.solve(shifted, y)
        hat = k @ np.linalg.inv(shifted)
        np.testing.assert_allclose(backend.to_numpy(path.prediction)[i], k_test @ weights, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(backend.to_numpy(path.residual)[i], y - k @ weights, rtol=1e-10, atol=1e-12)
        assert float(path.degrees_of_freedom[i]) == pytest.approx(np.trace(hat), rel=1e-11)


def test_leave_one_out_residuals_are_those_of_refits(backend: Any) -> None:
    k, y, k_test = problem()
    path = path_on(backend, (k, y, k_test))
    found = backend.to_numpy(path.leave_one_out)
    for i, ridge in enumerate(RIDGES):
        np.testing.assert_allclose(found[i], refits(k, y, ridge), rtol=1e-9, atol=1e-11)
    losses = path.leave_one_out_loss
    assert losses == pytest.approx([float(np.mean(refits(k, y, r) ** 2)) for r in RIDGES], rel=1e-9)
    assert path.best == int(np.argmin(losses))


@given(st.integers(2, 7), st.integers(0, 10**6), st.floats(1e-3, 1e3))
@settings(max_examples=25, deadline=None)
def test_leaving_one_out_divides_the_residual_by_one_minus_the_hat(n: int, seed: int, ridge: float) -> None:
    k, y, k_test = problem(n, 1, 1, seed)
    path = ridge_path(k, y, k_test, [ridge])
    hat = k @ np.linalg.inv(k + ridge * np.eye(n))
    np.testing.assert_allclose(path.leave_one_out[0], path.residual[0] / (1 - np.diag(hat))[:, None], rtol=1e-6)
    np.testing.assert_allclose(path.leave_one_out[0], refits(k, y, ridge), rtol=1e-8, atol=1e-10)


@given(st.integers(1, 6), st.integers(0, 10**6), st.floats(0.01, 10), st.floats(0, 10))
@settings(max_examples=25, deadline=None)
def test_a_ridge_is_a_shift_of_the_matrix(n: int, seed: int, shift: float, ridge: float) -> None:
    k, y, k_test = problem(n, 2, 1, seed)
    split, whole = ridge_path(k + shift * np.eye(n), y, k_test, [ridge]), ridge_path(k, y, k_test, [ridge + shift])
    np.testing.assert_allclose(split.prediction, whole.prediction, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(split.leave_one_out, whole.leave_one_out, rtol=1e-8, atol=1e-10)


@given(st.integers(1, 6), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_degrees_of_freedom_fall_from_n_to_none_as_the_ridge_grows(n: int, seed: int) -> None:
    freedom = ridge_path(*problem(n, 0, 1, seed), [0.0, 0.01, 1.0, 100.0, 1e12]).degrees_of_freedom
    assert freedom[0] == pytest.approx(n, rel=1e-14)
    assert (np.diff(freedom) < 0).all()
    assert 0 < freedom[-1] < 1e-8


def test_the_best_ridge_is_the_one_that_predicts_points_left_out() -> None:
    # A smooth function with noise of variance 0.04, seen through a kernel with unit diagonal.
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-3, 3, 40))
    k = np.exp(-((x[:, None] - x) ** 2))
    y = (np.sin(2 * x) + 0.2 * rng.standard_normal(40))[:, None]
    ridges = (1e-6, 0.05, 50.0)
    path = ridge_path(k, y, k[:0], ridges)
    losses = [float(np.mean(refits(k, y, r) ** 2)) for r in ridges]
    assert path.best == int(np.argmin(losses)) == 1
    assert path.leave_one_out_loss == pytest.approx(losses, rel=1e-6)


def test_of_equal_ridges_the_first_is_best() -> None:
    assert ridge_path(*problem(), [0.5, 0.5]).best == 0


def test_without_its_only_point_the_prediction_is_zero(backend: Any) -> None:
    arrays = (np.array([[3.0]]), np.array([[5.0]]), np.array([[6.0]]))
    path = path_on(backend, arrays, [0.0, 3.0])
    np.testing.assert_allclose(backend.to_numpy(path.leave_one_out), [[[5.0]], [[5.0]]], rtol=1e-15)
    np.testing.assert_allclose(backend.to_numpy(path.prediction), [[[10.0]], [[5.0]]], rtol=1e-15)
    np.testing.assert_allclose(backend.to_numpy(path.residual), [[[0.0]], [[2.5]]], rtol=1e-15)


def test_targets_without_an_axis_give_results_without_one(backend: Any) -> None:
    k, y, k_test = problem()
    flat, columns = path_on(backend, (k, y[:, 0], k_test[:0])), path_on(backend, (k, y[:, :1], k_test[:0]))
    assert tuple(flat.prediction.shape) == (4, 0)
    for name in ("residual", "leave_one_out"):
        np.testing.assert_array_equal(
            backend.to_numpy(getattr(flat, name)), backend.to_numpy(getattr(columns, name))[..., 0]
        )


def test_float32_arrays_are_treated_in_float64(backend: Any) -> None:
    arrays = tuple(a.astype(np.float32) for a in problem())
    path, exact = path_on(backend, arrays, dtype="float32"), ridge_path(*(a.astype(np.float64) for a in arrays), RIDGES)
    for found, expected in zip(path[1:], exact[1:], strict=True):
        assert backend.to_numpy(found).dtype == np.float64
        np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("k", [np.ones((6, 6)), np.diag([-0.5, 1.0, 1, 1, 1, 1])], ids=["singular", "indefinite"])
def test_a_ridge_too_small_for_the_matrix_is_refused_and_one_that_suffices_named(backend: Any, k: np.ndarray) -> None:
    _, y, k_test = problem()
    with pytest.raises(NotPositiveDefinite) as caught:
        path_on(backend, (k, y, k_test), [10.0, 0.0])
    assert caught.value.eigenvalue == pytest.approx(np.linalg.eigvalsh(k)[0], abs=1e-14)
    ridge = caught.value.sufficient
    found = backend.to_numpy(path_on(backend, (k, y, k_test), [ridge]).prediction)[0]
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("ridges", "fault"),
    [([], "at least one ridge"), ([1.0, -1.0], "not negative, not -1.0"), ([np.nan], "finite"), ([np.inf], "finite")],
)
def test_bad_ridges_are_named(ridges: list[float], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        ridge_path(*problem(), ridges)


def test_a_matrix_that_is_not_symmetric_is_refused() -> None:
    k, y, k_test = problem()
    with pytest.raises(ValueError, match="k_train must be symmetric"):
        ridge_path(np.triu(k), y, k_test, [1.0])
