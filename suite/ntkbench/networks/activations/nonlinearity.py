"""What every nonlinearity answers: its values, and what it does to covariances of Gaussian features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from ntkbench.arrays.array import Array
from ntkbench.duals.gaussians import Gaussians

Pair = tuple[Array | float, Array | float]
"""E[phi(u) phi(v)] and E[phi'(u) phi'(v)]; plain numbers where they depend on nothing."""


class Nonlinearity(ABC):
    """A function phi of one variable, a frozen value. Another one is a file here and a row in `table`."""

    working_fields: ClassVar[int] = 16
    """How many arrays of the size of the covariance live at once while `dual` is computed."""

    by_quadrature: ClassVar[bool] = False
    """Whether `dual` is a quadrature of any function, whose error must be looked at: it grows with the variance."""

    @abstractmethod
    def apply(self, xp: Any, x: Array) -> Array:
        """phi(x), entry by entry, in operations that the library of the namespace `xp` can differentiate."""

    @abstractmethod
    def dual(self, g: Gaussians) -> Pair:
        """E[phi(u) phi(v)] and E[phi'(u) phi'(v)], of any shapes that broadcast to that of `g.q12`.

        With q12 = q11 = q22 they are exact, and near correlations of one they subtract nothing that is nearly equal.
        Where a variance is zero the derivative of a kink counts as the mean of both sides.
        """

    def with_options(self, slope: float, degree: int) -> Nonlinearity:
        """This nonlinearity with those options of an `Activation` that it has: most have none."""
        return self

    def quadrature_error(self, variance: float) -> tuple[float, float]:
        """How far, absolutely, both results of `dual` can be off beside rounding for u and v of this variance.

        In float64 and for the worst correlation; zero for closed forms.
        """
        return 0.0, 0.0
