"""Regression on the circle with a Markov kernel: exact errors, by an integral over the gaps between the points.

The kernel cosh(a (pi - |t|)) of the angle t between two points is the covariance of a Gaussian process that is Markov:
the prediction at a point depends on its two neighbours alone. For points that are uniform on the circle the expected
error is then an integral over the gap in which a point lies, at any number of points. As that number grows, the error
E and the share 1 - L that is not learned tend to 8 and 2 times what eigenlearning says: gaps are exponential, and
eigenfunctions at such points are far from the Gaussian ones that it assumes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.theory.domains import Sample, circle_functions
from ntkbench.theory.spectra import Floats, Spectrum

_LEVELS = 4_000  # of the spectrum; the others are its tail
_TEST_POINTS = 128
_TOGETHER = 2  # training sets whose points share a Gram matrix
_NODES = 60  # of the quadrature in each piece of the integral over gaps, and across a gap


class GapErrors(NamedTuple):
    """What is expected of a target with one unit of power in a level."""

    test_error: float
    learnability: float


@dataclass(frozen=True)
class MarkovCircle:
    """The whole circle with the uniform distribution, and the kernel cosh(decay (pi - |t|)); a level is a frequency.

    Args:
        decay: a, the inverse of the length over which the kernel falls.

    Raises:
        ValueError: It is not positive.
    """

    decay: float

    def __post_init__(self) -> None:
        if not 0 < self.decay < math.inf:
            raise ValueError(f"decay must be positive and finite, not {self.decay}")

    def kernel(self, x: Array) -> Array:
        """The Gram matrix of points of length sqrt(2), (n, 2) of any library -> (n, n)."""
        xp = array_api_compat.array_namespace(x)
        angle = xp.atan2(x[:, 1], x[:, 0])
        # An even function of pi - |t|: the angle the other way round gives the same.
        return xp.cosh(self.decay * (math.pi - xp.abs(angle[:, None] - angle[None, :])))

    def spectrum(self) -> Spectrum:
        """a sinh(a pi) / (pi (a^2 + k^2)) at level k: the Fourier series of the kernel."""
        k = np.arange(_LEVELS, dtype=np.float64)
        values = self.decay * math.sinh(self.decay * math.pi) / (math.pi * (self.decay**2 + k**2))
        return Spectrum(values, np.where(k == 0, 1.0, 2.0).astype(np.float64), math.cosh(self.decay * math.pi))

    def functions(self, points: Floats, level: int, count: int) -> Floats:
        """The cosine and the sine of the angle times the level; one for level 0."""
        return circle_functions(points, level, count)

    def samples(self, n: int, trials: int, rng: np.random.Generator) -> list[Sample]:
        """Training sets of n new points each, some of them in one sample; test points are evenly spaced."""
        test = 2 * math.pi * np.arange(_TEST_POINTS) / _TEST_POINTS
        found = []
        for start in range(0, trials, _TOGETHER):
            sets = min(_TOGETHER, trials - start)
            angle = np.concatenate([test, rng.uniform(0, 2 * math.pi, sets * n)])
            points = math.sqrt(2.0) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
            train = _TEST_POINTS + np.arange(sets * n).reshape(sets, n)
            found.append(Sample(points, train, np.arange(_TEST_POINTS)))
        return found

    def expected(self, n: int, level: int) -> GapErrors:
        """The exact mean over training sets of kernel regression without a ridge.

        Args:
            n: The number of points, uniform on the circle; 2 at least.
            level: The frequency of the target.

        Returns:
            The mean squared error on new points, and the share of the target that is learned.

        Raises:
            ValueError: There are fewer than two points, or the level is negative.

        References:
            Rasmussen & Williams 2006, appendix B (Markov Gaussian processes); Pyke 1965, "Spacings" (gaps of uniform
            points: their density is (n - 1) / (2 pi) (1 - g / (2 pi))^(n - 2)).
        """
        if n < 2 or level < 0:
            raise ValueError(f"there must be two points and a level of 0 at least, not {n} and {level}")
        gap, weight = _gaps(n)
        density = (n - 1) / (2 * math.pi) * (1 - gap / (2 * math.pi)) ** (n - 2)
        share, across = _legendre(np.array([0.0, 1.0]))
        x, rest = gap[:, None] * share, gap[:, None] * (1 - share)
        whole = np.sinh(self.decay * gap)[:, None]
        left, right = np.sinh(self.decay * rest) / whole, np.sinh(self.decay * x) / whole
        inner = np.cos(level * x) * left + np.cos(level * rest) * right
        error = 1 + left**2 + right**2 + 2 * left * right * np.cos(level * gap)[:, None] - 2 * inner
        mean = n / (2 * math.pi) * weight * density * gap
        return GapErrors(float(mean @ error @ across), 1 - float(mean @ (1 - inner) @ across))


def _gaps(n: int) -> tuple[Floats, Floats]:
    """Gaps from 0 to 2 pi and weights: in pieces, for the density falls over the mean gap, 2 pi / n."""
    return _legendre(2 * math.pi * np.unique(np.minimum(np.array([0, 1, 2, 4, 8, 16, 32, 64, n]) / n, 1.0)))


def _legendre(ends: Floats) -> tuple[Floats, Floats]:
    """Nodes and weights between each end and the next."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    low, size = ends[:-1, None], np.diff(ends)[:, None]
    return (low + size * (nodes + 1) / 2).ravel(), (size * weights / 2).ravel()
