"""Sums over windows of covariances against loops over pairs of positions."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from ntkbench._vendor.array_api_compat import numpy as xp
from ntkbench.duals.covariance import Covariance, between, itself
from ntkbench.duals.windows import pooled_windows, window_sums

RNG = np.random.default_rng(0)
X1, X2 = RNG.standard_normal((2, 4, 5, 3)), RNG.standard_normal((3, 4, 5, 3))


def pixel(x: np.ndarray, i: int, j: int, padding: str) -> Any:
    """The pixels (n, channels) at a position that may lie beyond the border."""
    height, width = x.shape[1:3]
    if padding == "circular" or (0 <= i < height and 0 <= j < width):
        return x[:, i % height, j % width]
    return np.zeros_like(x[:, 0, 0])


def inside(window: tuple[int, int]) -> list[tuple[int, int]]:
    return list(itertools.product(*map(range, window)))


@pytest.mark.parametrize("padding", ["same", "circular"])
def test_sums_pair_the_same_place_in_two_windows(padding: str) -> None:
    summed = window_sums(xp, between(xp, X1, X2, True), (3, 2), (2, 1), (2, 5), padding)
    assert summed.positions == (2, 5)
    assert summed.nngp.shape == (2, 5, 2, 5, 2, 3)
    # Three rows in steps of two need one row more, at the end; two columns need one more, at the end.
    for i, j, k, l in itertools.product(range(2), range(5), range(2), range(5)):  # noqa: E741
        expected = sum(
            pixel(X1, 2 * i + a, j + b, padding) @ pixel(X2, 2 * k + a, l + b, padding).T / 3 for a, b in inside((3, 2))
        )
        np.testing.assert_allclose(summed.nngp[i, j, k, l], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("padding", "positions"), [("valid", (2, 3)), ("same", (2, 5)), ("circular", (2, 5))])
def test_pooled_windows_pair_every_place_with_every_other(padding: str, positions: tuple[int, int]) -> None:
    shares = RNG.standard_normal(positions)
    pooled = pooled_windows(xp, between(xp, X1, X2, True), (2, 3), (2, 1), positions, padding, shares)
    assert pooled.variances is None
    # Three columns need one more on each side.
    left = 0 if padding == "valid" else 1

    def share(x: np.ndarray, i: int, j: int) -> Any:
        return shares[i, j] * sum(pixel(x, 2 * i + a, j - left + b, padding) for a, b in inside((2, 3)))

    for i, j, k, l in itertools.product(*map(range, positions * 2)):  # noqa: E741
        expected = share(X1, i, j) @ share(X2, k, l).T / 3
        np.testing.assert_allclose(pooled.nngp[i, j, k, l], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("all_pairs", [False, True])
@pytest.mark.parametrize("positions", [(20,), (4, 5), (2, 5, 2)])
def test_inputs_have_the_covariances_of_their_positions(positions: tuple[int, ...], all_pairs: bool) -> None:
    x1, x2 = (x.reshape(len(x), *positions, 3) for x in (X1, X2))
    covariance: Covariance = between(xp, x1, x2, all_pairs)
    assert (covariance.positions, covariance.axes) == (positions, len(positions))
    flat1, flat2 = (x.reshape(len(x), 20, 3) for x in (X1, X2))
    pairs = np.einsum("npc,mqc->pqnm", flat1, flat2) / 3
    same = pairs[range(20), range(20)].reshape(*positions, 2, 3)
    expected = pairs.reshape(*positions, *positions, 2, 3) if all_pairs else same
    np.testing.assert_allclose(covariance.nngp, expected, rtol=1e-12, atol=1e-14)
    equal = covariance.equal_positions(xp)
    np.testing.assert_allclose(equal.nngp, same, rtol=1e-12, atol=1e-14)
    apart = equal.apart(xp).nngp.reshape(20, 20, 2, 3)
    np.testing.assert_array_equal(apart, equal.nngp.reshape(20, 1, 2, 3) * np.eye(20)[:, :, None, None])
    assert covariance.variances is not None
    squares = np.einsum("npc,npc->pn", flat1, flat1).reshape(*positions, 2) / 3
    np.testing.assert_allclose(covariance.variances[0], squares, rtol=1e-12)
    own = itself(xp, x1, all_pairs)
    np.testing.assert_allclose(own.own_variance(xp), squares, rtol=1e-12)
    for c in (covariance, own):
        first, second = c.fitting_variances(xp)
        assert np.broadcast_to(first * second, c.nngp.shape).shape == c.nngp.shape
