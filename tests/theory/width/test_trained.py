"""The law of trained networks: a linear network follows its prediction exactly, and distances are by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Dense, finite, serial
from ntkbench.theory import Copies, PredictedLaw, TrainedLaw, predicted_law, trained_law

RNG = np.random.default_rng(3)
X, X_TEST, Y = RNG.standard_normal((5, 3)), RNG.standard_normal((3, 3)), RNG.standard_normal(5)
NETWORK = serial(Dense(6**0.5), Activation("erf"), Dense(6**0.5))


def test_the_prediction_is_corollary_1_written_out() -> None:
    found = predicted_law(finite(NETWORK, (3,), width=8), X, Y, X_TEST, (0, 7))
    nngp, ntk = architecture_kernels(NETWORK, np.concatenate([X, X_TEST]))
    rate = 0.25 / np.linalg.eigvalsh(ntk[:5, :5])[-1]
    values, vectors = np.linalg.eigh(ntk[:5, :5])
    answer = ntk[5:, :5] @ (vectors * ((1 - np.exp(-rate * values * 7)) / values)) @ vectors.T
    covariance = nngp[5:, 5:] + answer @ nngp[:5, :5] @ answer.T - 2 * answer @ nngp[:5, 5:]
    assert found.rate == pytest.approx(rate, rel=1e-12)
    np.testing.assert_allclose(found.mean, [np.zeros(3), answer @ Y], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.variance, [np.diag(nngp)[5:], np.diag(covariance)], rtol=1e-10)
    # The best linear prediction has the least variance.
    assert (found.final > found.posterior).all()
    assert (found.final > 1.25 * found.posterior).any()


@pytest.mark.parametrize("library", ["jax", "torch"])
def test_wide_networks_follow_it(library: str) -> None:
    opened = open_backend(library)
    copies = Copies(finite(NETWORK, (3,), width=64), 200)

    def asarray(x: np.ndarray) -> object:
        return opened.asarray(x, "float32")

    params = copies.init(np.random.default_rng(0), asarray)
    found = trained_law(copies, params, X, Y, X_TEST, (0, 20, 150), asarray)
    assert found.outputs.shape == (3, 200, 3)
    assert found.variance_deviation < 1
    assert found.posterior_score > 3
    # The mean of outputs at the start is zero, whatever the width.
    assert (np.abs(found.outputs[0].mean(axis=0)) < 3 * found.outputs[0].std(axis=0) / math.sqrt(200)).all()


def test_distances_are_those_of_their_definitions() -> None:
    outputs = np.array([[[0.0, 3.0], [2.0, 3.0], [4.0, 6.0]]])  # variances 4 and 3, means 2 and 4
    predicted = PredictedLaw(1.0, np.array([[1.0, 4.0]]), np.array([[2.0, 3.0]]), np.ones(2), np.array([1.0, 2.5]))
    found = TrainedLaw(outputs, predicted)
    np.testing.assert_allclose(found.variance, [[4.0, 3.0]])
    assert found.variance_deviation == pytest.approx(1.0 / 3.1)  # sqrt(2 / 2) is the standard error
    assert found.mean_score == pytest.approx(1 / math.sqrt(4 / 3))
    assert found.posterior_score == pytest.approx(3.0)  # 2.5 is too near 3
    near = predicted._replace(posterior=np.array([2.0, 3.0]))
    assert TrainedLaw(outputs, near).posterior_score == 0
