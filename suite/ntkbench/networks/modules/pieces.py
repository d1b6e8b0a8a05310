"""Modules for what torch has none: scaled parameters, windows with an odd place, layers with channels last, joins."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ntkbench.networks.layers import Conv, Layer, windows


class Scale(nn.Module):  # type: ignore[misc]
    """The NTK parametrisation of weights or biases: drawn from N(0, 1), used times std / sqrt(fan-in)."""

    def __init__(self, std: float, fan_in: int = 1) -> None:
        super().__init__()
        self.std, self.fan_in = std, fan_in

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * (self.std / math.sqrt(self.fan_in))

    def right_inverse(self, x: torch.Tensor) -> torch.Tensor:
        """What is kept for values that are to be used."""
        return x / (self.std / math.sqrt(self.fan_in))

    def extra_repr(self) -> str:
        """For `print`."""
        return f"{self.std}, {self.fan_in}"


class Padded(nn.Module):  # type: ignore[misc]
    """A convolution behind the padding of a `Conv`, for those that torch's own do not pad alike."""

    def __init__(self, layer: Conv, conv: nn.Module) -> None:
        super().__init__()
        self.layer, self.conv = layer, conv

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        reach = windows.reach(self.layer.window, self.layer.apart)
        around = windows.padded(x.movedim(1, -1), reach, self.layer.steps, self.layer.padding)
        found: torch.Tensor = self.conv(around.movedim(-1, 1))
        return found


class AtPositions(nn.Module):  # type: ignore[misc]
    """A fully connected layer on the channels of each position."""

    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.linear(x.movedim(1, -1))
        return found.movedim(-1, 1)


class Weightless(nn.Module):  # type: ignore[misc]
    """A layer without weights, channels first."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layer.forward(x.movedim(1, -1), _NoWeights())
        return found.movedim(-1, 1)

    def extra_repr(self) -> str:
        """For `print`."""
        return str(self.layer)


class Branches(nn.Module):  # type: ignore[misc]
    """Branches that all get the same input, and are joined: by "sum", "concatenation" or "product"."""

    def __init__(self, how: str, branches: list[nn.Module]) -> None:
        super().__init__()
        self.how, self.branches = how, nn.ModuleList(branches)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = [branch(x) for branch in self.branches]
        if self.how == "concatenation":
            return torch.cat(values, dim=1)
        joined = values[0]
        for value in values[1:]:
            joined = joined + value if self.how == "sum" else joined * value
        return joined

    def extra_repr(self) -> str:
        """For `print`."""
        return self.how


LEAVES = (Padded, AtPositions, Weightless)
"""What is a layer as a whole, whatever it does inside."""


class _NoWeights:
    """The `LinearFunction` of a layer without weights, all of whose positions are there."""

    present = None

    def __call__(self, x: Any) -> Any:
        raise AssertionError("a layer without weights asks for some")

    def by_steps(self) -> Callable[[Any], Any]:
        raise AssertionError("a layer without weights asks for some")
