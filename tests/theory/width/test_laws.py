"""Laws of widths whose harmonic mean is given: their masses are those of the family, and 1/n has the mean asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ntkbench.theory import WidthLaw, geometric_width, pareto_width, poisson_width


def shares(law: WidthLaw, count: int) -> np.ndarray:
    assert law.probabilities is not None
    found = dict(zip(law.widths, law.probabilities, strict=True))
    return np.array([found.get(n, 0.0) for n in range(1, count + 1)])


@pytest.mark.parametrize("mean", [2.0, 20.0])
@pytest.mark.parametrize("law", [poisson_width, geometric_width, pareto_width])
def test_the_harmonic_mean_is_the_one_asked_for(law: object, mean: float) -> None:
    assert callable(law)
    assert law(mean).inverse_mean == pytest.approx(1 / mean, rel=1e-12)


def test_poisson_is_one_more_than_a_poisson_variable() -> None:
    law = poisson_width(20.0)
    # E 1/(1 + N) = (1 - e^-r) / r: the rate is 20, but for e^-20.
    np.testing.assert_allclose(shares(law, 60), stats.poisson.pmf(np.arange(60), law.mean - 1), rtol=1e-6)
    assert law.mean == pytest.approx(21.0, rel=1e-6)


def test_geometric_has_the_mean_of_one_over_n_that_a_series_gives() -> None:
    law = geometric_width(20.0)
    p = 1 / law.mean
    np.testing.assert_allclose(shares(law, 50), stats.geom.pmf(np.arange(1, 51), p), rtol=1e-9)
    assert -p * math.log(p) / (1 - p) == pytest.approx(1 / 20, rel=1e-9)


def test_pareto_has_the_tail_of_its_exponent() -> None:
    law = pareto_width(20.0, tail=1.5, most=100_000)
    assert law.probabilities is not None
    beyond = 1 - np.cumsum(shares(law, 4_000))
    assert beyond[3_999] / beyond[999] == pytest.approx(4**-1.5, rel=0.01)
    # A continuous Pareto variable has E 1/n = 1.5 / 2.5 over its least value; rounding up adds half a unit or so.
    assert 11 <= law.widths[0] <= 13


@pytest.mark.parametrize("mean", [1.0, math.inf, math.nan])
def test_harmonic_means_that_no_law_has_are_refused(mean: float) -> None:
    with pytest.raises(ValueError, match=r"^the harmonic mean of a random width must be at least 1\.5, not "):
        geometric_width(mean)
