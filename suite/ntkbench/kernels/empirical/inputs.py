"""Inputs of a function: one array, or nested tuples, lists and dicts of arrays that agree in their number."""

from __future__ import annotations

import math
from typing import Any

from ntkbench.arrays.trees import leaves, mapped

Inputs = Any
"""An array (n, ...), or a tree of them."""


def number(x: Inputs) -> int:
    """How many inputs there are."""
    return int(leaves(x)[0].shape[0])


def some(x: Inputs, rows: slice) -> Inputs:
    """Those in these rows; all of them as they are."""
    return x if rows == slice(0, number(x)) else mapped(lambda array: array[rows], x)


def alone(row: Inputs) -> Inputs:
    """One input without an axis of its number, as the only one."""
    return mapped(lambda array: array[None], row)


def size(x: Inputs) -> int:
    """The numbers of one input."""
    return sum(math.prod(array.shape[1:]) for array in leaves(x))


def whole(dtype: Any) -> bool:
    """Whether it is a dtype of whole numbers or of truth values, such as the words of a text and its mask."""
    return str(dtype).rpartition(".")[2].startswith(("int", "uint", "bool"))


def check(inputs: list[Inputs]) -> None:
    """Raise ValueError unless each is inputs (n, ...), and all agree in everything but their number."""
    shapes = []
    for k, x in enumerate(inputs, start=1):
        arrays = leaves(x)
        if not arrays:
            raise ValueError(f"x{k} must hold an array of inputs (n, ...), not {x!r}")
        for array in arrays:
            # Of whole numbers, one each may be an input: a word, a class.
            least = 1 if whole(array.dtype) or len(arrays) > 1 else 2
            if len(array.shape) < least or min(array.shape[1:], default=1) < 1:
                raise ValueError(
                    f"x{k} must be inputs (n, ...) with at least one number each, not {tuple(array.shape)}"
                )
        if len({array.shape[0] for array in arrays}) > 1:
            raise ValueError(
                f"the arrays of x{k} must agree in their number of inputs, not {', '.join(_shapes(arrays))}"
            )
        shapes.append(mapped(lambda array: _Row(tuple(array.shape[1:])), x))
    if any(each != shapes[0] for each in shapes[1:]):
        words = ", ".join(" and ".join(_shapes(leaves(x))) for x in inputs)
        raise ValueError(f"x1 and x2 must agree in all but their number: {words}")


class _Row:
    """The shape of one input, a leaf of a tree: two trees of them can be compared."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Row) and self.shape == other.shape

    __hash__ = None  # type: ignore[assignment]


def _shapes(arrays: list[Any]) -> list[str]:
    return [str(tuple(array.shape)) for array in arrays]
