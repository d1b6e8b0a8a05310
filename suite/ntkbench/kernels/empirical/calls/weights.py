"""Which tensors stand for parameters in a call: themselves, multiples of them, and blocks of their rows."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch


@dataclass(frozen=True)
class Weight:
    """The parameter of a number times a scale, perhaps transposed; `rows`, from and to, where it is not all of it."""

    number: int
    scale: float = 1.0
    rows: tuple[int, int] | None = None
    transposed: bool = False


class Known:
    """The tensors that stand for parameters."""

    def __init__(self, parameters: Mapping[int, torch.Tensor]) -> None:
        # By identity; they are held, such that no other tensor takes the place of one.
        self._held = {id(tensor): (tensor, Weight(number)) for number, tensor in parameters.items()}

    def get(self, tensor: Any) -> Weight | None:
        """What it stands for."""
        found = self._held.get(id(tensor))
        return None if found is None else found[1]

    def add(self, tensor: torch.Tensor, weight: Weight) -> None:
        """Make one known."""
        self._held[id(tensor)] = (tensor, weight)

    def rows(self, tensor: torch.Tensor, number: int) -> list[torch.Tensor]:
        """The tensor in blocks of rows, known where it is."""
        blocks, whole = list(tensor.chunk(number)), self.get(tensor)
        start = 0
        for block in blocks:
            if whole is not None and not whole.transposed:
                self.add(block, replace(whole, rows=(start, start + block.shape[0])))
            start += block.shape[0]
        return blocks

    def follow(self, function: Any, args: tuple[Any, ...], named: Mapping[str, Any], result: Any) -> None:
        """Make a multiple of a known tensor, or its transpose, known, where the call gives one."""
        times = _MULTIPLES.get(function)
        if times is not None and len(args) == 2 and not named:
            one, other = args
            if function in _EITHER and not isinstance(one, torch.Tensor):
                one, other = other, one
            weight = self.get(one)
            if weight is not None and isinstance(other, int | float):
                self.add(result, replace(weight, scale=times(weight.scale, other)))
        elif function in _TRANSPOSES and not named:
            weight = self.get(args[0])
            if weight is not None and args[0].dim() == 2 and set(args[1:]) in _AXES:
                self.add(result, replace(weight, transposed=not weight.transposed))


_EITHER = (torch.mul, torch.Tensor.mul)
_MULTIPLES: dict[Any, Any] = {
    **dict.fromkeys((*_EITHER, torch.Tensor.__mul__, torch.Tensor.__rmul__), operator.mul),
    **dict.fromkeys((torch.div, torch.Tensor.div, torch.Tensor.__truediv__), operator.truediv),
}
_TRANSPOSES = {
    *(torch.t, torch.Tensor.t, torch.transpose, torch.Tensor.transpose),
    *(torch.Tensor.T.__get__, torch.Tensor.mT.__get__),
}
_AXES: tuple[set[int], ...] = (set(), {0, 1}, {-1, -2})
"""What follows the matrix: nothing, or its axes."""
