"""Distances of kernels from their limit: by hand on small matrices, and the limit layer by layer."""

from __future__ import annotations

import numpy as np
import pytest

from ntkbench.kernels import fc_kernels
from ntkbench.theory import draw_stack, kernel_errors, layer_kernels, limit_layer_kernels

RNG = np.random.default_rng(0)


def test_layers_of_the_limit_add_up_to_the_ntk() -> None:
    x = RNG.standard_normal((4, 5)) / 5**0.5
    limit = limit_layer_kernels(x, 3)
    assert limit.shape == (4, 4, 4)
    # `fc_kernels` has a readout of variance 2.
    np.testing.assert_allclose(limit.sum(axis=0), fc_kernels(x * 5**0.5, depth=4).ntk / 2, rtol=1e-12)
    for share in limit:
        np.testing.assert_allclose(np.diag(share), (x**2).sum(axis=1), rtol=1e-12)


def test_layers_of_wide_networks_tend_to_the_limit() -> None:
    x = RNG.standard_normal((3, 4))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    kernels = layer_kernels(*draw_stack(np.full((300, 2), 128), np.random.default_rng(1), inputs=4), x)
    away = kernels - limit_layer_kernels(x, 2)
    # The bias is of order 1/m, the standard error 1/sqrt(300 m) times the kernel's own: here that of the mean.
    assert np.abs(away.mean(axis=0)).max() < 3 * (away.std(axis=0) / 300**0.5).max() + 1 / 128


def test_errors_are_those_of_their_definitions() -> None:
    limit = np.array([[[1.0, 0.5], [0.5, 1.0]], [[2.0, 0.0], [0.0, 2.0]]])
    kernels = np.stack([limit, limit + np.array([[[0.3, 0.0], [0.0, 0.0]], [[0.0, -0.4], [-0.4, 0.1]]])])
    found = kernel_errors(kernels, limit)
    total = limit.sum(axis=0)
    error = np.array([[0.3, -0.4], [-0.4, 0.1]])
    assert found.frobenius == pytest.approx(0.5 * np.linalg.norm(error) / np.linalg.norm(total))
    assert found.largest == pytest.approx(0.5 * 0.4)
    assert found.median == pytest.approx(0.5 * 0.3)  # of 0.3, 0.4 and 0.1
    assert found.quantile == pytest.approx(np.quantile([0, 0, 0, 0.1, 0.3, 0.4], 0.9))
    np.testing.assert_allclose(found.layers, [0.15, 0.2])
