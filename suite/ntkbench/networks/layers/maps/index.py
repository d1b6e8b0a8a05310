"""A selection of positions."""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.networks.layers.layer import Shape
from ntkbench.networks.layers.maps.position_map import PositionMap


@dataclass(frozen=True)
class Index(PositionMap):
    """Positions, selected as NumPy selects: `Index(np.s_[:4, ::-1])`, or `Index(0)` for the first one of a sequence.

    Args:
        index: for each axis of positions a slice, or a whole number, which drops the axis; axes that it leaves out, at
            the end or for an ellipsis, are left whole. Kept as a tuple, slices as tuples (start, stop, step).

    Raises:
        ValueError: for what is no such index.
    """

    index: Any

    def __post_init__(self) -> None:
        entries = self.index if isinstance(self.index, tuple) else (self.index,)
        # Slices cannot be keys before Python 3.12.
        kept = tuple((e.start, e.stop, e.step) if isinstance(e, slice) else e for e in entries)
        for entry in kept:
            if not (type(entry) is int or isinstance(entry, EllipsisType) or _is_slice(entry)):
                raise ValueError(f"index must hold slices and whole numbers, not {entry!r}")
        if sum(entry is ... for entry in kept) > 1:
            raise ValueError("index must hold one ellipsis at most")
        object.__setattr__(self, "index", kept)

    def positions(self, before: Shape) -> Shape:
        return tuple(len(each) for each in self._chosen(before) if isinstance(each, range))

    def mapped(self, field: Array, axes: range) -> Array:
        xp = array_api_compat.array_namespace(field)
        chosen = self._chosen(tuple(field.shape[axes.start : axes.stop]))
        for axis, each in reversed(list(zip(axes, chosen, strict=True))):
            before = (slice(None),) * axis
            if isinstance(each, int):
                field = field[(*before, each)]
                continue
            # PyTorch has no steps backwards.
            forward = each if each.step > 0 else each[::-1]
            field = field[(*before, slice(forward.start, forward.stop, forward.step))]
            field = field if each.step > 0 else xp.flip(field, axis=axis)
        return field

    def _chosen(self, before: Shape) -> list[int | range]:
        """For each axis the one position that is taken, or those that are."""
        entries = [*self.index] if ... in self.index else [*self.index, ...]
        missing = len(before) - len(entries) + 1
        if missing < 0:
            raise ValueError(f"the index is for {len(entries) - 1} axes of positions, and there are {len(before)}")
        where = entries.index(...)
        entries[where : where + 1] = [(None, None, None)] * missing
        return [_along(entry, size) for entry, size in zip(entries, before, strict=True)]


def _is_slice(entry: Any) -> bool:
    if not (isinstance(entry, tuple) and len(entry) == 3 and all(type(k) is int or k is None for k in entry)):
        return False
    return bool(entry[2] != 0)


def _along(entry: Any, size: int) -> int | range:
    if isinstance(entry, int):
        if not -size <= entry < size:
            raise ValueError(f"position {entry} does not exist along an axis of {size}")
        return entry % size
    chosen = range(size)[slice(*entry)]
    if not chosen:
        raise ValueError(
            f"the slice {':'.join('' if k is None else str(k) for k in entry)} of {size} positions is empty"
        )
    return chosen
