"""Trained ensembles against equations 13 to 16 written out, the posterior, and finite networks that are trained."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.linalg

from ntkbench.kernels import Kernels, architecture_kernels
from ntkbench.networks import Activation, Dense, serial
from ntkbench.solvers import NotPositiveDefinite
from ntkbench.theory import ensemble, posterior

N, RATE, TIMES = 5, 0.4, (0.0, 0.3, 4.0, math.inf)
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N + 3, 4))
NETWORK = serial(Dense(1.4, 0.2), Activation("erf"), Dense(1.2))
NNGP, NTK = architecture_kernels(NETWORK, X)
Y = RNG.standard_normal((N, 2))


def places(backend: Any, nngp: np.ndarray = NNGP, ntk: np.ndarray = NTK) -> tuple[Any, ...]:
    def of(rows: slice, columns: slice) -> Kernels:
        return Kernels(*(backend.asarray(k[rows, columns], "float64") for k in (nngp, ntk)))

    train, test = slice(0, N), slice(N, None)
    return of(train, train), backend.asarray(Y, "float64"), of(test, train), of(test, test).nngp


@pytest.mark.parametrize(("ridge", "noise"), [(0.0, 0.0), (0.5, 0.2)])
def test_moments_are_those_of_a_linear_map_of_gaussians(backend: Any, ridge: float, noise: float) -> None:
    found = ensemble(*places(backend), TIMES, rate=RATE, ridge=ridge, noise=noise)
    k = NTK[:N, :N] + ridge * np.eye(N)
    for i, t in enumerate(TIMES):
        kept = np.zeros((N, N)) if math.isinf(t) else scipy.linalg.expm(-RATE * t * k)
        answer = NTK[N:, :N] @ np.linalg.solve(k, np.eye(N) - kept)
        # f_t(x) = f_0(x) - A f_0(X) + A (y + noise), linear in what is Gaussian.
        linear = np.hstack([-answer, np.eye(3), answer])
        before = scipy.linalg.block_diag(NNGP, noise * np.eye(N))
        np.testing.assert_allclose(backend.to_numpy(found.mean)[i], answer @ Y, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(
            backend.to_numpy(found.covariance)[i], linear @ before @ linear.T, rtol=1e-9, atol=1e-12
        )


def test_a_trained_readout_ends_at_the_posterior_of_the_nngp(backend: Any) -> None:
    for ridge in (0.0, 0.3):
        train, y, test, prior = places(backend, ntk=NNGP)
        found = ensemble(train, y, test, prior, [math.inf], ridge=ridge, noise=ridge)
        expected = posterior(train.nngp, y, test.nngp, prior, ridge=ridge)
        for one, other in ((found.mean[0], expected.mean), (found.covariance[0], expected.covariance)):
            np.testing.assert_allclose(backend.to_numpy(one), backend.to_numpy(other), rtol=1e-9, atol=1e-12)


def test_networks_of_finite_width_are_that_ensemble() -> None:
    # One hidden layer of 512 units in NumPy, trained by steps small enough for a flow; its readout is Gaussian.
    networks, width, steps, time = 200, 512, 40, 4.0
    rng = np.random.default_rng(7)
    x, y, rate = X / 2.0, Y[:, 0], time / 40
    nngp, ntk = architecture_kernels(serial(Dense(1.0), Activation("relu"), Dense()), x)
    train, test = Kernels(nngp[:N, :N], ntk[:N, :N]), Kernels(nngp[N:, :N], ntk[N:, :N])
    expected = ensemble(train, y, test, nngp[N:, N:], [time])
    first, second = rng.standard_normal((networks, width, 4)), rng.standard_normal((networks, width))
    scale = 1 / math.sqrt(width)

    def hidden(inputs: np.ndarray) -> np.ndarray:
        return np.einsum("kwd,nd->knw", first, inputs) / 2.0

    for _ in range(steps):
        before = hidden(x[:N])
        active = np.maximum(before, 0.0)
        error = scale * np.einsum("knw,kw->kn", active, second) - y
        of_second = scale * np.einsum("kn,knw->kw", error, active)
        of_first = scale / 2.0 * np.einsum("kn,knw,kw,nd->kwd", error, before > 0, second, x[:N], optimize=True)
        first, second = first - rate * of_first, second - rate * of_second
    outputs = scale * np.einsum("knw,kw->kn", np.maximum(hidden(x[N:]), 0.0), second)
    covariance = expected.covariance[0]
    variances = np.diagonal(covariance)
    assert (np.abs(outputs.mean(axis=0) - expected.mean[0]) <= 3 * np.sqrt(variances / networks)).all()
    # Of a sample covariance of Gaussians.
    error_of = np.sqrt((covariance**2 + np.outer(variances, variances)) / networks)
    assert (np.abs(np.cov(outputs.T) - covariance) <= 3 * error_of).all()


def test_vectors_stay_vectors_and_no_times_give_none(backend: Any) -> None:
    train, y, test, prior = places(backend)
    assert tuple(ensemble(train, y[:, 0], test, prior, [1.0]).mean.shape) == (1, 3)
    assert tuple(ensemble(train, y, test, prior, []).covariance.shape) == (0, 3, 3)


def test_a_singular_ntk_is_refused_at_infinity_and_a_ridge_cures_it(backend: Any) -> None:
    found = places(backend, ntk=np.ones_like(NTK))
    with pytest.raises(NotPositiveDefinite):
        ensemble(*found, [math.inf])
    # With the ridge r: f(x) moves by the mean of the targets, shrunk by n / (n + r).
    mean = ensemble(*found, [math.inf], ridge=0.5).mean
    np.testing.assert_allclose(backend.to_numpy(mean)[0], np.tile(Y.sum(axis=0) / (N + 0.5), (3, 1)), rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k_train": Kernels(NNGP[:4, :4], NTK[:N, :N])}, r"k_train.nngp and k_train.ntk must be of one shape"),
        ({"k_test": Kernels(NNGP[N:, :N], NTK[N:, :4])}, r"k_test.nngp and k_test.ntk must be of one shape"),
        ({"k_train": Kernels(np.triu(NNGP[:N, :N]), NTK[:N, :N])}, "k_train.nngp must be symmetric"),
        ({"k_test_test": NNGP}, r"k_test_test must be \(3, 3\)"),
        ({"ridge": -1.0}, "a ridge must be finite and not negative, not -1.0"),
        ({"noise": -1.0}, "the noise must be finite and not negative, not -1.0"),
        ({"rate": 0.0}, "the learning rate must be positive"),
        ({"times": [-1.0]}, "times start at 0"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    options: dict[str, Any] = {
        "k_train": Kernels(NNGP[:N, :N], NTK[:N, :N]),
        "y_train": Y,
        "k_test": Kernels(NNGP[N:, :N], NTK[N:, :N]),
        "k_test_test": NNGP[N:, N:],
        "times": [1.0],
    }
    with pytest.raises(ValueError, match=message):
        ensemble(**{**options, **change})
