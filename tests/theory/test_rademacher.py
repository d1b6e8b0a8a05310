"""Rademacher complexity against the supremum itself, all signs, and formulas; the generalisation gap by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend
from ntkbench.kernels import fc_kernels
from ntkbench.theory import Sphere, all_signs, capacity_curve, interpolant_norm, rademacher_complexity, ramp_gap


def gram(n: int, dtype: str = "float64") -> np.ndarray:
    points = Sphere(4).samples(n, 1, np.random.default_rng(0))[0].points[:n]
    return np.asarray(fc_kernels(points, depth=3).ntk.astype(dtype))


def test_all_signs_are_listed_once() -> None:
    assert all_signs(2).tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    assert len({tuple(row) for row in all_signs(10)}) == 2**10
    with pytest.raises(ValueError, match="from 1 to 20, not 21"):
        all_signs(21)


@pytest.mark.parametrize("n", [1, 2, 5, 14])
def test_with_all_signs_it_is_the_exact_mean_of_the_supremum(backend: Backend, n: int) -> None:
    k = gram(n)
    # On the span of k(x_i, .) the ball is {a: a'Ka <= 1}, and sup (1/n) s'Ka is attained at a = s / sqrt(s'Ks).
    expected = 0.0
    for signs in all_signs(n):
        a = signs / math.sqrt(signs @ k @ signs)
        assert a @ k @ a == pytest.approx(1.0)
        expected += signs @ k @ a / n / 2**n
    found = rademacher_complexity(backend.asarray(k, "float64"), backend.asarray(all_signs(n), "float64"))
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert found.stderr == 0.0
    assert found.lower <= found.value <= found.upper * (1 + 1e-12)
    assert found.upper == pytest.approx(math.sqrt(np.trace(k)) / n, rel=1e-12)
    assert found.lower == pytest.approx(math.sqrt(np.trace(k) / 2) / n, rel=1e-12)


def test_drawn_signs_come_within_their_standard_error(backend: Backend) -> None:
    k = gram(12)
    exact = rademacher_complexity(k, all_signs(12)).value
    signs = np.random.default_rng(1).choice([-1.0, 1.0], (2000, 12))
    found = rademacher_complexity(backend.asarray(k, "float64"), backend.asarray(signs, "float64"))
    values = np.sqrt(np.einsum("si,ij,sj->s", signs, k, signs)) / 12
    assert found.stderr == pytest.approx(values.std(ddof=1) / math.sqrt(2000), rel=1e-10)
    assert abs(found.value - exact) < 4 * found.stderr


@pytest.mark.parametrize(("k", "share"), [(np.ones((12, 12)), None), (np.eye(12), 1.0), (np.diag([1.0] + [0] * 11), 1)])
def test_extreme_kernels_reach_the_bounds(k: np.ndarray, share: float | None) -> None:
    found = rademacher_complexity(k, all_signs(12))
    if share is not None:
        # Signs cannot change a diagonal kernel's sum: the upper bound.
        assert found.value == pytest.approx(share * found.upper, rel=1e-12)
    else:
        # Of one function: E |sum of signs| / n.
        walk = sum(abs(12 - 2 * i) * math.comb(12, i) for i in range(13)) / 2**12
        assert found.value == pytest.approx(walk / 12, rel=1e-12)


def test_two_equal_points_reach_the_lower_bound() -> None:
    found = rademacher_complexity(np.ones((2, 2)), all_signs(2))
    assert found.value == pytest.approx(found.lower, rel=1e-12)


def test_the_ramp_gap_is_the_difference_of_mean_losses(backend: Backend) -> None:
    k, rng = gram(30), np.random.default_rng(2)
    labels, sample = rng.choice([-1.0, 1.0], 30), np.array([3, 7, 7, 11, 20, 28])
    for radius in (0.3, 50.0):
        weights = np.linalg.solve(k[np.ix_(sample, sample)] + 0.1 * np.eye(6), labels[sample])
        norm = math.sqrt(weights @ k[np.ix_(sample, sample)] @ weights)
        f = k[:, sample] @ weights * min(1.0, radius / norm)
        loss = np.clip(1 - labels * f, 0, 1)
        found = ramp_gap(
            backend.asarray(k, "float64"), backend.asarray(labels, "float64"), sample, radius=radius, ridge=0.1
        )
        assert found == pytest.approx(loss.mean() - loss[sample].mean(), rel=1e-10)
        assert (norm > radius) == (radius == 0.3)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda k: rademacher_complexity(k, np.ones((3, 4))), r"signs must be \(draws, 5\)"),
        (lambda k: rademacher_complexity(k, np.ones((1, 5))), "two draws or more"),
        (lambda k: rademacher_complexity(np.triu(k), np.ones((3, 5))), "must be symmetric"),
        (lambda k: ramp_gap(k, np.ones(5), np.arange(3), radius=0.0, ridge=1.0), "must be positive"),
        (lambda k: ramp_gap(k, np.ones(5), np.arange(3), radius=1.0, ridge=0.0), "must be positive"),
    ],
)
def test_what_makes_no_sense_is_refused(act: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        act(gram(5))


def test_the_norm_of_the_interpolant_is_that_of_its_coefficients(backend: Backend) -> None:
    k, y = gram(6), np.random.default_rng(1).standard_normal((6, 1))
    a = np.linalg.solve(k, y)
    expected = math.sqrt(float(a[:, 0] @ k @ a[:, 0]))
    found = interpolant_norm(backend.asarray(k, "float64"), backend.asarray(y, "float64"))
    assert found == pytest.approx(expected, rel=1e-9)


def test_no_function_that_takes_the_values_is_shorter() -> None:
    k, y = gram(6), np.random.default_rng(1).standard_normal((6, 1))
    # A sixth value asked of a function makes it no shorter.
    least = interpolant_norm(k[:5, :5], y[:5])
    assert all(interpolant_norm(k, np.vstack([y[:5], [[value]]])) >= least - 1e-9 for value in (-1.0, 0.0, 0.3, 2.0))


def test_capacities_are_those_of_the_first_points(backend: Backend) -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((9, 12))
    k, y, signs = a @ a.T, rng.standard_normal((9, 1)), [all_signs(n) for n in (2, 5, 9)]
    found = capacity_curve(backend.asarray(k, "float64"), y, signs)
    for n, draws, capacity in zip((2, 5, 9), signs, found, strict=True):
        ball = np.mean([math.sqrt(s @ k[:n, :n] @ s) for s in draws]) / n
        norm = math.sqrt(y[:n, 0] @ np.linalg.inv(k[:n, :n]) @ y[:n, 0])
        assert capacity.unit_ball == pytest.approx(ball, rel=1e-12)
        assert capacity.interpolant == pytest.approx(ball * norm, rel=1e-9)
