"""Training on the hinge loss, against plain steps of gradient flow, and the laws of both regimes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.kernels import empirical_ntk
from ntkbench.networks import Activation, Dense, finite, serial
from ntkbench.theory import hinge_training, power_law_exponent, soft_relu

SOFT = (Dense(), Activation(soft_relu))


@pytest.fixture(params=["jax", "torch"])
def library(request: pytest.FixtureRequest) -> Any:
    return open_backend(request.param)


def data(library: Any, n: int, d: int) -> tuple[Any, Any]:
    x = np.random.default_rng(0).standard_normal((n, d))
    return library.asarray(x, "float64"), library.asarray(np.where(np.arange(n) % 2, 1.0, -1.0), "float64")


def test_the_activation_is_the_soft_one_of_the_paper(library: Any) -> None:
    x = np.array([-300.0, -1.0, 0.0, 0.3, 300.0])
    with np.errstate(over="ignore"):
        expected = np.where(x > 100, 1.404 * x, 1.404 / 5 * np.log1p(np.exp(np.minimum(5 * x, 500))))
    np.testing.assert_allclose(library.to_numpy(soft_relu(library.asarray(x, "float64"))), expected, rtol=1e-12)


def test_of_one_point_the_end_is_that_of_plain_small_steps(library: Any) -> None:
    # For a readout alone w moves along the features h: to the margin by |w - w_0| = 1 / (a |h|), whatever the steps.
    x, y = data(library, 1, 3)
    network = finite(serial(Dense(trained=False), Activation(soft_relu), Dense()), (3,), width=4)
    start = network.init(np.random.default_rng(1), lambda a: library.asarray(a, "float64"))
    hidden = library.to_numpy(soft_relu(x @ start[0]["weight"] / np.sqrt(3)))[0] / 2.0
    network_of_one = finite(serial(Dense()), (4,), width=1)
    readout = library.asarray(hidden[None], "float64")
    first = ({"weight": start[1]["weight"]},)
    scales = [0.5, 2.0]
    for scale, (end,) in zip(scales, hinge_training(network_of_one, first, readout * 2.0, y, scales), strict=True):
        moved = library.to_numpy(end["weight"] - first[0]["weight"])[:, 0]
        margin = -scale * hidden @ moved
        assert 1.0 <= margin <= 1.1
        np.testing.assert_allclose(moved, -margin / scale * hidden / (hidden @ hidden), rtol=1e-9)


def test_every_point_has_its_margin_at_every_scale_and_kernels_move_by_the_powers(library: Any) -> None:
    x, y = data(library, 6, 6)
    network = finite(serial(*SOFT, *SOFT, Dense()), (6,), width=16)
    start = network.init(np.random.default_rng(1), lambda a: library.asarray(a, "float64"))
    at = [1e-3, 1e-2, 1e-1, 1e2, 1e3]
    ends = hinge_training(network, start, x, y, [a / 4.0 for a in at])
    begin, first = network.apply(start, x)[:, 0], library.to_numpy(empirical_ntk(network, start, x, trace=True))
    changes = []
    for a, end in zip(at, ends, strict=True):
        margins = library.to_numpy(y * (a / 4.0) * (network.apply(end, x)[:, 0] - begin))
        assert margins.min() >= 1.0 - 1e-9
        changes.append(np.linalg.norm(library.to_numpy(empirical_ntk(network, end, x, trace=True)) - first))
    assert power_law_exponent(at[:3], changes[:3]) == pytest.approx(-4 / 3, abs=0.12)
    assert power_law_exponent(at[3:], changes[3:]) == pytest.approx(-1.0, abs=0.1)


def test_margins_that_no_step_can_reach_are_named(library: Any) -> None:
    network = finite(serial(Dense()), (2,), width=1)
    start = network.init(np.random.default_rng(0), lambda a: library.asarray(a, "float64"))
    x, y = (library.asarray(np.array(a), "float64") for a in ([[1.0, 1.0], [1.0, 1.0]], [1.0, -1.0]))
    with pytest.raises(ValueError, match=r"after 100 steps some points have no margin of 1 at scale 0\.5, 2$"):
        hinge_training(network, start, x, y, [0.5, 2.0], most_steps=100)
