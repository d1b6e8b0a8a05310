"""Regression on the circle by a Markov kernel: the integral, its limits, and regression itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, optimize

from ntkbench.backends import open_backend
from ntkbench.theory import MarkovCircle, eigenlearning, regression_curve

CIRCLE = MarkovCircle(1.0)


def exact_kappa(decay: float, n: int) -> float:
    """kappa of the whole spectrum c / (a^2 + k^2), by sum_k 1 / (b^2 + k^2) = pi coth(pi b) / b."""
    c = decay * math.sinh(decay * math.pi) / math.pi

    def points(log_kappa: float) -> float:
        b = math.sqrt(decay**2 + c / math.exp(log_kappa))
        return c / math.exp(log_kappa) * math.pi / (b * math.tanh(math.pi * b)) - n

    return math.exp(optimize.brentq(points, -40, 10))


@pytest.mark.parametrize(
    ("n", "ratios"),
    [(16, (3.00, 1.82)), (32, (4.92, 3.54)), (64, (6.44, 5.64)), (128, (7.27, 6.98)), (512, (7.84, 7.82))],
)  # fmt: skip
def test_the_exact_error_over_the_theory_s_is_the_known_one(n: int, ratios: tuple[float, float]) -> None:
    predicted = eigenlearning(CIRCLE.spectrum(), n)
    for level, ratio in zip((1, 4), ratios, strict=True):
        assert CIRCLE.expected(n, level).test_error / predicted.test_error[level] == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize(("n", "ratio"), [(16, 1.49), (512, 1.989)])
def test_the_share_not_learned_over_the_theory_s_is_the_known_one(n: int, ratio: float) -> None:
    missed = 1 - eigenlearning(CIRCLE.spectrum(), n).learnability[1]
    assert (1 - CIRCLE.expected(n, 1).learnability) / missed == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize(("decay", "level"), [(1.0, 0), (1.0, 1), (1.0, 2), (0.5, 4)])
def test_the_limits_are_those_of_linear_interpolation_between_exponential_gaps(decay: float, level: int) -> None:
    # At x in a gap g the error is (a^2 + k^2) x (g - x) / 2 of the target's value; the integral over x of its square is
    # (a^2 + k^2)^2 g^5 / 120, and over exponential gaps E g^5 = 120 (2 pi / n)^5.
    n = 20_000
    circle, small = MarkovCircle(decay), (2 * math.pi / n) ** 2 * (decay**2 + level**2)
    found = circle.expected(n, level)
    assert found.test_error / small**2 == pytest.approx(1.0, rel=2e-3)
    assert (1 - found.learnability) / small == pytest.approx(0.5, rel=2e-3)
    predicted = eigenlearning(circle.spectrum(), 2_000)
    found = circle.expected(2_000, level)
    assert found.test_error / predicted.test_error[level] == pytest.approx(8, rel=0.01)
    assert (1 - found.learnability) / (1 - predicted.learnability[level]) == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("level", [0, 1, 3])
def test_two_points_by_integration_over_both_places(level: int) -> None:
    circle = MarkovCircle(0.7)

    def parts(first: float, second: float) -> tuple[float, float]:
        """Squared error and overlap at angle 0 of cos(k t) and sin(k t) together, by regression on two points."""
        angle = np.array([0.0, first, second])
        k = circle.kernel(math.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1))
        weights = np.linalg.solve(k[1:, 1:], k[0, 1:])
        cosine, sine = weights @ np.cos(level * angle[1:]), weights @ np.sin(level * angle[1:])
        return (cosine - 1) ** 2 + sine**2, cosine

    # Away from where points meet, and where the function has no kinks: midpoints are exact enough.
    grid = 2 * math.pi * (np.arange(160) + 0.5) / 160
    values = np.array([parts(s, t) for i, s in enumerate(grid) for t in grid[:i]])
    found = circle.expected(2, level)
    assert values[:, 0].mean() == pytest.approx(found.test_error, rel=0.02)
    assert values[:, 1].mean() == pytest.approx(found.learnability, abs=0.01)


def test_a_gap_as_wide_as_the_circle_is_integrated_to_its_end() -> None:
    # Two points: the gap is uniform.
    circle = MarkovCircle(1.3)

    def missed(x: float, g: float) -> float:
        ends = math.sinh(1.3 * (g - x)) * math.cos(2 * x) + math.sinh(1.3 * x) * math.cos(2 * (g - x))
        return (1 - ends / math.sinh(1.3 * g)) / (2 * math.pi**2)

    whole, _ = integrate.dblquad(missed, 0, 2 * math.pi, 0, lambda g: g)
    assert 1 - circle.expected(2, 2).learnability == pytest.approx(whole, rel=1e-7)


def test_the_truncated_spectrum_gives_the_theory_of_the_whole_one() -> None:
    for n in (16, 139, 512):
        assert eigenlearning(CIRCLE.spectrum(), n).kappa == pytest.approx(exact_kappa(1.0, n), rel=1e-4)


@pytest.mark.parametrize("level", [1, 4])
def test_regression_is_within_three_standard_errors_of_the_integral(level: int) -> None:
    samples = CIRCLE.samples(64, 200, np.random.default_rng(0))
    grams = (CIRCLE.kernel(sample.points) for sample in samples)
    targets = [CIRCLE.functions(sample.points, level, 2) for sample in samples]
    for n, errors in zip((16, 64), regression_curve(grams, targets, samples, [16, 64]), strict=True):
        expected = CIRCLE.expected(n, level)
        for by_trial, wanted in ((errors.test.mean(1), expected[0]), (errors.learnability.mean(1), expected[1])):
            assert len(by_trial) == 200
            assert abs(by_trial.mean() - wanted) <= 3 * by_trial.std(ddof=1) / math.sqrt(200)


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_the_kernel_is_that_of_the_angle_between_points(name: str) -> None:
    backend = open_backend(name)
    angle = np.array([0.0, 1e-7, 0.3, 3.0, math.pi, 6.0])
    x = backend.asarray(math.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1), "float64")
    apart = np.abs(angle[:, None] - angle[None, :])
    expected = np.cosh(1.0 * (math.pi - np.minimum(apart, 2 * math.pi - apart)))
    np.testing.assert_allclose(backend.to_numpy(CIRCLE.kernel(x)), expected, rtol=1e-7)
    assert CIRCLE.spectrum().trace == pytest.approx(expected[0, 0])


def test_its_eigenvalues_are_the_fourier_series_of_the_kernel() -> None:
    spectrum = MarkovCircle(0.8).spectrum()
    for k in (0, 1, 5):
        value, _ = integrate.quad(lambda t: math.cosh(0.8 * (math.pi - t)) / math.pi, 0, math.pi, weight="cos", wvar=k)
        assert spectrum.eigenvalues[k] == pytest.approx(value, rel=1e-10)
    assert 0 < spectrum.tail < 1e-3 * spectrum.trace


@pytest.mark.parametrize("decay", [0.0, -1.0, math.inf, math.nan])
def test_a_decay_that_is_none_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="decay must be positive"):
        MarkovCircle(decay)


@pytest.mark.parametrize(("n", "level"), [(1, 1), (4, -1)])
def test_what_has_no_gap_or_level_is_refused(n: int, level: int) -> None:
    with pytest.raises(ValueError, match="two points and a level of 0"):
        CIRCLE.expected(n, level)
