"""Condition numbers of least squares on splines and on ReLUs, against numbers computed beforehand and integrals."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import quad

from ntkbench.networks import Splines
from ntkbench.theory import conditioning, relu_gram, spline_gram

GRIDS = (5, 10, 20, 40, 80)
# Computed beforehand by a program of its own: the condition number over d, at d = 8.
PILOT = {1: (3.69, 3.81, 3.90, 3.95, 3.98), 2: (44.7, 45.8, 47.0, 47.7, 48.0), 3: (1372, 1352, 1393, 1416, 1428)}


def three_digits(value: float) -> float:
    return float(f"{value:.3g}") if value < 1000 else round(value)


@pytest.mark.parametrize("degree", PILOT)
def test_that_of_splines_does_not_grow_with_the_grid(degree: int) -> None:
    found = [conditioning(spline_gram(Splines(degree, intervals), 8)) for intervals in GRIDS]
    assert tuple(three_digits(c.number / 8) for c in found) == PILOT[degree]
    assert {c.zero_modes for c in found} == {7}


@pytest.mark.parametrize("degree", PILOT)
def test_that_of_splines_grows_with_the_inputs_alone(degree: int) -> None:
    found = {d: conditioning(spline_gram(Splines(degree, 10), d)) for d in (1, 2, 4, 8)}
    shares = [c.number / d for d, c in found.items()]
    assert max(shares) / min(shares) < 1.05
    assert [c.zero_modes for c in found.values()] == [0, 1, 3, 7]


@pytest.mark.parametrize("splines", [Splines(1, 3), Splines(3, 4, -1.0, 2.0)], ids=str)
def test_the_gram_matrix_of_splines_holds_their_integrals(splines: Splines) -> None:
    gram, m, length = spline_gram(splines, 2), splines.functions, splines.high - splines.low
    assert gram.shape == (2 * m, 2 * m)
    ends = np.linspace(splines.low, splines.high, splines.intervals + 1)

    def mean(*numbers: int) -> float:
        def product(x: float) -> float:
            return float(np.prod(splines.at(np.asarray(x))[list(numbers)]))

        return sum(quad(product, a, b)[0] for a, b in itertools.pairwise(ends)) / length

    means = [mean(i) for i in range(m)]
    for i in range(m):
        for j in range(m):
            both = mean(i, j)
            assert gram[i, j] == pytest.approx(both, abs=1e-12)
            assert gram[m + i, m + j] == pytest.approx(both, abs=1e-12)
            assert gram[i, m + j] == pytest.approx(means[i] * means[j], abs=1e-12)


def test_that_of_relus_grows_as_the_fourth_power_of_their_number() -> None:
    found = [conditioning(relu_gram(n)).number for n in (8, 16, 32, 64, 128)]
    assert [float(f"{c:.2e}") for c in found] == [1.80e4, 2.78e5, 4.29e6, 6.70e7, 1.06e9]
    assert [round(float(np.log2(b / a)), 2) for a, b in itertools.pairwise(found)] == [
        3.95,
        3.95,
        3.97,
        3.98,
    ]


def test_the_gram_matrix_of_relus_holds_their_integrals() -> None:
    def between(p: Fraction, q: Fraction) -> Fraction:
        def primitive(x: Fraction) -> Fraction:
            return x**3 / 3 - (p + q) * x**2 / 2 + p * q * x

        return primitive(Fraction(1)) - primitive(max(p, q))

    exact = [[float(between(Fraction(i, 7), Fraction(j, 7))) for j in range(7)] for i in range(7)]
    np.testing.assert_allclose(relu_gram(7), exact, rtol=1e-14)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^inputs must be a positive whole number, not 0$"):
        spline_gram(Splines(1, 3), 0)
    with pytest.raises(ValueError, match=r"^neurons must be a positive whole number, not 2\.0$"):
        relu_gram(2.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^the Gram matrix has no positive eigenvalue$"):
        conditioning(np.zeros((2, 2)))
