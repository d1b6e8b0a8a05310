"""What the predictions of neural-tangents mean that the reference does not show: by formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from ntkbench.compat.neural_tangents import predict, stax
from ntkbench.kernels import Kernels
from ntkbench.solvers import NotPositiveDefinite


def case(n: int, outputs: int) -> tuple[Any, Any, Any]:
    """Inputs, targets and a kernel."""
    draws = np.random.default_rng(n)
    x, y = draws.standard_normal((n, 3)), draws.standard_normal((n, outputs))
    return x, y, np.exp(-((x[:, None] - x) ** 2).sum(-1))


def answer_of(a: Any, b: Any) -> Kernels:
    """The same kernel, as a kernel function gives it."""
    a = jnp.asarray(a)
    k = jnp.exp(-((a[:, None] - (a if b is None else jnp.asarray(b))) ** 2).sum(-1))
    return Kernels(k, k)


def function_of(matrix: Any, function: Any) -> Any:
    values, vectors = np.linalg.eigh(np.asarray(matrix, np.float64))
    return (vectors * function(values)) @ vectors.T


def test_on_its_own_points_a_ridge_is_part_of_the_kernel() -> None:
    x, y, _ = case(5, 2)
    kernel_fn = stax.serial(stax.Dense(1, 1.2, 0.3), stax.Erf(), stax.Dense(1))[2]
    kernels = kernel_fn(x, None, ("nngp", "ntk"))
    predict_fn = predict.gradient_descent_mse_ensemble(kernel_fn, x, y, learning_rate=2.0, diag_reg=0.1)
    found = predict_fn(jnp.asarray([[3.0], [7.0]]), compute_cov=True)
    for name in ("nngp", "ntk"):
        k = np.asarray(getattr(kernels, name), np.float64)
        k = k + 0.1 * np.trace(k) / 5 * np.eye(5)
        mean, covariance = getattr(found, name)
        assert (mean.shape, covariance.shape) == ((2, 1, 5, 2), (2, 1, 5, 5))
        for i, t in enumerate((3.0, 7.0)):
            left = function_of(k, lambda v, t=t: np.exp(-v * 2.0 * t / 10))
            start = k if name == "nngp" else np.asarray(kernels.nngp, np.float64)
            np.testing.assert_allclose(mean[i, 0], y - left @ y, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(covariance[i, 0], left @ start @ left, rtol=1e-4, atol=1e-5)
    ends = predict_fn(get="ntk", compute_cov=True)
    np.testing.assert_allclose(ends.mean, y, rtol=1e-6)
    np.testing.assert_array_equal(ends.covariance, np.zeros((5, 5)))


@pytest.mark.parametrize("vector", [False, True], ids=["matrix", "vector"])
def test_a_kernel_of_all_outputs_trains_all_of_them_together(vector: bool) -> None:
    _, y, k = case(4, 2)
    y = y[:, 0] if vector else y
    # Two outputs that share half of their features.
    together = k if vector else np.einsum("ij,op->ijop", k, np.asarray([[1.0, 0.5], [0.5, 1.0]]))
    matrix = k if vector else together.transpose(0, 2, 1, 3).reshape(8, 8)
    axes: Any = () if not vector else (-1,)
    predict_fn = predict.gradient_descent_mse(together, y, learning_rate=0.5, trace_axes=axes)
    f0 = 0.3 * np.ones_like(y)
    train, test = predict_fn(6.0, f0, f0[:3], together[:3])
    want = y.reshape(-1) - function_of(matrix, lambda v: np.exp(-v * 0.5 * 6.0 / y.size)) @ (y - f0).reshape(-1)
    np.testing.assert_allclose(train, want.reshape(y.shape), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(test, want.reshape(y.shape)[:3], rtol=1e-4, atol=1e-5)
    by_ode = predict.gradient_descent(lambda f, y: 0.5 * jnp.mean((f - y) ** 2), together, y, 0.5, trace_axes=axes)
    np.testing.assert_allclose(by_ode(6.0, f0), train, rtol=1e-4, atol=1e-5)
    limit = 2 * y.size / np.linalg.eigvalsh(matrix)[-1]
    assert predict.max_learning_rate(together, y.size) == pytest.approx(limit, rel=1e-5)
    assert predict.max_learning_rate(together, y.size, momentum=0.5) == pytest.approx(1.5 * limit, rel=1e-5)


def test_inference_with_a_bare_kernel_and_with_the_ntk_as_a_prior() -> None:
    _, y, k = case(6, 2)
    inverse = np.linalg.inv(k[:4, :4] + 0.2 * np.eye(4))
    predict_fn = predict.gp_inference(k[:4, :4], y[:4], diag_reg=0.2, diag_reg_absolute_scale=True)
    want = k[4:, :4] @ inverse @ y[:4], k[4:, 4:] - k[4:, :4] @ inverse @ k[:4, 4:]
    for name in ("nngp", "ntkgp"):
        found = predict_fn(name, k[4:, :4], k[4:, 4:])
        np.testing.assert_allclose(found.mean, want[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.covariance, want[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(predict_fn("ntk", k[4:, :4]), want[0], rtol=1e-4, atol=1e-5)
    ends = predict_fn("nngp", k_test_test=True)
    np.testing.assert_allclose(ends.mean, y[:4], rtol=1e-6)
    assert not np.any(ends.covariance)


def test_rounding_makes_no_eigenvalue_negative() -> None:
    _, y, _ = case(40, 1)
    # Of rank two: in float32 many eigenvalues are below zero, by as much as rounding takes.
    features = np.random.default_rng(1).standard_normal((40, 2))
    k = (features @ features.T).astype(np.float32)
    assert np.linalg.eigvalsh(k.astype(np.float64))[0] < -1e-7
    train, test = predict.gradient_descent_mse(k, y.astype(np.float32))(1e4, 0.0, 0.0, k[:3])
    # What is trained to the end: the projection on the features.
    want = features @ np.linalg.lstsq(features, y, rcond=None)[0]
    np.testing.assert_allclose(train, want, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(test, want[:3], rtol=1e-3, atol=1e-4)
    with pytest.raises(NotPositiveDefinite):
        predict.gradient_descent_mse(k - 0.1 * np.eye(40, dtype=np.float32), y.astype(np.float32))(1.0)


def test_times_may_be_mapped_over_and_test_points_compiled_for() -> None:
    x, y, k = case(4, 1)
    ensemble = predict.gradient_descent_mse_ensemble(lambda a, b, get: answer_of(a, b), x, y, diag_reg=0.1)
    compiled = jax.jit(lambda x: ensemble(x_test=x, get="ntk"))(x[:2])
    np.testing.assert_allclose(compiled, ensemble(x_test=x[:2], get="ntk"), rtol=1e-4, atol=1e-5)
    predict_fn = predict.gradient_descent_mse(k, y)
    times = jnp.asarray([0.5, 2.0])
    np.testing.assert_allclose(jax.vmap(predict_fn)(times), predict_fn(times), rtol=1e-5, atol=1e-6)
