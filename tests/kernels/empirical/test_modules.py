"""Empirical kernels of torch modules: against products of gradients that autograd finds one output at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ntkbench.backends import open_backend
from ntkbench.kernels import empirical_ntk, empirical_ntk_product
from ntkbench.networks import Activation, Dense, finite, serial, to_backend

METHODS = ("contraction", "vector_products", "structured")


class Image(nn.Module):
    """Residual, grouped and dilated, with buffers of all kinds and a count of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(4, 4, 3, groups=4, padding=1)
        self.dilated = nn.Conv2d(4, 4, 3, dilation=2, padding=2)
        self.norm = nn.BatchNorm2d(4)
        self.groups = nn.GroupNorm(2, 4)
        self.readout = nn.Linear(4, 2)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        h = torch.relu(self.groups(self.norm(self.depthwise(x))))
        return self.readout((self.dilated(h) + x).mean((2, 3)))


class Text(nn.Module):
    """Words through attention, some of them masked."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(7, 8)
        self.attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.readout = nn.Linear(8, 2)

    def forward(self, words: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        h = self.attention(self.words(words))
        return self.readout((h * weights[..., None]).sum(1))


class Shared(nn.Module):
    """One matrix in two places, and frozen biases."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.first.bias.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(x)))[:, :2]


class Several(nn.Module):
    """Gives a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.linear(x), x


def dense() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.GELU(), nn.Dropout(0.5), nn.Linear(5, 2))


def normal(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(sum(shape)).standard_normal(shape))


def words(n: int) -> dict[str, torch.Tensor]:
    return {"words": torch.arange(4 * n).reshape(n, 4) % 7, "weights": normal(n, 4)}


MODULES: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Any]]] = {
    "dense": (dense, lambda n: normal(n, 3)),
    "slopes": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.PReLU(4), nn.Linear(4, 2), nn.PReLU()),
        lambda n: normal(n, 3),
    ),
    "image": (Image, lambda n: normal(n, 4, 5, 4)),
    "text by name": (Text, words),
    "text in order": (Text, lambda n: tuple(words(n).values())),
    "shared": (Shared, lambda n: normal(n, 3)),
}


@pytest.fixture(autouse=True)
def drawn_alike() -> None:
    torch.manual_seed(0)


def outputs(module: nn.Module, x: Any) -> torch.Tensor:
    if isinstance(x, dict):
        return module(**x)
    return module(*x) if isinstance(x, tuple) else module(x)


@torch.enable_grad()  # which the suite's own backend switches off
def gradients(module: nn.Module, x: Any) -> torch.Tensor:
    """(n, O, P), by autograd."""
    found, trained = outputs(module, x), [p for p in module.parameters() if p.requires_grad]
    rows = []
    for output in found.flatten():
        each = torch.autograd.grad(output, trained, retain_graph=True, materialize_grads=True, allow_unused=True)
        rows.append(torch.cat([g.flatten() for g in each]))
    return torch.stack(rows).reshape(*found.shape, -1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MODULES)
def test_it_is_the_product_of_gradients(name: str, method: Any) -> None:
    make, inputs = MODULES[name]
    module, x1, x2 = make().double().eval(), inputs(3), inputs(2)
    want = torch.einsum("iop,jqp->ijoq", gradients(module, x1), gradients(module, x2))
    torch.testing.assert_close(empirical_ntk(module, x1, x2, method=method), want, rtol=1e-12, atol=1e-12)
    mean = torch.einsum("ijoo->ij", want) / want.shape[-1]
    torch.testing.assert_close(empirical_ntk(module, x1, x2, method=method, trace=True), mean, rtol=1e-12, atol=1e-12)
    v = normal(2, 2)
    product = empirical_ntk_product(module, x1, x2, v)
    torch.testing.assert_close(product, torch.einsum("ijop,jp->io", want, v), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "method"),
    [*((name, "structured") for name in MODULES), ("dense", "contraction"), ("dense", "vector_products")],
)
def test_pieces_are_the_whole(name: str, method: Any) -> None:
    make, inputs = MODULES[name]
    module, x = make().double(), inputs(3)
    done: list[tuple[int, int]] = []
    whole = empirical_ntk(module, x, method="contraction")
    pieces = empirical_ntk(module, x, method=method, memory=1, progress=lambda *d: done.append(d))
    torch.testing.assert_close(pieces, whole, rtol=1e-12, atol=1e-12)
    assert len(done) > 1
    assert torch.equal(pieces, pieces.permute(1, 0, 3, 2))
    v = normal(3, 2)
    product = torch.einsum("ijop,jp->io", whole, v)
    torch.testing.assert_close(empirical_ntk_product(module, x, None, v, memory=1), product, rtol=1e-12, atol=1e-12)


def test_a_module_is_left_as_it_was() -> None:
    module = Image().double().train()
    module.norm.eval()
    state = {name: value.clone() for name, value in module.state_dict().items()}
    modes = {name: part.training for name, part in module.named_modules()}
    fast = torch.backends.mha.get_fastpath_enabled()
    empirical_ntk(module, normal(2, 4, 5, 4))
    assert {name: part.training for name, part in module.named_modules()} == modes
    assert torch.backends.mha.get_fastpath_enabled() == fast
    after = module.state_dict()
    assert all(torch.equal(after[name], value) for name, value in state.items())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_arguments_by_name_and_in_order_are_the_same() -> None:
    module, x1, x2, v = dense().double(), normal(3, 3), normal(2, 3), normal(2, 2)
    want = empirical_ntk(module, x1, x2)
    assert torch.equal(empirical_ntk(module, x1=x1, x2=x2), want)
    assert torch.equal(empirical_ntk(module, x1, x2=x2), want)
    assert torch.equal(empirical_ntk(module, x1, None), empirical_ntk(module, x1))
    product = empirical_ntk_product(module, x1, x2, v)
    assert torch.equal(empirical_ntk_product(module, x1, x2=x2, v=v), product)
    assert torch.equal(empirical_ntk_product(module, x1, x2, v=v), product)
    square = empirical_ntk_product(module, x2, None, v)
    assert torch.equal(empirical_ntk_product(module, x2, v=v), square)


def test_a_function_takes_trees_of_inputs() -> None:
    network = finite(serial(Dense(), Activation("tanh"), Dense()), (3,), width=4, outputs=2)
    params = to_backend(network.init(np.random.default_rng(0)), open_backend("torch"))
    x = normal(4, 3)

    def apart(params: Any, x: Any) -> torch.Tensor:
        return network.apply(params, torch.cat([x["left"], x["right"]], 1))

    want = empirical_ntk(network, params, x)
    found = empirical_ntk(apart, params, {"left": x[:, :1], "right": x[:, 1:]})
    torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-12)


def test_nothing_trained_and_no_inputs_give_what_is_left() -> None:
    module = dense().double()
    assert empirical_ntk(module, normal(3, 3)[:0]).shape == (0, 0, 2, 2)
    assert torch.equal(
        empirical_ntk(module.requires_grad_(False), normal(3, 3)), torch.zeros(3, 3, 2, 2, dtype=torch.float64)
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: empirical_ntk(Several().double(), x), "the module gives a tuple of 2, not one array"),
        (lambda x: empirical_ntk(nn.Flatten(0).double(), x), r"the module must give \(n, O\) for n inputs, not \(3,\)"),
        (lambda x: empirical_ntk(dense(), x), "must all be float32 or all float64, not float32, float64"),
        (lambda x: empirical_ntk(dense().double(), x, method="structure"), "did you mean 'structured'"),
        (lambda x: empirical_ntk(dense()), r"inputs x1 are missing: give \(function, params, x1\), or \(module, x1\)"),
        (lambda x: empirical_ntk(dense(), {}, x, x), "Sequential holds its parameters: leave params out"),
        (lambda x: empirical_ntk(dense(), (x, x[:1])), "x1 must agree in their number of inputs, not"),
        (lambda x: empirical_ntk(dense(), ()), "x1 must hold an array of inputs"),
        (lambda x: empirical_ntk(dense(), x, (x,)), "x1 and x2 must agree in all but their number"),
        (lambda x: empirical_ntk(nn.Sequential(nn.GRU(3, 2)), x), "0: torch does not map a whole GRU .* a GRUCell"),
        (lambda x: empirical_ntk(nn.LazyLinear(3), x), "weight has no shape yet: call the module with inputs once"),
        (lambda x: empirical_ntk_product(dense().double(), x, None), r"v must be of \(2, 2\) and .*float64, not None"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(normal(2, 3))
