"""Functions without a name, by Hermite quadrature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ntkbench.arrays.array import Array
from ntkbench.duals.gaussians import Gaussians
from ntkbench.duals.quadrature import hermite_dual, hermite_error
from ntkbench.networks.activations.nonlinearity import Nonlinearity, Pair


@dataclass(frozen=True)
class Unnamed(Nonlinearity):
    """Any function of arrays, of NumPy or of the library that computes."""

    function: Callable[[Array], Array]

    working_fields: ClassVar[int] = 80
    by_quadrature: ClassVar[bool] = True

    def apply(self, xp: Any, x: Array) -> Array:
        return self.function(x)

    def dual(self, g: Gaussians) -> Pair:
        return hermite_dual(self.function, g.xp, g.correlation(), g.q11, g.q22)

    def quadrature_error(self, variance: float) -> tuple[float, float]:
        """Measured; the function is called with NumPy arrays.

        A smooth function (tanh, say) reaches 1e-10, and its derivative 2e-9, up to a variance of 10; where a function
        has kinks it is off by about 1e-3, and its derivative by 0.04 of its jump squared, where correlations are
        nearly one.
        """
        return hermite_error(self.function, variance)
