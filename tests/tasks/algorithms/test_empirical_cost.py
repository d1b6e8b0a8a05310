"""The task of what empirical NTKs cost: its ResNet-18 is the published one, and the three ways agree on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.experiment.registry import load_tasks
from ntkbench.kernels import empirical_ntk
from ntkbench.networks import to_backend

TASK = load_tasks()["empirical_cost"]
PLACES = TASK.function.__globals__
BUILD = PLACES["NETWORKS"]


def test_resnet_18_has_the_published_weights_and_multiply_adds() -> None:
    layers = BUILD["resnet18"](224, 64, 1000).linear_layers
    # torchvision's: 11,689,512 parameters, of which 9,600 are of batch normalisation and 1,000 biases of the readout.
    assert sum(layer.parameters for layer in layers) == 11_689_512 - 9_600 - 1_000
    assert sum(layer.multiply_adds for layer in layers) == pytest.approx(1.814e9, rel=1e-3)
    assert len(layers) == 18 + 3  # and the shortcuts


def test_the_network_of_the_t4_has_the_published_widths() -> None:
    assert [layer.weight_shape for layer in BUILD["fcn"](3072, 2048, 8).linear_layers] == [
        (3072, 2048), (2048, 2048), (2048, 2048), (2048, 8)
    ]  # fmt: skip


def test_the_ways_agree_on_a_small_resnet() -> None:
    backend, network = open_backend("torch"), BUILD["resnet18"](32, 2, 3)
    rng = np.random.default_rng(0)
    params = to_backend(network.init(rng), backend)
    x = backend.asarray(rng.standard_normal((2, 32, 32, 3)), "float64")
    first, *others = (backend.to_numpy(empirical_ntk(network, params, x, method=way)) for way in PLACES["WAYS"])
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-12 * np.abs(first).max())


def test_the_published_rows_are_claims_of_the_tier_paper_alone() -> None:
    tried: dict[str, list[Any]] = {tier.name: [] for tier in TASK.tiers}
    for tier in TASK.tiers:
        tried[tier.name] += list(tier.points())
    for claim in TASK.claims:
        if claim.where:
            assert [name for name, points in tried.items() if dict(claim.where) in points] == ["paper"]
