"""Architectures of modules: as written by hand, and computing with the modules' own weights what these compute."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from ntkbench.kernels import architecture_kernels
from ntkbench.networks import (
    Activation,
    AvgPool,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    FanInProd,
    GlobalAvgPool,
    LayerNorm,
    Residual,
    finite,
    from_torch,
    serial,
)

W, S2 = 4, math.sqrt(2.0)
RELU = Activation("relu")


class Block(nn.Module):
    """Of a ResNet, without its norms, and with a ReLU that writes in place."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(W, W, 3, stride, 1)
        self.second = nn.Conv2d(W, W, 3, padding=1)
        self.down = nn.Conv2d(W, W, 1, stride) if stride > 1 else None
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x
        h = self.second(self.relu(self.first(x)))
        if self.down is not None:
            shortcut = self.down(x)
        h += shortcut
        return self.relu(h)


class Resnet(nn.Module):
    """With calls of functions, and an argument that has a default."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, W, 3, padding="same")
        self.blocks = nn.Sequential(Block(), Block(2))
        self.readout = nn.Linear(W, 3)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        h = self.blocks(torch.relu(self.stem(x)))
        h = torch.flatten(functional.adaptive_avg_pool2d(h, 1), 1)
        return self.readout(h)


class Calls(nn.Module):
    """Products and concatenations of branches, and means by dim."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Conv1d(n, W, 3, padding=1) for n in (2, 2, 2 * W))
        self.d = nn.Conv1d(W, W, 1)
        self.readout = nn.Linear(W, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = torch.cat([functional.gelu(self.a(x)), self.b(x).sin()], dim=1)
        h = self.c(functional.avg_pool1d(both, 3, stride=1, padding=1))
        h = torch.tanh(h) * self.d(functional.leaky_relu(h, 0.2))
        return self.readout(functional.silu(h).mean(-1))


def chain(*modules: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*modules)


def conv(padding: Any = "same", stride: Any = (1, 1), window: Any = (3, 3), **options: Any) -> Conv:
    return Conv(window, stride, padding, S2, 0.5, **options)


DENSE = Dense(S2, 0.5)
POOLED = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(W, 3))
ENDS = (GlobalAvgPool(), DENSE)
LEFT = AvgPool((1, 1), (2, 2))
AB = Concatenate(
    (
        serial(conv(window=(3,), stride=(1,)), Activation("gelu")),
        serial(conv(window=(3,), stride=(1,)), Activation("sin")),
    )
)
GATE = FanInProd((Activation("tanh"), serial(Activation("leaky_relu", slope=0.2), conv("valid", (1,), (1,)))))

# A module, the inputs of its architecture, and that architecture; with sizes not told, where it is another one.
CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], Any, Any]] = {
    "vectors": (
        chain(nn.Linear(5, W), nn.Tanh(), nn.Identity(), nn.Sequential(nn.Linear(W, W), nn.GELU()), nn.Linear(W, 3)),
        (5,),
        serial(DENSE, Activation("tanh"), DENSE, Activation("gelu"), DENSE),
        None,
    ),
    "layer norm and dropout": (
        chain(nn.Linear(5, W), nn.LayerNorm(W), nn.Sigmoid(), nn.Dropout(0.25), nn.Linear(W, 3)),
        (5,),
        serial(DENSE, LayerNorm(1e-5), Activation("sigmoid"), Dropout(0.75), DENSE),
        None,
    ),
    "circular and dilated": (
        chain(nn.Conv2d(2, W, 3, padding=(1, 2), dilation=(1, 2), padding_mode="circular"), nn.ReLU(), *POOLED),
        (5, 6, 2),
        serial(conv("circular", dilation=(1, 2)), RELU, *ENDS),
        None,
    ),
    "no padding, a stride": (
        chain(nn.Conv2d(2, W, (2, 3), stride=(2, 1)), nn.LeakyReLU(0.1), nn.AvgPool2d(2, 1), *POOLED),
        (6, 7, 2),
        serial(conv("valid", (2, 1), (2, 3)), Activation("leaky_relu", slope=0.1), AvgPool((2, 2), (1, 1)), *ENDS),
        None,
    ),
    "padding and stride, odd": (
        chain(nn.Conv2d(2, W, 3, 2, 1), nn.ReLU(), *POOLED),
        (7, 5, 2),
        serial(conv("same", (2, 2)), RELU, *ENDS),
        serial(conv(), LEFT, RELU, *ENDS),
    ),
    "padding and stride, even": (
        chain(nn.Conv2d(2, W, 3, 2, 1, padding_mode="circular"), nn.ReLU(), *POOLED),
        (6, 4, 2),
        serial(conv("circular"), LEFT, RELU, *ENDS),
        None,
    ),
    "padded means": (
        chain(
            nn.Conv2d(2, W, 1),
            nn.AvgPool2d(3, 2, 1),
            nn.ReLU(),
            nn.AvgPool2d(3, 2, 1, count_include_pad=False),
            *POOLED,
        ),
        (8, 6, 2),
        serial(
            conv("valid", window=(1, 1)),
            *(AvgPool((3, 3), (1, 1), "same"), LEFT, RELU),
            *(AvgPool((3, 3), (1, 1), "same", True), LEFT),
            *ENDS,
        ),
        None,
    ),
    "volumes": (
        chain(nn.Conv3d(2, W, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(W, 3)),
        (2, 3, 2, 2),
        serial(conv("same", (1, 1, 1), (3, 3, 3)), RELU, *ENDS),
        None,
    ),
    "resnet, odd": (
        Resnet,
        (5, 7, 2),
        serial(
            conv(),
            RELU,
            *(Residual(serial(conv(), RELU, conv())), RELU),
            *(Residual(serial(conv("same", (2, 2)), RELU, conv()), serial(conv("valid", (2, 2), (1, 1)))), RELU),
            *ENDS,
        ),
        serial(
            conv(),
            RELU,
            *(Residual(serial(conv(), RELU, conv())), RELU),
            *(Residual(serial(conv(), LEFT, RELU, conv()), serial(conv("valid", (2, 2), (1, 1)))), RELU),
            *ENDS,
        ),
    ),
    "calls": (
        Calls,
        (5, 2),
        serial(
            AB,
            AvgPool((3,), (1,), "same"),
            conv(window=(3,), stride=(1,)),
            GATE,
            Activation("swish"),
            *ENDS,
        ),
        None,
    ),
}


def own_parameters(module: nn.Module, x: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    """Weights and biases in the order in which they are used, as networks of finite width have them."""
    found: list[dict[str, torch.Tensor]] = []

    def keep(layer: Any, inputs: Any) -> None:
        weight = layer.weight.detach()
        found.append({"weight": weight.permute(*range(2, weight.ndim), 1, 0), "bias": layer.bias.detach()})

    layers = [part for part in module.modules() if hasattr(part, "weight") and not isinstance(part, nn.LayerNorm)]
    hooks = [layer.register_forward_pre_hook(keep) for layer in layers]
    module(x)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_architecture_that_was_meant(name: str) -> None:
    make, shape, known, unknown = CASES[name]
    assert from_torch(make(), shape, b_std=0.5) == known
    assert from_torch(make(), b_std=0.5) == (unknown or known)


@pytest.mark.parametrize("name", CASES)
def test_with_the_weights_of_the_module_it_computes_what_that_does(name: str) -> None:
    make, shape, _, _ = CASES[name]
    torch.manual_seed(0)
    module = make().double().eval()
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((3, *shape)))
    first = x.movedim(-1, 1)
    params, want = own_parameters(module, first), module(first)
    for architecture in (from_torch(module, shape, b_std=0.5), from_torch(module, b_std=0.5)):
        network = finite(architecture, shape, width=W, outputs=3, parameterization="standard")
        torch.testing.assert_close(network.apply(tuple(params), x), want, rtol=1e-12, atol=1e-12)


def test_both_readings_of_a_stride_have_one_kernel() -> None:
    make, shape, _, _ = CASES["padding and stride, odd"]
    x = np.random.default_rng(0).standard_normal((3, *shape))
    one, other = (architecture_kernels(from_torch(make(), *known), x) for known in ((), (shape,)))
    np.testing.assert_allclose(one.ntk, other.ntk, rtol=1e-12)
    np.testing.assert_allclose(one.nngp, other.nngp, rtol=1e-12)
