"""Attention, with weights of its own and without: what it computes, what it refuses, and the limit of wide networks."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import architecture_kernels
from ntkbench.networks import (
    Activation,
    Attention,
    Dense,
    Embedding,
    Flatten,
    GlobalAvgPool,
    Layer,
    SelfAttention,
    finite,
    serial,
    transformer,
)
from ntkbench.networks.layers.layer import Units

RELU = Activation("relu")
RNG = np.random.default_rng(0)
TOKENS = RNG.standard_normal((3, 5, 4))
ORDER = np.array([2, 0, 4, 1, 3])


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits)
    return shares / shares.sum(axis=-1, keepdims=True)


def readout(*layers: Layer) -> Any:
    return serial(Dense(), RELU, *layers, RELU, GlobalAvgPool(), Dense())


def test_attention_without_weights_is_its_formula() -> None:
    sums = softmax(0.5 * np.einsum("npc,nqc->npq", TOKENS, TOKENS) / 4) @ TOKENS
    linear: Any = SimpleNamespace(present=None)
    np.testing.assert_allclose(Attention(scale=0.5).forward(TOKENS, linear), sums, rtol=1e-13)
    np.testing.assert_allclose(Attention(True, scale=0.5).forward(TOKENS, linear), TOKENS + sums, rtol=1e-13)


@pytest.mark.parametrize("mechanism", ["softmax", "identity", "relu", "abs"])
@pytest.mark.parametrize("scaling", ["linear", "sqrt"])
def test_a_network_with_heads_is_its_formula(mechanism: Any, scaling: Any) -> None:
    zeta: Any = {"softmax": softmax, "identity": lambda a: a, "relu": lambda a: np.maximum(a, 0), "abs": np.abs}
    layer = SelfAttention(mechanism, scaling, 2, 1.3, 0.7, 1.1, 0.9, 0.4)
    network = finite(serial(layer, Flatten()), (5, 4), width=6, outputs=3)
    params = network.init(np.random.default_rng(1))
    weights = [each["weight"] for each in params]
    queries, keys = (weights[0], weights[0]) if scaling == "linear" else weights[:2]
    y = 0.0
    for head in range(2):
        some = slice(6 * head, 6 * head + 6)
        q, k, v = (TOKENS @ w[:, some] / 2 for w in (queries, keys, weights[-2]))
        logits = 1.3 * 0.7 * np.einsum("npd,nqd->npq", q, k) / (6 if scaling == "linear" else math.sqrt(6))
        y = y + 1.1 * zeta[mechanism](logits) @ v @ weights[-1][some] * 0.9 / math.sqrt(12)
    y = y + 0.4 * params[-1]["bias"]
    np.testing.assert_allclose(network.apply(params, TOKENS), y.reshape(3, -1), rtol=1e-12)


def test_embeddings_are_seen_by_queries_and_keys_and_not_by_values() -> None:
    layer = SelfAttention(embedding=Embedding("sum", 0.8, decay=lambda d: 1 / (1 + d)))
    network = finite(serial(layer, Flatten()), (5, 4), width=6, outputs=3)
    params = network.init(np.random.default_rng(1))
    places, keys, values, out = (each["weight"] for each in params)
    covariance = 1 / (1 + (np.arange(5)[:, None] - np.arange(5)) ** 2)
    k = (TOKENS + 0.8 * np.linalg.cholesky(covariance) @ places) @ keys / 2
    y = softmax(np.einsum("npd,nqd->npq", k, k) / 6) @ TOKENS @ values @ out / 2 / math.sqrt(6)
    np.testing.assert_allclose(network.apply(params, TOKENS), y.reshape(3, -1), rtol=1e-12)


def test_distances_of_embeddings_are_those_of_rows_and_columns() -> None:
    embedding = Embedding(decay=lambda squared: np.exp(-squared))
    expected = [
        [math.exp(-((i - k) ** 2) - (j - m) ** 2) for k in range(2) for m in range(3)]
        for i in range(2)
        for j in range(3)
    ]
    np.testing.assert_allclose(embedding.covariance((2, 3), np.zeros(1)), expected, rtol=1e-14)


def test_equal_tokens_attend_to_themselves() -> None:
    x = np.repeat(TOKENS[:, :1], 5, axis=1)
    plain = architecture_kernels(serial(Dense(1.3), GlobalAvgPool(), Dense()), x)
    attending = architecture_kernels(serial(Dense(1.3), Attention(), GlobalAvgPool(), Dense()), x)
    for one, other in zip(attending, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
    # Values and output are two dense layers.
    weighted = architecture_kernels(serial(Dense(1.3), SelfAttention(out_std=1.1), GlobalAvgPool(), Dense()), x)
    two = architecture_kernels(serial(Dense(1.3), Dense(), Dense(1.1), GlobalAvgPool(), Dense()), x)
    for one, other in zip(weighted, two, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize(
    ("mechanism", "zeta"),
    [("softmax", softmax), ("identity", lambda a: a), ("relu", lambda a: np.maximum(a, 0)), ("abs", np.abs)],
)
def test_kernels_are_the_formula_of_hron_et_al(mechanism: Any, zeta: Any) -> None:
    layer = SelfAttention(mechanism, query_std=1.2, key_std=0.8, value_std=1.1, b_std=0.3, embedding=Embedding(std=0.6))
    nngp, ntk = architecture_kernels(serial(Dense(1.2, 0.1), layer, Flatten(), Dense()), TOKENS)
    k = 1.44 * np.einsum("ipc,jqc->ijpq", TOKENS, TOKENS) / 4 + 0.01
    a = [zeta(1.2 * 0.8 * (k[i, i] + 0.36 * np.eye(5))) for i in range(3)]
    for i in range(3):
        for j in range(3):
            values = 1.21 * a[i] @ k[i, j] @ a[j].T
            # The dense layer's NTK is its NNGP; values and output add theirs, then the readout its own.
            np.testing.assert_allclose(nngp[i, j], np.trace(values) / 5 + 0.09, rtol=1e-12)
            np.testing.assert_allclose(ntk[i, j], np.trace(values * 4) / 5 + 2 * 0.09, rtol=1e-12)


@pytest.mark.parametrize(
    "architecture",
    [transformer(2), readout(SelfAttention(query_std=2.0)), readout(SelfAttention("identity", "sqrt"))],
    ids=["transformer", "softmax", "identity"],
)
def test_the_order_of_tokens_does_not_matter(architecture: Any) -> None:
    network = finite(architecture, (5, 4), width=8)
    params = network.init(np.random.default_rng(0))
    np.testing.assert_allclose(network.apply(params, TOKENS[:, ORDER]), network.apply(params, TOKENS), rtol=1e-11)
    for kernel, same in zip(
        architecture_kernels(architecture, TOKENS[:, ORDER]), architecture_kernels(architecture, TOKENS), strict=True
    ):
        np.testing.assert_allclose(kernel, same, rtol=1e-11)


@pytest.mark.parametrize("mechanism", ["softmax", "identity"])
def test_with_embeddings_it_does(mechanism: Any) -> None:
    architecture = readout(
        SelfAttention(mechanism, "linear", query_std=2.0, embedding=Embedding(decay=lambda d: np.exp(-d)))
    )
    ordered, other = (architecture_kernels(architecture, x).nngp for x in (TOKENS, TOKENS[:, ORDER]))
    assert np.abs(ordered / other - 1).min() > 1e-5


def test_without_a_closed_form_there_is_the_finite_network_alone() -> None:
    architecture = readout(SelfAttention(scaling="sqrt"))
    message = "layer 3 (SelfAttention): with scaling 'sqrt' and softmax no kernel is known in closed form: take "
    with pytest.raises(ValueError, match=re.escape(message)):
        architecture_kernels(architecture, TOKENS)
    network = finite(architecture, (5, 4), width=8)
    assert network.apply(network.init(np.random.default_rng(0)), TOKENS).shape == (3, 1)


@pytest.mark.parametrize(
    ("layer", "arguments", "message"),
    [
        (
            Attention,
            {"mechanism": "softmaks"},
            "mechanism must be one of softmax, identity, relu, abs, not 'softmaks'; did",
        ),
        (Attention, {"scale": math.nan}, "scale must be finite, not nan"),
        (SelfAttention, {"mechanism": "soft"}, "not 'soft'; did you mean 'softmax'?"),
        (SelfAttention, {"scaling": "root"}, "scaling must be one of linear, sqrt, not 'root'"),
        (SelfAttention, {"heads": 0}, "heads must be a positive whole number, not 0"),
        (SelfAttention, {"heads": 2.0}, "heads must be a positive whole number, not 2.0"),
        (SelfAttention, {"key_std": 0.0}, "key_std must be positive, not 0.0"),
        (SelfAttention, {"out_std": math.inf}, "out_std must be positive, not inf"),
        (SelfAttention, {"b_std": -1.0}, "b_std must not be negative, not -1.0"),
        (SelfAttention, {"embedding": "sum"}, "embedding must be an Embedding or None, not 'sum'"),
        (Embedding, {"kind": "add"}, "kind must be one of sum, concat, not 'add'"),
        (Embedding, {"std": -1.0}, "std must be positive, not -1.0"),
    ],
)
def test_what_makes_no_sense_is_refused(layer: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        layer(**arguments)


@pytest.mark.parametrize("layer", [Attention(), SelfAttention()])
def test_vectors_have_no_positions_to_attend_to(layer: Layer) -> None:
    with pytest.raises(ValueError, match=r"needs positions \(\.\.\., C\), not inputs of shape \(4,\)"):
        layer.output_shape((4,), Units(2, 2))
    with pytest.raises(ValueError, match=r"layer 2 .* needs .*, not vectors"):
        architecture_kernels(serial(Dense(), layer), TOKENS[:, 0])


def test_an_embedding_needs_features_that_are_wide() -> None:
    with pytest.raises(ValueError, match=r"layer 1 \(SelfAttention\) needs features, not inputs"):
        architecture_kernels(serial(SelfAttention(embedding=Embedding()), Flatten(), Dense()), TOKENS)
