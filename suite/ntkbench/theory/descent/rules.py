"""Gradient descent, heavy ball, Nesterov's method and line searches on a quadratic, and how fast each is at best.

The error e = f - y on the training points, with a kernel K of eigenvalues l_1 >= ... >= l_n, moves by

    e(t + 1) = e(t) + beta (e(t) - e(t - 1)) - eta K e',    e' = e(t), or e(t) + beta (e(t) - e(t - 1)) for Nesterov.

With kappa = l_1 / l_n a step of gradient descent removes a share of the error of order 1 / kappa, with momentum one of
order 1 / sqrt(kappa).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Search = Literal["constant", "exact", "armijo"]
Method = Literal["gradient", "heavy_ball", "nesterov", "nesterov_tuned", "exact", "armijo"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class Rule:
    """What a step does.

    Args:
        rate: The learning rate eta, positive; of "armijo" the one that is tried first.
        momentum: beta, at least 0; None: (t - 1) / (t + 2) at step t = 1, 2, ..., whose damping vanishes as 3 / t.
        nesterov: Whether the slope is taken where the momentum leads.
        search: "constant"; "exact": the rate along the slope that leaves the least error; "armijo": the rate is halved
            until the loss falls by half of what its slope promises.

    Raises:
        ValueError: A number makes no sense, or a line search has momentum.
    """

    rate: float
    momentum: float | None = 0.0
    nesterov: bool = False
    search: Search = "constant"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise ValueError(f"the learning rate must be positive and finite, not {self.rate}")
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1) or be None, not {self.momentum}")
        if self.search not in get_args(Search):
            raise ValueError(f"search must be one of {', '.join(get_args(Search))}, not {self.search!r}")
        if self.search != "constant" and self.momentum != 0:
            raise ValueError("a line search is one of gradient descent: its momentum is 0")


def tuned_rule(method: Method, largest: float, least: float) -> Rule:
    """The rule that is the fastest of its kind on all quadratics with these extreme eigenvalues.

    Args:
        method: One of `METHODS`. "nesterov" takes the rate 1 / l_1, "nesterov_tuned" the best one.
        largest: The largest eigenvalue l_1.
        least: The least eigenvalue l_n, positive.

    Returns:
        The rule; Armijo's begins with 4 / l_1.

    Raises:
        ValueError: The method or the eigenvalues make no sense.

    References:
        Polyak 1964; Nesterov 2004, section 2.2; Lessard, Recht & Packard 2016 (arXiv:1408.3595), section 2.2.
    """
    root = math.sqrt(_condition(method, largest, least))
    if method == "gradient":
        return Rule(2 / (largest + least))
    if method == "heavy_ball":
        return Rule(4 / (math.sqrt(largest) + math.sqrt(least)) ** 2, ((root - 1) / (root + 1)) ** 2)
    if method == "nesterov":
        return Rule(1 / largest, (root - 1) / (root + 1), nesterov=True)
    if method == "nesterov_tuned":
        wide = math.sqrt(3 * root**2 + 1)
        return Rule(4 / (3 * largest + least), (wide - 2) / (wide + 2), nesterov=True)
    return Rule(4 / largest, search=method) if method == "armijo" else Rule(1 / largest, search=method)


def tuned_factor(method: Method, largest: float, least: float) -> float:
    """What a step of `tuned_rule` multiplies the error by in the long run, in closed form.

    Args:
        method: One of `METHODS`.
        largest: The largest eigenvalue.
        least: The least eigenvalue, positive.

    Returns:
        The factor; of exact line search the worst over starts, and of Armijo's, which has none in closed form, that of
        gradient descent, which it does not exceed by its rule.

    Raises:
        ValueError: The method or the eigenvalues make no sense.

    References:
        As for `tuned_rule`; Kantorovich 1948 for exact line search.
    """
    kappa = _condition(method, largest, least)
    root = math.sqrt(kappa)
    if method == "heavy_ball":
        return (root - 1) / (root + 1)
    if method == "nesterov":
        return 1 - 1 / root
    if method == "nesterov_tuned":
        return 1 - 2 / math.sqrt(3 * kappa + 1)
    return (kappa - 1) / (kappa + 1)


def ridge_for(eigenvalues: npt.ArrayLike, condition: float) -> float:
    """The ridge, possibly negative, that brings a matrix to a condition number.

    Args:
        eigenvalues: Of the matrix.
        condition: Its largest eigenvalue over its least, above 1.

    Returns:
        What is to be added to the diagonal.
    """
    values = np.asarray(eigenvalues)
    return float((values.max() - condition * values.min()) / (condition - 1))


def steps_until(errors: Floats, level: float) -> int:
    """The first step at which an error is down to a share of the first; ValueError where it never is.

    Args:
        errors: Norms of the error at steps 0, 1, ..., (T + 1,).
        level: The share.

    Returns:
        The number of steps.
    """
    below = np.flatnonzero(errors <= level * errors[0])
    if not len(below):
        raise ValueError(f"the error never falls to {level:g} of the first within {len(errors) - 1} steps")
    return int(below[0])


def decay_factor(errors: Floats, levels: Sequence[float] = (1e-3, 1e-6)) -> float:
    """What a step multiplies an error by, fitted between two shares of the first one.

    Args:
        errors: Norms of the error at steps 0, 1, ..., (T + 1,).
        levels: The larger share and the smaller one.

    Returns:
        The factor, by least squares in the logarithm.

    Raises:
        ValueError: The error does not fall so far, or within less than two steps.
    """
    first, last = (steps_until(errors, level) for level in levels)
    if last < first + 2:
        raise ValueError(f"from {levels[0]:g} to {levels[1]:g} of the first error is no more than a step")
    times = np.arange(first, last + 1)
    return math.exp(np.polyfit(times, np.log(errors[times]), 1)[0])


def _condition(method: Method, largest: float, least: float) -> float:
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    if not 0 < least <= largest < math.inf:
        raise ValueError(f"eigenvalues must be positive, the largest first, not {largest} and {least}")
    return largest / least
