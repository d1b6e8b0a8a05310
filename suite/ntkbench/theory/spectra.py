"""Spectra of kernels that depend on the cosine alone: on circle, hypercube and sphere, where they are known exactly.

Eigenvalues are those of f -> E_z K(x, z) f(z) for z uniform over the domain. A kernel is a function of cosines; inputs
have length sqrt(d), so that a network's kernel is one and the same function on all three domains.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from ntkbench.kernels.general.recursion import architecture_kernels
from ntkbench.networks.layers import Layer

Floats = npt.NDArray[np.float64]
CosineKernel = Callable[[Floats], Floats]

_NODES = 400  # of the quadrature over the sphere; the integrand is smooth in the angle


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues by level (frequency or degree k = 0, 1, ...), with the number of eigenfunctions of each."""

    eigenvalues: Floats  # (levels,)
    multiplicities: Floats  # (levels,)
    trace: float  # K(x, x): the sum of all eigenvalues, those of levels that were left out too

    def __post_init__(self) -> None:
        if self.eigenvalues.shape != self.multiplicities.shape or self.eigenvalues.ndim != 1:
            raise ValueError("a spectrum has one multiplicity for each eigenvalue")
        if not (np.isfinite(self.eigenvalues).all() and self.eigenvalues.min(initial=0.0) >= -1e-9 * self.trace):
            raise ValueError("the eigenvalues of a kernel are finite and not negative")
        # What the quadrature leaves of eigenvalues that are zero.
        object.__setattr__(self, "eigenvalues", np.maximum(self.eigenvalues, 0.0))

    @property
    def tail(self) -> float:
        """The sum of the eigenvalues left out: to training points these functions are noise, as a ridge allows for."""
        rest = self.trace - float(self.eigenvalues @ self.multiplicities)
        return rest if rest > 1e-12 * self.trace else 0.0


def cosine_kernel(architecture: Layer) -> CosineKernel:
    """The NTK of a network of infinite width on inputs of length sqrt(d), as a function of their cosine; float64.

    Args:
        architecture: A fully connected network.

    Returns:
        The function, of an array of cosines.
    """

    def kernel(cosines: Floats) -> Floats:
        t = np.clip(np.asarray(cosines, dtype=np.float64), -1.0, 1.0)
        points = math.sqrt(2.0) * np.stack([t, np.sqrt(1.0 - t * t)], axis=-1)
        one = np.array([[math.sqrt(2.0), 0.0]])
        values: Floats = architecture_kernels(architecture, one, points).ntk[0]
        return values

    return kernel


def circle_spectrum(kernel: CosineKernel, points: int) -> Spectrum:
    """On evenly spaced points of the circle; level k holds the cosine and the sine of k times the angle.

    Args:
        kernel: A function of cosines.
        points: The number of points.

    Returns:
        The eigenvalues, exact: a Fourier transform.

    Raises:
        ValueError: There is no point.

    References:
        Gray 2006, Toeplitz and Circulant Matrices, chapter 3.
    """
    _check_size("points", points)
    values = np.asarray(kernel(np.cos(2 * math.pi * np.arange(points) / points)))
    transform = np.fft.rfft(values).real / points
    multiplicities = np.full(len(transform), 2.0)
    multiplicities[0] = 1.0
    if points % 2 == 0:
        multiplicities[-1] = 1.0
    return Spectrum(transform, multiplicities, float(values[0]))


def hypercube_spectrum(kernel: CosineKernel, d: int) -> Spectrum:
    """On {-1, 1}^d; level k holds the products of k coordinates.

    Args:
        kernel: A function of cosines.
        d: The dimension.

    Returns:
        The eigenvalues, exact: Krawtchouk polynomials.

    Raises:
        ValueError: The dimension is less than 1.

    References:
        Yang & Salman 2019 (arXiv:1907.10599), section 3.
    """
    _check_size("d", d)
    distances = np.arange(d + 1)
    shares = np.array([math.comb(d, j) for j in distances]) / 2.0**d
    values = np.asarray(kernel(1.0 - 2.0 * distances / d))
    zonal = np.array([[_krawtchouk(d, k, j) for j in range(d + 1)] for k in range(d + 1)])
    multiplicities = np.array([math.comb(d, k) for k in range(d + 1)], dtype=np.float64)
    return Spectrum(zonal @ (shares * values), multiplicities, float(values[0]))


def sphere_spectrum(kernel: CosineKernel, d: int, degrees: int) -> Spectrum:
    """On the sphere in d dimensions, by quadrature over the angle.

    Good to 1e-13 of the trace for smooth functions of the angle, as kernels of networks are.

    Args:
        kernel: A function of cosines.
        d: The dimension, 2 at least.
        degrees: The highest degree.

    Returns:
        The eigenvalues of degrees 0 to `degrees`; the others are the spectrum's tail.

    Raises:
        ValueError: The dimension or the degree is too small.

    References:
        The Funk-Hecke formula: Atkinson & Han 2012, theorem 2.22.
    """
    _check_size("d", d, 2)
    angles, weights = _quadrature()
    weights = weights * np.sin(angles) ** (d - 2)
    weights /= weights.sum()
    cosines = np.cos(angles)
    values = gegenbauer(d, degrees, cosines) @ (weights * kernel(cosines))
    multiplicities = np.array([harmonic_dimension(d, k) for k in range(degrees + 1)], dtype=np.float64)
    return Spectrum(values, multiplicities, float(np.asarray(kernel(np.ones(1)))[0]))


def harmonic_dimension(d: int, degree: int) -> int:
    """How many independent spherical harmonics of a degree there are.

    Args:
        d: The dimension, 2 at least.
        degree: The degree, 0 at least.

    Returns:
        The number.

    Raises:
        ValueError: The dimension or the degree is too small.

    References:
        Atkinson & Han 2012, chapter 2.
    """
    _check_size("d", d, 2)
    _check_size("degree", degree, 0)
    lower = math.comb(d + degree - 3, degree - 2) if degree >= 2 else 0
    return math.comb(d + degree - 1, degree) - lower


def gegenbauer(d: int, degrees: int, t: Floats) -> Floats:
    """The Gegenbauer polynomials of the sphere, 1 at 1.

    Args:
        d: The dimension, 2 at least.
        degrees: The highest degree.
        t: Cosines.

    Returns:
        The polynomials of degrees 0 to `degrees`, (degrees + 1, *t.shape).

    Raises:
        ValueError: The degree is negative.

    References:
        Atkinson & Han 2012, chapter 2 (there Legendre polynomials in d dimensions).
    """
    _check_size("degrees", degrees, 0)
    found = [np.ones_like(t), np.asarray(t)]
    for k in range(1, degrees):
        found.append(((2 * k + d - 2) * t * found[k] - k * found[k - 1]) / (k + d - 2))
    return np.array(found[: degrees + 1])


@cache
def _quadrature() -> tuple[Floats, Floats]:
    """Angles in (0, pi) and weights."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return (nodes + 1) * math.pi / 2, weights


def _krawtchouk(d: int, k: int, j: int) -> float:
    """The mean of all products of k coordinates, at a point with j coordinates of -1."""
    terms = ((-1 if i % 2 else 1) * math.comb(j, i) * math.comb(d - j, k - i) for i in range(min(j, k) + 1))
    return sum(terms) / math.comb(d, k)


def _check_size(name: str, value: int, least: int = 1) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
