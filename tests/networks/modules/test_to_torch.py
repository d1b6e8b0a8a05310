"""Modules of architectures: what networks of finite width compute, and back again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from torch import nn

from ntkbench.kernels import architecture_kernels, empirical_ntk
from ntkbench.networks import (
    Activation,
    AvgPool,
    Concatenate,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    FanInProd,
    Flatten,
    GlobalAvgPool,
    GlobalSumPool,
    Layer,
    LayerNorm,
    LocalConv,
    Residual,
    Serial,
    SumPool,
    finite,
    from_torch,
    serial,
    to_torch,
)
from ntkbench.networks.activations import Erf

RELU = Activation("relu")
IMAGES = serial(
    Conv((3, 3), (2, 2), b_std=0.1, w_std=1.4),
    Residual(serial(RELU, Conv((3, 3), padding="circular", b_std=0.3))),
    RELU,
    Flatten(),
    Dense(1.2, 0.2),
)

activations = st.sampled_from(
    [
        *(Activation(name) for name in ("relu", "gelu", "tanh", "sigmoid", "swish", "erf", "identity")),
        Activation("leaky_relu", slope=0.3),
        Activation(Erf(1.2, 0.6, 0.3)),
    ]
)
stds = {
    "w_std": st.sampled_from([0.7, 1.0, math.sqrt(2.0)]),
    "b_std": st.sampled_from([0.0, 0.3]),
    "trained": st.booleans(),
}
denses = st.builds(Dense, **stds)


def windows(axes: int, most: int) -> Any:
    return st.tuples(*[st.integers(1, most)] * axes)


def at_positions(axes: int, strides: bool) -> Any:
    """Layers on positions; with strides, also those that leave fewer."""
    steps = windows(axes, 2) if strides else st.just((1,) * axes)
    padding = st.sampled_from(["same", "circular"])
    convolutions = st.builds(
        Conv, window=windows(axes, 3), stride=steps, padding=padding, dilation=windows(axes, 2), **stds
    )
    pools = [st.builds(kind, window=windows(axes, 3), stride=steps, padding=padding) for kind in (AvgPool, SumPool)]
    return st.one_of(convolutions, denses, activations, st.just(LayerNorm(1e-3)), st.just(Dropout(0.75)), *pools)


def branches(layers: Any) -> Any:
    """Blocks of layers that keep what lies at a position at that position; their ends have weights."""
    pairs = st.tuples(layers, denses).map(lambda pair: serial(*pair))
    return st.one_of(
        st.builds(Residual, branch=pairs, shortcut=st.sampled_from([serial(), serial(Dense(0.5))])),
        st.tuples(pairs, denses).map(Concatenate),
        st.tuples(denses, pairs).map(FanInProd),
    )


@st.composite
def architectures(draw: Any) -> tuple[Serial, tuple[int, ...]]:
    axes = draw(st.integers(0, 3))
    shape = draw(st.tuples(*[st.integers(1, 4)] * axes, st.integers(1, 3)))
    if not axes:
        plain = st.one_of(denses, activations, st.just(LayerNorm(1e-3)), st.just(Dropout(0.5)))
        body: list[Layer] = draw(st.lists(st.one_of(plain, branches(plain)), max_size=4))
        return serial(Dense(), *body, draw(denses)), shape
    body = draw(st.lists(st.one_of(at_positions(axes, True), branches(at_positions(axes, False))), max_size=3))
    end = draw(st.sampled_from([Flatten(), GlobalAvgPool(), GlobalSumPool()]))
    return serial(Conv((1,) * axes), *body, end, draw(denses)), shape


@given(drawn=architectures())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_it_computes_what_the_finite_network_does_and_gives_the_architecture_back(drawn: Any) -> None:
    architecture, shape = drawn
    try:
        network = finite(architecture, shape, width=3, outputs=2)
    except ValueError:  # a shortcut of another number of channels
        reject()
    params = network.init(np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((2, *shape))
    module = to_torch(architecture, 3, shape, 2, params=params).eval()
    found = module(torch.from_numpy(x).movedim(-1, 1)).detach().numpy()
    want = network.apply(params, x)
    np.testing.assert_allclose(found, want, rtol=1e-11, atol=1e-11 * np.abs(want).max())
    assert from_torch(module) == architecture
    assert from_torch(module, shape) == architecture


def test_what_torch_has_is_its_own() -> None:
    convolution, gelu, pool, flat, linear = to_torch(
        serial(Conv(b_std=1.0), Activation("gelu"), GlobalAvgPool(), Dense()), 5, (4, 4, 3)
    )
    assert isinstance(convolution, nn.Conv2d)
    assert (type(gelu), type(pool), type(flat)) == (nn.GELU, nn.AdaptiveAvgPool2d, nn.Flatten)
    assert isinstance(linear, nn.Linear)


def test_parameters_are_kept_as_they_are_given() -> None:
    network = finite(IMAGES, (4, 4, 2), width=3)
    params = network.init(np.random.default_rng(0))
    module = to_torch(IMAGES, 3, (4, 4, 2), params=params)
    kept = sorted(value for p in module.parameters() for value in p.detach().flatten().tolist())
    assert kept == sorted(value for each in params for array in each.values() for value in array.flatten().tolist())
    before = [array.copy() for each in params for array in each.values()]
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    assert all((a == b).all() for a, b in zip(before, (v for each in params for v in each.values()), strict=True))


def test_its_parameters_are_drawn_from_torch_s_generator() -> None:
    torch.manual_seed(3)
    one = to_torch(IMAGES, 3, (4, 4, 2))
    torch.manual_seed(3)
    other = to_torch(IMAGES, 3, (4, 4, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert all(p.dtype == torch.float32 for p in one.parameters())


def test_its_empirical_kernel_is_that_of_the_finite_network() -> None:
    network = finite(IMAGES, (4, 4, 2), width=3, outputs=2)
    params = [{k: torch.from_numpy(v) for k, v in each.items()} for each in network.init(np.random.default_rng(0))]
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((3, 4, 4, 2)))
    module = to_torch(IMAGES, 3, (4, 4, 2), 2, params=tuple(params))
    found, want = empirical_ntk(module, x.movedim(-1, 1)), empirical_ntk(network, tuple(params), x)
    torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("architecture", [IMAGES, serial(Conv((3, 3), b_std=0.1), RELU, GlobalAvgPool(), Dense())])
def test_its_kernel_converges_to_that_of_infinite_width(architecture: Serial) -> None:
    x = np.random.default_rng(0).standard_normal((3, 3, 3, 2))
    limit = architecture_kernels(from_torch(to_torch(architecture, 2, (3, 3, 2))), x).ntk
    first = torch.from_numpy(x).movedim(-1, 1)
    kernels = []
    for seed in range(24):
        torch.manual_seed(seed)
        module = to_torch(architecture, 128, (3, 3, 2)).double()
        kernels.append(empirical_ntk(module, first, trace=True).numpy())
    mean, error = np.mean(kernels, axis=0), np.std(kernels, axis=0, ddof=1) / math.sqrt(len(kernels))
    upper = np.triu_indices(3)
    assert (np.abs(mean - limit)[upper] < 3 * error[upper]).all()


def test_frozen_layers_require_no_gradients() -> None:
    module = to_torch(serial(Dense(trained=False), RELU, Dense()), 3, (2,))
    assert [p.requires_grad for p in module.parameters()] == [False, True]


def test_it_is_saved_and_loaded_by_its_state() -> None:
    one, other = (to_torch(IMAGES, 3, (4, 4, 2)) for _ in range(2))
    other.load_state_dict(one.state_dict())
    x = torch.ones(1, 2, 4, 4)
    assert torch.equal(one(x), other(x))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: to_torch(serial(LocalConv(), Flatten()), 3, (4, 4, 2)), "LocalConv has no module of torch here"),
        (
            lambda: to_torch(serial(ConvTranspose(), Flatten()), 3, (4, 4, 2)),
            "ConvTranspose has .* the nearest is Conv",
        ),
        (lambda: to_torch(IMAGES, 3, (4,)), "needs sequences"),
        (
            lambda: to_torch(serial(Dense()), 3, (4,), params=({"weight": np.ones((3, 1))},)),
            r"must be of shape \(4, 1\)",
        ),
        (lambda: to_torch(serial(Dense()), 0, (4,)), "width must be a positive whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
