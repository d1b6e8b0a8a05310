"""Adam, against the algorithm as it is written, in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.networks import Dense, finite, serial
from ntkbench.theory import adam_training


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_its_steps_are_those_of_the_algorithm(name: str) -> None:
    library, rng = open_backend(name), np.random.default_rng(0)
    x, y = rng.standard_normal((5, 3)), rng.standard_normal(5)
    network = finite(serial(Dense()), (3,), width=1)
    start = network.init(rng, lambda a: library.asarray(a, "float64"))
    w, m, v = library.to_numpy(start[0]["weight"])[:, 0].copy(), np.zeros(3), np.zeros(3)
    features = x / np.sqrt(3)
    for t in range(1, 31):
        g = 2 / 5 * features.T @ (features @ w - y)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - 0.05 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    there = (library.asarray(x, "float64"), library.asarray(y, "float64"))
    params, loss = adam_training(network, start, *there, steps=30, rate=0.05)
    np.testing.assert_allclose(library.to_numpy(params[0]["weight"])[:, 0], w, rtol=1e-10)
    assert loss == pytest.approx(np.mean((features @ w - y) ** 2), rel=1e-10)


def test_steps_and_rates_that_are_none_are_refused() -> None:
    library = open_backend("torch")
    network = finite(serial(Dense()), (2,), width=1)
    start = network.init(np.random.default_rng(0), lambda a: library.asarray(a, "float64"))
    x, y = library.asarray(np.eye(2), "float64"), library.asarray(np.ones(2), "float64")
    for steps, rate in ((0, 0.1), (1, 0.0)):
        with pytest.raises(ValueError, match="at least one step and a positive rate"):
            adam_training(network, start, x, y, steps=steps, rate=rate)
