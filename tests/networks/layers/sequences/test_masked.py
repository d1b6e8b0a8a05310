"""Inputs of different length: a sequence filled up with zeros is as good as the sequence itself."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import architecture_kernels, empirical_ntk
from ntkbench.networks import (
    Activation,
    Attention,
    AvgPool,
    Conv,
    Dense,
    Embedding,
    Flatten,
    GlobalAvgPool,
    GlobalSumPool,
    LayerNorm,
    Masked,
    Recurrent,
    Residual,
    SelfAttention,
    Serial,
    finite,
    serial,
    to_backend,
    transformer,
)
from ntkbench.networks.layers.layer import Units

RELU, ERF = Activation("relu"), Activation("erf")
RNG = np.random.default_rng(0)
SHORT, LONG = RNG.standard_normal((3, 3, 2)), RNG.standard_normal((2, 5, 2))
PADDED = np.concatenate([SHORT, np.zeros((3, 2, 2))], axis=1)
BOTH = np.concatenate([PADDED, LONG])

ARCHITECTURES: dict[str, Serial] = {
    "transformer": transformer(2),
    "attention": serial(Dense(1.2, 0.5), RELU, SelfAttention(b_std=0.3), RELU, GlobalSumPool(), Dense()),
    "embedded": serial(Dense(1.2, 0.5), SelfAttention(embedding=Embedding()), RELU, GlobalAvgPool(), Dense()),
    "identity": serial(Dense(b_std=0.5), SelfAttention("identity", "sqrt", 2), RELU, GlobalAvgPool(), Dense()),
    "convolution": serial(
        Conv((3,), b_std=0.5), RELU, Conv((3,), b_std=0.5), LayerNorm(), ERF, GlobalAvgPool(), Dense()
    ),
    "branches": serial(
        Dense(b_std=0.2), Residual(serial(Dense(b_std=0.2), Attention(), Dense())), RELU, GlobalAvgPool(), Dense()
    ),
    "recurrent": serial(Recurrent(b_std=0.5), GlobalAvgPool(), Dense()),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_kernels_of_filled_up_sequences_are_those_of_the_sequences(name: str) -> None:
    expected = architecture_kernels(ARCHITECTURES[name], SHORT)
    for kernel, same in zip(architecture_kernels(Masked(ARCHITECTURES[name]), PADDED), expected, strict=True):
        np.testing.assert_allclose(kernel, same, rtol=1e-11)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_networks_compute_the_same_for_filled_up_sequences(name: str) -> None:
    short, long = (finite(ARCHITECTURES[name], (length, 2), width=6) for length in (3, 5))
    masked = finite(Masked(ARCHITECTURES[name]), (5, 2), width=6)
    params = masked.init(np.random.default_rng(1))
    expected = short.apply(shorter(params) if name == "embedded" else params, SHORT)
    np.testing.assert_allclose(masked.apply(params, PADDED), expected, rtol=1e-12)
    np.testing.assert_allclose(masked.apply(params, LONG), long.apply(params, LONG), rtol=1e-12)


def shorter(params: Any) -> Any:
    """With the embeddings of three positions of five, of the same scale."""
    return tuple(
        {key: value[:3] if key == "weight" and value.shape[0] == 5 else value for key, value in each.items()}
        for each in params
    )


def test_full_sequences_need_no_mask(backend: Backend) -> None:
    x = backend.asarray(LONG, "float64")
    for kernel, same in zip(
        architecture_kernels(Masked(ARCHITECTURES["attention"]), x),
        architecture_kernels(ARCHITECTURES["attention"], LONG),
        strict=True,
    ):
        np.testing.assert_allclose(backend.to_numpy(kernel), same, rtol=1e-11)


@pytest.mark.parametrize("layers", [transformer(), ARCHITECTURES["recurrent"]], ids=["transformer", "recurrent"])
def test_wide_networks_have_the_kernels_between_lengths_in_the_mean(layers: Serial) -> None:
    torch, seeds = open_backend("torch"), 40
    network, x = finite(Masked(layers), (5, 2), width=256), torch.asarray(BOTH, "float64")
    samples = []
    for seed in range(seeds):
        params = to_backend(network.init(np.random.default_rng(seed)), torch)
        samples.append(torch.to_numpy(empirical_ntk(network, params, x, trace=True)))
    kernels, limit = np.stack(samples), architecture_kernels(Masked(layers), BOTH).ntk
    error = kernels.std(axis=0, ddof=1) / math.sqrt(seeds)
    assert (np.abs(kernels.mean(axis=0) - limit) < 3 * error + 0.01 * np.abs(limit).max()).all()
    assert (error < 0.06 * np.abs(limit).max()).all()


def test_blocks_of_filled_up_sequences_are_blocks_of_all() -> None:
    architecture = Masked(ARCHITECTURES["attention"])
    whole = architecture_kernels(architecture, BOTH)
    for kernel, all_of in zip(architecture_kernels(architecture, PADDED, LONG), whole, strict=True):
        np.testing.assert_allclose(kernel, all_of[:3, 3:], rtol=1e-12)


def test_where_nothing_is_present_nothing_comes_out() -> None:
    x = np.concatenate([np.zeros((1, 5, 2)), LONG])
    nngp, ntk = architecture_kernels(Masked(ARCHITECTURES["attention"]), x)
    assert not nngp[0].any()
    np.testing.assert_array_equal(ntk[0], nngp[0])
    network = finite(Masked(ARCHITECTURES["attention"]), (5, 2), width=6)
    assert network.apply(network.init(np.random.default_rng(0)), x)[0] == 0.0


def test_positions_that_are_left_out_or_hidden_by_weights_are_refused() -> None:
    pooled = serial(Dense(), AvgPool((2,)), Flatten(), Dense())
    message = "AvgPool leaves 2 of 5 positions: of inputs of different length none may be left out"
    with pytest.raises(ValueError, match=re.escape(f"layer 1 (Masked): {message}")):
        architecture_kernels(Masked(pooled), LONG)
    with pytest.raises(ValueError, match=re.escape(message)):
        Masked(pooled).output_shape((5, 2), Units(3, 3))
    with pytest.raises(ValueError, match=re.escape("layer 2 (Masked) knows absent positions by zeros in the inputs")):
        architecture_kernels(serial(Dense(), Masked(ARCHITECTURES["recurrent"])), LONG)
    with pytest.raises(ValueError, match="'relu' is no layer"):
        Masked("relu")  # type: ignore[arg-type]
