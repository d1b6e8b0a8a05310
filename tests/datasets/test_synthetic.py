"""Synthetic inputs against the moments, quantiles and limit laws of their distributions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats

from ntkbench.datasets import (
    elliptical,
    exponential,
    gaussian,
    laplace,
    normalised,
    rademacher,
    sphere,
    student,
    uniform,
    weibull,
)
from ntkbench.errors import InputError

ALL = {"gaussian": gaussian, "rademacher": rademacher, "laplace": laplace, "sphere": sphere, "t6": student(6),
       "elliptical": elliptical(6), "uniform": uniform, "exponential": exponential,
       "weibull": weibull(1.5)}  # fmt: skip
every_distribution = pytest.mark.parametrize("draw", ALL.values(), ids=ALL)


def slope(draw: Any, repeats: int = 300) -> float:
    """The exponent of the dimension in the median of | |x|^2 / d - 1 |."""
    x, dimensions = draw(np.random.default_rng(0), repeats, 8192), [2**k for k in range(5, 14)]
    medians = [np.median(np.abs((x[:, :d] ** 2).mean(axis=1) - 1)) for d in dimensions]
    return float(np.polyfit(np.log(dimensions), np.log(medians), 1)[0])


@every_distribution
def test_entries_have_mean_zero_and_variance_one(draw: Any) -> None:
    x = draw(np.random.default_rng(1), 40_000, 3)
    assert x.shape == (40_000, 3)
    assert x.dtype == np.float64
    assert np.abs(x.mean(axis=0)).max() < 5 / math.sqrt(40_000)
    # The fourth moment of t(6) is 6: a standard error of the variance of sqrt(5 / 120,000).
    assert (x**2).mean() == pytest.approx(1, abs=5 * math.sqrt(5 / 40_000))


@every_distribution
def test_the_same_generator_gives_the_same_inputs(draw: Any) -> None:
    one, same, other = (draw(np.random.default_rng(seed), 5, 4) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("draw", "law"),
    [
        (gaussian, scipy.stats.norm()),
        (laplace, scipy.stats.laplace(scale=math.sqrt(0.5))),
        (student(3), scipy.stats.t(3, scale=math.sqrt(1 / 3))),
        (student(2.5), scipy.stats.t(2.5, scale=math.sqrt(0.2))),
        (elliptical(5), scipy.stats.t(5, scale=math.sqrt(0.6))),
    ],
    ids=["gaussian", "laplace", "t3", "t2.5", "an entry of the elliptical t5"],
)
def test_entries_follow_their_law(draw: Any, law: Any) -> None:
    x = draw(np.random.default_rng(2), 20_000, 1)[:, 0]
    assert scipy.stats.kstest(x, law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("draw", [rademacher, sphere], ids=["rademacher", "sphere"])
def test_some_norms_are_exact(draw: Any) -> None:
    np.testing.assert_allclose(np.linalg.norm(draw(np.random.default_rng(3), 50, 7), axis=1), math.sqrt(7), rtol=1e-14)


def test_elliptical_inputs_are_a_radius_times_a_gaussian() -> None:
    x, d = elliptical(5)(np.random.default_rng(4), 4000, 2000), 2000
    # |x|^2 / d follows (nu - 2) / nu times Fisher's law, for any d.
    law = scipy.stats.f(d, 5, scale=0.6)
    assert scipy.stats.kstest((x**2).mean(axis=1), law.cdf).pvalue > 1e-3
    one, other = normalised(x[:2000]), normalised(x[2000:])
    cosines = (one * other).sum(axis=1) / d
    assert cosines.std() == pytest.approx(1 / math.sqrt(d), rel=0.1)


@pytest.mark.parametrize("nu", [2.5, 3.0])
def test_norms_concentrate_as_stable_laws_have_it(nu: float) -> None:
    assert slope(student(nu)) == pytest.approx(-(1 - 2 / nu), abs=0.06)


@pytest.mark.parametrize("draw", [gaussian, laplace, student(12)], ids=["gaussian", "laplace", "t12"])
def test_with_four_moments_norms_concentrate_like_the_root(draw: Any) -> None:
    assert slope(draw) == pytest.approx(-0.5, abs=0.06)


def test_elliptical_norms_do_not_concentrate() -> None:
    assert slope(elliptical(5)) == pytest.approx(0, abs=0.06)


@pytest.mark.parametrize("nu", [2.0, 1.0, -3.0, math.nan, math.inf])
@pytest.mark.parametrize("make", [student, elliptical])
def test_too_few_degrees_of_freedom_for_a_variance_are_refused(make: Any, nu: float) -> None:
    with pytest.raises(InputError, match="more than 2 degrees of freedom"):
        make(nu)


@pytest.mark.parametrize(
    ("draw", "fourth"), [(uniform, 9 / 5), (exponential, 9.0), (weibull(1.0), 6.0), (weibull(2.0), 2.0)]
)
def test_fourth_moments_are_those_of_the_distributions(draw: Any, fourth: float) -> None:
    x = draw(np.random.default_rng(2), 400, 1_000)
    assert (x**4).mean() == pytest.approx(fourth, abs=5 * (x**4).std() / math.sqrt(x.size))


def test_weibull_entries_have_stretched_tails() -> None:
    # |x| = sqrt(1 / 24) E^2 for the shape 1/2: its survival function is known.
    x = np.abs(weibull(0.5)(np.random.default_rng(3), 400, 100)).ravel()
    for t in (0.5, 2.0):
        survival = math.exp(-math.sqrt(t * math.sqrt(24.0)))
        assert (x > t).mean() == pytest.approx(survival, abs=5 * math.sqrt(survival / x.size))


@pytest.mark.parametrize("shape", [0.0, -1.0, math.inf, math.nan])
def test_a_shape_that_is_none_is_refused(shape: float) -> None:
    with pytest.raises(InputError, match="needs a positive shape"):
        weibull(shape)
