"""Kernel regression and the linear algebra around it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from ntkbench.kernels import train_test
from ntkbench.solvers import (
    NotPositiveDefinite,
    cholesky_regression,
    cholesky_solve,
    conjugate_gradient,
    kernel_regression,
    min_eigenvalue,
    panel_regression,
    ridge_path,
)


def problem(n: int = 6, n_test: int = 4, outputs: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((n, n))
    return a @ a.T + np.eye(n), rng.standard_normal((n, outputs)), rng.standard_normal((n_test, n))


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_predictions_solve_the_ridge_problem(backend: Any, ridge: float) -> None:
    k, y, k_test = problem()
    result = kernel_regression(*(backend.asarray(v, "float64") for v in (k, y, k_test)), ridge=ridge)
    weights = np.linalg.inv(k + ridge * np.eye(6)) @ y
    np.testing.assert_allclose(backend.to_numpy(result.prediction), k_test @ weights, rtol=1e-11)
    assert 0 < result.residual < 1e-12


def test_two_points_have_the_textbook_solution(backend: Any) -> None:
    # [[2, 1], [1, 2]] a = (1, 0) is solved by a = (2, -1) / 3.
    arrays = ([[2.0, 1.0], [1.0, 2.0]], [[1.0], [0.0]], [[1.0, 1.0], [3.0, 0.0]])
    result = kernel_regression(*(backend.asarray(np.array(v), "float64") for v in arrays))
    np.testing.assert_allclose(backend.to_numpy(result.prediction), [[1 / 3], [2.0]], rtol=1e-14)


def test_without_ridge_the_training_points_are_interpolated(backend: Any) -> None:
    k, y, _ = (backend.asarray(v, "float64") for v in problem())
    np.testing.assert_allclose(backend.to_numpy(kernel_regression(k, y, k).prediction), backend.to_numpy(y), rtol=1e-11)


def test_a_float32_matrix_is_solved_in_float64(backend: Any) -> None:
    k, y, k_test = (v.astype(np.float32) for v in problem())
    result = kernel_regression(*(backend.asarray(v, "float32") for v in (k, y, k_test)))
    assert backend.to_numpy(result.prediction).dtype == np.float64
    exact = k_test.astype(np.float64) @ np.linalg.solve(k.astype(np.float64), y.astype(np.float64))
    np.testing.assert_allclose(backend.to_numpy(result.prediction), exact, rtol=1e-10)
    assert result.residual < 1e-12


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_singular_matrix_is_an_error_unless_there_is_a_ridge(backend: Any, dtype: str) -> None:
    k = backend.asarray(np.ones((3, 3)), dtype)
    y = backend.asarray(np.eye(3), dtype)
    with pytest.raises((ValueError, RuntimeError, ArithmeticError), match=r"(?i)singular"):
        kernel_regression(k, y, k)
    regular = kernel_regression(k, y, k, ridge=0.5)
    # (11' + I / 2)^-1 1 = 1 / (3 + 1/2), so every prediction is the same.
    np.testing.assert_allclose(backend.to_numpy(regular.prediction), np.full((3, 3), 1 / 3.5), rtol=1e-12)


def test_the_least_eigenvalue_is_found_in_float64(backend: Any) -> None:
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))
    k = q @ np.diag([1e-3, 1.0, 2.0, 3.0]) @ q.T
    assert min_eigenvalue(backend.asarray(k, "float64")) == pytest.approx(1e-3, rel=1e-10)
    assert min_eigenvalue(backend.asarray([[2.0, -3.0], [-3.0, 2.0]], "float32")) == pytest.approx(-1.0, rel=1e-14)


def test_targets_without_an_axis_give_predictions_without_one(backend: Any) -> None:
    k, y, k_test = problem()
    result = kernel_regression(*(backend.asarray(v, "float64") for v in (k, y[:, 0], k_test)))
    np.testing.assert_allclose(backend.to_numpy(result.prediction), k_test @ np.linalg.solve(k, y[:, 0]), rtol=1e-11)


def test_one_training_point_and_no_test_point_are_a_problem_too(backend: Any) -> None:
    result = kernel_regression(*(backend.asarray(np.full(s, 2.0), "float64") for s in ((1, 1), (1, 3), (0, 1))))
    assert tuple(result.prediction.shape) == (0, 3)
    assert result.residual == 0


@pytest.mark.parametrize(
    ("shapes", "fault"),
    [
        (((3, 2), (3, 1), (1, 3)), r"k_train must be a square matrix .*\(3, 2\)"),
        (((9,), (9, 1), (1, 9)), "k_train must be a square matrix"),
        (((0, 0), (0, 1), (1, 0)), "k_train must be a square matrix .* n >= 1"),
        (((3, 3), (4, 1), (1, 3)), r"y_train must be \(3, k\)"),
        (((3, 3), (3, 0), (1, 3)), r"y_train must be \(3, k\)"),
        (((3, 3), (3, 1), (3,)), r"k_test must be \(n_test, 3\)"),
        (((3, 3), (3, 1), (3, 1)), r"k_test must be \(n_test, 3\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes: tuple[tuple[int, ...], ...], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        kernel_regression(*(np.ones(s) for s in shapes))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_is_not_finite_is_named(backend: Any, bad: float, which: int) -> None:
    arrays = [a.copy() for a in problem()]
    arrays[which][1, 1] = bad
    with pytest.raises(ValueError, match=f"{('k_train', 'y_train', 'k_test')[which]} holds NaN or infinity"):
        kernel_regression(*(backend.asarray(v, "float64") for v in arrays))


@pytest.mark.parametrize("ridge", [-1.0, np.nan, np.inf])
def test_a_ridge_is_finite_and_not_negative(ridge: float) -> None:
    with pytest.raises(ValueError, match="a ridge must be finite and not negative"):
        kernel_regression(*problem(), ridge=ridge)


@pytest.mark.parametrize(("dtype", "difference"), [("float32", 1e-5), ("float64", 1e-9)])
def test_rounding_may_break_the_symmetry_of_a_matrix_but_no_more(backend: Any, dtype: str, difference: float) -> None:
    k = 1e6 * np.eye(4)
    k[0, 1] = 1e6 * difference
    assert min_eigenvalue(backend.asarray(k, dtype)) == pytest.approx(1e6, rel=difference)
    k[0, 1] = 1e9 * difference
    with pytest.raises(ValueError, match="k must be symmetric"):
        min_eigenvalue(backend.asarray(k, dtype))


def test_the_cross_matrix_has_test_points_as_rows() -> None:
    def kernel(x1: Any, x2: Any = None, *, power: int) -> Any:
        return x1[:, None] ** power * (x1 if x2 is None else x2)[None, :]

    k_train, k_test = train_test(kernel, np.array([1.0, 2.0, 3.0]), np.array([5.0, 7.0]), power=2)
    np.testing.assert_array_equal(k_train, [[1, 2, 3], [4, 8, 12], [9, 18, 27]])
    np.testing.assert_array_equal(k_test, [[25, 50, 75], [49, 98, 147]])


@pytest.mark.slow
def test_jax_solves_in_float64_where_the_suite_has_not_set_it_up() -> None:
    script = """
import numpy as np, jax.numpy as jnp
from ntkbench.solvers import (
    NotPositiveDefinite,
    cholesky_regression,
    cholesky_solve,
    conjugate_gradient,
    kernel_regression,
    min_eigenvalue,
    panel_regression,
    ridge_path,
)
from ntkbench.solvers.cholesky import cholesky_regression
from ntkbench.solvers import conjugate_gradient, nystrom, pivoted_cholesky
from ntkbench.theory.descent.dynamics import gradient_flow, max_learning_rate
from ntkbench.solvers.ridge_path import ridge_path
k = np.diag(np.array([1.0, 1e-6], np.float32)) + np.float32(0.5)
y, t = np.array([[1.0], [2.0]]), np.eye(2, dtype=np.float32)
arrays = [jnp.asarray(a, "float32") for a in (k, y, t)]
exact = np.linalg.solve(k.astype(np.float64), y)
path = ridge_path(*arrays, [0.0, 1.0])
found = {
    "LU": kernel_regression(*arrays).prediction,
    "Cholesky": cholesky_regression(*arrays).prediction,
    "path": path.prediction[0],
    "flow": gradient_flow(*arrays, [float("inf")]).test[0],
}
for p in (pivoted_cholesky(arrays[0], rank=1), nystrom(*arrays[:2], rank=1)):
    found[f"CG {p}"] = conjugate_gradient(*arrays[:2], preconditioner=p, tolerance=1e-13).x
for name, value in found.items():
    assert value.dtype == "float64", (name, value.dtype)
    assert np.allclose(value, exact, rtol=1e-9), (name, value, exact)
assert abs(path.leave_one_out_loss[1] - np.mean(np.asarray(path.leave_one_out[1]) ** 2)) < 1e-14
assert abs(max_learning_rate(arrays[0]) - 2 / np.linalg.eigvalsh(k.astype(np.float64))[1]) < 1e-14
assert abs(min_eigenvalue(jnp.asarray(k)) - np.linalg.eigvalsh(k.astype(np.float64))[0]) < 1e-12
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_prediction_falls_with_the_ridge_as_by_hand() -> None:
    # [[2, 1], [1, 2]]^-2 (1, 0) = (5, -4) / 9, and -k (K + r)^-2 y is the slope by r; by y and k: k K^-1 and K^-1 y.
    k, y, k_test = (torch.tensor(a, dtype=torch.float64) for a in ([[2.0, 1], [1, 2]], [1.0, 0], [[1.0, 1]]))
    ridge = torch.zeros((), dtype=torch.float64, requires_grad=True)
    y.requires_grad_()
    k_test.requires_grad_()
    for solver in (kernel_regression, cholesky_regression):
        slopes = torch.autograd.grad(solver(k, y, k_test, ridge).prediction[0], (ridge, y, k_test))
        for slope, expected in zip(slopes, (-1 / 9, [1 / 3, 1 / 3], [[2 / 3, -1 / 3]]), strict=True):
            np.testing.assert_allclose(slope, expected, rtol=1e-14)


def test_values_are_checked_where_they_are_though_a_derivative_is_asked_for() -> None:
    k, y, k_test = (torch.tensor(a, requires_grad=True) for a in problem())
    ridge = torch.tensor(-1.0, requires_grad=True)
    assert isinstance(kernel_regression(k, y, k_test).residual, float)
    with pytest.raises(ValueError, match=r"a ridge must be finite and not negative, not -1\.0"):
        kernel_regression(k, y, k_test, ridge)
    with pytest.raises(ValueError, match=r"a ridge must be one number, not an array of shape \(2,\)"):
        kernel_regression(k, y, k_test, torch.ones(2))
    with pytest.raises(ValueError, match="k_train holds NaN"):
        kernel_regression(k / 0.0, y, k_test)
    with pytest.raises(NotPositiveDefinite):
        cholesky_regression(k - 100 * torch.eye(6), y, k_test)
    with pytest.raises(NotPositiveDefinite):
        ridge_path(k - 100 * torch.eye(6), y, k_test, [1.0])


def test_what_is_traced_and_not_definite_is_nan() -> None:
    import jax
    import jax.numpy as jnp

    found = jax.jit(cholesky_solve)(jnp.asarray(np.diag([1.0, -1.0])), jnp.ones(2))
    assert np.isnan(found).all()


def test_solvers_that_look_at_values_say_so() -> None:
    k, y, k_test = (torch.tensor(a, requires_grad=True) for a in problem())
    with pytest.raises(TypeError, match="conjugate_gradient is neither traced nor differentiated; cholesky_solve is"):
        torch.func.vmap(conjugate_gradient)(k[None], y[None])
    with pytest.raises(TypeError, match=r"panel_regression is neither .*; cholesky_regression is"):
        panel_regression(k, y, k_test)
