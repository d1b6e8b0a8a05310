"""Rules for layers of torch: kernels of modules are products of gradients that autograd finds row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ntkbench.kernels import empirical_ntk


class Called(nn.Module):
    """A forward pass of its own over named parts."""

    def __init__(self, forward: Callable[..., torch.Tensor], **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self._forward = forward

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self._forward(self, *inputs)


class Block(nn.Module):
    """A residual block of ResNet-18, with a shortcut where its shape changes."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(after), nn.BatchNorm2d(after)])
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential() if before == after else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.norms[1](self.second(self.relu(self.norms[0](self.first(x)))))
        h += self.shortcut(x)
        return self.relu(h)


def normal(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(sum(shape)).standard_normal(shape))


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape))


def attended(m: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    mixed, _ = m.attention(
        x.transpose(0, 1), y.transpose(0, 1), y.transpose(0, 1) * 0.5 if m.two else y.transpose(0, 1)
    )
    return m.out(mixed.mean(0))


def flat(m: Any, x: torch.Tensor) -> torch.Tensor:
    return m.out(torch.tanh(m.layers(x)).flatten(1))


L, S = nn.Linear, nn.Sequential
IMAGE, VECTOR, SEQUENCE = (lambda n: normal(n, 4, 5, 4)), (lambda n: normal(n, 3)), (lambda n: normal(n, 4, 6))
WORDS = lambda n: torch.arange(4 * n).reshape(n, 4) % 7  # noqa: E731

# What each has no rule for.
MODULES: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Any], tuple[str, ...]]] = {
    "resnet": (
        lambda: S(
            nn.Conv2d(4, 3, 3, 1, 1, bias=False),
            Block(3, 3, 1),
            Block(3, 5, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            L(5, 2),
        ),
        IMAGE,
        (),
    ),
    "grouped, dilated, padded": (
        lambda: S(
            nn.Conv2d(4, 8, 3, groups=4, padding=1),
            nn.SELU(),
            nn.Conv2d(8, 6, (2, 4), padding="same", groups=2, dilation=(1, 2)),
            nn.SiLU(),
            nn.Conv2d(6, 4, 3, stride=(1, 2), padding=(1, 2), padding_mode="circular"),
            nn.Conv2d(4, 2, 2, padding=1, padding_mode="reflect", bias=False),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        ),
        IMAGE,
        (),
    ),
    "along one axis": (
        lambda: Called(
            flat, layers=S(nn.Conv1d(4, 3, 3, stride=2, dilation=2, padding=1), nn.Conv1d(3, 3, 1)), out=L(6, 2)
        ),
        SEQUENCE,
        (),
    ),
    "along three axes": (
        lambda: Called(flat, layers=S(nn.Conv3d(2, 4, (2, 1, 2), groups=2), nn.GroupNorm(2, 4)), out=L(16, 2)),
        lambda n: normal(n, 2, 3, 2, 2),
        (),
    ),
    "transposed": (
        lambda: Called(
            flat,
            layers=S(
                nn.ConvTranspose2d(4, 6, (3, 2), stride=2, padding=1, output_padding=1, groups=2),
                nn.Tanh(),
                nn.ConvTranspose2d(6, 2, 2, stride=1, dilation=2, bias=False),
                nn.AdaptiveAvgPool2d(2),
            ),
            out=L(8, 2),
        ),
        IMAGE,
        (),
    ),
    "transposed along one axis": (
        lambda: Called(flat, layers=nn.ConvTranspose1d(4, 2, 3, stride=3, padding=1, output_padding=2), out=L(36, 2)),
        SEQUENCE,
        (),
    ),
    "norms": (
        lambda: Called(
            flat,
            layers=S(
                nn.LayerNorm((5, 4)),
                nn.BatchNorm2d(4),
                nn.BatchNorm2d(4, track_running_stats=False),
                nn.InstanceNorm2d(4, affine=True),
                nn.GroupNorm(2, 4),
                nn.RMSNorm(4),
                nn.LayerNorm(4, bias=False),
            ),
            out=L(80, 2),
        ),
        IMAGE,
        (),
    ),
    "words": (
        lambda: Called(
            lambda m, x: m.out(torch.tanh(m.table(x)).sum(1)), table=nn.Embedding(7, 3, padding_idx=-2), out=L(3, 2)
        ),
        WORDS,
        (),
    ),
    "attention": (
        lambda: Called(attended, attention=nn.MultiheadAttention(6, 2), two=False, out=L(6, 2)),
        lambda n: (normal(n, 4, 6), normal(n, 3, 6)),
        (),
    ),
    "attention of other widths": (
        lambda: Called(
            attended, attention=nn.MultiheadAttention(6, 3, kdim=5, vdim=5, add_bias_kv=True), two=True, out=L(6, 2)
        ),
        lambda n: (normal(n, 4, 6), normal(n, 3, 5)),
        ("attention.bias_k", "attention.bias_v"),
    ),
    "transformer": (
        lambda: Called(
            lambda m, x: m.out(m.blocks(m.table(x) + m.places).mean(1)),
            table=nn.Embedding(7, 4),
            places=parameter(4, 4),
            blocks=S(*(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=k > 0) for k in range(2))),
            out=L(4, 2),
        ),
        WORDS,
        ("places",),
    ),
}


def made(name: str) -> nn.Module:
    """In eval mode, with the statistics and scales of what has been trained."""
    module = MODULES[name][0]().double().eval()
    for part in module.modules():
        for key in ("weight", "bias", "running_mean"):
            value = getattr(part, key, None)
            if type(part).__name__.endswith(("Norm", "Norm1d", "Norm2d")) and value is not None:
                value.data.normal_()
    return module


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.parametrize("name", MODULES)
def test_it_is_the_product_of_gradients_and_tells_what_has_no_rule(name: str, check: Callable[..., None]) -> None:
    check(made(name), *MODULES[name][1:])


def test_float32_stays_float32() -> None:
    module, x = made("resnet"), normal(3, 4, 5, 4)
    exact = empirical_ntk(module, x, method="structured")
    single = empirical_ntk(module.float(), x.float(), method="structured")
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=1e-5 * float(exact.abs().max()))
