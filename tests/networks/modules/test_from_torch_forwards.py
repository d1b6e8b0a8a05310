"""What a forward may say in several ways, and what a module says beside its layers."""

from __future__ import annotations

import math

import torch
from torch import nn

from ntkbench.networks import (
    Activation,
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalSumPool,
    Residual,
    from_torch,
    serial,
)

S2 = math.sqrt(2.0)
RELU = Activation("relu")


def test_vectors_need_no_flattening() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 1, bias=False))
    assert from_torch(module, (12,), b_std=0.1) == serial(Dense(S2, 0.1), RELU, Dense(S2))
    assert from_torch(module, (2, 2, 3), w_std=1.0) == serial(Flatten(), Dense(), RELU, Dense())


def test_a_layer_alone_is_one() -> None:
    assert from_torch(nn.Linear(3, 2)) == serial(Dense(S2))


def test_a_class_that_adds_no_forward_is_what_it_extends() -> None:
    class Named(nn.Linear):
        pass

    assert from_torch(nn.Sequential(Named(3, 2))) == serial(Dense(S2))


def test_views_flatten_and_sizes_divide() -> None:
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.readout = nn.Conv2d(2, 3, 1), nn.Linear(12, 2)
            self.pool = nn.AdaptiveAvgPool2d((2, 2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.pool(self.conv(x)).contiguous()
            return self.readout(h.view(h.size(0), -1))

    want = serial(Conv((1, 1), padding="valid", w_std=S2), AvgPool((3, 2)), Flatten(), Dense(S2))
    assert from_torch(Views(), (6, 4, 2)) == want


def test_what_is_written_over_may_have_been_used_before() -> None:
    class Before(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.relu = nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU(inplace=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.first(x)
            other = self.second(h)
            return self.relu(h) + other

    assert from_torch(Before()) == serial(Dense(S2), Residual(serial(RELU), serial(Dense(S2))))


def test_sums_over_positions_keywords_and_an_axis_of_one_are_read() -> None:
    class Sums(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.readout = nn.Conv2d(2, 3, 1), nn.Linear(3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.readout(input=self.conv(x).sum(dim=(-1, -2))).squeeze(-1)

    assert from_torch(Sums()) == serial(Conv((1, 1), padding="valid", w_std=S2), GlobalSumPool(), Dense(S2))


def test_frozen_layers_are_not_trained() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    module[0].requires_grad_(False)
    module[2].bias.requires_grad_(False)  # which has no scale, and therefore no part
    assert from_torch(module) == serial(Dense(S2, trained=False), RELU, Dense(S2))
