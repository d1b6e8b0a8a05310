"""Networks of finite width beside their kernel: the law of the width, and the training of a linear network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.kernels import empirical_ntk, fc_kernels
from ntkbench.networks import Activation, Conv, Dense, Flatten, finite, serial, to_backend
from ntkbench.theory import difference_ntk, loss_curves, ntk_width_errors, power_law_exponent

RELU = serial(Dense(2**0.5), Activation("relu"), Dense(2**0.5))


@pytest.fixture(params=["jax", "torch"])
def library(request: pytest.FixtureRequest) -> Any:
    return open_backend(request.param)


def test_differences_of_a_linear_network_are_its_derivatives() -> None:
    network, x = finite(serial(Dense(2.0, 0.5)), (3,), width=1, outputs=2), np.random.default_rng(0).normal(size=(4, 3))
    found = difference_ntk(network, network.init(np.random.default_rng(1)), x)
    expected = (4.0 * x @ x.T / 3 + 0.25)[:, :, None, None] * np.eye(2)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_differences_are_what_automatic_derivatives_give(library: Any) -> None:
    layers = serial(
        Conv((2, 2), b_std=0.3), Activation("erf"), Conv(trained=False), Activation("erf"), Flatten(), Dense()
    )
    network, x = finite(layers, (3, 2, 1), width=3, outputs=2), np.random.default_rng(0).normal(size=(3, 3, 2, 1))
    params = network.init(np.random.default_rng(1))
    found = difference_ntk(network, params, x)
    own = empirical_ntk(network, to_backend(params, library), library.asarray(x, "float64"))
    np.testing.assert_allclose(found, library.to_numpy(own), atol=1e-8 * np.abs(found).max())


def test_the_error_of_a_network_is_the_mean_over_its_starts(library: Any) -> None:
    network, rng = finite(RELU, (3,), width=8), np.random.default_rng(0)
    x = library.asarray(rng.standard_normal((4, 3)), "float32")
    starts = [network.init(rng, lambda a: library.asarray(a, "float32")) for _ in range(3)]
    ntk = fc_kernels(x, depth=2).ntk
    wanted = library.to_numpy(ntk).astype(np.float64)
    kernels = [library.to_numpy(empirical_ntk(network, start, x, trace=True)).astype(np.float64) for start in starts]
    expected = np.mean([np.linalg.norm(k - wanted) / np.linalg.norm(wanted) for k in kernels])
    assert ntk_width_errors([network], [starts], x, ntk) == [pytest.approx(expected, rel=1e-5)]


def test_the_error_falls_like_one_over_the_root_of_the_width(library: Any) -> None:
    rng, widths = np.random.default_rng(0), [64, 256, 1024]
    x = library.asarray(rng.standard_normal((8, 8)), "float32")
    networks = [finite(RELU, (8,), width=width) for width in widths]
    starts = [[net.init(rng, lambda a: library.asarray(a, "float32")) for _ in range(8)] for net in networks]
    errors = ntk_width_errors(networks, starts, x, fc_kernels(x, depth=2).ntk)
    assert power_law_exponent(widths, errors) == pytest.approx(-0.5, abs=0.1)


def test_a_network_that_is_linear_trains_as_its_kernel_says(library: Any) -> None:
    # With only the readout trained, the network is linear in what is trained, and its NTK is the features' Gram matrix.
    layers = serial(Dense(2**0.5, trained=False), Activation("relu"), Dense(2**0.5))
    network, rng = finite(layers, (5,), width=64), np.random.default_rng(0)
    x, y = (library.asarray(a, "float32") for a in (rng.standard_normal((6, 5)), rng.choice([-1.0, 1.0], 6)))
    start = network.init(rng, lambda a: library.asarray(a, "float32"))
    k = empirical_ntk(network, start, x, trace=True)
    rate = 1.0 / float(np.linalg.eigvalsh(library.to_numpy(k).astype(np.float64))[-1])
    curves = loss_curves(network, start, x, y, k, steps=50, rate=rate)
    predicted = curves.predicted
    assert len(curves.steps) == len(curves.loss) == len(predicted) > 5
    np.testing.assert_allclose(curves.loss, predicted, rtol=1e-3)
    assert curves.rate_ratio == pytest.approx(1.0, abs=1e-3)


def test_curves_end_where_the_limit_has_lost_all_but_a_millionth(library: Any) -> None:
    network, rng = finite(RELU, (40,), width=256), np.random.default_rng(0)
    x, y = (library.asarray(a, "float32") for a in (rng.standard_normal((4, 40)), rng.choice([-1.0, 1.0], 4)))
    start = network.init(rng, lambda a: library.asarray(a, "float32"))
    k = fc_kernels(x, depth=2).ntk
    rate = 1.0 / float(np.linalg.eigvalsh(library.to_numpy(k).astype(np.float64))[-1])
    curves = loss_curves(network, start, x, y, k, steps=10_000, rate=rate)
    predicted = curves.predicted
    assert curves.steps[-1] < 10_000
    assert 1e-6 * predicted[0] <= predicted[-1] < 1e-4 * predicted[0]
