"""Norms of inputs, against simulation of stable laws, and Gram matrices whose scaling is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.theory import (
    largest_deviations,
    mean_largest_normal,
    norm_deviations,
    norm_exponent,
    norm_scaling,
    power_law_exponent,
    relu_ntk_error,
    spread_error,
    spread_exponent,
    squared_norms,
)


@pytest.mark.parametrize(("nu", "exponent"), [(math.inf, -0.5), (12, -0.5), (4, -0.5), (3, -1 / 3), (2.5, -0.2)])
def test_the_exponent_is_the_central_limit_theorem_s_or_a_stable_law_s(nu: float, exponent: float) -> None:
    assert norm_exponent(nu) == pytest.approx(exponent)


@pytest.mark.parametrize("nu", [3.0, 8.0])
def test_simulated_norms_fall_with_that_exponent(nu: float) -> None:
    rng, dimensions = np.random.default_rng(0), 4 ** np.arange(3, 8)
    scale = math.sqrt((nu - 2) / nu)
    squares = np.stack([((scale * rng.standard_t(nu, (400, d))) ** 2).sum(axis=1) for d in dimensions], axis=1)
    measured = power_law_exponent(dimensions, norm_deviations(squares, dimensions))
    assert measured == pytest.approx(norm_exponent(nu), abs=0.06)


@pytest.mark.parametrize("nu", [2.0, -1.0, math.nan])
def test_without_a_variance_there_is_no_exponent(nu: float) -> None:
    with pytest.raises(ValueError, match="finite variance"):
        norm_exponent(nu)


def test_squared_norms_are_those_of_the_inputs_cut_short(backend: Any) -> None:
    x = np.random.default_rng(0).standard_normal((3, 6))
    dimensions = np.array([1, 4, 6])
    found = backend.to_numpy(squared_norms(backend.asarray(x, "float64"), dimensions))
    expected = [[(row[:d] ** 2).sum() for d in dimensions] for row in x]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_norms_that_are_all_the_same_do_not_deviate() -> None:
    dimensions = np.array([2, 8])
    np.testing.assert_array_equal(norm_deviations(np.array([[2.0, 8.0], [2.0, 8.0 + 1e-14]]), dimensions), 1e-9)
    np.testing.assert_allclose(norm_deviations(np.array([[1.0, 4.0], [3.0, 16.0]]), dimensions), [0.5, 0.75])


def test_a_scaled_matrix_is_found_to_be_scaled(backend: Any) -> None:
    equal, norms = np.array([[2.0, 0.5], [0.5, 3.0]]), np.array([0.5, 2.0])
    raw = np.array([[2.0 * 0.25, 0.5], [0.5, 3.0 * 4.0]])
    scaling = norm_scaling(*(backend.asarray(a, "float64") for a in (raw, equal, norms)))
    least, least_raw = 2.5 - math.sqrt(0.5), 6.25 - math.sqrt(5.75**2 + 0.25)
    assert scaling.min_eigenvalue == pytest.approx(least)
    assert scaling.ostrowski_ratio == pytest.approx(least_raw / (0.25 * least))
    assert scaling.ostrowski_ratio >= 1
    assert scaling.homogeneity_error < 1e-15


def test_a_matrix_that_is_not_homogeneous_is_found_out(backend: Any) -> None:
    z = np.random.default_rng(0).standard_normal((3, 5))
    equal, norms = z @ z.T, np.array([1.0, 2.0, 3.0])
    raw = equal * norms[:, None] * norms[None, :]
    arrays = [backend.asarray(a, "float64") for a in (raw, equal, norms)]
    assert norm_scaling(*arrays).homogeneity_error < 1e-14
    raw[0, 1] = raw[1, 0] = 1.25 * raw[0, 1]
    arrays[0] = backend.asarray(raw, "float64")
    assert norm_scaling(*arrays).homogeneity_error == pytest.approx(0.25)


def test_the_spread_of_norms_is_the_norm_of_that_matrix_of_rank_two() -> None:
    for seed in range(4):
        u = 1 + 0.3 * np.random.default_rng(seed).standard_normal(9)
        expected = np.abs(np.linalg.eigvalsh(np.outer(u, u) - 1)).max()
        assert spread_error(u) == pytest.approx(expected, rel=1e-12)
    assert spread_error(np.ones(5)) == 0.0


def test_it_is_what_a_linear_model_of_the_raw_kernel_lacks() -> None:
    # Times f(0) = 1 / pi, up to a share that falls as 1 / n.
    rng = np.random.default_rng(0)
    shares = []
    for n in (64, 256):
        x = rng.standard_normal((n, n))
        predicted = spread_error(np.sqrt((x**2).mean(axis=1))) / math.pi
        shares.append(relu_ntk_error(x) / predicted - 1)
    assert 0 < shares[1] < shares[0] / 3
    assert shares[1] < 0.05


@pytest.mark.parametrize("sizes", [(64, 128, 256), (128, 256, 512, 1024)])
def test_the_exponent_of_the_spread_is_that_of_random_norms(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    slopes = [
        power_law_exponent(sizes, [spread_error(np.sqrt(rng.chisquare(n, n) / n)) for n in sizes]) for _ in range(1_000)
    ]
    expected = spread_exponent(sizes)
    assert np.mean(slopes) == pytest.approx(expected.mean, abs=0.01)
    assert np.std(slopes) == pytest.approx(expected.deviation, rel=0.1)


def test_the_exponent_is_a_half_in_the_limit() -> None:
    assert spread_exponent([10**6, 10**8]).mean == pytest.approx(0.5, abs=1e-3)


def test_the_largest_deviation_is_over_inputs() -> None:
    found = largest_deviations(np.array([[2.0, 4.0], [1.0, 10.0]]), np.array([2, 8]))
    np.testing.assert_allclose(found, [0.5, 0.5])


def test_the_mean_of_the_largest_normal_is_known_and_simulated() -> None:
    # Of one |N| it is sqrt(2 / pi), of two 2 / sqrt(pi): E max = E |N| + E ||N| - |M|| / 2.
    assert mean_largest_normal(1) == pytest.approx(math.sqrt(2 / math.pi), rel=1e-7)
    assert mean_largest_normal(2) == pytest.approx(2 / math.sqrt(math.pi), rel=1e-7)
    drawn = np.abs(np.random.default_rng(0).standard_normal((4_000, 100))).max(axis=1)
    assert mean_largest_normal(100) == pytest.approx(drawn.mean(), abs=3 * drawn.std() / math.sqrt(4_000))
    with pytest.raises(ValueError, match="n of at least 1, not 0"):
        mean_largest_normal(0)
