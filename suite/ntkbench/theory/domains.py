"""Circle, hypercube and sphere as experiments use them: points to learn from, eigenfunctions, and the exact spectrum.

Points have length sqrt(d). Every kernel that depends on the cosine alone has these eigenfunctions, which are
orthonormal over the domain.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from ntkbench.theory.spectra import (
    CosineKernel,
    Floats,
    Spectrum,
    circle_spectrum,
    hypercube_spectrum,
    sphere_spectrum,
)

_TEST_POINTS = 300  # new ones for each training set on the sphere
_DEGREES = 40


class Sample(NamedTuple):
    """Points (m, d), training sets of them (trials, n), without replacement, and the test points among them."""

    points: Floats
    train: np.ndarray
    test: np.ndarray


class Domain(Protocol):
    """A set of points with the uniform distribution."""

    def spectrum(self, kernel: CosineKernel) -> Spectrum:
        """The eigenvalues of a kernel by level.

        Args:
            kernel: A function of cosines.
        """

    def samples(self, n: int, trials: int, rng: np.random.Generator) -> list[Sample]:
        """Training sets of n points each; of a finite domain all points are test points too.

        Args:
            n: The number of training points.
            trials: The number of training sets.
            rng: Draws them.
        """

    def functions(self, points: Floats, level: int, count: int) -> Floats:
        """The values of at most `count` orthonormal eigenfunctions of a level: (points, functions).

        Args:
            points: Points of the domain, (m, d).
            level: The frequency or degree.
            count: How many at most.
        """


@dataclass(frozen=True)
class Circle:
    """Evenly spaced points of the circle; a level is a frequency."""

    size: int

    def spectrum(self, kernel: CosineKernel) -> Spectrum:
        """Exact, by a Fourier transform."""
        return circle_spectrum(kernel, self.size)

    def samples(self, n: int, trials: int, rng: np.random.Generator) -> list[Sample]:
        """One sample with all training sets."""
        angle = 2 * math.pi * np.arange(self.size) / self.size
        return [_finite(math.sqrt(2.0) * np.stack([np.cos(angle), np.sin(angle)], axis=1), n, trials, rng)]

    def functions(self, points: Floats, level: int, count: int) -> Floats:
        """The cosine and the sine of the angle times the level, for levels below size / 2; one for level 0."""
        if not 0 <= level < self.size / 2:
            raise ValueError(f"a circle of {self.size} points has levels from 0 to below {self.size / 2:g}")
        return circle_functions(points, level, count)


@dataclass(frozen=True)
class Hypercube:
    """{-1, 1}^d; a level is a degree."""

    d: int

    def spectrum(self, kernel: CosineKernel) -> Spectrum:
        """Exact, by Krawtchouk polynomials."""
        return hypercube_spectrum(kernel, self.d)

    def samples(self, n: int, trials: int, rng: np.random.Generator) -> list[Sample]:
        """One sample with all training sets."""
        bits = np.arange(2**self.d)[:, None] >> np.arange(self.d) & 1
        return [_finite(1.0 - 2.0 * bits.astype(np.float64), n, trials, rng)]

    def functions(self, points: Floats, level: int, count: int) -> Floats:
        """Products of `level` coordinates."""
        return coordinate_products(points, level, min(count, math.comb(self.d, level)))


@dataclass(frozen=True)
class Sphere:
    """The sphere in d dimensions; a level is a degree."""

    d: int

    def spectrum(self, kernel: CosineKernel) -> Spectrum:
        """Degrees up to 40, the others as a tail."""
        return sphere_spectrum(kernel, self.d, _DEGREES)

    def samples(self, n: int, trials: int, rng: np.random.Generator) -> list[Sample]:
        """One sample for each training set, of n + 300 new points."""
        m = n + _TEST_POINTS
        x: Floats = rng.standard_normal((trials, m, self.d))
        x *= math.sqrt(self.d) / np.linalg.norm(x, axis=-1, keepdims=True)
        return [Sample(points, np.arange(n)[None, :], np.arange(n, m)) for points in x]

    def functions(self, points: Floats, level: int, count: int) -> Floats:
        """Products of `level` different coordinates, which are harmonic, brought to mean square one."""
        square = math.prod(self.d / (self.d + 2 * i) for i in range(level))
        return coordinate_products(points, level, min(count, math.comb(self.d, level))) / math.sqrt(square)


def mixture(domain: Domain, points: Floats, levels: Sequence[int], count: int) -> Floats:
    """Targets with equal shares in several levels: the sum of an eigenfunction of each, of mean square one.

    Args:
        domain: Where the points are from.
        points: Points of the domain, (m, d).
        levels: Different levels.
        count: How many targets at most, each of other eigenfunctions.

    Returns:
        The targets' values, (m, targets).
    """
    parts = [domain.functions(points, level, count) for level in levels]
    mixed: Floats = sum(parts[1:], start=parts[0]) / math.sqrt(len(levels))
    return mixed


def circle_functions(points: Floats, level: int, count: int) -> Floats:
    """The eigenfunctions of a level on the circle.

    Args:
        points: Points, (n, 2).
        level: The frequency.
        count: How many at most.

    Returns:
        The cosine and the sine of the angle times the level, of mean square one, (n, 2); ones for level 0, (n, 1).
    """
    if level == 0:
        return np.ones((len(points), 1))[:, :count]
    angle = level * np.arctan2(points[:, 1], points[:, 0])
    return math.sqrt(2.0) * np.stack([np.cos(angle), np.sin(angle)], axis=1)[:, :count]


def coordinate_products(x: Floats, degree: int, count: int) -> Floats:
    """Products of different coordinates, the eigenfunctions of cube and sphere.

    The first choices have no coordinate in common, for products that are nearly independent.

    Args:
        x: Points, (n, d).
        degree: The number of coordinates in a product.
        count: The number of products.

    Returns:
        The products, (n, count).

    Raises:
        ValueError: There are not so many products.
    """
    d = x.shape[1]
    if not (0 <= degree <= d and 1 <= count <= math.comb(d, degree)):
        raise ValueError(f"there are no {count} products of {degree} out of {d} coordinates")
    apart = (tuple(range(s, s + degree)) for s in range(0, d - degree + 1, max(degree, 1)))
    groups: dict[tuple[int, ...], None] = {}
    for group in itertools.chain(apart, itertools.combinations(range(d), degree)):
        groups.setdefault(group)
        if len(groups) == count:
            break
    return np.stack([np.prod(x[:, list(group)], axis=1) for group in groups], axis=1)


def _finite(points: Floats, n: int, trials: int, rng: np.random.Generator) -> Sample:
    if not 1 <= n <= len(points):
        raise ValueError(f"n must lie between 1 and the {len(points)} points of the domain, not be {n}")
    train = np.array([rng.permutation(len(points))[:n] for _ in range(trials)])
    return Sample(points, train, np.arange(len(points)))
