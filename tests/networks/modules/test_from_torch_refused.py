"""Modules that no architecture describes: named by their path, with the nearest that is supported."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from ntkbench.networks import from_torch


def inner(module: nn.Module) -> nn.Module:
    """The module somewhere inside: layer1.0.conv."""
    outer, block = nn.Sequential(), nn.Sequential()
    block.add_module("conv", module)
    outer.add_module("layer1", nn.Sequential(block))
    return outer


class Calling(nn.Module):
    """Whatever a forward may do."""

    def __init__(self, do: Callable[[Any, torch.Tensor], Any]) -> None:
        super().__init__()
        self.conv, self.linear, self.do = nn.Conv1d(3, 4, 3), nn.Linear(4, 2), do
        self.relu = nn.ReLU(inplace=True)
        self.gain = nn.Parameter(torch.ones(4, 1))

    def forward(self, x: torch.Tensor) -> Any:
        return self.do(self, x)


PARTS = {
    "groups=4 is not supported; the nearest is groups=1": nn.Conv2d(4, 4, 3, groups=4),
    "padding=(2, 2) of a window that reaches over 3 x 3 positions is not supported; the nearest is padding=(1, 1)": (
        nn.Conv2d(2, 2, 3, padding=2)
    ),
    "the nearest is padding=0, or a window of odd sizes": nn.Conv1d(2, 2, 4, padding=1),
    "the nearest is padding_mode='zeros' or 'circular'": nn.Conv1d(2, 2, 3, padding=1, padding_mode="reflect"),
    "MaxPool2d is not supported; the nearest is AvgPool": nn.MaxPool2d(2),
    "BatchNorm2d is not supported; the nearest is LayerNorm": nn.BatchNorm2d(3),
    "ConvTranspose1d is not supported; the nearest is Conv": nn.ConvTranspose1d(3, 3, 3),
    "ReLU6 is not supported; the nearest is ReLU": nn.ReLU6(),
    "approximate='tanh' is not supported; the nearest is approximate='none'": nn.GELU("tanh"),
    "ceil_mode=True is not supported; the nearest is ceil_mode=False": nn.AvgPool2d(2, ceil_mode=True),
    "divisor_override=3 is not supported": nn.AvgPool2d(2, divisor_override=3),
    "padding=(1, 1) of a window that reaches over 2 x 2 positions is not supported": nn.AvgPool2d(2, padding=1),
    "output_size=2 is not supported; the nearest is output_size=1": nn.AdaptiveAvgPool2d(2),
    "LayerNorm over positions is not supported": nn.LayerNorm((3, 4)),
    "Flatten(2, -1) is not supported; the nearest is Flatten(1, -1)": nn.Flatten(2),
    "p=1.0 is not supported; the nearest is p below 1": nn.Dropout(1.0),
    "with the parametrization _WeightNorm is not supported": nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)),
    "a weight that is computed, as by a norm of weights, is not supported": nn.utils.spectral_norm(nn.Linear(2, 2)),
}

CALLS: dict[str, Callable[[Any, torch.Tensor], Any]] = {
    "conv: a layer that is used twice is not supported": lambda m, x: m.conv(x) + m.conv(x),
    "linear: Linear on the last axis of positions is not supported": lambda m, x: m.linear(m.conv(x)),
    "conv: Conv1d on vectors is not supported; the nearest is Linear": lambda m, x: m.conv(m.linear(x.flatten(1))),
    "Calling, mul: mul with a number is not supported": lambda m, x: m.conv(x) * 0.5,
    "Calling, gain: a parameter or buffer that forward uses itself": lambda m, x: m.conv(x) * m.gain,
    "Calling, add: a sum with alpha": lambda m, x: torch.add(x, m.conv(x), alpha=2),
    "Calling, max_pool1d: max_pool1d is not supported; the nearest is avg_pool": lambda m, x: functional.max_pool1d(
        m.conv(x), 2
    ),
    "Calling, mean: the mean over dim=1 is not supported": lambda m, x: m.conv(x).mean(1),
    "Calling, view: view(2, -1, 3) is not supported; the nearest is flatten(1)": lambda m, x: m.conv(x).view(2, -1, 3),
    "Calling, cat: a concatenation along dim=2 is not supported": lambda m, x: torch.cat([m.conv(x), x], 2),
    "Calling, sub: sub is not supported; the nearest is add": lambda m, x: m.conv(x) - x,
    "Calling, clamp: clamp is not supported; the nearest is an architecture written by hand": lambda m, x: m.conv(
        x
    ).clamp(0),
    "relu: writing over an input that is used again behind it is not supported": lambda m, x: (
        m.relu(h := torch.tanh(x)) + m.conv(h)
    ),
    "Calling, iadd: writing over an input that is used again": lambda m, x: (
        operator.iadd(h := m.conv(x), x) + torch.tanh(h)
    ),
    "Calling, matmul: matmul is not supported; the nearest is torch.nn.Linear": lambda m, x: m.conv(x) @ x,
    "Calling, truediv: truediv is not supported; the nearest is w_std and b_std": lambda m, x: m.conv(x) / 2,
    "Calling: a dict as output is not supported; the nearest is one array": lambda m, x: {"y": m.conv(x)},
    "Calling: a tuple as output is not supported; the nearest is one array": lambda m, x: (m.conv(x), x),
    "Calling: its forward cannot be read (symbolically traced variables cannot be used as inputs to control flow)": (
        lambda m, x: m.conv(x) if x.sum() > 0 else x
    ),
    "conv: what it gives goes into paths that no sum of branches describes": lambda m, x: (
        torch.sin(h := torch.tanh(m.conv(x))) * (k := torch.cos(x)) + torch.exp(h) * torch.sin(k)
    ),
}


@pytest.mark.parametrize("words", PARTS)
def test_a_part_is_named_by_its_path(words: str) -> None:
    with pytest.raises(ValueError, match=rf"^layer1\.0\.conv: .*{re.escape(words)}") as caught:
        from_torch(inner(PARTS[words]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("words", CALLS)
def test_a_call_is_named_by_where_it_stands(words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}") as caught:
        from_torch(Calling(CALLS[words]))
    assert "\n" not in str(caught.value)


def test_shared_weights_are_named_with_both_places() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    module[2].weight = module[0].weight
    with pytest.raises(ValueError, match=r"^2: sharing weights with 0 is not supported"):
        from_torch(module)


def test_half_frozen_layers_are_refused() -> None:
    module = nn.Sequential(nn.Linear(3, 3))
    module[0].bias.requires_grad_(False)
    with pytest.raises(ValueError, match=r"^0: training one of weight and bias alone"):
        from_torch(module, b_std=1.0)


def test_a_second_input_is_refused() -> None:
    class Two(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x + y

    with pytest.raises(ValueError, match=r"^Two: a second input is not supported; the nearest is one input"):
        from_torch(Two())


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((3, 8, 9), "^1: it takes 3 channels, and the inputs have 9; channels come last in input_shape$"),
        (5, r"input_shape must be \(d,\), \(T, C\), .* not 5$"),
        ((4, 4, 3), r"1: a window of \(5, 5\) does not fit into 4 x 4 positions"),
    ],
)
def test_shapes_are_checked(shape: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_torch(nn.Sequential(nn.ReLU(), nn.Conv2d(3, 4, 5)), shape)


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(ValueError, match=r"from_torch takes a torch\.nn\.Module, not 'resnet'"):
        from_torch("resnet")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^a module is needed, not its class: make one, ReLU\(\.\.\.\)$"):
        from_torch(nn.ReLU)  # type: ignore[arg-type]


def test_scales_are_checked() -> None:
    with pytest.raises(ValueError, match="w_std must be positive and b_std not negative, not -1"):
        from_torch(nn.Linear(2, 2), w_std=-1.0)
