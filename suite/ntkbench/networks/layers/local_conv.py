"""The convolution without shared weights (Novak et al. 2019)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.conv import Conv
from ntkbench.networks.layers.layer import Recursion


@dataclass(frozen=True)
class LocalConv(Conv):
    """As `Conv`, but with weights and biases of its own at every position: a locally connected layer."""

    @property
    def shared(self) -> bool:
        return False

    def product(self, x: Array, weight: Array) -> Array:
        xp, seen = array_api_compat.array_namespace(x), self.seen(x)
        inside = x.ndim - 1  # where the axes of the window begin
        n, shape, units = seen.shape[0], seen.shape[1:inside], weight.shape[-1]
        positions = math.prod(shape)
        inputs = xp.permute_dims(xp.reshape(seen, (n, positions, math.prod(seen.shape[inside:]))), (1, 0, 2))
        y = xp.matmul(inputs, xp.reshape(weight, (positions, -1, units)))
        return xp.reshape(xp.permute_dims(y, (1, 0, 2)), (n, *shape, units))

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """Different positions, whose weights and biases are independent, have none."""
        equal = super().covariance(before.equal_positions(recursion.xp), recursion)
        return equal.apart(recursion.xp) if before.all_pairs else equal
