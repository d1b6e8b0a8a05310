"""Both kernels of two sets of inputs, with what goes on through further layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

from ntkbench.arrays.array import Array
from ntkbench.compat.neural_tangents.stax.parts import Chain, Part, architecture_of
from ntkbench.kernels import Kernels, architecture_kernels
from ntkbench.networks import Serial

NAMES = ("nngp", "ntk", "cov1", "cov2", "x1_is_x2", "shape1", "shape2")


@dataclass(frozen=True)
class Kernel:
    """What `kernel_fn(x1, x2)` gives; a further `kernel_fn` takes it in the place of inputs.

    It has the matrices `nngp` and `ntk` (n1, n2), and the variances `cov1` (n1,) and `cov2` (n2,), None where x2 is x1.
    """

    part: Part
    x1: Array
    x2: Array | None
    kernels: Kernels | None
    variances: tuple[Array, Array | None] | None

    @property
    def nngp(self) -> Array:
        """The covariances of the network's outputs."""
        return self._there(self.kernels).nngp

    @property
    def ntk(self) -> Array:
        """The neural tangent kernel."""
        return self._there(self.kernels).ntk

    @property
    def cov1(self) -> Array:
        """The variances of the outputs of x1."""
        return self._there(self.variances)[0]

    @property
    def cov2(self) -> Array | None:
        """Those of x2, None where it is x1."""
        return self._there(self.variances)[1]

    @property
    def x1_is_x2(self) -> bool:
        """Whether there is one set of inputs."""
        return self.x2 is None

    @property
    def shape1(self) -> tuple[int, ...]:
        """Of the outputs of x1."""
        return self._shape(self.x1)

    @property
    def shape2(self) -> tuple[int, ...]:
        """Of those of x2."""
        return self._shape(self.x1 if self.x2 is None else self.x2)

    def behind(self, part: Part) -> Kernel:
        """The kernel behind further layers."""
        return kernel_of(Chain((self.part, part)), self.x1, self.x2)

    def _shape(self, x: Array) -> tuple[int, ...]:
        return (x.shape[0], *architecture_of(self.part, tuple(x.shape[1:])).shape)

    def _there(self, value: Any) -> Any:
        if value is None:
            raise ValueError(
                "the layers leave positions, of which no matrix is kept: end with Flatten or GlobalAvgPool"
            )
        return value


jax.tree_util.register_dataclass(Kernel, data_fields=["x1", "x2", "kernels", "variances"], meta_fields=["part"])


def kernel_of(part: Part, x1: Array, x2: Array | None) -> Kernel:
    """Both kernels and the variances of layers; neither where they leave positions."""
    path = architecture_of(part, tuple(x1.shape[1:]))
    if len(path.shape) != 1:
        return Kernel(part, x1, x2, None, None)
    layers = path.layer
    kernels = architecture_kernels(layers, x1, x2)
    if x2 is None:
        return Kernel(part, x1, x2, kernels, (kernels.nngp.diagonal(), None))
    return Kernel(part, x1, x2, kernels, (_variances(layers, x1), _variances(layers, x2)))


def _variances(layers: Serial, x: Array) -> Array:
    found: Array = jax.vmap(lambda row: architecture_kernels(layers, row[None]).nngp[0, 0])(x)
    return found
