"""The sum over neighbours in a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.duals.products import Subscripts, constant_product
from ntkbench.networks.layers.layer import Shape
from ntkbench.networks.layers.maps.constant import Constant
from ntkbench.networks.layers.maps.position_map import PositionMap

_TAILS, _HEADS = "abc", "ABC"


@dataclass(frozen=True)
class Aggregate(PositionMap):
    """Each node of a graph, which is a position, becomes the weighted sum of those from which edges lead to it.

    The graph is part of the layer, one and the same for all inputs.

    Args:
        pattern: the weights of its edges, as an array or nested lists: pattern[i, j] is that of the edge from node i to
            node j. Where nodes lie along several axes, (*positions, *positions).
        axis: along which axes of the inputs (n, ..., C) nodes lie, in the order of the pattern, a whole number or a
            tuple of them from 1; others are left as they are. None: all but the first and the last.

    Raises:
        ValueError: for what is no such array, and for axes that are none.

    References:
        Du et al. 2019, "Graph neural tangent kernel: fusing graph neural networks with graph kernels".
    """

    pattern: Any
    axis: int | tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", Constant.of(self.pattern, "pattern"))
        shape, number = self.pattern.shape, self._number
        if not number or shape[:number] != shape[number:]:
            raise ValueError(f"pattern must be (nodes, nodes), or (*positions, *positions), not of shape {shape}")
        if number > len(_TAILS):
            raise ValueError(f"pattern is for nodes along {number} axes; there are {len(_TAILS)} at most")
        axes = self._axes
        if len(axes) != number or len(set(axes)) != number or not all(type(k) is int and k > 0 for k in axes):
            raise ValueError(
                f"axis must be as many different axes from 1 as the pattern has, {number}, not {self.axis!r}"
            )

    @property
    def mixes_positions(self) -> bool:
        return True

    def positions(self, before: Shape) -> Shape:
        nodes = self.pattern.shape[: self._number]
        fits = max(self._axes) <= len(before) if self.axis is not None else len(before) == self._number
        if not (fits and tuple(before[k - 1] for k in self._axes) == nodes):
            raise ValueError(
                f"the pattern is for nodes {nodes} along axis {self._axes}, and the positions are {before}"
            )
        return before

    def mapped(self, field: Array, axes: range) -> Array:
        return constant_product(self.pattern.array, field, axes.start, self._subscripts)

    @property
    def _number(self) -> int:
        """Along how many axes nodes lie."""
        return len(self.pattern.shape) // 2

    @property
    def _axes(self) -> tuple[int, ...]:
        if self.axis is None:
            return tuple(range(1, self._number + 1))
        return self.axis if isinstance(self.axis, tuple) else (self.axis,)

    @property
    def _subscripts(self) -> Subscripts:
        axes = self._axes
        before, after = (
            "".join(letters[axes.index(k)] if k in axes else str(k) for k in range(1, max(axes) + 1))
            for letters in (_TAILS, _HEADS)
        )
        return _TAILS[: self._number] + _HEADS[: self._number], before, after
