"""The networks of `networks.weights` as modules of torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ntkbench.peers.networks import stride, weights

Arrays = Mapping[str, torch.Tensor]


def module_of(workload: Mapping[str, Any], arrays: Arrays) -> torch.nn.Module:
    """The network with the weights given, channels last, in eval mode."""
    made: torch.nn.Module = _fcn(workload, arrays) if workload["network"] == "fcn" else _ResNet(arrays)
    return made.eval()


def inputs_of(arrays: Arrays) -> torch.Tensor:
    """The inputs as the module takes them: images with channels first."""
    x = arrays["x1"]
    return x if x.ndim == 2 else x.permute(0, 3, 1, 2).contiguous()


def _fcn(workload: Mapping[str, Any], arrays: Arrays) -> torch.nn.Module:
    layers: list[torch.nn.Module] = []
    for weight in weights(workload):
        layers += [_linear(arrays[weight.name]), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def _linear(weight: torch.Tensor) -> torch.nn.Module:
    layer = torch.nn.Linear(*weight.shape, bias=False)
    layer.weight = torch.nn.Parameter(weight.T.contiguous())
    return layer


def _convolution(arrays: Arrays, name: str, step: int) -> torch.nn.Module:
    """With the norm that follows."""
    kernel = arrays[name].permute(3, 2, 0, 1).contiguous()
    units, channels, size, _ = kernel.shape
    layer = torch.nn.Conv2d(channels, units, size, step, size // 2, bias=False)
    layer.weight = torch.nn.Parameter(kernel)
    # Means 0 and variances 1, as they are when it is made.
    norm = torch.nn.BatchNorm2d(units, eps=0.0).to(kernel.dtype)
    norm.weight, norm.bias = (torch.nn.Parameter(arrays[f"{name}_{part}"]) for part in ("scale", "shift"))
    return torch.nn.Sequential(layer, norm)


class _Block(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, arrays: Arrays, number: int) -> None:
        super().__init__()
        name, step = f"block{number}", stride(number)
        self.first = _convolution(arrays, f"{name}_first", step)
        self.second = _convolution(arrays, f"{name}_second", 1)
        has_shortcut = f"{name}_shortcut" in arrays
        self.shortcut = _convolution(arrays, f"{name}_shortcut", step) if has_shortcut else torch.nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(x))


class _ResNet(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, arrays: Arrays) -> None:
        super().__init__()
        self.stem = torch.nn.Sequential(_convolution(arrays, "stem", 2), torch.nn.ReLU(), torch.nn.MaxPool2d(3, 2, 1))
        blocks = sum(name.endswith("_first") for name in arrays)
        self.blocks = torch.nn.Sequential(*(_Block(arrays, number) for number in range(blocks)))
        self.readout = _linear(arrays["readout"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.readout(self.blocks(self.stem(x)).mean((2, 3)))
