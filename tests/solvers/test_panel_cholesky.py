"""Regression by a Cholesky factor in panels, against SciPy's solver of the whole matrix."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.solvers import NotPositiveDefinite, kernel_regression, panel_regression
from ntkbench.solvers import panel_cholesky as module
from ntkbench.solvers.panel_cholesky import panel_cholesky

SIZES = [(1, 5), (2, 1), (12, 4), (13, 4), (30, 7), (30, 29), (30, 30), (30, 64)]


def problem(n: int, seed: int = 0, least: float = 0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A definite matrix with a known least eigenvalue, targets and a test matrix."""
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    k = q @ np.diag(least + np.arange(n)) @ q.T
    return (k + k.T) / 2, rng.standard_normal((n, 3)), rng.standard_normal((n + 4, n))


def on(backend: Any, arrays: Any, dtype: str = "float64") -> list[Any]:
    return [backend.asarray(a, dtype) for a in arrays]


@pytest.fixture(params=["in memory", "on disk"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Where the panels are kept: with no memory to be had, in files."""
    if request.param == "on disk":
        monkeypatch.setattr(module, "available", lambda like: 0)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return request.param


@pytest.mark.parametrize(("n", "width"), SIZES)
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_panels_solve_what_scipy_solves_whole(place: str, n: int, width: int, ridge: float) -> None:
    k, y, k_test = problem(n)
    found = panel_regression(k, y, k_test, ridge=ridge, width=width)
    weights = scipy.linalg.solve(k + ridge * np.eye(n), y, assume_a="pos")
    np.testing.assert_allclose(found.prediction, k_test @ weights, rtol=1e-10, atol=1e-11)
    assert found.residual < 1e-12
    assert {isinstance(panel, np.memmap) for panel in found.factor.panels} == {place == "on disk"}


@pytest.mark.parametrize(("n", "width"), SIZES)
def test_the_panels_are_the_columns_of_the_cholesky_factor(n: int, width: int) -> None:
    k, _, _ = problem(n)
    factor = panel_cholesky(k, width=width)
    whole = scipy.linalg.cholesky(k, lower=True)
    assert len(factor.panels) == -(-n // width)
    for j, panel in enumerate(factor.panels):
        columns = whole[j * width :, j * width : (j + 1) * width]
        np.testing.assert_allclose(np.tril(panel), columns, rtol=1e-11, atol=1e-13)


def test_every_library_solves_and_finds_the_least_eigenvalue(backend: Any, place: str) -> None:
    k, y, k_test = problem(13, least=1e-3)
    found = panel_regression(*on(backend, (k, y, k_test)), ridge=0.1, width=5)
    weights = scipy.linalg.solve(k + 0.1 * np.eye(13), y, assume_a="pos")
    np.testing.assert_allclose(backend.to_numpy(found.prediction), k_test @ weights, rtol=1e-10, atol=1e-11)
    assert found.factor.min_eigenvalue() == pytest.approx(1e-3, rel=1e-6)  # of K itself, whatever the ridge
    assert {isinstance(panel, np.memmap) for panel in found.factor.panels} == {place == "on disk"}


@given(n=st.integers(1, 25), width=st.integers(1, 30), seed=st.integers(0, 2**31), scale=st.floats(1e-6, 1e6))
@settings(deadline=None, max_examples=60)
def test_a_solution_solves_the_equation(n: int, width: int, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n, n + 3))
    k, x = scale * (a @ a.T + np.eye(n)), rng.standard_normal((n, 2))
    np.testing.assert_allclose(panel_cholesky(k, width=width).solve(k @ x), x, rtol=1e-7, atol=1e-9)


def test_a_float32_matrix_is_solved_in_float64_as_by_lu(backend: Any) -> None:
    k, y, k_test = on(backend, problem(13), "float32")
    y = backend.asarray(problem(13)[1], "float64")
    found, exact = panel_regression(k, y, k_test, width=5), kernel_regression(k, y, k_test)
    assert backend.to_numpy(found.prediction).dtype == np.float64
    np.testing.assert_allclose(*map(backend.to_numpy, (found.prediction, exact.prediction)), rtol=1e-10, atol=1e-11)
    assert found.residual < 1e-12
    assert panel_regression(k, y[:, 0], k_test, width=5).prediction.shape == (17,)


@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_the_least_eigenvalue_is_found_by_way_of_the_factor(n: int) -> None:
    k, _, _ = problem(n, least=1e-3)
    assert panel_cholesky(k, width=7).min_eigenvalue() == pytest.approx(1e-3, rel=1e-6)


def test_the_least_eigenvalue_of_a_float32_matrix_is_that_of_its_numbers() -> None:
    k = problem(40, least=0.01)[0].astype(np.float32)
    exact = np.linalg.eigvalsh(k.astype(np.float64))[0]
    assert panel_cholesky(k, width=11).min_eigenvalue() == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(("width", "least"), [(3, -0.2), (3, 0.0), (8, 1e-17)])
def test_a_matrix_that_is_not_definite_is_an_error_with_a_true_bound(backend: Any, width: int, least: float) -> None:
    k, y, k_test = problem(8, least=least)
    exact = np.linalg.eigvalsh(k)[0]
    with pytest.raises(NotPositiveDefinite, match=r"of size 8 with ridge 0 .* K is at most") as caught:
        panel_regression(*on(backend, (k, y, k_test)), width=width)
    assert caught.value.eigenvalue >= exact - 1e-14
    assert caught.value.sufficient >= -caught.value.eigenvalue
    assert panel_regression(*on(backend, (k, y, k_test)), ridge=0.3, width=width).residual < 1e-11


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("row", [0, 7])
def test_what_is_not_finite_is_named(which: int, row: int) -> None:
    arrays = list(problem(8))
    arrays[which][row, 1] = np.nan
    with pytest.raises(ValueError, match=f"^{('k_train', 'y_train', 'k_test')[which]} holds NaN or infinity"):
        panel_regression(*arrays, width=3)


def test_shapes_that_do_not_fit_and_an_unsymmetric_matrix_are_named() -> None:
    k, y, k_test = problem(8)
    for arrays, fault in (
        ((k[:, :7], y, k_test), r"k_train must be a square matrix .* not of shape \(8, 7\)"),
        ((k, y[:7], k_test), r"y_train must be \(8, k\)"),
        ((k, y, k_test[:, :7]), r"k_test must be \(n_test, 8\)"),
        ((k + np.eye(8, k=5), y, k_test), "k_train must be symmetric; it differs from its transpose by 1"),
    ):
        with pytest.raises(ValueError, match=fault):
            panel_regression(*arrays, width=3)
    with pytest.raises(ValueError, match="a ridge must be finite"):
        panel_regression(k, y, k_test, ridge=-1.0)


def test_without_room_in_memory_or_on_disk_nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available", lambda like: 0)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 2**20}))
    with pytest.raises(MemoryError, match=r"memory is short, and .* has no room"):
        panel_regression(*problem(8))


@pytest.mark.slow
def test_jax_solves_in_float64_where_the_suite_has_not_set_it_up() -> None:
    script = """
import numpy as np, jax.numpy as jnp
from ntkbench.solvers import panel_regression
k = np.diag(np.array([1.0, 1e-6, 1.0], np.float32)) + np.float32(0.5)
y, t = np.array([[1.0], [2.0], [0.0]]), np.eye(3, dtype=np.float32)
found = panel_regression(*(jnp.asarray(a, "float32") for a in (k, y, t)), width=2)
assert found.prediction.dtype == "float64"
assert np.allclose(found.prediction, np.linalg.solve(k.astype(np.float64), y), rtol=1e-9)
assert abs(found.factor.min_eigenvalue() / np.linalg.eigvalsh(k.astype(np.float64))[0] - 1) < 1e-6
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
