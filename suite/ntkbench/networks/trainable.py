"""What the training and the empirical kernel ask of a function with parameters, be it a network or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ntkbench.arrays.array import Array
from ntkbench.networks.layers.layer import Shape
from ntkbench.networks.parameters import Parameters


class Trainable(Protocol):
    """A function of parameters and inputs, a frozen value: `Finite`, `Kan`, `SoftTrees`."""

    @property
    def output_size(self) -> int:
        """The length of the output vector of an input."""

    def apply(self, params: Parameters, x: Array) -> Array:
        """The outputs (n, `output_size`) of inputs (n, ...)."""

    def check(self, params: Parameters, x: Array) -> None:
        """Raise ValueError unless inputs and parameters have its shapes, and one dtype."""

    def split(self, params: Parameters) -> tuple[Parameters, Parameters]:
        """The parameters that are trained, and the others, {} in the place of those of the other kind."""


def check_parameters(shapes: Sequence[Mapping[str, Shape]], params: Parameters, x: Array) -> None:
    """Raise ValueError unless parameters have the shapes that are given by name, and the dtype of inputs x."""
    for k, (wanted, parameters) in enumerate(zip(shapes, params, strict=True)):
        for name, shape in wanted.items():
            given = parameters.get(name)
            if given is None or tuple(given.shape) != shape:
                raise ValueError(
                    f"params[{k}][{name!r}] must be of shape {shape}, "
                    f"not {'missing' if given is None else tuple(given.shape)}"
                )
            if given.dtype != x.dtype:
                raise ValueError(f"inputs are {x.dtype}, but params[{k}][{name!r}] is {given.dtype}")
