"""Exponentials (by the moments of a Gaussian), the Gaussian bell (Williams 1997) and Gabor's function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.inputs import holds
from ntkbench.duals.gaussians import Gaussians
from ntkbench.networks.activations.nonlinearity import Nonlinearity, Pair
from ntkbench.networks.activations.parameters import finite_fields, root
from ntkbench.networks.activations.waves import sine_and_cosine


@dataclass(frozen=True)
class Exp(Nonlinearity):
    """a exp(b x)."""

    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        finite_fields(self, "a", "b")

    def apply(self, xp: Any, x: Array) -> Array:
        return self.a * xp.exp(self.b * x)

    def dual(self, g: Gaussians) -> Pair:
        """exp of half the variance of b (u + v); summed so that opposite inputs lose nothing."""
        square = self.b * self.b
        both = self.a * self.a * g.xp.exp(0.5 * square * ((g.q11 + g.q12) + (g.q22 + g.q12)))
        return both, square * both


@dataclass(frozen=True)
class ExpNormalized(Nonlinearity):
    """The normalised Gaussian kernel (Shankar et al. 2020): sqrt(q11 q22) exp(gamma (correlation + shift)).

    It is that of exp(sqrt(gamma) x + gamma (shift - 1) / 2) on features that are divided by their root mean square over
    the channels, times that root mean square.

    Args:
        gamma: not negative.
        shift: any number.

    Raises:
        ValueError: for others.
    """

    gamma: float = 1.0
    shift: float = -1.0

    def __post_init__(self) -> None:
        finite_fields(self, "gamma", "shift")
        if not holds(self.gamma >= 0):
            raise ValueError(f"ExpNormalized: gamma must not be negative, not {self.gamma}")

    def apply(self, xp: Any, x: Array) -> Array:
        """Alone of all it is not entry by entry: it looks at the last axis."""
        square = xp.mean(x * x, axis=-1, keepdims=True)
        size = xp.sqrt(xp.where(square > 0.0, square, xp.ones_like(square)))
        value = size * xp.exp(root(xp, self.gamma) / size * x + 0.5 * self.gamma * (self.shift - 1.0))
        return xp.where(square > 0.0, value, xp.zeros_like(value))

    def dual(self, g: Gaussians) -> Pair:
        value = g.xp.exp(self.gamma * (g.correlation() + self.shift))
        return g.scale() * value, self.gamma * value


@dataclass(frozen=True)
class Gaussian(Nonlinearity):
    """a exp(b x^2).

    Args:
        a: any number.
        b: not positive: an exponential that grows with x^2 has no mean square where the variance is 1 / (4 b) or more.

    Raises:
        ValueError: for others.
    """

    a: float = 1.0
    b: float = -1.0

    def __post_init__(self) -> None:
        finite_fields(self, "a", "b")
        if not holds(self.b <= 0):
            raise ValueError(
                f"Gaussian: b must not be positive, not {self.b}: a exp(b x^2) has no mean square at large variances"
            )

    def apply(self, xp: Any, x: Array) -> Array:
        return self.a * xp.exp(self.b * x * x)

    def dual(self, g: Gaussians) -> Pair:
        """det(1 - 2 b covariance)^(-1/2), and its derivative by the covariance."""
        twice = -2.0 * self.b
        determinant = 1.0 + twice * (g.q11 + g.q22) + twice * twice * g.gap()
        value = self.a * self.a / g.xp.sqrt(determinant)
        return value, twice * twice * g.q12 * (value / determinant)


@dataclass(frozen=True)
class Gabor(Nonlinearity):
    """exp(-x^2) sin x."""

    def apply(self, xp: Any, x: Array) -> Array:
        return xp.exp(-x * x) * xp.sin(x)

    def dual(self, g: Gaussians) -> Pair:
        """exp(-u^2 - v^2) times the density is again that of a Gaussian, p; there the waves' duals hold.

        The derivative, (cos x - 2 x sin x) exp(-x^2), by Stein's lemma: a sum of what is not negative.
        """
        gap = g.gap()
        determinant = 1.0 + 2.0 * (g.q11 + g.q22) + 4.0 * gap
        p12, p11, p22 = g.q12 / determinant, (g.q11 + 2.0 * gap) / determinant, (g.q22 + 2.0 * gap) / determinant
        sine, cosine = sine_and_cosine(Gaussians(g.xp, p12, p11, p22))
        # 1 - 2 p11 and 1 - 2 p22
        rest = (1.0 + 2.0 * g.q22) / determinant * ((1.0 + 2.0 * g.q11) / determinant)
        norm = 1.0 / g.xp.sqrt(determinant)
        slope = (rest + 4.0 * p12 * p12) * cosine + 4.0 * p12 * sine * (2.0 - (p11 + p22))
        return norm * sine, norm * slope
