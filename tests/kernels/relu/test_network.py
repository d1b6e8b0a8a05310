"""What a network is before any data."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import cntk, fc_kernels
from ntkbench.kernels.relu.network import Network


@pytest.mark.parametrize("depth", [1, 0, -3, 2.5, "3"])
def test_a_network_without_a_hidden_layer_is_refused(depth: Any) -> None:
    with pytest.raises(ValueError, match=f"depth must be a whole number from 2 .* not {depth!r}"):
        Network(depth)


def test_what_is_no_array_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="x1 must be an array of NumPy, torch or JAX, not list"):
        cntk([[1.0]], depth=3, pooling="gap")
    with pytest.raises(TypeError, match="x2 must be an array of NumPy, torch or JAX, not list"):
        fc_kernels(np.ones((1, 1)), [[1.0]], depth=3)


@pytest.mark.parametrize(("w_std", "b_std"), [(0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0), (1.0, -0.1), (1.0, math.nan)])
def test_an_initialisation_that_is_none_is_refused(w_std: float, b_std: float) -> None:
    with pytest.raises(ValueError, match="w_std must be positive and b_std not negative"):
        Network(3, w_std, b_std)


def test_covariances_see_the_squares() -> None:
    network = Network(3, w_std=3.0, b_std=0.5)
    assert (network.weight, network.bias) == (9.0, 0.25)


@pytest.mark.parametrize(("last_trained", "ntk"), [(True, 18.25 + 45.0), (False, 45.0)])
def test_the_readout_adds_its_own_weights_to_the_ntk_when_it_is_trained(last_trained: bool, ntk: float) -> None:
    network = Network(3, w_std=3.0, b_std=0.5, last_trained=last_trained)
    assert tuple(network.read_out(2.0, 5.0)) == (18.25, ntk)


def test_equal_networks_are_one_key_and_none_can_change() -> None:
    assert hash(Network(3, 1.5)) == hash(Network(3, 1.5))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Network(3).depth = 4  # type: ignore[misc]
