"""Training by an ODE against closed forms, small steps, and losses written by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from ntkbench.theory import IntegrationError, gradient_flow, loss_flow

N, OUTPUTS, TIMES = 5, 3, (2.0, 0.0, 0.4, 30.0)
RNG = np.random.default_rng(0)
A = RNG.standard_normal((N + 2, 9))
JOINT = A @ A.T / 9 + 0.02 * np.eye(N + 2)
K, K_TEST = JOINT[:N, :N], JOINT[N:, :N]
Y, F0 = RNG.standard_normal((N, OUTPUTS)), RNG.standard_normal((N + 2, OUTPUTS))
CLASSES = np.eye(OUTPUTS)[[0, 1, 2, 0, 1]]
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "torch": lambda f, y: -(torch.log_softmax(f, dim=1) * y).sum(),
    "jax": lambda f, y: -(f * y).sum() + jnp.log(jnp.exp(f).sum(axis=1)).sum(),
}


def on(backend: Any, y: np.ndarray, start: bool = True) -> tuple[tuple[Any, ...], dict[str, Any]]:
    places = tuple(backend.asarray(a, "float64") for a in (K, y, K_TEST))
    f0 = {"f0_train": F0[:N], "f0_test": F0[N:]} if start else {}
    return places, {name: backend.asarray(a, "float64") for name, a in f0.items()}


def test_the_squared_loss_is_gradient_flow_in_closed_form(backend: Any) -> None:
    places, start = on(backend, Y)
    found = loss_flow(*places, TIMES, loss="squared", rate=0.7, **start)
    expected = gradient_flow(*places, TIMES, rate=0.7, **start)
    assert found.times == TIMES
    for one, other in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(backend.to_numpy(one), backend.to_numpy(other), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.999])
def test_momentum_is_a_damped_oscillator_along_each_eigenvector(backend: Any, momentum: float) -> None:
    rate, friction = 0.05, 1.0 - momentum
    places, start = on(backend, Y)
    found = loss_flow(*places, TIMES, loss="squared", rate=rate, momentum=momentum, **start)
    values, vectors = np.linalg.eigh(K)
    root = np.sqrt(np.asarray(friction**2 / 4 - rate * values, dtype=complex))
    assert (root.imag != 0).any() == (momentum > 0)  # of some eigenvectors the error swings
    for i, t in enumerate(TIMES):
        kept = np.exp(-friction * t / 2) * (np.cosh(root * t) + friction / 2 * np.sinh(root * t) / root)
        error = (vectors * kept.real) @ vectors.T @ (F0[:N] - Y)
        moved = np.linalg.solve(K, Y + error - F0[:N])
        np.testing.assert_allclose(backend.to_numpy(found.train)[i], Y + error, rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(backend.to_numpy(found.test)[i], F0[N:] + K_TEST @ moved, rtol=1e-7, atol=1e-7)
        assert float(found.loss[i]) == pytest.approx(0.5 * np.sum(error**2), rel=1e-6)


def test_momentum_is_the_heavy_ball_with_small_steps() -> None:
    # With steps of h: 1 - momentum is h times the friction, and the rate h^2 times what it is for h = 1.
    friction, rate, time = 0.5, 0.3, 8.0
    errors = []
    for h in (1e-2, 5e-3):
        f = last = F0[:N]
        for _ in range(round(time / h)):
            f, last = f + (1 - h * friction) * (f - last) - h**2 * rate * K @ (f - Y), f
        places = (K, Y, K)
        found = loss_flow(
            *places, [time], loss="squared", rate=rate, momentum=1 - friction, f0_train=F0[:N], f0_test=F0[:N]
        )
        errors.append(float(np.abs(f - found.train[0]).max()))
    # Of first order in h.
    assert errors[0] < 0.02
    assert errors[1] == pytest.approx(errors[0] / 2, rel=0.05)


def test_cross_entropy_is_what_small_steps_give(backend: Any) -> None:
    rate, time = 0.6, 5.0

    def slope(f: np.ndarray) -> np.ndarray:
        softmax = np.exp(f) / np.exp(f).sum(axis=1, keepdims=True)
        return softmax - CLASSES

    # The classical Runge-Kutta method, of fourth order.
    steps = 500
    h, a = time / steps, np.zeros((N, OUTPUTS))
    for _ in range(steps):
        k1 = -rate * slope(F0[:N] + K @ a)
        k2 = -rate * slope(F0[:N] + K @ (a + h / 2 * k1))
        k3 = -rate * slope(F0[:N] + K @ (a + h / 2 * k2))
        k4 = -rate * slope(F0[:N] + K @ (a + h * k3))
        a = a + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    places, start = on(backend, CLASSES)
    found = loss_flow(*places, [time], loss="cross_entropy", rate=rate, **start)
    train = F0[:N] + K @ a
    np.testing.assert_allclose(backend.to_numpy(found.train)[0], train, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(backend.to_numpy(found.test)[0], F0[N:] + K_TEST @ a, rtol=1e-7, atol=1e-8)
    likelihood = np.log(np.exp(train) / np.exp(train).sum(axis=1, keepdims=True))
    assert float(found.loss[0]) == pytest.approx(-np.sum(CLASSES * likelihood), rel=1e-7)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("momentum", [None, 0.5])
def test_a_loss_of_ones_own_is_differentiated(name: str, momentum: float | None) -> None:
    from ntkbench.backends import open_backend

    backend = open_backend(name)
    places, start = on(backend, CLASSES)
    options = {"rate": 0.6, "momentum": momentum, **start}
    found = loss_flow(*places, [2.0, 0.5], loss=LOSSES[name], **options)
    expected = loss_flow(*places, [2.0, 0.5], loss="cross_entropy", **options)
    for one, other in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(backend.to_numpy(one), backend.to_numpy(other), rtol=1e-8, atol=1e-9)


def test_a_loss_of_ones_own_sees_vectors_where_targets_are() -> None:
    places = tuple(torch.asarray(a) for a in (K, Y[:, 0], K_TEST))
    found = loss_flow(*places, [3.0], loss=lambda f, y: 0.5 * torch.sum((f - y) ** 2) + 0.0 * f[0])
    expected = gradient_flow(*places, [3.0])
    assert tuple(found.test.shape) == (1, 2)
    np.testing.assert_allclose(found.test, expected.test, rtol=1e-7, atol=1e-9)


def test_large_outputs_do_not_overflow_in_cross_entropy() -> None:
    f0 = 1e3 * CLASSES[:, ::-1]
    found = loss_flow(K, CLASSES, K, [0.0, 1e-3], loss="cross_entropy", f0_train=f0, f0_test=f0)
    # By logits that are 1000 too small for the right class: three points, as class 1 is in the middle.
    assert float(found.loss[0]) == pytest.approx(3e3, rel=1e-12)
    assert np.isfinite(found.test).all()


def test_a_stiff_problem_is_followed_to_late_times() -> None:
    values = np.array([1e4, 1.0, 1e-3])
    q, _ = np.linalg.qr(RNG.standard_normal((3, 3)))
    k, y = (q * values) @ q.T, RNG.standard_normal((3, 1))
    k = 0.5 * (k + k.T)
    found, expected = (f(k, y, k, [1e3], **o) for f, o in ((loss_flow, {"loss": "squared"}), (gradient_flow, {})))
    np.testing.assert_allclose(found.test, expected.test, rtol=1e-6, atol=1e-7)


def test_no_times_a_start_and_a_minimum(backend: Any) -> None:
    places, start = on(backend, Y)
    assert tuple(loss_flow(*places, [], loss="squared", **start).train.shape) == (0, N, OUTPUTS)
    at_start = loss_flow(*places, [0.0], loss="squared", momentum=0.5, **start)
    np.testing.assert_array_equal(backend.to_numpy(at_start.test)[0], F0[N:])
    there = {"f0_train": places[1], "f0_test": start["f0_test"]}
    stays = loss_flow(*places, [9.0], loss="squared", momentum=0.5, **there)
    np.testing.assert_array_equal(backend.to_numpy(stays.train)[0], Y)


def test_what_grows_beyond_all_bounds_is_an_error() -> None:
    with pytest.raises(IntegrationError, match="the ODE solver stopped near time"):
        loss_flow(-np.eye(2), np.ones(2), np.eye(2), [1e4], loss="squared")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "cross-entropy"}, "loss must be one of squared, cross_entropy, .* did you mean 'cross_entropy'"),
        ({"loss": "cross_entropy", "y_train": Y[:, 0]}, r"cross_entropy needs targets \(n, k\)"),
        ({"times": [math.inf]}, "times must be finite and start at 0, not inf; gradient_flow goes on to infinity"),
        ({"times": [-1.0]}, "times must be finite and start at 0, not -1.0"),
        ({"rate": 0.0}, "the learning rate must be positive and finite, not 0.0"),
        ({"momentum": 1.0}, r"momentum must lie in \[0, 1\), not 1.0"),
        ({"f0_train": F0[:N]}, "f0_train and f0_test belong together"),
        ({"k_train": np.triu(K)}, "k_train must be symmetric"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], message: str) -> None:
    options = {"k_train": K, "y_train": Y, "k_test": K_TEST, "times": [1.0], "loss": "squared", **change}
    with pytest.raises(ValueError, match=message):
        loss_flow(**options)


def test_a_loss_that_is_no_number_and_one_without_derivatives_are_refused() -> None:
    places = tuple(torch.asarray(a) for a in (K, Y, K_TEST))
    with pytest.raises(ValueError, match="a loss must be one number, not an array of shape"):
        loss_flow(*places, [1.0], loss=lambda f, y: (f - y) ** 2)
    with pytest.raises(TypeError, match="give the kernels as arrays of JAX or torch, or one of squared, cross_entropy"):
        loss_flow(K, Y, K_TEST, [1.0], loss=lambda f, y: ((f - y) ** 2).sum())


def test_what_is_differentiated_is_refused() -> None:
    k = torch.asarray(K).requires_grad_()
    with pytest.raises(TypeError, match="loss_flow is neither traced nor differentiated; gradient_flow"):
        loss_flow(k, torch.asarray(Y), torch.asarray(K_TEST), [1.0], loss="squared")
