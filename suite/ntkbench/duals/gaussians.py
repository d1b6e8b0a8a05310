"""Two jointly Gaussian variables, and what every dual activation needs of them."""

from __future__ import annotations

from typing import Any, NamedTuple

from ntkbench.arrays.array import Array


class Gaussians(NamedTuple):
    """Pairs of jointly Gaussian variables u and v of mean zero; the three arrays are of one rank and broadcast."""

    xp: Any
    """The namespace of the arrays' library."""
    q12: Array
    """E[u v]."""
    q11: Array
    """E[u^2]."""
    q22: Array
    """E[v^2]."""

    def scale(self) -> Array:
        """sqrt(q11 q22): exact for equal variances, without overflow, the same when both are exchanged."""
        xp = self.xp
        zero = xp.zeros_like(self.q11)
        larger, smaller = (xp.maximum(pick(self.q11, self.q22), zero) for pick in (xp.maximum, xp.minimum))
        return larger * xp.sqrt(smaller / xp.where(larger > 0.0, larger, xp.ones_like(larger)))

    def gap(self) -> Array:
        """q11 q22 - q12^2, which is not negative."""
        scale, size = self.scale(), self.xp.abs(self.q12)
        return self.xp.maximum(scale - size, self.xp.zeros_like(size)) * (scale + size)

    def correlation(self) -> Array:
        """q12 / sqrt(q11 q22), within [-1, 1]; what has no variance does not correlate."""
        xp, scale = self.xp, self.scale()
        positive = scale > 0.0
        ratio = self.q12 / xp.where(positive, scale, xp.ones_like(scale))
        return xp.clip(xp.where(positive, ratio, xp.zeros_like(ratio)), -1.0, 1.0)
