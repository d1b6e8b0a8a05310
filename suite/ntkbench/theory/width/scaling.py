"""What the exact moments become when depth L and width n grow together, b = L / n, against the published forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ntkbench.theory.width.moments import limit_ratio, mean_movement, movement_bound, relu_moments


class ScalingLaws(NamedTuple):
    """How near the exact moments of equal widths are to the published ones."""

    limit_gap: float  # largest |E K^2 / (E K)^2 over its limit - 1|, b up to 0.3
    lowest: float  # least E K^2 / (E K)^2 over e^5b
    highest: float
    sum_slope: float  # exponent of `movement_bound` in the first movement, over n
    depth_slope: float  # exponent of `movement_scale` in the first movement over E K, over L at b = 0.1
    width_slope: float  # the same over n


def movement_scale(widths: Sequence[int]) -> float:
    """(L + 1) b e^5b, b the sum of 1/n: the published size of the NTK's first movement over its mean.

    Args:
        widths: Of the L hidden layers.

    Returns:
        The scale.

    References:
        Hanin & Nica 2019 (arXiv:1909.05989), theorem 2, where L + 1 is d.
    """
    beta = math.fsum(1.0 / n for n in widths)
    return (len(widths) + 1) * beta * math.exp(5.0 * beta)


def scaling_laws(layers: int, deep: int, betas: Sequence[float]) -> ScalingLaws:
    """The exact moments against the forms that theorems 1 and 2 give them.

    Args:
        layers: Hidden layers of the networks whose width is varied.
        deep: Hidden layers of those that are compared with the limit.
        betas: Their number over the width, roughly: widths are whole.

    Returns:
        The distances and exponents.

    References:
        Hanin & Nica 2019 (arXiv:1909.05989), theorems 1 and 2.
    """
    shapes = {depth: [[round(depth / beta)] * depth for beta in betas] for depth in (layers, deep)}
    shares = [
        relu_moments(widths).ntk_ratio * math.exp(-5.0 * len(widths) / widths[0])
        for of_depth in shapes.values()
        for widths in of_depth
    ]
    near = [widths for widths in shapes[deep] if deep / widths[0] < 0.35]
    gaps = [relu_moments(widths).ntk_ratio / limit_ratio(deep / widths[0]) - 1.0 for widths in near]
    wide, long = shapes[layers], [[10 * depth] * depth for depth in (layers // 8, layers // 4, layers // 2, layers)]
    movements = [mean_movement(widths) for widths in wide]
    return ScalingLaws(
        max(map(abs, gaps)),
        min(shares),
        max(shares),
        _slope([movement_bound(widths) for widths in wide], movements),
        _slope([movement_scale(widths) for widths in long], [mean_movement(w) / (len(w) + 1) for w in long]),
        _slope([movement_scale(widths) for widths in wide], [movement / (layers + 1) for movement in movements]),
    )


def _slope(x: list[float], y: list[float]) -> float:
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
