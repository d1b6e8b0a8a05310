"""Both kernels of two sets of inputs, with what goes on through further layers."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from ntkbench.arrays.array import Array
from ntkbench.compat.neural_tangents.stax.parts import Chain, Part, architecture_of
from ntkbench.kernels import Kernels, architecture_kernels

NAMES = ("nngp", "ntk", "cov1", "cov2", "x1_is_x2", "shape1", "shape2")
_SQUARE = 32


@dataclass(frozen=True)
class Kernel:
    """What `kernel_fn(x1, x2)` gives; a further `kernel_fn` takes it in the place of inputs.

    It has the matrices `nngp` and `ntk` (n1, n2), and the variances `cov1` (n1,) and `cov2` (n2,), None where x2 is x1.
    """

    part: Part
    x1: Array
    x2: Array | None
    kernels: Kernels | None

    @property
    def nngp(self) -> Array:
        """The covariances of the network's outputs."""
        return self._there().nngp

    @property
    def ntk(self) -> Array:
        """The neural tangent kernel."""
        return self._there().ntk

    @property
    def cov1(self) -> Array:
        """The variances of the outputs of x1."""
        nngp = self._there().nngp
        return nngp.diagonal() if self.x2 is None else _variances(self.part, self.x1)

    @property
    def cov2(self) -> Array | None:
        """Those of x2, None where it is x1."""
        self._there()
        return None if self.x2 is None else _variances(self.part, self.x2)

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

    def _there(self) -> Kernels:
        if self.kernels is None:
            raise ValueError("layers leave positions, of which no matrix is kept: end with Flatten or GlobalAvgPool")
        return self.kernels


jax.tree_util.register_dataclass(Kernel, data_fields=["x1", "x2", "kernels"], meta_fields=["part"])


def kernel_of(part: Part, x1: Array, x2: Array | None) -> Kernel:
    """Both kernels of layers; neither where they leave positions."""
    path = architecture_of(part, tuple(x1.shape[1:]))
    return Kernel(part, x1, x2, architecture_kernels(path.layer, x1, x2) if len(path.shape) == 1 else None)


def _variances(part: Part, x: Array) -> Array:
    """Of each output, from small squares on the diagonal."""
    layer = architecture_of(part, tuple(x.shape[1:])).layer
    squares = [architecture_kernels(layer, x[k : k + _SQUARE]).nngp for k in range(0, x.shape[0], _SQUARE)]
    return jnp.concatenate([square.diagonal() for square in squares])
