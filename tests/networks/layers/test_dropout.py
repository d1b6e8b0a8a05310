"""Dropout: kernels of infinite width against wide networks that draw what they drop."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from ntkbench.arrays.array import Array
from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import architecture_kernels, block_gram, empirical_ntk
from ntkbench.networks import (
    Activation,
    Conv,
    Dense,
    Dropout,
    GlobalAvgPool,
    Layer,
    Serial,
    finite,
    serial,
    to_backend,
)
from ntkbench.networks.layers.layer import LinearFunction

X = np.random.default_rng(0).standard_normal((4, 3, 4, 2))
X[1] = X[0]
RELU = Activation("relu")


@dataclass(frozen=True)
class Dropped(Dropout):
    """Dropout at finite width as in training: which features are dropped follows from a seed."""

    seed: int = 0

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        import torch

        kept = np.random.default_rng(self.seed).random(x.shape) < self.rate
        return x * torch.asarray(kept / self.rate)


def architecture(*dropouts: Layer) -> Serial:
    first, second = dropouts
    return serial(Conv(b_std=0.3), RELU, first, Conv(), RELU, second, GlobalAvgPool(), Dense())


def test_wide_networks_that_drop_features_have_its_kernels_in_the_mean() -> None:
    backend = open_backend("torch")
    x = backend.asarray(X, "float64")
    nngp, ntk = [], []
    for seed in range(60):
        drawn = architecture(Dropped(0.7, 2 * seed), Dropped(0.6, 2 * seed + 1))
        network, single = (finite(drawn, X.shape[1:], width=160, outputs=o) for o in (160, 1))
        y = backend.to_numpy(network.apply(to_backend(network.init(np.random.default_rng(seed)), backend), x))
        nngp.append(y @ y.T / y.shape[1])
        params = to_backend(single.init(np.random.default_rng(seed)), backend)
        ntk.append(backend.to_numpy(empirical_ntk(single, params, x, trace=True, method="structured")))
    limits = architecture_kernels(architecture(Dropout(0.7), Dropout(0.6)), X)
    for samples, limit in zip((np.stack(nngp), np.stack(ntk)), limits, strict=True):
        error = samples.std(axis=0, ddof=1) / math.sqrt(len(samples))
        assert (error < 0.03 * limit.max()).all()
        assert (np.abs(samples.mean(axis=0) - limit) < 3 * error + 0.01 * limit.max()).all()


def test_equal_inputs_drop_features_of_their_own(backend: Backend) -> None:
    x = backend.asarray(X, "float64")
    for one in architecture_kernels(architecture(Dropout(0.7), Dropout(0.6)), x):
        kernel = backend.to_numpy(one)
        assert kernel[0, 0] == pytest.approx(kernel[1, 1], rel=1e-12)
        assert kernel[0, 1] < 0.95 * kernel[0, 0]
        np.testing.assert_allclose(kernel[0, 2:], kernel[1, 2:], rtol=1e-12)


def test_what_is_always_kept_is_the_identity() -> None:
    kept, plain = (architecture(layer, layer) for layer in (Dropout(1), serial()))
    for actual, expected in zip(architecture_kernels(kept, X), architecture_kernels(plain, X), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-7)


def test_blocks_of_a_symmetric_matrix_are_those_of_the_whole() -> None:
    def ntk(x1: Array, x2: Array | None = None, **_: object) -> Array:
        return architecture_kernels(architecture(Dropout(0.7), Dropout(0.6)), x1, x2).ntk

    np.testing.assert_allclose(block_gram(ntk, X, side=3), ntk(X), rtol=1e-12)


def test_networks_of_finite_width_keep_all_features() -> None:
    with_dropout, without = (finite(architecture(*each), X.shape[1:], width=3) for each in PAIRS)
    params = without.init(np.random.default_rng(0))
    np.testing.assert_array_equal(with_dropout.apply(params, X), without.apply(params, X))


PAIRS: tuple[tuple[Layer, Layer], ...] = ((Dropout(0.1), Dropout(0.2)), (serial(), serial()))


def test_inputs_are_not_dropped() -> None:
    with pytest.raises(ValueError, match=r"layer 1 \(Dropout\) needs features, not inputs: put a Dense or Conv"):
        architecture_kernels(serial(Dropout(0.5), GlobalAvgPool(), Dense()), X)
