"""Closed-form training against matrix exponentials and against gradient descent step by step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ntkbench.solvers.cholesky import NotPositiveDefinite
from ntkbench.theory.descent.dynamics import (
    DivergenceError,
    Dynamics,
    gradient_descent,
    gradient_flow,
    max_learning_rate,
)

TIMES = (0.0, 0.01, 0.7, 5.0, 40.0)
STEPS = (0, 1, 2, 7, 100)
Arrays = tuple[np.ndarray, ...]


def problem(n: int = 6, n_test: int = 4, outputs: int = 2, seed: int = 0) -> Arrays:
    """A kernel's matrices over joint points, targets, and predictions before training."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n + n_test, n + n_test + 2))
    k = a @ a.T / a.shape[1] + 0.05 * np.eye(n + n_test)
    y, f0 = rng.standard_normal((n, outputs)), rng.standard_normal((n + n_test, outputs))
    return k[:n, :n], y, k[n:, :n], f0[:n], f0[n:]


def on(backend: Any, arrays: Arrays, dtype: str = "float64") -> tuple[tuple[Any, ...], dict[str, Any]]:
    k, y, k_test, *f0 = (backend.asarray(a, dtype) for a in arrays)
    return (k, y, k_test), dict(zip(("f0_train", "f0_test"), f0, strict=False))


def formula(arrays: Arrays, remaining: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """claims.md A.1, with the propagator exp(-rate K t) or (I - rate K)^t."""
    k, y, k_test, f0_train, f0_test = arrays
    change = np.linalg.solve(k, (np.eye(len(k)) - remaining) @ (f0_train - y))
    return f0_train - k @ change, f0_test - k_test @ change


def check(backend: Any, found: Dynamics, index: int, expected: tuple[np.ndarray, np.ndarray], y: np.ndarray) -> None:
    np.testing.assert_allclose(backend.to_numpy(found.train)[index], expected[0], rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(backend.to_numpy(found.test)[index], expected[1], rtol=1e-10, atol=1e-11)
    assert float(found.loss[index]) == pytest.approx(0.5 * np.sum((expected[0] - y) ** 2), rel=1e-9, abs=1e-20)


def test_gradient_flow_is_the_matrix_exponential(backend: Any) -> None:
    arrays = problem()
    places, f0 = on(backend, arrays)
    found = gradient_flow(*places, TIMES, rate=0.8, **f0)
    assert found.times == TIMES
    for i, t in enumerate(TIMES):
        check(backend, found, i, formula(arrays, scipy.linalg.expm(-0.8 * arrays[0] * t)), arrays[1])


def test_gradient_descent_is_what_its_steps_give(backend: Any) -> None:
    k, y, k_test, f_train, f_test = arrays = problem()
    rate = 1.7 / np.linalg.eigvalsh(k)[-1]
    places, f0 = on(backend, arrays)
    found = gradient_descent(*places, STEPS, rate=rate, **f0)
    for step in range(STEPS[-1] + 1):
        if step in STEPS:
            check(backend, found, STEPS.index(step), (f_train, f_test), y)
        slope = f_train - y
        f_train, f_test = f_train - rate * k @ slope, f_test - rate * k_test @ slope


def test_training_starts_at_f0_exactly(backend: Any) -> None:
    arrays = problem()
    places, f0 = on(backend, arrays)
    for found in (gradient_flow(*places, [0.0], **f0), gradient_descent(*places, [0], rate=0.1, **f0)):
        np.testing.assert_array_equal(backend.to_numpy(found.train)[0], arrays[3])
        np.testing.assert_array_equal(backend.to_numpy(found.test)[0], arrays[4])


@pytest.mark.parametrize("end", [math.inf, 1e9])
def test_training_ends_at_kernel_regression(backend: Any, end: float) -> None:
    k, y, k_test, f0_train, f0_test = arrays = problem()
    places, f0 = on(backend, arrays)
    expected = f0_test + k_test @ np.linalg.solve(k, y - f0_train)
    for found in (gradient_flow(*places, [end], **f0), gradient_descent(*places, [end], rate=0.1, **f0)):
        np.testing.assert_allclose(backend.to_numpy(found.test)[0], expected, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(backend.to_numpy(found.train)[0], y, rtol=1e-12, atol=1e-13)
        assert float(found.loss[0]) == 0.0


def test_without_f0_training_starts_at_zero(backend: Any) -> None:
    places, _ = on(backend, problem())
    zeros = {"f0_train": places[1] * 0.0, "f0_test": places[2][:, :2] * 0.0}
    for a, b in zip(gradient_flow(*places, TIMES), gradient_flow(*places, TIMES, **zeros), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_small_rates_are_followed_to_every_digit(backend: Any) -> None:
    # l = 1e-13: 1 - exp(-l) and 1 - (1 - l)^t, formed by subtraction, have three digits left; divided by l they
    # are t - l t^2 / 2 and t - l t (t - 1) / 2, to first order.
    k, y, k_test = np.diag([1.0, 1e-13]), np.array([[0.0], [1.0]]), np.array([[0.0, 1.0]])
    places = tuple(backend.asarray(a, "float64") for a in (k, y, k_test))
    flow, descent = gradient_flow(*places, [1.0, 1e3]), gradient_descent(*places, [1, 1000], rate=1.0)
    first = [1 - 0.5e-13, 1e3 - 0.5e-7]
    np.testing.assert_allclose(backend.to_numpy(flow.test).ravel(), first, rtol=1e-15)
    np.testing.assert_allclose(backend.to_numpy(descent.test).ravel(), [1.0, 1e3 - 0.4995e-7], rtol=1e-15)
    np.testing.assert_allclose(backend.to_numpy(flow.train)[:, 1, 0], [1e-13, 1e-10], rtol=1e-9)


def test_an_eigenvalue_of_zero_never_learns_and_reaches_linearly(backend: Any) -> None:
    # y = (1, 3) = (2, 2) + (-1, 1), and K = 11' sees only the first part. A cross matrix that no kernel has shows the
    # limit (1 - exp(-l t)) / l -> t.
    places = tuple(
        backend.asarray(np.array(a), "float64") for a in ([[1.0, 1], [1, 1]], [[1.0], [3]], [[1.0, 1], [-1, 1]])
    )
    t = 1e6
    found = gradient_flow(*places, [t], rate=2.0)
    np.testing.assert_allclose(backend.to_numpy(found.train)[0, :, 0], [2, 2], rtol=1e-14)
    np.testing.assert_allclose(backend.to_numpy(found.test)[0, :, 0], [2, 2 * 2 * t], rtol=1e-6)
    assert float(found.loss[0]) == pytest.approx(1.0, rel=1e-14)


def test_rounding_along_directions_of_eigenvalue_zero_does_not_grow_with_time() -> None:
    # Six points in a plane: four eigenvalues are zero, and rounding makes some of them negative.
    x = np.random.default_rng(0).standard_normal((9, 2))
    y = np.random.default_rng(1).standard_normal((6, 1))
    k, k_test = x[:6] @ x[:6].T, x[6:] @ x[:6].T
    assert np.linalg.eigvalsh(k)[0] < 0
    # In the limit: the least-squares fit of least norm.
    weights = np.linalg.pinv(k, rcond=1e-10, hermitian=True) @ y
    for t in (1e5, 1e15, 1e25):
        for found in (gradient_flow(k, y, k_test, [t]), gradient_descent(k, y, k_test, [t], rate=0.05)):
            np.testing.assert_allclose(found.test[0], k_test @ weights, rtol=1e-9, atol=1e-10)
            np.testing.assert_allclose(found.train[0], k @ weights, rtol=1e-9, atol=1e-10)


@given(st.integers(1, 6), st.integers(0, 10**6), st.lists(st.floats(0, 100), min_size=2, max_size=6))
@example(4, 71169, [0.0, 0.0])  # two eigenvalue solvers differ by more than n epsilon
@settings(max_examples=30, deadline=None)
def test_the_training_loss_never_rises(n: int, seed: int, times: list[float]) -> None:
    k, y, k_test, f0_train, f0_test = problem(n, 1, 1, seed)
    f0 = {"f0_train": f0_train, "f0_test": f0_test}
    flow = gradient_flow(k, y, k_test, sorted(times), **f0).loss
    descent = gradient_descent(k, y, k_test, sorted(map(round, times)), rate=max_learning_rate(k), **f0).loss
    for loss in (flow, descent):
        assert (loss[1:] <= loss[:-1] * (1 + 1e-12)).all()


@given(st.integers(1, 6), st.integers(0, 10**6), st.floats(0, 10), st.floats(0, 10))
@settings(max_examples=30, deadline=None)
def test_training_on_from_where_it_stood_is_training_longer(n: int, seed: int, first: float, second: float) -> None:
    k, y, k_test, f0_train, f0_test = problem(n, 2, 1, seed)
    half = gradient_flow(k, y, k_test, [first], f0_train=f0_train, f0_test=f0_test)
    rest = gradient_flow(k, y, k_test, [second], f0_train=half.train[0], f0_test=half.test[0])
    whole = gradient_flow(k, y, k_test, [first + second], f0_train=f0_train, f0_test=f0_test)
    np.testing.assert_allclose(rest.train, whole.train, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(rest.test, whole.test, rtol=1e-9, atol=1e-10)


def test_small_steps_follow_the_flow() -> None:
    # (1 - l h)^(t / h) = exp(-l t) + O(h): a tenth of the step leaves a tenth of the difference.
    k, y, k_test, *_ = problem()
    flow = gradient_flow(k, y, k_test, [1.0]).test
    far, near = (np.abs(gradient_descent(k, y, k_test, [n], rate=1 / n).test - flow).max() for n in (10**3, 10**4))
    assert far / near == pytest.approx(10, rel=0.01)


def test_an_eigenvector_that_one_step_fits_is_fitted(backend: Any) -> None:
    places = tuple(backend.asarray(np.array(a), "float64") for a in ([[2.0]], [[3.0]], [[4.0]]))
    found = gradient_descent(*places, [0, 1, 2, math.inf], rate=0.5)
    np.testing.assert_array_equal(backend.to_numpy(found.train).ravel(), [0, 3, 3, 3])
    np.testing.assert_array_equal(backend.to_numpy(found.test).ravel(), [0, 6, 6, 6])
    np.testing.assert_array_equal(backend.to_numpy(found.loss), [4.5, 0, 0, 0])


def test_an_error_that_overshoots_changes_sign_at_every_step(backend: Any) -> None:
    # 1 - 1.2 = -0.2.
    places = tuple(backend.asarray(np.array(a), "float64") for a in ([[1.2]], [[1.0]], [[1.0]]))
    found = gradient_descent(*places, [1, 2, 3], rate=1.0)
    np.testing.assert_allclose(backend.to_numpy(found.train).ravel(), [1.2, 0.96, 1.008], rtol=1e-14)


def test_the_largest_rate_is_two_over_the_largest_eigenvalue(backend: Any) -> None:
    assert max_learning_rate(backend.asarray([[3.0, 1.0], [1.0, 3.0]], "float64")) == pytest.approx(0.5, rel=1e-15)
    assert max_learning_rate(backend.asarray([[0.0]], "float32")) == math.inf


def test_a_rate_beyond_it_diverges_and_that_is_said(backend: Any) -> None:
    arrays = problem()
    k, y, k_test, f_train, f_test = arrays
    places, f0 = on(backend, arrays)
    limit = max_learning_rate(places[0])
    # At the limit itself the error turns round without growing, so that only the limit of time is missing.
    gradient_descent(*places, [3], rate=limit, **f0)
    with pytest.raises(
        DivergenceError, match=r"learning rate .* diverges: it must be below 2 / lambda_max = "
    ) as caught:
        gradient_descent(*places, [3], rate=1.01 * limit, **f0)
    assert caught.value.limit == pytest.approx(limit, rel=1e-14)
    with pytest.raises(DivergenceError):
        gradient_descent(*places, [math.inf], rate=limit, allow_divergence=True, **f0)
    found = gradient_descent(*places, [30, 31, 1400, 10**6], rate=1.2 * limit, allow_divergence=True, **f0)
    for _ in range(31):
        slope = f_train - y
        f_train, f_test = f_train - 1.2 * limit * k @ slope, f_test - 1.2 * limit * k_test @ slope
    np.testing.assert_allclose(backend.to_numpy(found.train)[1], f_train, rtol=1e-9)
    np.testing.assert_allclose(backend.to_numpy(found.test)[1], f_test, rtol=1e-9)
    assert float(found.loss[1]) > float(found.loss[0]) > 1
    # Beyond the range of numbers: first the square of the error, then the error.
    assert np.isfinite(backend.to_numpy(found.train)[2]).all()
    assert math.isinf(float(found.loss[2]))
    assert not np.isfinite(backend.to_numpy(found.train)[3]).any()


def test_a_negative_eigenvalue_grows_without_end_and_that_is_said(backend: Any) -> None:
    k, y, k_test = np.diag([-0.5, 1.0]), np.array([[1.0], [1.0]]), np.array([[1.0, 0.0]])
    places = tuple(backend.asarray(a, "float64") for a in (k, y, k_test))
    for train in (gradient_flow, gradient_descent):
        with pytest.raises(NotPositiveDefinite, match=r"smallest eigenvalue of K is -0.5; a ridge of 0.5"):
            train(*places, [1], rate=0.1)
    found = gradient_flow(*places, [2.0], allow_divergence=True)
    # f = -(exp(t / 2) - 1) y on the training point, and (exp(t / 2) - 1) / (1/2) on the test point.
    np.testing.assert_allclose(backend.to_numpy(found.train)[0, :, 0], [1 - math.e, 1 - math.exp(-2)], rtol=1e-14)
    np.testing.assert_allclose(backend.to_numpy(found.test)[0, 0, 0], 2 * (math.e - 1), rtol=1e-14)


def test_a_singular_matrix_has_no_limit_of_time(backend: Any) -> None:
    places = tuple(backend.asarray(np.ones(s), "float64") for s in ((3, 3), (3, 1), (1, 3)))
    with pytest.raises(NotPositiveDefinite, match="size 3"):
        gradient_flow(*places, [1.0, math.inf])


def test_float32_arrays_are_treated_in_float64(backend: Any) -> None:
    arrays = tuple(a.astype(np.float32) for a in problem())
    places, f0 = on(backend, arrays, "float32")
    found = gradient_flow(*places, TIMES, **f0)
    k, y, k_test, f0_train, f0_test = (a.astype(np.float64) for a in arrays)
    exact = gradient_flow(k, y, k_test, TIMES, f0_train=f0_train, f0_test=f0_test)
    for here, there in zip(found[1:], exact[1:], strict=True):
        assert backend.to_numpy(here).dtype == np.float64
        np.testing.assert_allclose(backend.to_numpy(here), there, rtol=1e-10, atol=1e-12)


def test_targets_without_an_axis_give_results_without_one(backend: Any) -> None:
    arrays = problem(outputs=1)
    places, f0 = on(backend, arrays)
    columns = gradient_flow(*places, TIMES, **f0)
    flat = gradient_flow(
        places[0], places[1][:, 0], places[2], TIMES, **{name: value[:, 0] for name, value in f0.items()}
    )
    for name in ("train", "test"):
        np.testing.assert_array_equal(
            backend.to_numpy(getattr(flat, name)), backend.to_numpy(getattr(columns, name))[..., 0]
        )
    np.testing.assert_array_equal(backend.to_numpy(flat.loss), backend.to_numpy(columns.loss))


def test_there_may_be_no_test_points_and_no_times(backend: Any) -> None:
    places, _ = on(backend, problem(n_test=0))
    assert tuple(gradient_flow(*places, TIMES).test.shape) == (5, 0, 2)
    assert tuple(gradient_flow(*places, []).train.shape) == (0, 6, 2)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"times": [-1.0]}, "times start at 0, not at -1"),
        ({"times": [math.nan]}, "times start at 0"),
        ({"rate": 0.0}, "learning rate must be positive"),
        ({"rate": math.inf}, "learning rate must be positive and finite"),
        ({"f0_train": np.zeros((6, 2))}, "give both or neither"),
        ({"f0_train": np.zeros((6, 1)), "f0_test": np.zeros((4, 2))}, r"f0_train must be of shape \(6, 2\)"),
        ({"f0_train": np.zeros((6, 2)), "f0_test": np.full((4, 2), np.nan)}, "f0_test holds NaN"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], fault: str) -> None:
    k, y, k_test, *_ = problem()
    options = {"times": [1.0], **change}
    with pytest.raises(ValueError, match=fault):
        gradient_flow(k, y, k_test, **options)


def test_half_a_step_is_none() -> None:
    with pytest.raises(ValueError, match=r"whole numbers of steps, not 0\.5"):
        gradient_descent(*problem()[:3], [0.5], rate=0.1)
