"""What is fixed about a network before any data: its depth, its initialisation, and which layers are trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.inputs import holds, is_plain, is_setting

SQRT2 = math.sqrt(2.0)
Pooling = Literal["flatten", "gap"]


class Kernels(NamedTuple):
    """The two Gram matrices of an infinitely wide network, each (n1, n2)."""

    nngp: Array
    ntk: Array


@dataclass(frozen=True)
class Network:
    """`depth` layers with weights, the last a dense readout; ReLU after each of the others.

    Weights are drawn with variance w_std^2 / fan-in, biases with variance b_std^2 (the NTK parametrisation of
    Jacot et al. 2018). Both scales may be arrays of no dimensions, to be differentiated; what is traced is not
    checked. Raises ValueError for a network that is none.
    """

    depth: int
    w_std: float | Array = SQRT2
    b_std: float | Array = 0.0
    first_trained: bool = True
    last_trained: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.depth, int | np.integer) or self.depth < 2:
            raise ValueError(
                f"depth must be a whole number from 2 (one hidden layer and the readout), not {self.depth!r}"
            )
        if not (is_setting(self.w_std) and is_setting(self.b_std)):
            raise ValueError(f"w_std and b_std must be numbers, not {self.w_std!r} and {self.b_std!r}")
        if not (holds(self.w_std > 0) and holds(self.b_std >= 0)):
            raise ValueError("w_std must be positive and b_std not negative")

    @property
    def is_plain(self) -> bool:
        """Whether its scales are plain numbers, so that a program can be compiled for it."""
        return is_plain(self.w_std, self.b_std)

    @property
    def weight(self) -> Any:
        """w_std^2: what a layer multiplies covariances by; an array where w_std is one."""
        return float(self.w_std) ** 2 if is_plain(self.w_std) else self.w_std**2

    @property
    def bias(self) -> Any:
        """b_std^2: what a layer adds to covariances; an array where b_std is one."""
        return float(self.b_std) ** 2 if is_plain(self.b_std) else self.b_std**2

    def dense(self, kernel: Array, bias: float) -> Array:
        """What the weights of a dense layer, and biases of variance `bias`, make of a kernel of any shape."""
        return kernel * self.weight + bias

    def read_out(self, nngp: Array, ntk: Array) -> Kernels:
        """Both kernels after the readout, from those of the pooled last hidden layer (its own weights not counted)."""
        output = nngp * self.weight + self.bias
        inherited = ntk * self.weight
        return Kernels(output, output + inherited if self.last_trained else inherited)
