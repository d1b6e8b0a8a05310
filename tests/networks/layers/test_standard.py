"""Layers in the standard parametrisation: what is drawn, what is computed, and what moves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.kernels import architecture_kernels, empirical_ntk
from ntkbench.kernels.general.special import special
from ntkbench.networks import (
    Activation,
    Conv,
    Dense,
    Flatten,
    LocalConv,
    finite,
    serial,
    to_backend,
)
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.linear import LinearLayer

RELU = Activation("relu")
X = np.random.default_rng(0).standard_normal((4, 6))
IMAGES = np.random.default_rng(1).standard_normal((3, 3, 4, 2))
STANDARD: dict[str, Any] = {"parameterization": "standard"}


def test_a_linear_network_has_the_kernel_of_its_own_products() -> None:
    nngp, ntk = architecture_kernels(Dense(1.3, 0.2, **STANDARD), X)
    np.testing.assert_allclose(nngp, 1.3**2 * X @ X.T / 6 + 0.2**2, rtol=1e-12)
    np.testing.assert_allclose(ntk, X @ X.T + 1, rtol=1e-12)


def test_biases_count_where_there_are_some_and_fixed_layers_never() -> None:
    assert_ntk = np.testing.assert_allclose
    assert_ntk(architecture_kernels(Dense(1.3, **STANDARD), X).ntk, X @ X.T, rtol=1e-12, atol=1e-12)
    assert_ntk(architecture_kernels(Dense(1.3, 0.2, trained=False, **STANDARD), X).ntk, 0.0)


@pytest.mark.parametrize("kind", [Conv, LocalConv])
def test_a_filter_has_the_products_of_its_windows(kind: Any) -> None:
    layer = kind((2, 3), (1, 1), "valid", 1.3, 0.2, **STANDARD)
    _, ntk = architecture_kernels(serial(layer, Flatten()), IMAGES)
    windows = layer.seen(IMAGES).reshape(3, -1)
    np.testing.assert_allclose(ntk, windows @ windows.T / 4 + 1, rtol=1e-12)


def test_behind_a_flatten_all_positions_channels_count() -> None:
    before = serial(Conv(b_std=0.3), RELU, Flatten())
    k = architecture_kernels(before, IMAGES)
    _, ntk = architecture_kernels(serial(*before.layers, Dense(1.3, **STANDARD, channels=12 * 7)), IMAGES)
    np.testing.assert_allclose(ntk, 84 * k.nngp + 1.3**2 * k.ntk, rtol=1e-12)


def test_a_network_of_that_width_is_the_standard_one() -> None:
    named, plain = (
        serial(Conv((3, 2), **one, b_std=0.3), RELU, Conv((2, 2), **two), Flatten(), Dense(0.8, 0.1, **three))
        for one, two, three in (
            (STANDARD, {**STANDARD, "channels": 5}, {**STANDARD, "channels": 60}),
            ({}, {}, {}),
        )
    )
    first = finite(named, (3, 4, 2), width=5)
    second = finite(plain, (3, 4, 2), width=5, parameterization="standard")
    params = first.init(np.random.default_rng(0))
    for one, other in zip(params, second.init(np.random.default_rng(0)), strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    np.testing.assert_allclose(first.apply(params, IMAGES), second.apply(params, IMAGES), rtol=1e-14)


def test_in_a_wider_network_weights_are_drawn_as_before_and_their_sum_is_scaled() -> None:
    network = finite(serial(Dense(**STANDARD), Dense(1.5, 0.3, **STANDARD, channels=50)), (6,), width=5000)
    params = network.init(np.random.default_rng(0))
    assert np.std(params[0]["weight"]) == pytest.approx(6**-0.5, rel=0.01)
    assert np.std(params[1]["weight"]) == pytest.approx(1.5 * 50**-0.5, rel=0.05)
    expected = X @ params[0]["weight"] @ params[1]["weight"] / math.sqrt(100) + params[1]["bias"]
    np.testing.assert_allclose(network.apply(params, X), expected, rtol=1e-12)


@pytest.mark.parametrize("method", ["contraction", "vector_products", "structured"])
def test_every_way_to_an_empirical_kernel_knows_the_scales(method: Any) -> None:
    torch = open_backend("torch")
    network = finite(serial(Dense(1.3, 0.2, **STANDARD), RELU, Dense(1.1, 0.3, **STANDARD, channels=20)), (6,), width=8)
    params = network.init(np.random.default_rng(0))
    ntk = torch.to_numpy(empirical_ntk(network, to_backend(params, torch), torch.asarray(X, "float64"), method=method))
    hidden = X @ params[0]["weight"] + params[0]["bias"]
    slopes = (hidden > 0) * params[1]["weight"][:, 0] * math.sqrt(20 / 8)
    features = np.maximum(hidden, 0)
    expected = (X @ X.T + 1) * (slopes @ slopes.T) + features @ features.T * 20 / 8 + 1
    np.testing.assert_allclose(ntk.reshape(4, 4), expected, rtol=1e-11)


def test_the_faster_kernels_of_relu_networks_are_not_for_them() -> None:
    assert special(serial(Dense(), RELU, Dense())) is not None
    assert special(serial(Dense(), RELU, Dense(**STANDARD, channels=3))) is None


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((Dense(), RELU, Dense(**STANDARD)), r"layer 3 \(Dense\): the standard parametrisation needs the number of"),
        ((Dense(**STANDARD, channels=5), Dense()), r"layer 1 \(Dense\): the inputs have 6 channels, not 5: leave"),
    ],
)
def test_at_infinite_width_channels_are_known(layers: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        architecture_kernels(serial(*layers), X)


def kinds(parent: type[LinearLayer] = LinearLayer) -> list[type[Any]]:
    found = [kind for kind in parent.__subclasses__() if kind.__module__.startswith("ntkbench.")]
    return found + [kind for child in found for kind in kinds(child)]


@pytest.mark.parametrize("kind", kinds())
def test_every_layer_with_weights_asks_for_its_channels(kind: Any) -> None:
    wide = Features((3, 4), ("width", 1), gaussian=True)
    with pytest.raises(ValueError, match="it: the standard parametrisation needs the number of channels"):
        kind(**STANDARD).features(wide, "it")
    assert kind(**STANDARD, channels=3).features(wide, "it").gaussian


@pytest.mark.parametrize("kind", [Dense, Conv])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameterization": "mup"}, "parameterization must be one of ntk, standard, not 'mup'"),
        ({"channels": 5}, "channels counts in the standard parametrisation alone: add parameterization='standard'"),
        ({**STANDARD, "channels": 0}, "channels must be a positive whole number, not 0"),
        ({**STANDARD, "channels": 2.0}, "channels must be a positive whole number, not 2.0"),
    ],
)
def test_parametrisations_that_are_none_are_refused(kind: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**options)
