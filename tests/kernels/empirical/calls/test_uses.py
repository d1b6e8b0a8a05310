"""Parameters in all kinds of use: shared, frozen, scaled, bare, in functions of a module's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize

from ntkbench.networks import Activation, Dense, serial, to_torch


class Called(nn.Module):
    """A forward pass of its own over named parts."""

    def __init__(self, forward: Callable[..., torch.Tensor], **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self._forward = forward

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self._forward(self, *inputs)


class Exponential(nn.Module):
    """Weights that are positive."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return torch.exp(weight)


class Doubled(torch.autograd.Function):
    """A product with twice a matrix, whose derivative is its own."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return 2.0 * functional.linear(x, weight)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:
        x, weight = ctx.saved_tensors
        return 2.0 * slope @ weight, 2.0 * slope.mT @ x


def normal(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(sum(shape)).standard_normal(shape))


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape))


def tied(first: nn.Linear, second: nn.Linear) -> Any:
    second.weight, second.bias = first.weight, first.bias
    return {"first": first, "second": second}


def frozen(part: nn.Module, *names: str) -> nn.Module:
    for name, value in part.named_parameters():
        if name in names:
            value.requires_grad_(False)
    return part


def looped(m: Any, x: torch.Tensor) -> torch.Tensor:
    h = x[:, 0]
    for k in range(3):
        h = torch.tanh(m.step(h) + m.read(x[:, k]))
    return m.out(h)


def time_distributed(m: Any, x: torch.Tensor) -> torch.Tensor:
    n, steps = x.shape[:2]
    return m.out(m.each(x.flatten(0, 1)).relu().reshape(n, steps, -1).mean(1))


L, S = nn.Linear, nn.Sequential
IMAGE, VECTOR, SEQUENCE = (lambda n: normal(n, 4, 5, 4)), (lambda n: normal(n, 3)), (lambda n: normal(n, 4, 6))
WORDS = lambda n: torch.arange(4 * n).reshape(n, 4) % 7  # noqa: E731

# What each has no rule for.
MODULES: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Any], tuple[str, ...]]] = {
    "tied words": (
        lambda: Called(
            lambda m, x: functional.linear(torch.tanh(m.table(x)).sum(1), m.table.weight)[:, :2],
            table=nn.Embedding(7, 3),
        ),
        WORDS,
        ("table.weight",),
    ),
    "called three times": (lambda: Called(looped, step=L(6, 6), read=L(6, 6, bias=False), out=L(6, 2)), SEQUENCE, ()),
    "shared at other positions": (
        lambda: Called(
            lambda m, x: m.out(m.conv(torch.tanh(m.conv(x))[..., :3, :2]).mean((2, 3))),
            conv=nn.Conv2d(4, 4, 2),
            out=L(4, 2),
        ),
        IMAGE,
        (),
    ),
    "tied": (
        lambda: Called(lambda m, x: m.second(torch.tanh(m.first(x)))[:, :2], **tied(L(3, 3), L(3, 3))),
        VECTOR,
        (),
    ),
    "frozen in part": (
        lambda: S(
            frozen(L(3, 4), "weight"), nn.Tanh(), frozen(L(4, 4), "bias"), frozen(L(4, 4), "weight", "bias"), L(4, 2)
        ),
        VECTOR,
        (),
    ),
    "bare": (
        lambda: Called(
            lambda m, x: torch.addmm(m.b, torch.tanh(x @ m.w) * m.scale, m.v),
            w=parameter(3, 4),
            v=parameter(4, 2),
            b=parameter(2),
            scale=parameter(4),
        ),
        VECTOR,
        ("scale",),
    ),
    "products of parameters": (
        lambda: Called(lambda m, x: x @ (m.w @ m.v), w=parameter(3, 4), v=parameter(4, 2)),
        VECTOR,
        ("w", "v"),
    ),
    "weights by name, and of no rows": (
        lambda: Called(
            lambda m, x: (
                functional.linear(weight=m.w, input=torch.tanh(torch.matmul(x[0:, None], m.v)).mean(1)) + m.w.sum()
            ),
            w=parameter(2, 4),
            v=parameter(3, 4),
        ),
        VECTOR,
        ("w",),
    ),
    "scaled twice": (
        lambda: Called(lambda m, x: functional.linear(torch.tanh(x @ (2.0 * m.w)), m.w / 3)[:, :2], w=parameter(3, 3)),
        VECTOR,
        ("w",),
    ),
    "transposed, all one way": (
        lambda: Called(
            lambda m, x: (
                torch.tanh(functional.linear(torch.tanh(x @ m.w.T), m.w)) @ m.w.transpose(0, 1) @ m.v.mT.t().T
            )[:, :2],
            w=parameter(3, 3),
            v=parameter(4, 3),
        ),
        VECTOR,
        (),
    ),
    "transposed both ways": (
        lambda: Called(lambda m, x: (torch.tanh(x @ m.w) @ m.w.T)[:, :2], w=parameter(3, 4)),
        VECTOR,
        ("w",),
    ),
    "a square one both ways": (
        lambda: Called(lambda m, x: (torch.tanh(x @ m.w) @ m.w.T)[:, :2], w=parameter(3, 3)),
        VECTOR,
        ("w",),
    ),
    "in the NTK parametrisation": (
        lambda: to_torch(serial(Dense(1.5, 0.5), Activation("relu"), Dense()), width=4, input_shape=(3,), outputs=2),
        VECTOR,
        (),
    ),
    "parametrised": (
        lambda: S(parametrize.register_parametrization(L(3, 4), "weight", Exponential()), nn.Tanh(), L(4, 2)),
        VECTOR,
        ("0.parametrizations.weight.original",),
    ),
    "a derivative of its own": (
        lambda: Called(lambda m, x: m.out(torch.tanh(Doubled.apply(x, m.w))), w=parameter(4, 3), out=L(4, 2)),
        VECTOR,
        ("w",),
    ),
    "cut off": (
        lambda: Called(
            lambda m, x: m.out(torch.tanh(m.first(x)).detach() + m.second(x)),
            first=L(3, 4),
            second=L(3, 4),
            out=L(4, 2),
        ),
        VECTOR,
        (),
    ),
    "weights from inputs": (
        lambda: Called(lambda m, x: torch.einsum("nuf,nf->nu", m.makes(x).reshape(-1, 2, 3), x), makes=L(3, 6)),
        VECTOR,
        (),
    ),
    "rows as one axis": (
        lambda: Called(time_distributed, each=nn.Conv1d(4, 3, 1), out=L(18, 2)),
        lambda n: normal(n, 2, 4, 6),
        (),
    ),
    "mapped by itself": (
        lambda: Called(lambda m, x: m.out(torch.vmap(m.each)(x).sum(1)), each=L(6, 3), out=L(3, 2)),
        SEQUENCE,
        ("each.weight", "each.bias"),
    ),
    "slopes that are trained": (
        lambda: S(nn.Conv2d(4, 3, 2), nn.PReLU(3), nn.Flatten(), L(36, 2), nn.PReLU()),
        lambda n: normal(n, 4, 5, 4),
        ("1.weight", "4.weight"),
    ),
    "of a tuple": (
        lambda: Called(lambda m, x: m.both(x)[1], both=Called(lambda m, x: (x, m.out(x)), out=L(3, 2))),
        VECTOR,
        (),
    ),
    "a cell": (
        lambda: Called(lambda m, x: m.out(m.cell(x, x)), cell=nn.GRUCell(3, 3), out=L(3, 2)),
        VECTOR,
        ("cell.weight_ih", "cell.weight_hh", "cell.bias_ih", "cell.bias_hh"),
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_it_is_the_product_of_gradients_and_tells_what_has_no_rule(name: str, check: Callable[..., None]) -> None:
    make, inputs, rest = MODULES[name]
    check(make().double().eval(), inputs, rest)
