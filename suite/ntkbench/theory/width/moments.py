"""Exact moments of ReLU networks of finite width: of norms, of the NTK at one input, and of its first movement.

Networks are those of `random_widths`. Weights count by even powers alone, for which units are active or not like fair
coins, independent of the weights: all moments follow layer by layer, each step linear in 1/n.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ntkbench.theory.width.random_widths import WidthLaw


class ReluMoments(NamedTuple):
    """Exact moments, over weights and widths, at one input."""

    norm_ratio: float  # E|h_L|^4 / (E|h_L|^2)^2
    ntk_mean: float  # E K
    ntk_second: float  # E K^2
    block_second: float  # E B^2, of the NTK between two outputs of one network, whose mean is zero

    @property
    def ntk_ratio(self) -> float:
        """E K^2 / (E K)^2."""
        return self.ntk_second / self.ntk_mean**2


def relu_moments(layers: Sequence[WidthLaw | int]) -> ReluMoments:
    """The moments of the forward norm and of the NTK of a network with hidden layers of such widths.

    Each step of the recursion over layers is linear in 1/n, and widths do not depend on each other or on weights: the
    moments at random widths are those at fixed ones with E[1/n] in the place of 1/n.

    Args:
        layers: the width of each hidden layer, or its law; at least one.

    Returns:
        The norm's ratio, the product of 1 + 5 E[1/n], the NTK's mean, L + 1, and the second moments.

    Raises:
        ValueError: for no layers, and for widths that are none.

    References:
        Hanin & Nica 2019 (arXiv:1909.05989), theorem 1, gives the second moment up to constants.
    """
    inverses = _inverses(layers)
    ratio = math.prod(1.0 + 5.0 * inverse for inverse in inverses)
    return ReluMoments(ratio, len(inverses) + 1.0, _second_moment(inverses), _block_moment(inverses))


def _second_moment(inverses: list[float]) -> float:
    """E K^2, K the sum over layers l = 1, ..., L + 1 of |h_{l-1}|^2 |b_l|^2, b_l what comes back to layer l.

    The terms of layers i and j > i share the norms before i and the way back from j. Between them the way forward is
    that of h, and the way back that of b: `aside` is the mean of the product of their squared norms where b points in a
    direction of its own, `along` what is added where it points along h.
    """
    count = len(inverses)
    behind = [1.0]  # the products of 1 + 5/n over the last layers
    for inverse in reversed(inverses):
        behind.append(behind[-1] * (1.0 + 5.0 * inverse))
    total, before = (count + 1) * behind[count], 1.0
    for i, first in enumerate(inverses):
        aside, along = 1.0 + first, 2.0 * first
        for j in range(i + 1, count + 1):
            total += 2.0 * before * aside * behind[count - j]
            if j < count:
                n = inverses[j]
                aside, along = (1.0 + n) * aside + 4.0 * n * along, 2.0 * n * aside + (1.0 + 3.0 * n) * along
        before *= 1.0 + 5.0 * first
    return total


def _block_moment(inverses: list[float]) -> float:
    """E B^2, B the sum over hidden layers of |h_{l-1}|^2 (b_l . c_l), b and c what comes back from two outputs.

    `crossed[j]` is E (b_j . c_j)^2, for which the lengths of b and c count as `lengths` = E |b_j|^2 |c_j|^2.
    """
    crossed, lengths = [0.0], 1.0
    for n in reversed(inverses):
        cross = crossed[-1]
        crossed.append((1.0 + 3.0 * n) * cross + 2.0 * n * lengths)
        lengths = (1.0 + n) * lengths + 4.0 * n * cross
    crossed.reverse()
    total, before = 0.0, 1.0
    for i, first in enumerate(inverses):
        total += before * crossed[i]
        aside, along = 1.0 + first, 2.0 * first
        for j in range(i + 1, len(inverses)):
            total += 2.0 * before * aside * crossed[j]
            n = inverses[j]
            aside, along = (1.0 + n) * aside + 4.0 * n * along, 2.0 * n * aside + (1.0 + 3.0 * n) * along
        before *= 1.0 + 5.0 * first
    return total


def limit_ratio(beta: float) -> float:
    """E K^2 / (E K)^2 of networks of equal widths n and L layers as both grow, with L / n = beta.

    Args:
        beta: L / n, positive.

    Returns:
        e^5b (1/3 + 2 / 9b - (1 - e^-6b) / 27b^2); one over e^5b it falls from 1 to 1/3.

    Raises:
        ValueError: for a beta that is not positive.

    References:
        Hanin & Nica 2019 (arXiv:1909.05989), theorem 1, bounds it by constants times e^5b.
    """
    if not beta > 0:
        raise ValueError(f"beta, the depth over the width, must be positive, not {beta}")
    return math.exp(5 * beta) * (1 / 3 + 2 / (9 * beta) + math.expm1(-6 * beta) / (27 * beta * beta))


def mean_movement(layers: Sequence[WidthLaw | int]) -> float:
    """The mean of f grad f . grad K at one input: how fast gradient descent begins to lower the NTK K.

    Args:
        layers: The width of each hidden layer, or its law; at least one.

    Returns:
        8 times the sum, over layers i < j of 1, ..., L + 1 and l = i, ..., j - 1, of the product of 1 + 5/n over layers
        before i and after l, of 1 - 1/n over those from i to l, and of 1/n of layer l.

    Raises:
        ValueError: For no layers, and for widths that are none.

    References:
        Hanin & Nica 2019 (arXiv:1909.05989), theorem 2, bounds it by constants times `movement_bound`.
    """
    inverses = _inverses(layers)
    return 8.0 * _movement([1.0 + 5.0 * n for n in inverses], [1.0 - n for n in inverses], inverses)


def movement_bound(layers: Sequence[WidthLaw | int]) -> float:
    """The sum that is published for `mean_movement`, up to constants.

    Args:
        layers: The width of each hidden layer, or its law; at least one.

    Returns:
        The same sum with e^(5/n) and e^(-1/n) in the place of 1 + 5/n and 1 - 1/n. For L layers of equal widths n it
        lies between constants times L^2 b e^5b / (1 + 2b), b = L / n.

    Raises:
        ValueError: For no layers, and for widths that are none.

    References:
        Hanin & Nica 2019 (arXiv:1909.05989), proposition on pure weight moments.
    """
    inverses = _inverses(layers)
    return _movement([math.exp(5.0 * n) for n in inverses], [math.exp(-n) for n in inverses], inverses)


def _movement(along: list[float], between: list[float], inverses: list[float]) -> float:
    count, total = len(inverses), 0.0
    behind = [1.0]  # the products over the last layers
    for factor in reversed(along):
        behind.append(behind[-1] * factor)
    before = 1.0
    for i in range(count):
        passed = before
        for layer in range(i, count):
            # Once for each j.
            total += passed * inverses[layer] * behind[count - 1 - layer] * (count - layer)
            passed *= between[layer]
        before *= along[i]
    return total


def _inverses(layers: Sequence[WidthLaw | int]) -> list[float]:
    """The mean of 1/n of each layer. Raises ValueError for no layers, and for widths that are none."""
    if not layers:
        raise ValueError("a network needs at least one hidden layer")
    return [(WidthLaw((layer,)) if isinstance(layer, int) else layer).inverse_mean for layer in layers]
