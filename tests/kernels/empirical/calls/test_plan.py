"""What is counted of a module: as of the network that it is."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ntkbench.kernels import costs
from ntkbench.kernels.empirical.costs import layers_of, room
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.providers import provider_of
from ntkbench.kernels.empirical.shares import Direct, Share
from ntkbench.kernels.empirical.subject import subject_of
from ntkbench.networks import Activation, Conv, Dense, Finite, Flatten, finite, serial

RELU = Activation("relu")
NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...], Finite]] = {
    "dense": (
        nn.Sequential(nn.Linear(3, 5, bias=False), nn.ReLU(), nn.Linear(5, 2, bias=False)),
        (3,),
        finite(serial(Dense(), RELU, Dense()), (3,), width=5, outputs=2),
    ),
    "convolution": (
        nn.Sequential(nn.Conv2d(2, 5, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(60, 2, bias=False)),
        (2, 5, 6),
        finite(serial(Conv(padding="valid"), RELU, Flatten(), Dense()), (5, 6, 2), width=5, outputs=2),
    ),
    "frozen below": (
        nn.Sequential(nn.Linear(3, 5, bias=False).requires_grad_(False), nn.ReLU(), nn.Linear(5, 2, bias=False)),
        (3,),
        finite(serial(Dense(trained=False), RELU, Dense()), (3,), width=5, outputs=2),
    ),
}


class Mean(nn.Module):
    """Over positions."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(1)


def provided(module: nn.Module, *shape: int) -> Any:
    x = torch.zeros(2, *shape)
    return provider_of(subject_of(module, None, x, None), x, "auto")


@pytest.mark.parametrize("form", [Form(), Form(trace=True), Form(diagonal="inputs"), Form(chosen=(1,))], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_module_costs_what_its_network_does(name: str, form: Form) -> None:
    module, shape, network = NETWORKS[name]
    provider = provided(module, *shape)
    for sizes in ((40, 30), (7, None)):
        found = provider.costs(*sizes, form)
        wanted: dict[str, Any] = {"trace": form.trace, "diagonal": form.diagonal, "outputs": form.chosen}
        assert found == costs(network, *sizes, **wanted)
        for way in found:
            assert provider.room(way, *sizes, form) == room(layers_of(network), 2, way, *sizes, form)


def test_all_uses_of_a_weight_are_one_share_and_all_else_another() -> None:
    layer = nn.Linear(4, 4)
    provider = provided(nn.Sequential(layer, nn.Tanh(), layer, nn.LayerNorm(4), nn.Linear(4, 2), Mean()), 3, 4)
    # Twice at three positions; biases, scales and shifts have no product.
    assert provider.plan.shares[0] == Share(6, 4, 4)
    assert provider.plan.shares[1:] == (Share(3, 4, 2), Direct(4 + 4 + 4 + 2))
