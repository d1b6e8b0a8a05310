"""Which descriptions are recognised as networks with kernels of their own, and that they give the same either way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.kernels import architecture_kernels, implementations
from ntkbench.kernels.general.recursion import general_kernels
from ntkbench.kernels.general.special import Special, special
from ntkbench.kernels.relu.network import Network
from ntkbench.networks import Activation, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, LayerNorm, Residual, serial

RELU = Activation("relu")


def test_dense_layers_with_relu_are_recognised() -> None:
    found = special(serial(*(Dense(1.4, 0.1), RELU) * 3, Dense(1.4, 0.1)))
    assert found == Special(Network(4, 1.4, 0.1), None)


@pytest.mark.parametrize(("end", "pooling"), [(Flatten(), "flatten"), (GlobalAvgPool(), "gap")])
@pytest.mark.parametrize(("first", "last"), [(True, True), (False, False), (True, False)])
def test_plain_convolutions_are_recognised(end: Any, pooling: Any, first: bool, last: bool) -> None:
    found = special(serial(Conv(trained=first), RELU, Conv(), RELU, end, Dense(trained=last)))
    assert found == Special(Network(3, 1.0, 0.0, first, last), pooling)


@pytest.mark.parametrize(
    "other",
    [
        serial(Dense()),
        serial(Dense(), RELU),
        serial(RELU, Dense()),
        serial(Dense(), Dense()),
        serial(Dense(), Activation("erf"), Dense()),
        serial(Dense(), Activation("leaky_relu", slope=0.1), Dense()),
        serial(Dense(), RELU, LayerNorm(), Dense()),
        serial(Dense(1.0), RELU, Dense(1.1)),
        serial(Dense(b_std=0.1), RELU, Dense()),
        serial(Dense(trained=False), RELU, Dense()),
        serial(Dense(), RELU, Residual(serial(Dense(), RELU, Dense())), RELU, Dense()),
        serial(Flatten(), Dense(), RELU, Dense()),
        serial(Conv(), RELU, Flatten()),
        serial(Conv(), Flatten(), Dense()),
        serial(Conv((1, 1)), RELU, GlobalAvgPool(), Dense()),
        serial(Conv((5, 5)), RELU, GlobalAvgPool(), Dense()),
        serial(Conv(stride=(2, 2)), RELU, Flatten(), Dense()),
        serial(Conv(dilation=(1, 2)), RELU, Flatten(), Dense()),
        serial(Conv(padding="circular"), RELU, Flatten(), Dense()),
        serial(Conv(), RELU, AvgPool(), Conv(), RELU, Flatten(), Dense()),
        serial(Conv(), RELU, Conv(trained=False), RELU, Conv(), RELU, Flatten(), Dense()),
        serial(Conv(), RELU, Dense(), RELU, Flatten(), Dense()),
        serial(Conv(), RELU, Flatten(), Dense(), RELU, Dense()),
    ],
)
def test_other_networks_are_not(other: Any) -> None:
    assert special(other) is None


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_both_ways_give_one_kernel(data: Any) -> None:
    w_std, b_std = data.draw(st.sampled_from([(1.0, 0.0), (1.5, 0.3)]))
    hidden = data.draw(st.integers(1, 3))
    dense = data.draw(st.booleans())
    first, last = (True, True) if dense else (data.draw(st.booleans()), data.draw(st.booleans()))
    kind, ends = (Dense, ()) if dense else (Conv, (data.draw(st.sampled_from([Flatten(), GlobalAvgPool()])),))
    layers = [kind(w_std=w_std, b_std=b_std, trained=first or k > 0) for k in range(hidden)]
    layers_and_relu = [layer for each in layers for layer in (each, RELU)]
    architecture = serial(*layers_and_relu, *ends, Dense(w_std, b_std, trained=last))
    assert special(architecture) is not None
    shape = (4,) if dense else data.draw(st.sampled_from([(3, 4, 2), (5, 2, 1), (1, 1, 3)]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x, z = rng.standard_normal((3, *shape)), rng.standard_normal((2, *shape))
    for arrays in ((x, None), (x, z)):
        for ours, expected in zip(
            architecture_kernels(architecture, *arrays), general_kernels(architecture, *arrays), strict=True
        ):
            np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-13)


def test_without_numba_numpy_arrays_take_the_general_way(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 3, 1))
    architecture = serial(Conv(), RELU, Flatten(), Dense())
    with implementations() as used:
        fast = architecture_kernels(architecture, x)
    assert used == {"numba"}
    monkeypatch.setattr("ntkbench.kernels.general.recursion.find_spec", lambda name: None)
    with implementations() as used:
        general = architecture_kernels(architecture, x)
    assert "numba" not in used
    np.testing.assert_allclose(fast.ntk, general.ntk, rtol=1e-12)
