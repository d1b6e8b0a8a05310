"""The sum of two branches."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units
from ntkbench.networks.layers.serial import Serial


@dataclass(frozen=True)
class Residual(Layer):
    """The sum of a branch and a shortcut (He et al. 2016).

    Args:
        branch: layers, the first to be computed.
        shortcut: layers beside them; the input itself unless given.
    """

    branch: Serial
    shortcut: Serial = field(default_factory=lambda: Serial(()))

    def inside(self) -> tuple[Layer, ...]:
        return self.branch, self.shortcut

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        branch, shortcut = (path.output_shape(shape, units) for path in self.inside())
        if branch != shortcut:
            raise ValueError(f"a residual adds a branch of shape {branch} to a shortcut of shape {shortcut}")
        return branch

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        return self.branch.forward(x, linear) + self.shortcut.forward(x, linear)

    def features(self, before: Features, place: str) -> Features:
        """Paths must agree in shape, and one of them must not depend on the other."""
        branch = self.branch.features(before, f"{place}, branch")
        shortcut = self.shortcut.features(before, f"{place}, shortcut")
        if (branch.positions, branch.channels) != (shortcut.positions, shortcut.channels):
            raise ValueError(
                f"{place}: branch and shortcut differ in shape, {branch.words()} and {shortcut.words()}: "
                "give the shortcut layers of its own"
            )
        if not (self.branch.uncorrelated(False) or self.shortcut.uncorrelated(False)):
            raise ValueError(f"{place}: branch and shortcut depend on each other: end one of them with a Dense or Conv")
        return replace(branch, gaussian=branch.gaussian and shortcut.gaussian)

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """The sum of both: features that do not depend on each other."""
        branch, shortcut = (recursion.inner(path, before) for path in self.inside())
        variances = None
        if branch.variances is not None and shortcut.variances is not None:
            pairs = zip(branch.variances, shortcut.variances, strict=True)
            first, second = (a + b for a, b in pairs)
            variances = (first, second)
        ntks = [path.ntk for path in (branch, shortcut) if path.ntk is not None]
        ntk = sum(ntks[1:], ntks[0]) if ntks else None
        return replace(branch, nngp=branch.nngp + shortcut.nngp, ntk=ntk, variances=variances)
