"""Branches beside each other, and their products: known cases."""

from __future__ import annotations

import numpy as np

from ntkbench.backends import Backend
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import (
    Activation,
    Concatenate,
    Conv,
    Dense,
    FanInProd,
    Flatten,
    GlobalAvgPool,
    Serial,
    finite,
    serial,
)

ERF = Activation("erf")
X = np.random.default_rng(0).standard_normal((4, 5))
IMAGES = np.random.default_rng(1).standard_normal((3, 4, 4, 2))
GROWN = serial(Dense(b_std=0.5), ERF)


def test_blocks_that_grow_are_not_taken_for_ones_that_repeat(backend: Backend) -> None:
    # Every block adds the width once; a repetition compiled once would weigh all alike.
    x = backend.asarray(X, "float64")
    one, same = (Concatenate((way, GROWN)) for way in (serial(), Serial((serial(),))))
    repeated, told_apart = (
        architecture_kernels(serial(Dense(), ERF, *blocks, Dense()), x)
        for blocks in ((one,) * 4, (one, same, same, one))
    )
    for actual, expected in zip(repeated, told_apart, strict=True):
        np.testing.assert_allclose(backend.to_numpy(actual), backend.to_numpy(expected), rtol=1e-12)


def test_a_branch_counts_by_its_channels() -> None:
    before = serial(Conv(b_std=0.3), ERF)
    both = serial(before, Concatenate((GlobalAvgPool(), Flatten())))
    joined, mean, flat = (
        architecture_kernels(each, IMAGES)
        for each in (both, serial(before, GlobalAvgPool()), serial(before, Flatten()))
    )
    for actual, first, second in zip(joined, mean, flat, strict=True):
        np.testing.assert_allclose(actual, (first + 16 * second) / 17, rtol=1e-7)
        np.testing.assert_allclose(actual[0, 1:], ((first + 16 * second) / 17)[0, 1:], rtol=1e-12)


def test_inputs_beside_each_other_count_by_their_channels() -> None:
    joined = architecture_kernels(serial(Concatenate((Flatten(), GlobalAvgPool())), Dense()), IMAGES)
    values = np.concatenate([IMAGES.reshape(3, -1), IMAGES.mean(axis=(1, 2))], axis=1)
    np.testing.assert_allclose(joined.nngp, values @ values.T / values.shape[1], rtol=1e-12)


def test_a_product_is_that_of_its_factors_kernels() -> None:
    factors = serial(Dense(), ERF), serial(Dense(1.5, 0.3)), serial(Dense(), ERF, Dense(0.5))
    one, two, three = (architecture_kernels(each, X) for each in factors)
    product = architecture_kernels(FanInProd(factors), X)
    ntk = one.ntk * two.nngp * three.nngp + one.nngp * two.ntk * three.nngp + one.nngp * two.nngp * three.ntk
    np.testing.assert_allclose(product.nngp, one.nngp * two.nngp * three.nngp, rtol=1e-12)
    np.testing.assert_allclose(product.ntk, ntk, rtol=1e-12)


def test_fixed_branches_add_nothing_to_the_ntk() -> None:
    fixed, trained = Dense(trained=False), Dense(b_std=0.5)
    k = architecture_kernels(trained, X).nngp
    linear = X @ X.T / 5
    np.testing.assert_allclose(architecture_kernels(FanInProd((fixed, trained)), X).ntk, linear * k, rtol=1e-12)
    np.testing.assert_allclose(architecture_kernels(Concatenate((fixed, trained)), X).ntk, k / 2, rtol=1e-12)


def test_networks_of_finite_width_compute_what_is_said() -> None:
    rng = np.random.default_rng(0)
    for kind, joined in ((Concatenate, np.hstack), (FanInProd, np.prod)):
        network = finite(serial(kind((Dense(), serial(Dense(2.0))))), (5,), width=3, outputs=2)
        params = network.init(rng)
        first, second = X @ params[0]["weight"] / 5**0.5, 2 * X @ params[1]["weight"] / 5**0.5
        options = {} if kind is Concatenate else {"axis": 0}
        np.testing.assert_allclose(network.apply(params, X), joined([first, second], **options), rtol=1e-12)
