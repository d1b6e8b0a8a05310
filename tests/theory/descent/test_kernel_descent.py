"""Rules of descent on a kernel: the same steps in NumPy, in the space of parameters, and the Bessel law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.theory import METHODS, Rule, bessel_law, envelope_exponent, kernel_descents, tuned_rule

STEPS = 12  # rounding grows under the large steps that halving tries


@pytest.fixture(params=["jax", "torch"])
def library(request: pytest.FixtureRequest) -> Any:
    return open_backend(request.param)


def by_parameters(features: np.ndarray, y: np.ndarray, rule: Rule) -> list[float]:
    """|f - y| of f = features w, where w is what moves."""
    w = before = np.zeros(features.shape[1])
    found = [float(np.linalg.norm(y))]
    for t in range(1, STEPS + 1):
        momentum = (t - 1) / (t + 2) if rule.momentum is None else rule.momentum
        at = w + momentum * (w - before) if rule.nesterov else w
        slope = features.T @ (features @ at - y)
        rate = rule.rate
        if rule.search == "exact":
            rate = (slope @ slope) / np.sum((features @ slope) ** 2)
        if rule.search == "armijo":
            loss = 0.5 * np.sum((features @ w - y) ** 2)
            while 0.5 * np.sum((features @ (w - rate * slope) - y) ** 2) > loss - 0.5 * rate * slope @ slope:
                rate /= 2
        w, before = w + momentum * (w - before) - rate * slope, w
        found.append(float(np.linalg.norm(features @ w - y)))
    return found


def test_descents_are_those_of_the_parameters(library: Any) -> None:
    rng = np.random.default_rng(0)
    features, y = rng.standard_normal((5, 9)), rng.standard_normal(5)
    k = features @ features.T
    ridges = [0.0, 2.0]
    rules, names = [], []
    for ridge in ridges:
        values = np.linalg.eigvalsh(k) + ridge
        rules += [tuned_rule(method, values[-1], values[0]) for method in METHODS]
        rules.append(Rule(0.5 / values[-1], None, nesterov=True))
        names += [ridge] * (len(METHODS) + 1)
    found = kernel_descents(library.asarray(k, "float64"), names, np.tile(-y, (len(rules), 1)), rules, steps=STEPS)
    assert found.shape == (STEPS + 1, len(rules))
    for column, (rule, ridge) in enumerate(zip(rules, names, strict=True)):
        wide = np.hstack([features, np.sqrt(ridge) * np.eye(5)])
        np.testing.assert_allclose(found[:, column], by_parameters(wide, y, rule), rtol=1e-8, err_msg=str(rule))


def test_an_error_that_has_vanished_stays_where_it_is(library: Any) -> None:
    k = library.asarray(np.diag([1.0, 2.0]), "float64")
    found = kernel_descents(k, [0.0], np.array([[0.0, 1.0]]), [Rule(1.0, search="exact")], steps=5)
    np.testing.assert_array_equal(found[1:, 0], np.zeros(5))


@pytest.mark.parametrize("steepness", [1e-3, 1e-4])
def test_nesterov_with_vanishing_damping_follows_the_bessel_law(steepness: float) -> None:
    # The law is the limit of small steepness: it is off by about half of its root.
    k = open_backend("torch").asarray(np.array([[steepness]]), "float64")
    found = kernel_descents(k, [0.0], np.ones((1, 1)), [Rule(1.0, None, nesterov=True)], steps=1000)[:, 0]
    deviation = np.abs(found - np.abs(bessel_law(steepness, np.arange(1001)))).max()
    assert 0.3 * steepness**0.5 < deviation < 0.6 * steepness**0.5


def test_the_law_begins_at_one_and_its_envelope_falls_as_the_time_to_minus_three_halves() -> None:
    assert bessel_law(1e-3, [0])[0] == 1.0
    assert bessel_law(1e-3, [1])[0] == pytest.approx(1.0 - 1e-3 / 8 - 1e-3 / 2, rel=1e-6)
    assert envelope_exponent(bessel_law(1e-6, np.arange(1_000_000)), 1e-6) == pytest.approx(-1.5, abs=0.01)


def test_an_exponent_needs_peaks() -> None:
    with pytest.raises(ValueError, match=r"^an exponent needs three peaks, not 0: take more steps$"):
        envelope_exponent(np.array([1.0, 0.9, 0.8]), 1e-4)


def test_each_rule_needs_its_ridge_and_its_error() -> None:
    k = open_backend("torch").asarray(np.eye(2), "float64")
    words = r"^for 1 rules and this kernel there must be 1 ridges and errors \(1, 2\), not "
    for ridges, errors in (([], np.ones((1, 2))), ([0.0], np.ones((1, 3)))):
        with pytest.raises(ValueError, match=words):
            kernel_descents(k, ridges, errors, [Rule(1.0)], steps=2)
