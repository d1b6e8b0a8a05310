"""How far learning curves are from the theory: by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ntkbench.theory import Departure, Errors, GapErrors, Prediction, conserved_share, student_t, worst_departure

PREDICTED = Prediction(16, 1.0, np.array([0.5]), 1.0, np.array([0.4]), np.array([0.1]))


def errors(tests: list[float], learned: float = 0.53) -> Errors:
    columns = np.array(tests)[:, None]
    return Errors(columns, columns / 4, learned + 0.01 * np.array([[-1.0], [1.0]]))


def test_a_departure_is_in_units_of_ten_percent_or_three_standard_errors() -> None:
    # Means of 0.36 and 0.1 of noise: 0.06 off, where 0.04 is allowed.
    found = Departure.of(errors([0.36, 0.36 + 1e-12]), PREDICTED, 0, noise=0.1)
    assert found.curve_deviation == pytest.approx(1.5)
    assert found.learnability_deviation == pytest.approx(0.03)
    assert found.ratio_deviation == pytest.approx(abs(0.09 / 0.46 / 0.25 - 1))
    # Three standard errors of 0.1 sqrt(2) / sqrt(2) are more.
    assert Departure.of(errors([0.26, 0.46]), PREDICTED, 0, noise=0.1).curve_deviation == pytest.approx(0.06 / 0.3)


def test_standard_errors_are_from_what_is_exact_where_that_is_known() -> None:
    # The standard error of two values is half their distance: 0.1, and 0.01 of the learnabilities.
    given = errors([0.26, 0.46])
    assert Departure.of(given, PREDICTED, 0, noise=0.1).standard_errors == pytest.approx(3.0)
    exact = GapErrors(test_error=0.46 + 0.25, learnability=0.53)
    assert Departure.of(given, PREDICTED, 0, noise=0.1, exact=exact).standard_errors == pytest.approx(2.5)


def test_without_a_ridge_the_ratio_itself_is_the_departure() -> None:
    ridgeless = replace(PREDICTED, train_error=np.array([0.0]))
    assert Departure.of(errors([0.3, 0.5]), ridgeless, 0).ratio_deviation == pytest.approx(0.25)


def test_the_worst_is_of_those_with_points_enough() -> None:
    few = Prediction(8, 1.0, np.array([0.5]), 1.0, np.array([9.0]), np.array([0.1]))
    found = [errors([0.3, 0.5]), errors([0.3, 0.5], learned=0.6), errors([0.3, 0.51])]
    worst = worst_departure(found, [few, PREDICTED, PREDICTED], 0, least=16)
    each = [Departure.of(e, PREDICTED, 0) for e in found[1:]]
    assert worst == Departure(*(max(pair) for pair in zip(*each, strict=True)))
    assert worst_departure(found, [few, PREDICTED, PREDICTED], 0).curve_deviation > 1 > worst.curve_deviation


@pytest.mark.parametrize(("ridge", "share"), [(0.0, 1.0), (1.0, 0.5)])
def test_learnabilities_of_a_basis_add_up_to_the_points(ridge: float, share: float) -> None:
    rng = np.random.default_rng(0)
    factor = rng.standard_normal((9, 9))
    assert conserved_share(factor @ factor.T, np.array([1, 4, 5]), rng) == pytest.approx(1.0, abs=1e-10)
    # Of the identity as kernel, each point learns 1 / (1 + ridge) of itself.
    assert conserved_share(np.eye(9), np.array([1, 4, 5]), rng, ridge=ridge) == pytest.approx(share, abs=1e-12)


def test_of_symmetrical_values_it_is_student_s_and_of_skewed_ones_johnson_s() -> None:
    assert student_t(np.array([1.0, 2.0, 3.0]), 1.5) == pytest.approx(0.5 / (1 / 3**0.5))
    # Of 0, 0, 0, 4: mean 1, variance 4, third moment (-1 - 1 - 1 + 27) / 4 = 6.
    assert student_t(np.array([0.0, 0.0, 0.0, 4.0]), 0.5) == pytest.approx(0.5 + 6 / 96 + 6 / 48 * 0.25)


def test_the_correction_takes_the_skewness_out() -> None:
    # Squares of exponential numbers: skewed as the errors of regression between random points are.
    rng = np.random.default_rng(0)
    draws = rng.standard_exponential((2_000, 100)) ** 2
    plain = (draws.mean(axis=1) - 2) / (draws.std(axis=1, ddof=1) / 10)
    corrected = np.array([student_t(row, 2.0) for row in draws])
    assert np.mean(plain < -3) > 3 * np.mean(np.abs(corrected) > 3)
    assert np.mean(np.abs(corrected) > 3) < 0.01
