"""Gaussian process inference against conditional Gaussians, SciPy's densities, and draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Dense, serial
from ntkbench.solvers import NotPositiveDefinite, cholesky_regression
from ntkbench.theory import Posterior, posterior, posterior_gaps

N, RIDGE = 6, 0.3
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N + 4, 5))
K = architecture_kernels(serial(Dense(1.5, 0.1), Activation("erf"), Dense()), X).nngp
Y = RNG.standard_normal((N, 2))
PLACES = (K[:N, :N], Y, K[N:, :N], K[N:, N:])


def test_mean_covariance_and_likelihood_are_those_of_a_conditioned_gaussian(backend: Any) -> None:
    found = posterior(*(backend.asarray(a, "float64") for a in PLACES), ridge=RIDGE)
    joint = K + np.diag([RIDGE] * N + [0.0] * 4)
    # The inverse of a block of the inverse is the conditional covariance.
    precision = np.linalg.inv(joint)[N:, N:]
    np.testing.assert_allclose(backend.to_numpy(found.covariance), np.linalg.inv(precision), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        backend.to_numpy(found.mean), -np.linalg.solve(precision, np.linalg.inv(joint)[N:, :N] @ Y), rtol=1e-9
    )
    law = multivariate_normal(np.zeros(N), joint[:N, :N])
    assert found.log_likelihood == pytest.approx(law.logpdf(Y[:, 0]) + law.logpdf(Y[:, 1]), rel=1e-12)


def test_the_mean_is_regression_and_vectors_stay_vectors(backend: Any) -> None:
    k, y, k_test, prior = (backend.asarray(a, "float64") for a in PLACES)
    found = posterior(k, y[:, 0], k_test, prior, ridge=RIDGE)
    expected = cholesky_regression(k, y[:, 0], k_test, RIDGE).prediction
    assert tuple(found.mean.shape) == (4,)
    np.testing.assert_allclose(backend.to_numpy(found.mean), backend.to_numpy(expected), rtol=1e-12)


def test_without_noise_the_training_points_are_known(backend: Any) -> None:
    k, y = (backend.asarray(a, "float64") for a in (K[:N, :N], Y))
    found = posterior(k, y, k, k)
    np.testing.assert_allclose(backend.to_numpy(found.mean), Y, rtol=1e-10)
    np.testing.assert_allclose(backend.to_numpy(found.covariance), np.zeros((N, N)), atol=1e-13)


def test_its_95_percent_intervals_cover_what_the_process_draws() -> None:
    rng = np.random.default_rng(1)
    draws = 2000
    values = np.linalg.cholesky(K) @ rng.standard_normal((N + 4, draws))
    noisy = values[:N] + math.sqrt(RIDGE) * rng.standard_normal((N, draws))
    found = posterior(K[:N, :N], noisy, K[N:, :N], K[N:, N:], ridge=RIDGE)
    spread = np.sqrt(np.diagonal(found.covariance))[:, None]
    covered = np.abs(values[N:] - found.mean) <= 1.959964 * spread
    error = math.sqrt(0.95 * 0.05 / draws)
    assert (np.abs(covered.mean(axis=1) - 0.95) <= 3 * error).all()


def test_float32_is_computed_in_float64(backend: Any) -> None:
    places = [a.astype(np.float32) for a in PLACES]
    found = posterior(*(backend.asarray(a, "float32") for a in places), ridge=RIDGE)
    expected = posterior(*(a.astype(np.float64) for a in places), ridge=RIDGE)
    np.testing.assert_allclose(backend.to_numpy(found.covariance), expected.covariance, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({3: K[N:, :N]}, r"k_test_test must be \(4, 4\) as k_test is, not of shape \(4, 6\)"),
        ({3: np.triu(K[N:, N:])}, "k_test_test must be symmetric"),
        ({1: Y[:5]}, r"y_train must be \(6, k\) or \(6,\)"),
        ({"ridge": -1.0}, "a ridge must be finite and not negative, not -1.0"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[Any, Any], message: str) -> None:
    places = [change.get(i, a) for i, a in enumerate(PLACES)]
    with pytest.raises(ValueError, match=message):
        posterior(*places, ridge=change.get("ridge", RIDGE))


def test_a_singular_kernel_is_refused_with_a_ridge_that_would_do(backend: Any) -> None:
    singular = np.ones((3, 3))
    places = [backend.asarray(a, "float64") for a in (singular, np.ones(3), np.ones((1, 3)), np.ones((1, 1)))]
    with pytest.raises(NotPositiveDefinite) as caught:
        posterior(*places)
    assert math.isfinite(posterior(*places, ridge=caught.value.sufficient).log_likelihood)


def test_the_gaps_of_two_posteriors_are_their_largest_differences(backend: Any) -> None:
    one = posterior(*PLACES, ridge=RIDGE)
    mean, covariance = np.array(one.mean), np.array(one.covariance)
    mean[1] += 0.5
    covariance[0, 2] -= 0.25
    other = Posterior(backend.asarray(mean, "float64"), covariance, one.log_likelihood + 3.0)
    assert posterior_gaps(one, other, 6) == pytest.approx({"mean": 0.5, "covariance": 0.25, "likelihood": 0.5})
