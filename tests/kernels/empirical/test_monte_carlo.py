"""Monte Carlo kernels against networks one by one, infinite kernels, and exact moments at finite width."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, installed, open_backend
from ntkbench.kernels import MonteCarlo, architecture_kernels, empirical_ntk, monte_carlo_kernels
from ntkbench.networks import Activation, Conv, Dense, Finite, Flatten, finite, serial
from ntkbench.theory import draw_relu, relu_moments, relu_network

LIBRARIES = [name for name in installed() if "autodiff" in open_backend(name).capabilities]
ONE_HIDDEN = serial(Dense(1.3, 0.2), Activation("relu"), Dense(1.1, 0.3))
X1, X2 = np.random.default_rng(0).standard_normal((3, 5)), np.random.default_rng(1).standard_normal((2, 5))
SMALL = finite(
    serial(Dense(1.3), Activation("tanh"), Dense(1.1, 0.4), Activation("relu"), Dense()), (5,), width=4, outputs=2
)


@pytest.fixture(scope="module", params=LIBRARIES)
def backend(request: pytest.FixtureRequest) -> Backend:
    return open_backend(request.param)


def estimated(backend: Backend, network: Finite, *inputs: np.ndarray, **options: Any) -> list[np.ndarray]:
    """The means of NNGP and NTK, and their standard errors."""
    found = monte_carlo_kernels(network, *(backend.asarray(x, "float64") for x in inputs), **options)
    assert isinstance(found, MonteCarlo)
    return [backend.to_numpy(matrix) for kernels in found for matrix in kernels]


def one_by_one(backend: Backend, network: Finite, x1: np.ndarray, x2: np.ndarray, draws: int, seed: int) -> list[Any]:
    a, b = (backend.asarray(x, "float64") for x in (x1, x2))
    nngp, ntk = [], []
    for i in range(draws):
        params = network.init(np.random.default_rng((seed, i)), lambda p: backend.asarray(p, "float64"))
        outputs = [backend.to_numpy(network.apply(params, x)) for x in (a, b)]
        nngp.append(outputs[0] @ outputs[1].T / network.output_size)
        ntk.append(backend.to_numpy(empirical_ntk(network, params, a, b, trace=True)))
    means = [np.mean(s, axis=0) for s in (nngp, ntk)]
    return [*means, *(np.std(s, axis=0, ddof=1) / math.sqrt(draws) for s in (nngp, ntk))]


# Without a limit one batch and one tile; with the others several batches, the last a smaller one, and several tiles.
@pytest.mark.parametrize("memory", [None, 20_000, 100])
def test_they_are_means_and_standard_errors_over_the_networks_of_the_seed(backend: Backend, memory: int | None) -> None:
    expected = one_by_one(backend, SMALL, X1, X2, 7, 5)
    for found, wanted in zip(estimated(backend, SMALL, X1, X2, draws=7, seed=5, memory=memory), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


def test_of_one_set_of_inputs_they_are_symmetric_and_the_same(backend: Backend) -> None:
    for memory in (None, 100):
        found = estimated(backend, SMALL, X1, draws=4, seed=2, memory=memory)
        for one, other in zip(found, estimated(backend, SMALL, X1, X1, draws=4, seed=2), strict=True):
            np.testing.assert_array_equal(one, one.T)
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_with_one_hidden_layer_they_are_infinite_kernels_at_any_width(backend: Backend) -> None:
    exact = architecture_kernels(ONE_HIDDEN, X1, X2)
    nngp, ntk, *errors = estimated(backend, finite(ONE_HIDDEN, (5,), width=6), X1, X2, draws=2000, seed=1)
    for found, wanted, error in zip((nngp, ntk), exact, errors, strict=True):
        assert (np.abs(found - wanted) <= 3 * error).all()
        assert (error < 0.1 * np.abs(exact.ntk).max()).all()


def test_narrow_deep_networks_have_their_exact_moments(backend: Backend) -> None:
    widths, draws = (4, 4, 4), 4000
    moments = relu_moments(widths)
    x = np.full((1, 3), 1.0)
    nngp, ntk, _, error = estimated(backend, relu_network(widths, 3), x, draws=draws, seed=4)
    assert abs(float(ntk[0, 0]) - moments.ntk_mean) <= 3 * float(error[0, 0])
    assert abs(float(nngp[0, 0]) - 1.0) <= 3 * math.sqrt((3 * moments.norm_ratio - 1) / draws)
    exact = math.sqrt((moments.ntk_second - moments.ntk_mean**2) / draws)
    # The error has an error, too: that of a sample variance, which the fourth moment gives.
    samples = draw_relu(np.tile(widths, (10**6, 1)), np.random.default_rng(0)).ntk - moments.ntk_mean
    kurtosis = np.mean(samples**4) / np.mean(samples**2) ** 2
    assert float(error[0, 0]) == pytest.approx(exact, rel=3 * 0.5 * math.sqrt((kurtosis - 1) / draws))


def test_layers_that_are_not_trained_and_convolutions(backend: Backend) -> None:
    images = np.random.default_rng(3).standard_normal((2, 4, 3, 2))
    network = serial(Conv(w_std=1.2, b_std=0.3, trained=False), Activation("relu"), Flatten(), Dense(1.4))
    exact = architecture_kernels(network, images)
    found = estimated(backend, finite(network, (4, 3, 2), width=8), images, draws=800, seed=0)
    for k in range(2):
        assert (np.abs(found[k] - exact[k]) <= 3 * found[k + 2]).all()
    frozen = finite(serial(Dense(trained=False), Activation("relu"), Dense(trained=False)), (5,), width=3)
    ntk = estimated(backend, frozen, X1, draws=3, seed=0)[1]
    np.testing.assert_array_equal(ntk, np.zeros((3, 3)))


def test_progress_and_no_inputs(backend: Backend) -> None:
    seen: list[tuple[int, int]] = []
    estimated(backend, SMALL, X1, X2, draws=2, seed=0, progress=lambda *done: seen.append(done))
    assert seen[-1] == (6, 6)
    for matrix in estimated(backend, SMALL, X1[:0], X2, draws=2, seed=0):
        assert matrix.shape == (0, 2)


def test_float32_gives_float32(backend: Backend) -> None:
    x = backend.asarray(X1, "float32")
    found = monte_carlo_kernels(SMALL, x, draws=5, seed=5)
    expected = one_by_one(backend, SMALL, X1, X1, 5, 5)
    for matrix, wanted in zip([*found.mean, *found.standard_error], expected, strict=True):
        assert backend.to_numpy(matrix).dtype == np.float32
        np.testing.assert_allclose(backend.to_numpy(matrix), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"draws": 1}, "draws must be a whole number of at least 2, not 1"),
        ({"draws": 2.0}, "draws must be a whole number of at least 2, not 2.0"),
        ({"seed": -1}, "seed must be a whole number of at least 0, not -1"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(backend: Backend, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        monte_carlo_kernels(SMALL, backend.asarray(X1, "float64"), **{"draws": 2, "seed": 0, **change})


def test_what_has_no_derivatives_and_what_is_no_finite_network_are_refused(backend: Backend) -> None:
    with pytest.raises(TypeError, match="need derivatives"):
        monte_carlo_kernels(SMALL, X1, draws=2, seed=0)
    with pytest.raises(TypeError, match=r"needs a network of finite width, .* not Serial"):
        monte_carlo_kernels(ONE_HIDDEN, backend.asarray(X1, "float64"), draws=2, seed=0)
    with pytest.raises(TypeError, match="x1 must be an array of NumPy, torch or JAX, not list"):
        monte_carlo_kernels(SMALL, X1.tolist(), draws=2, seed=0)
    with pytest.raises(TypeError, match="x2 must be an array of NumPy, torch or JAX, not list"):
        monte_carlo_kernels(SMALL, backend.asarray(X1, "float64"), X2.tolist(), draws=2, seed=0)
    with pytest.raises(ValueError, match="x1 must be float32 or float64, not float16"):
        monte_carlo_kernels(SMALL, backend.asarray(X1.astype(np.float16), "float16"), draws=2, seed=0)
    with pytest.raises(ValueError, match=r"inputs must be \(n, 5\), not of shape \(3, 4\)"):
        monte_carlo_kernels(SMALL, backend.asarray(X1[:, :4], "float64"), draws=2, seed=0)
