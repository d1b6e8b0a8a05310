"""A nonlinearity, entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.activations import Nonlinearity, diagonal, dual, nonlinearity_of
from ntkbench.networks.activations.parameters import is_finite
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units


@dataclass(frozen=True)
class Activation(Layer):
    """A nonlinearity, entry by entry.

    Args:
        function: the name of one (`networks.activations.names()`), one of `networks.activations` as a value, such as
            ABRelu(-0.3, 1.4), or any function of arrays.
        slope: of "leaky_relu" alone, for negative inputs.
        degree: of "monomial" alone.

    Raises:
        ValueError: for what is no function, a name that does not exist, or options that are none.
    """

    function: str | Nonlinearity | Callable[[Array], Array]
    slope: float = 0.0
    degree: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.function, type):
            name = self.function.__name__
            raise ValueError(f"an activation is a name, a value or a function, not the class {name}: give {name}(...)")
        known = callable(self.function) or isinstance(self.function, Nonlinearity)
        if not (known or (isinstance(self.function, str) and self.function)):
            raise ValueError(f"an activation is a name or a function, not {self.function!r}")
        if not is_finite(self.slope) or self.degree < 0:
            raise ValueError("slope must be finite and degree not negative")
        nonlinearity_of(self.function, slope=self.slope, degree=self.degree)

    @property
    def nonlinearity(self) -> Nonlinearity:
        """The function with its dual activation."""
        return nonlinearity_of(self.function, slope=self.slope, degree=self.degree)

    @property
    def needs_variances(self) -> bool:
        return True

    @property
    def working_fields(self) -> int:
        return self.nonlinearity.working_fields

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        return shape

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        return self.nonlinearity.apply(array_api_compat.array_namespace(x), x)

    def features(self, before: Features, place: str) -> Features:
        before.check_gaussian(place)
        return replace(before, gaussian=False)

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        xp, phi = recursion.xp, self.nonlinearity
        product, slopes = dual(phi, xp, before.nngp, *before.fitting_variances(xp))
        return replace(
            before,
            nngp=product,
            ntk=None if before.ntk is None else before.ntk * slopes,
            variances=before.map_variances(lambda v: diagonal(phi, xp, v)),
        )

    def uncorrelated(self, before: bool) -> bool:
        """Never: what weights made uncorrelated it may correlate again."""
        return False
