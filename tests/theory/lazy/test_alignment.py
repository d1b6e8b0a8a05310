"""Kernels that turn: the linear network's last one, and alignments of matrices that are known."""

from __future__ import annotations

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.networks import Dense, finite, serial
from ntkbench.theory import centred_alignment, kernel_cosine, linear_network_kernel, silent_alignment


def test_the_kernel_of_a_balanced_linear_network_is_the_sum_over_its_parameters() -> None:
    # With v = sqrt|b| e and W = sqrt|b| e u': K = x'W'W z + |v|^2 x'z.
    rng = np.random.default_rng(0)
    x, b, e = rng.standard_normal((4, 3)), rng.standard_normal(3), rng.standard_normal(5)
    e /= np.linalg.norm(e)
    length = np.linalg.norm(b)
    w, v = np.sqrt(length) * np.outer(e, b / length), np.sqrt(length) * e
    np.testing.assert_allclose(v @ w, b, rtol=1e-12)
    expected = x @ w.T @ w @ x.T + (v @ v) * x @ x.T
    np.testing.assert_allclose(linear_network_kernel(x, b), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_a_network_that_starts_near_zero_ends_with_that_kernel_and_turns_before_it_learns(name: str) -> None:
    library, rng = open_backend(name), np.random.default_rng(0)
    x, b = np.linalg.qr(rng.standard_normal((6, 3)))[0], np.array([0.6, 0.0, 0.8])
    layer = Dense(1e-3)
    network = finite(serial(layer, layer), (3,), width=8, parameterization="standard")
    start, x_there, y = (
        network.init(rng, lambda a: library.asarray(a, "float64")),
        *(library.asarray(a, "float64") for a in (x, x @ b)),
    )
    moments, expected = range(10, 401, 10), linear_network_kernel(x, b)
    found = silent_alignment(network, start, x_there, y, expected, moments=moments, rate=0.1)
    assert found.error < 1e-4
    assert 0 < found.turned < found.learned < 400


def test_alignments_of_known_matrices() -> None:
    y = np.array([1.0, -1.0, 1.0, -1.0])
    assert kernel_cosine(np.eye(2), np.ones((2, 2))) == pytest.approx(2 / (np.sqrt(2) * 2))
    assert centred_alignment(np.outer(y, y) + 5.0, y) == pytest.approx(1.0)
    # H I H = H has the norm sqrt(n - 1), and the product with y y' is |y|^2.
    assert centred_alignment(np.eye(4), y) == pytest.approx(1 / np.sqrt(3))
