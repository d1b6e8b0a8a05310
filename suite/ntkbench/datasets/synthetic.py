"""Inputs drawn from distributions with light and heavy tails; every coordinate has mean 0 and variance 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ntkbench.errors import InputError

Floats = npt.NDArray[np.float64]
Distribution = Callable[[np.random.Generator, int, int], Floats]
"""(generator, n, d) -> n inputs in dimension d, float64 (n, d)."""


def gaussian(rng: np.random.Generator, n: int, d: int) -> Floats:
    """Independent N(0, 1) entries.

    Args:
        rng: draws them.
        n: how many inputs.
        d: their dimension.

    Returns:
        (n, d), float64.
    """
    return rng.standard_normal((n, d))


def rademacher(rng: np.random.Generator, n: int, d: int) -> Floats:
    """Independent signs: sub-Gaussian, and every input has the norm sqrt(d).

    Args:
        rng: draws them.
        n: how many inputs.
        d: their dimension.

    Returns:
        (n, d), float64.
    """
    return rng.choice([-1.0, 1.0], (n, d))


def laplace(rng: np.random.Generator, n: int, d: int) -> Floats:
    """Independent Laplace entries: sub-exponential.

    Args:
        rng: draws them.
        n: how many inputs.
        d: their dimension.

    Returns:
        (n, d), float64.
    """
    return rng.laplace(scale=math.sqrt(0.5), size=(n, d))


def uniform(rng: np.random.Generator, n: int, d: int) -> Floats:
    """Independent entries, uniform between -sqrt(3) and sqrt(3): sub-Gaussian.

    Args:
        rng: draws them.
        n: how many inputs.
        d: their dimension.

    Returns:
        (n, d), float64.
    """
    return rng.uniform(-math.sqrt(3.0), math.sqrt(3.0), (n, d))


def exponential(rng: np.random.Generator, n: int, d: int) -> Floats:
    """Independent exponential entries less their mean: sub-exponential, and skewed.

    Args:
        rng: draws them.
        n: how many inputs.
        d: their dimension.

    Returns:
        (n, d), float64.
    """
    return rng.standard_exponential((n, d)) - 1.0


def weibull(shape: float) -> Distribution:
    """Independent symmetric entries with tails exp(-t^shape) up to scale: for shapes below 1 not sub-exponential.

    Args:
        shape: the exponent in the tails: 1 is Laplace's distribution.

    Returns:
        The distribution, scaled to variance 1.

    Raises:
        InputError: unless the shape is positive and finite.
    """
    if not 0 < shape < math.inf:
        raise InputError(f"Weibull's distribution needs a positive shape, not {shape}")
    scale = math.gamma(1.0 + 2.0 / shape) ** -0.5

    def draw(rng: np.random.Generator, n: int, d: int) -> Floats:
        inputs: Floats = scale * rng.weibull(shape, (n, d)) * rng.choice([-1.0, 1.0], (n, d))
        return inputs

    return draw


def sphere(rng: np.random.Generator, n: int, d: int) -> Floats:
    """Uniform on the sphere of radius sqrt(d).

    Args:
        rng: draws them.
        n: how many inputs.
        d: their dimension.

    Returns:
        (n, d), float64.
    """
    return normalised(gaussian(rng, n, d))


def student(nu: float) -> Distribution:
    """Independent entries of Student's t: moments below nu, and tails |x|^-nu.

    Args:
        nu: degrees of freedom.

    Returns:
        The distribution, scaled to variance 1.

    Raises:
        InputError: unless nu > 2, where the variance is finite.
    """
    scale = _student_scale(nu)
    return lambda rng, n, d: scale * rng.standard_t(nu, (n, d))


def elliptical(nu: float) -> Distribution:
    """r z with Gaussian z and one heavy-tailed radius r an input: the multivariate t with nu degrees of freedom.

    Its norms do not concentrate, however large d is; its directions are those of a Gaussian.

    Args:
        nu: degrees of freedom.

    Returns:
        The distribution, scaled to variance 1.

    Raises:
        InputError: unless nu > 2, where the variance is finite.
    """
    scale = _student_scale(nu)

    def draw(rng: np.random.Generator, n: int, d: int) -> Floats:
        radius = scale * np.sqrt(nu / rng.chisquare(nu, (n, 1)))
        inputs: Floats = radius * rng.standard_normal((n, d))
        return inputs

    return draw


def normalised(x: npt.NDArray[Any]) -> Floats:
    """Rows brought to the norm sqrt(d).

    Args:
        x: (n, d), no row of zeros.

    Returns:
        (n, d), float64 where `x` is.
    """
    rows: Floats = x * (math.sqrt(x.shape[1]) / np.linalg.norm(x, axis=1, keepdims=True))
    return rows


def _student_scale(nu: float) -> float:
    if not 2 < nu < math.inf:
        raise InputError(f"Student's t needs more than 2 degrees of freedom for a variance, not {nu}")
    return math.sqrt((nu - 2) / nu)
