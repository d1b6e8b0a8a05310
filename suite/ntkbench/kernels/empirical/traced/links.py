"""What a program makes of parameters before inputs meet them: reshapes, transposes, slices and scales are followed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from jax.extend.core import JaxprEqn, Literal

Links = Mapping[int, "Link | None"]
"""For each parameter, by its number, that a value is made of: how, or None where no rule says so."""


@dataclass(frozen=True)
class Link:
    """A value whose entries are different ones of a parameter, times numbers that scale all of it."""

    shape: tuple[int, ...]
    """Of the parameter."""
    steps: tuple[Callable[[np.ndarray], np.ndarray], ...] = ()
    scales: tuple[tuple[Any, int], ...] = ()
    """Variables, literals or numbers, each with the power that it is taken to."""

    def entries(self) -> np.ndarray:
        """Which entry of the parameter each of the value is."""
        every = np.arange(math.prod(self.shape), dtype=np.int32).reshape(self.shape)
        return reduce(lambda found, step: step(found), self.steps, every)

    def by(self, step: Callable[[np.ndarray], np.ndarray]) -> Link:
        """The same, rearranged."""
        return replace(self, steps=(*self.steps, step))

    def times(self, scale: Any, power: int = 1) -> Link:
        """The same, scaled."""
        return replace(self, scales=(*self.scales, (scale, power)))


def linked(equation: JaxprEqn, links: Mapping[Any, Links], spread: Mapping[Any, Any]) -> Links:
    """How the result of an equation without inputs is made of parameters.

    Args:
        equation: the equation, with one result.
        links: of the variables before it.
        spread: variables that are one number in every place, with a variable that holds the number alone.
    """
    operands = [links.get(atom, {}) if not isinstance(atom, Literal) else {} for atom in equation.invars]
    found: dict[int, Link | None] = {number: None for each in operands for number in each}
    for place, each in enumerate(operands):
        for number, link in each.items():
            if link is not None and sum(number in other for other in operands) == 1:
                found[number] = _followed(equation, place, link, spread)
    return found


def _followed(equation: JaxprEqn, place: int, link: Link, spread: Mapping[Any, Any]) -> Link | None:
    """The link of the result, for that of the operand at this place."""
    name, params = equation.primitive.name, equation.params
    before, after = equation.invars[place].aval, equation.outvars[0].aval
    if name in ("reshape", "squeeze", "broadcast_in_dim", "expand_dims", "copy", "convert_element_type"):
        same = before.dtype == after.dtype and math.prod(before.shape) == math.prod(after.shape)
        return link.by(lambda w: w.reshape(after.shape)) if same else None
    if name == "transpose":
        return link.by(lambda w: w.transpose(params["permutation"]))
    if name == "rev":
        return link.by(lambda w: np.flip(w, params["dimensions"]))
    if name == "slice":
        strides = params["strides"] or (1,) * len(after.shape)
        window = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
        cut = tuple(slice(*each) for each in window)
        return link.by(lambda w: w[cut])
    if name == "neg":
        return link.times(-1.0)
    if name in ("add", "add_any", "sub") and before.shape == after.shape:
        return link.times(-1.0) if name == "sub" and place == 1 else link
    if name == "mul" or (name == "div" and place == 0):
        scale = equation.invars[1 - place]
        scale = scale if isinstance(scale, Literal) else spread.get(scale, scale)
        if math.prod(scale.aval.shape) == 1 and before.shape == after.shape:
            return link.times(scale, -1 if name == "div" else 1)
    return None
