"""Networks side by side against each of them alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.networks import Activation, Dense, finite, serial, to_backend, train
from ntkbench.theory import Copies, narrow_parameters, outputs_of_all

LAYERS = serial(Dense(1.2, 0.3), Activation("relu"), Dense(1.1, 0.2), Activation("relu"), Dense(0.9, 0.1))
X = np.random.default_rng(0).standard_normal((4, 3))


@pytest.fixture(params=["jax", "torch"])
def library(request: pytest.FixtureRequest) -> Any:
    return open_backend(request.param)


def test_a_padded_network_computes_what_a_narrow_one_does(library: Any) -> None:
    wide = finite(LAYERS, (3,), width=7)
    narrow = finite(serial(Dense(1.2, 0.3, width=2), *LAYERS.layers[1:2], Dense(1.1, 0.2, width=5), *LAYERS.layers[3:]),
                    (3,), width=1)  # fmt: skip
    x = library.asarray(X, "float64")
    padded = narrow_parameters(wide, (2, 5), 3, np.random.default_rng(1), lambda a: library.asarray(a, "float64"))
    found = library.to_numpy(outputs_of_all(x, padded, network=wide))
    assert found.shape == (3, 4, 1)
    for which in range(3):
        own, before = [], (3, 2, 5)
        for layer, fan_in, full, n in zip(padded, before, (3, 7, 7), (2, 5, 1), strict=True):
            weight, bias = (library.to_numpy(layer[name])[which] for name in ("weight", "bias"))
            own.append({"weight": weight[:fan_in, :n] * (fan_in / full) ** 0.5, "bias": bias[:n]})
        alone = narrow.apply(to_backend(tuple(own), library), x)
        np.testing.assert_allclose(found[which], library.to_numpy(alone), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("widths", [(8, 2), (2,), (0, 2)])
def test_networks_that_do_not_fit_are_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^widths must be within 1 and \(7, 7\), one for each hidden layer, not \("):
        narrow_parameters(finite(LAYERS, (3,), width=7), widths, 1, np.random.default_rng(0), np.asarray)


def test_copies_train_as_each_of_them_does(library: Any) -> None:
    network = finite(serial(Dense(1.2, trained=False), Activation("erf"), Dense(0.9)), (3,), width=6)
    copies = Copies(network, 2)
    x, y = library.asarray(X, "float64"), np.array([1.0, -1.0, 0.5, 0.0])
    params = copies.init(np.random.default_rng(2), lambda a: library.asarray(a, "float64"))
    targets = library.asarray(np.stack([y, y], axis=1), "float64")
    together = train(copies, params, x, targets, steps=5, rate=0.1, probe=x, record=[0, 5])
    assert together.outputs is not None
    for which in range(2):
        own = tuple({name: array[which] for name, array in layer.items()} for layer in params)
        alone = train(network, own, x, library.asarray(y, "float64"), steps=5, rate=0.1, probe=x, record=[0, 5])
        assert alone.outputs is not None
        np.testing.assert_allclose(together.outputs[:, :, which], alone.outputs, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(library.to_numpy(together.params[0]["weight"]), library.to_numpy(params[0]["weight"]))


def test_what_no_copies_are_is_refused() -> None:
    network = finite(LAYERS, (3,), width=7)
    with pytest.raises(ValueError, match=r"^count must be a positive whole number, not 0$"):
        Copies(network, 0)
    copies, params = Copies(network, 2), Copies(network, 3).init(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"^inputs must be \(n, 3\), not of shape \(4, 2\)$"):
        copies.check(params, X[:, :2])
    with pytest.raises(ValueError, match=r"^params must be for 3 linear layers, not 1$"):
        copies.check(params[:1], X)
    with pytest.raises(ValueError, match=r"^params\[0\]\['weight'\] must be of shape \(2, 3, 7\), not \(3, 3, 7\)$"):
        copies.check(params, X)
