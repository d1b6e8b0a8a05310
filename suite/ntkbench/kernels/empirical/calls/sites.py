"""Where a parameter meets inputs: what a call of torch makes of it, as a share of the kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch

from ntkbench.kernels.empirical.shares import Direct, Share
from ntkbench.networks.layers.layer import Shape

Piece = tuple[torch.Tensor, ...]
"""Of weights (h, b) as `shares.factor` takes them, or (derivatives,), (n, O, parameters)."""


class Site(Protocol):
    """A call by its settings. Shapes are those of one row of inputs; arrays have rows, and outputs, before them."""

    def share(self, weight: Shape, seen: Shape, given: Shape) -> Share | Direct:
        """The share of the weights, from their shape, that of what is seen and that of what is given."""

    def multiply_adds(self, weight: Shape, seen: Shape, given: Shape) -> int:
        """What the call costs for one row."""

    def weights(self, weight: Shape, seen: torch.Tensor, given: torch.Tensor) -> Piece:
        """What rows contribute, of what is seen (n, ...) and the derivatives by what is given (n, O, ...)."""

    def bias(self, given: torch.Tensor) -> torch.Tensor:
        """The derivatives by the bias, (n, O, units)."""


@dataclass(frozen=True)
class Product:
    """Rows times a matrix, (units, fan-in) as torch's Linear has it, or with `transposed` (fan-in, units)."""

    transposed: bool = False

    def share(self, weight: Shape, seen: Shape, given: Shape) -> Share:
        """At each row of the input a position."""
        return Share(math.prod(given[:-1]), seen[-1], given[-1])

    def multiply_adds(self, weight: Shape, seen: Shape, given: Shape) -> int:
        """One for each weight and position."""
        return self.share(weight, seen, given).multiply_adds

    def weights(self, weight: Shape, seen: torch.Tensor, given: torch.Tensor) -> Piece:
        """Rows as they are."""
        n, outputs = given.shape[:2]
        return (
            seen.reshape(n, 1, -1, seen.shape[-1]),
            given.reshape(n, outputs, 1, -1, given.shape[-1]),
        )

    def bias(self, given: torch.Tensor) -> torch.Tensor:
        """Summed over positions."""
        return given.reshape(*given.shape[:2], -1, given.shape[-1]).sum(2)


@dataclass(frozen=True)
class Lookup:
    """Rows of a table; those of `padding`, if any, have no derivative."""

    padding: int | None = None

    def share(self, weight: Shape, seen: Shape, given: Shape) -> Share:
        """At each word a position."""
        return Share(math.prod(seen), weight[0], weight[1], lookup=True)

    def multiply_adds(self, weight: Shape, seen: Shape, given: Shape) -> int:
        """None."""
        return 0

    def weights(self, weight: Shape, seen: torch.Tensor, given: torch.Tensor) -> Piece:
        """The numbers of the rows."""
        n, outputs = given.shape[:2]
        if self.padding is not None:
            seen = torch.where(seen == self.padding % weight[0], -1, seen)
        return seen.reshape(n, 1, -1, 1), given.reshape(n, outputs, 1, -1, weight[1])

    def bias(self, given: torch.Tensor) -> torch.Tensor:
        """There is none."""
        raise NotImplementedError


@dataclass(frozen=True)
class Scaling:
    """A factor for each of the last `size` numbers of what has been normalised, or for each channel, and a bias."""

    size: int | None

    def share(self, weight: Shape, seen: Shape, given: Shape) -> Direct:
        """As many derivatives as there are factors."""
        return Direct(math.prod(weight))

    def multiply_adds(self, weight: Shape, seen: Shape, given: Shape) -> int:
        """Not counted."""
        return 0

    def weights(self, weight: Shape, seen: torch.Tensor, given: torch.Tensor) -> Piece:
        """Summed over positions."""
        return (self.bias(seen[:, None] * given),)

    def bias(self, given: torch.Tensor) -> torch.Tensor:
        """Summed over positions."""
        n, outputs = given.shape[:2]
        if self.size is None:
            return given.reshape(n, outputs, *given.shape[2:4], -1).sum((2, 4))
        return given.reshape(n, outputs, -1, self.size).sum(2)
