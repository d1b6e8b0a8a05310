"""Targets on a domain: orthonormal, and mixed in equal shares."""

from __future__ import annotations

import math

import numpy as np

from ntkbench.theory import Hypercube, Sphere, mixture


def test_a_mixture_on_the_cube_has_exactly_equal_shares_of_power_in_its_levels() -> None:
    cube = Hypercube(5)
    (sample,) = cube.samples(1, 1, np.random.default_rng(0))
    mixed = mixture(cube, sample.points, (1, 2, 4), 2)
    np.testing.assert_allclose((mixed**2).mean(axis=0), 1.0, rtol=1e-14)
    for level in (1, 2, 4):
        shares = (mixed * cube.functions(sample.points, level, 2)).mean(axis=0)
        np.testing.assert_allclose(shares, 3**-0.5, rtol=1e-14)


def test_a_mixture_has_an_equal_share_of_power_in_each_level() -> None:
    sphere = Sphere(5)
    x = np.random.default_rng(0).standard_normal((200_000, 5))
    x *= math.sqrt(5) / np.linalg.norm(x, axis=1, keepdims=True)
    mixed = mixture(sphere, x, (1, 2, 3), 2)
    assert mixed.shape == (200_000, 2)
    np.testing.assert_allclose((mixed**2).mean(axis=0), 1.0, atol=0.03)
    for level in (1, 2, 3):
        share = (mixed * sphere.functions(x, level, 2)).mean(axis=0)
        np.testing.assert_allclose(share, 3**-0.5, atol=0.02)
