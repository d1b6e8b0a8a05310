"""What is fixed about a network before any data: its depth, its initialisation, and which layers are trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from ntkbench.arrays.array import Array

Pooling = Literal["flatten", "gap"]


class Kernels(NamedTuple):
    """The two Gram matrices of an infinitely wide network, each (n1, n2)."""

    nngp: Array
    ntk: Array


@dataclass(frozen=True)
class Network:
    """`depth` layers with weights, the last a dense readout; ReLU after each of the others.

    Weights are drawn with variance w_std^2 / fan-in, biases with variance b_std^2 (the NTK parametrisation of
    Jacot et al. 2018). Raises ValueError for a network that is none.
    """

    depth: int
    w_std: float = math.sqrt(2.0)
    b_std: float = 0.0
    first_trained: bool = True
    last_trained: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.depth, int | np.integer) or self.depth < 2:
            raise ValueError(
                f"depth must be a whole number from 2 (one hidden layer and the readout), not {self.depth!r}"
            )
        if not (self.w_std > 0 and self.b_std >= 0):
            raise ValueError("w_std must be positive and b_std not negative")

    @property
    def weight(self) -> float:
        """w_std^2: what a layer multiplies covariances by."""
        return float(self.w_std) ** 2

    @property
    def bias(self) -> float:
        """b_std^2: what a layer adds to covariances."""
        return float(self.b_std) ** 2

    def dense(self, kernel: Array, bias: float) -> Array:
        """What the weights of a dense layer, and biases of variance `bias`, make of a kernel of any shape."""
        return kernel * self.weight + bias

    def read_out(self, nngp: Array, ntk: Array) -> Kernels:
        """Both kernels after the readout, from those of the pooled last hidden layer (its own weights not counted)."""
        output = nngp * self.weight + self.bias
        inherited = ntk * self.weight
        return Kernels(output, output + inherited if self.last_trained else inherited)
