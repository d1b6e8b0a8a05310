"""Layer normalisation."""

from __future__ import annotations

from dataclasses import dataclass

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Each position's channels are centred and brought to variance one.

    Args:
        epsilon: what is added to the variance, not negative.

    Raises:
        ValueError: for a negative epsilon.
    """

    epsilon: float = 1e-12

    def __post_init__(self) -> None:
        if not self.epsilon >= 0:
            raise ValueError(f"epsilon must not be negative, not {self.epsilon}")

    @property
    def needs_variances(self) -> bool:
        return True

    @property
    def keeps_displacements(self) -> bool:
        return True

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        return shape

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        xp = array_api_compat.array_namespace(x)
        centred = x - xp.mean(x, axis=-1, keepdims=True)
        return centred / xp.sqrt(xp.mean(centred * centred, axis=-1, keepdims=True) + self.epsilon)

    def features(self, before: Features, place: str) -> Features:
        """Still Gaussian: over infinitely many channels mean and variance are no longer random."""
        before.check_gaussian(place)
        return before

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """Correlations, for Gaussian features, whose mean over infinitely many channels is zero already."""
        xp = recursion.xp

        def inverse(v: Array) -> Array:
            v = v + self.epsilon
            positive = v > 0.0
            return xp.where(positive, 1.0 / xp.sqrt(xp.where(positive, v, xp.ones_like(v))), xp.zeros_like(v))

        inverse1, inverse2 = (inverse(v) for v in before.fitting_variances(xp))
        return before.map(lambda field: field * (inverse1 * inverse2), lambda v: v * inverse(v) ** 2)
