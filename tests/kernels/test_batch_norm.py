"""Kernels of networks with batch normalisation, and those networks."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import batch_norm_kernels, empirical_ntk
from ntkbench.networks import BatchNormNetwork

BATCHES = np.random.default_rng(0).standard_normal((2, 5, 6))


@pytest.mark.parametrize("depth", [1, 2])
def test_wide_networks_have_these_kernels_in_the_mean(depth: int) -> None:
    torch, seeds = open_backend("torch"), 40
    network = BatchNormNetwork(6, 256, depth)
    x = torch.asarray(BATCHES, "float64")
    samples = []
    for seed in range(seeds):
        params = network.init(np.random.default_rng(seed), lambda array: torch.asarray(array, "float64"))
        samples.append(torch.to_numpy(empirical_ntk(network.apply, params, x)))
    kernels = np.stack(samples)
    mean, error = kernels.mean(axis=0), kernels.std(axis=0, ddof=1) / math.sqrt(seeds)
    within, across = batch_norm_kernels(BATCHES[0], depth=depth), batch_norm_kernels(*BATCHES, depth=depth)
    assert (np.abs(mean[0, 0] - within.ntk) < 3 * error[0, 0] + 0.01 * np.abs(within.ntk).max()).all()
    assert (np.abs(mean[0, 1] - across.ntk) < 3 * error[0, 1] + 0.01 * np.abs(within.ntk).max()).all()


def test_a_network_is_its_formula() -> None:
    network = BatchNormNetwork(6, 4, 2)
    params = network.init(np.random.default_rng(1))
    x = BATCHES[0]
    for each in params[:2]:
        x = x @ each["weight"] / math.sqrt(x.shape[1])
        x = np.maximum((x - x.mean(axis=0)) / x.std(axis=0), 0)
    expected = x @ params[2]["weight"][:, 0] / 2
    np.testing.assert_allclose(network.apply(params, BATCHES)[0], expected, rtol=1e-12)


def test_kernels_come_in_kind_and_are_one_on_all_libraries(backend: Backend) -> None:
    for others in ([], [BATCHES[1, :4]]):
        expected = batch_norm_kernels(BATCHES[0], *others)
        for precision, rtol in (("float64", 1e-9), ("float32", 1e-5)):
            actual = batch_norm_kernels(*(backend.asarray(x, precision) for x in (BATCHES[0], *others)))
            for kernel, same in zip(actual, expected, strict=True):
                found = backend.to_numpy(kernel)
                assert found.dtype == precision
                np.testing.assert_allclose(found, same, rtol=rtol, atol=rtol * np.abs(same).max())


def test_kernels_are_gram_matrices_that_follow_the_order_of_a_batch() -> None:
    order = np.array([3, 0, 4, 1, 2])
    for kernel, permuted in zip(
        batch_norm_kernels(BATCHES[0], depth=2), batch_norm_kernels(3.0 * BATCHES[0][order] + 1.0, depth=2), strict=True
    ):
        np.testing.assert_allclose(kernel, kernel.T, rtol=1e-12)
        assert np.linalg.eigvalsh(kernel).min() > 0
        # Nothing but differences within a batch counts, and no scale.
        np.testing.assert_allclose(permuted, kernel[np.ix_(order, order)], rtol=1e-9)


def test_another_batch_gives_an_input_other_kernels() -> None:
    alone = batch_norm_kernels(BATCHES[0]).ntk
    together = batch_norm_kernels(np.concatenate(BATCHES)).ntk[:5, :5]
    assert np.abs(alone - together).max() > 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((BATCHES[0], None, 0), "depth must be a positive whole number, not 0"),
        ((BATCHES, None, 1), "x1 must be vectors (N, d), not of shape (2, 5, 6)"),
        ((BATCHES[0, :3], None, 1), "the differences of x1, of shape (3, 6), span fewer than three dimensions: give a"),
        ((BATCHES[0], np.repeat(BATCHES[1][:2], 4, 0), 1), "the differences of x2, of shape (8, 6), span fewer than"),
        ((BATCHES[0], BATCHES[1, :, :5], 1), "x1 and x2 must agree in all but their number: (5, 6) float64, (5, 5)"),
        ((np.full((4, 4), math.nan), None, 1), "x1 has values that are not finite"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    x1, x2, depth = arguments
    with pytest.raises(ValueError, match=re.escape(message)):
        batch_norm_kernels(x1, x2, depth=depth)


@pytest.mark.parametrize("name", ["features", "width", "depth"])
def test_sizes_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a positive whole number, not 0"):
        BatchNormNetwork(**{"features": 2, "width": 2, "depth": 1, name: 0})


def test_inputs_of_a_network_are_batches() -> None:
    network = BatchNormNetwork(6, 4)
    with pytest.raises(ValueError, match=r"inputs must be batches \(m, B, 6\), not of shape \(5, 6\)"):
        network.apply(network.init(np.random.default_rng(0)), BATCHES[0])
