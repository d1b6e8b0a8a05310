"""Moments of ReLU networks at given and at random widths: exact enumeration, closed forms, and networks."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from ntkbench.theory import (
    WidthLaw,
    draw_widths,
    estimate,
    first_movement,
    limit_ratio,
    mean_movement,
    movement_bound,
    relu_moments,
    sampled,
)

TWO = WidthLaw((2, 7))
SKEWED = WidthLaw((1, 3, 12), (0.25, 0.5, 0.25))


def test_one_hidden_layer_has_the_variance_of_a_mean_of_neurons() -> None:
    # A mean of n independent terms 2 relu(z)^2 + 2 v^2 1(z > 0), of variance 12.
    for n in (1, 5, 64):
        moments = relu_moments([n])
        assert moments.ntk_mean == 2
        assert moments.ntk_second == pytest.approx(4 + 12 / n, rel=1e-14)
        assert moments.norm_ratio == 1 + 5 / n


@pytest.mark.parametrize("layers", [1, 2, 3, 6])
def test_networks_of_width_one_have_the_second_moment_that_enumeration_gives(layers: int) -> None:
    # f = v times the product over layers of a_l w_l, a_l = sqrt(2) or 0. The NTK sums, over all weights, a product of
    # independent numbers: a^2 w^2 for each layer but the weight's own, which has a^2; for the readout v^2 or 1.
    # E a^4 w^4 = 6, E a^4 w^2 = 2, E a^4 = 2; E v^4 = 3, E v^2 = 1.
    total = Fraction(0)
    for one, other in itertools.product(range(layers + 1), repeat=2):
        term = Fraction(1)
        for layer in range(layers):
            derived = (layer == one) + (layer == other)
            term *= (6, 2, 2)[derived]
        readout = (one == layers) + (other == layers)
        total += term * (3, 1, 1)[readout]
    assert relu_moments([1] * layers).ntk_second == pytest.approx(float(total), rel=1e-14)


# Computed beforehand by a program of its own.
@pytest.mark.parametrize(
    ("widths", "ratio"),
    [
        ((4, 4), 3.396),
        ((3, 5, 4), 7.250),
        ((6, 6, 6, 6), 6.880),
        ((10,) * 5, 4.901),
        ((20,) * 8, 4.040),
        ((64,), 1.047),
    ],
)
def test_unequal_widths_have_the_moments_of_the_pilot(widths: tuple[int, ...], ratio: float) -> None:
    assert relu_moments(widths).ntk_ratio == pytest.approx(ratio, abs=6e-4)


def test_deep_and_wide_networks_have_the_moment_of_their_common_limit() -> None:
    for b in (0.1, 0.3):
        limit = math.exp(5 * b) * (1 / 3 + 2 / (9 * b) - (1 - math.exp(-6 * b)) / (27 * b * b))
        assert limit_ratio(b) == pytest.approx(limit, rel=1e-12)
        assert relu_moments([round(400 / b)] * 400).ntk_ratio == pytest.approx(limit, rel=0.01)
    assert limit_ratio(1e-3) == pytest.approx(1 + 11 / 3 * 1e-3, abs=1e-5)
    with pytest.raises(ValueError, match=r"^beta, the depth over the width, must be positive, not 0\.0$"):
        limit_ratio(0.0)


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_blocks_of_width_one_have_the_second_moment_that_enumeration_gives(layers: int) -> None:
    # As above; both outputs have a readout of their own, which is squared once and never derived.
    pairs = itertools.product(range(layers), repeat=2)
    total = sum(math.prod((6, 2, 2)[(k == i) + (k == j)] for k in range(layers)) for i, j in pairs)
    assert relu_moments([1] * layers).block_second == total


@pytest.mark.parametrize("layers", [(TWO,), (TWO, SKEWED), (SKEWED, 4, TWO), (TWO,) * 4], ids=len)
def test_moments_at_random_widths_are_the_means_over_all_of_them(layers: tuple[Any, ...]) -> None:
    laws = [layer if isinstance(layer, WidthLaw) else WidthLaw((layer,)) for layer in layers]
    shares = [law.probabilities or (1 / len(law.widths),) * len(law.widths) for law in laws]
    norm = second = Fraction(0)
    for chosen in itertools.product(*(range(len(law.widths)) for law in laws)):
        widths = [law.widths[k] for law, k in zip(laws, chosen, strict=True)]
        share = math.prod((Fraction(p[k]) for p, k in zip(shares, chosen, strict=True)), start=Fraction(1))
        norm += share * math.prod((1 + Fraction(5, n) for n in widths), start=Fraction(1))
        second += share * Fraction(relu_moments(widths).ntk_second)
    moments = relu_moments(layers)
    assert moments.norm_ratio == pytest.approx(float(norm), rel=1e-13)
    assert moments.ntk_second == pytest.approx(float(second), rel=1e-13)
    assert moments.ntk_mean == len(layers) + 1


def test_the_harmonic_mean_counts_and_not_the_arithmetic_one() -> None:
    uniform, two = WidthLaw(tuple(range(10, 31))), WidthLaw((5, 35))
    assert uniform.mean == pytest.approx(20)
    assert two.mean == 20
    assert two.inverse_mean == pytest.approx(4 / 35, rel=1e-15)
    ratios = [relu_moments([layer] * 4).norm_ratio for layer in (20, uniform, two)]
    assert [round(r, 3) for r in ratios] == [2.441, 2.664, 6.098]
    assert relu_moments([WidthLaw((20, 80))] * 3) == pytest.approx(relu_moments([32] * 3), rel=1e-14)


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_networks_of_width_one_move_as_enumeration_says(layers: int) -> None:
    # f is a product of weights w and of a = sqrt(2) or 0, so f grad f . grad K = 2 f^4 times the sum over pairs of
    # different layers of 1 / (w_i w_j)^2, with E a^4 w^4 = 6, E a^4 w^2 = 2; E v^4 = 3, E v^2 = 1.
    total = 0
    for pair in itertools.permutations(range(layers + 1), 2):
        total += 2 * math.prod(2 if k in pair else 6 for k in range(layers)) * (1 if layers in pair else 3)
    assert mean_movement([1] * layers) == total


@pytest.mark.parametrize("layers", [(3, 5, 4), (12,) * 5, (SKEWED, 4, TWO)], ids=str)
def test_networks_move_by_the_exact_mean(layers: tuple[Any, ...]) -> None:
    rng = np.random.default_rng(0)
    found = sampled(first_movement, draw_widths(layers, rng, 100_000), rng, np.asarray)
    assert estimate(found.movement).score(mean_movement(layers)) < 3


def test_the_published_sum_is_the_exact_one_up_to_a_constant() -> None:
    for n in (8, 64):
        assert mean_movement([n]) == pytest.approx(8 / n, rel=1e-14)
        assert movement_bound([n]) == pytest.approx(1 / n, rel=1e-14)
    # By the definition: over i < j and the l between them, and with depth and width growing together.
    widths = (3, 5, 4, 7)
    inverse = [1 / n for n in widths]
    total = 0.0
    for i, j in itertools.combinations(range(len(widths) + 1), 2):
        total += sum(
            inverse[at] * math.exp(5 * sum(inverse) - 5 * inverse[at] - 6 * sum(inverse[i:at])) for at in range(i, j)
        )
    assert movement_bound(widths) == pytest.approx(total, rel=1e-12)
    assert mean_movement([1_000] * 200) / movement_bound([1_000] * 200) == pytest.approx(8, rel=0.01)
