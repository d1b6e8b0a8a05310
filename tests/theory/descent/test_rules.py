"""Closed-form rates of descent: spectral radii of each mode's step, and the worst of many quadratics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.theory import METHODS, Rule, decay_factor, ridge_for, steps_until, tuned_factor, tuned_rule

SPREAD = np.linspace(0.3, 12.0, 301)


def radius(rule: Rule, eigenvalue: float) -> float:
    """Of the map from (e(t), e(t - 1)) to (e(t + 1), e(t)) for one eigenvalue, whose step is a matrix of two by two."""
    assert rule.momentum is not None
    left = 1 - rule.rate * eigenvalue if rule.nesterov else 1.0
    own = (1 + rule.momentum) * left - (0.0 if rule.nesterov else rule.rate * eigenvalue)
    return float(np.abs(np.linalg.eigvals([[own, -rule.momentum * left], [1.0, 0.0]])).max())


@pytest.mark.parametrize("method", ["gradient", "heavy_ball", "nesterov", "nesterov_tuned"])
def test_the_closed_form_is_the_worst_radius_over_the_spectrum(method: Any) -> None:
    rule = tuned_rule(method, 12.0, 0.3)
    worst = max(radius(rule, eigenvalue) for eigenvalue in SPREAD)
    # A double root is one only to half of the digits.
    assert worst == pytest.approx(tuned_factor(method, 12.0, 0.3), rel=1e-7)


@pytest.mark.parametrize("method", ["gradient", "heavy_ball", "nesterov_tuned"])
def test_no_neighbouring_rule_of_the_kind_is_faster(method: Any) -> None:
    rule, best = tuned_rule(method, 12.0, 0.3), tuned_factor(method, 12.0, 0.3)
    for rate in (0.97, 1.0, 1.03):
        for momentum in (0.97, 1.0, 1.03):
            if (rate, momentum) == (1.0, 1.0) or (method == "gradient" and rate == 1.0):
                continue
            assert rule.momentum is not None
            near = Rule(rate * rule.rate, momentum * rule.momentum, rule.nesterov)
            assert max(radius(near, eigenvalue) for eigenvalue in SPREAD) > best


def test_exact_line_search_never_loses_less_than_its_factor() -> None:
    rng, values, factors = np.random.default_rng(0), np.array([0.3, 1.0, 5.0, 12.0]), []
    for _ in range(200):
        error = rng.standard_normal(4)
        after = error - (error @ (values * error)) / ((values * error) @ (values * error)) * values * error
        factors.append(np.linalg.norm(after) / np.linalg.norm(error))
    # Kantorovich's worst case has both extreme components in the proportion of their eigenvalues' inverse roots.
    worst = np.array([1 / np.sqrt(0.3), 0.0, 0.0, 1 / np.sqrt(12.0)])
    after = worst - (worst @ (values * worst)) / ((values * worst) @ (values * worst)) * values * worst
    bound = tuned_factor("exact", 12.0, 0.3)
    assert max(factors) <= bound
    assert np.linalg.norm(after) / np.linalg.norm(worst) == pytest.approx(bound, rel=1e-12)


def test_a_ridge_brings_a_matrix_to_its_condition() -> None:
    for condition in (1.5, 7.0, 400.0):
        ridge = ridge_for(SPREAD, condition)
        assert (SPREAD[-1] + ridge) / (SPREAD[0] + ridge) == pytest.approx(condition, rel=1e-12)


def test_steps_and_factors_of_a_geometric_decay() -> None:
    errors = 5.0 * 0.5 ** np.arange(60.0)
    assert steps_until(errors, 0.5**7) == 7
    assert steps_until(errors, 1.0) == 0
    assert decay_factor(errors) == pytest.approx(0.5, rel=1e-12)


def test_numbers_that_make_no_sense_are_refused() -> None:
    faults: list[tuple[Any, str]] = [
        (lambda: Rule(0.0), r"^the learning rate must be positive and finite, not 0\.0$"),
        (lambda: Rule(0.1, 1.0), r"^momentum must lie in \[0, 1\) or be None, not 1\.0$"),
        (lambda: Rule(0.1, 0.5, search="exact"), r"^a line search is one of gradient descent: its momentum is 0$"),
        (lambda: Rule(0.1, search="wolfe"), r"^search must be one of constant, exact, armijo, not 'wolfe'$"),
        (lambda: tuned_rule("newton", 2.0, 1.0), rf"^method must be one of {', '.join(METHODS)}, not 'newton'$"),
        (lambda: tuned_factor("gradient", 1.0, 2.0), r"^eigenvalues must be positive, the largest first, not 1\.0 and"),
        (lambda: steps_until(np.ones(4), 0.1), r"^the error never falls to 0\.1 of the first within 3 steps$"),
        (
            lambda: decay_factor(np.array([1.0, 0.0])),
            r"^from 0\.001 to 1e-06 of the first error is no more than a step$",
        ),
    ]
    for act, words in faults:
        with pytest.raises(ValueError, match=words):
            act()
