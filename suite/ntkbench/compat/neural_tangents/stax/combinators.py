"""Layers one after another, beside each other, and together again."""

from __future__ import annotations

from typing import Any

from ntkbench.compat.neural_tangents.stax import parts
from ntkbench.compat.neural_tangents.stax.parts import Chain, Leaf, Parallel, check_size
from ntkbench.compat.neural_tangents.stax.triples import Triple, part_of, triple
from ntkbench.networks import serial as _serial


def serial(*layers: Any) -> Triple:
    """Layers one after another.

    Args:
        layers: triples of this module.

    Returns:
        Their triple.

    Raises:
        ValueError: for what is no layer.
    """
    return triple(Chain(tuple(map(part_of, layers))))


def parallel(*layers: Any) -> Triple:
    """Layers beside each other, between `FanOut` and a fan-in.

    Args:
        layers: triples, one for each input.

    Returns:
        Their triple.

    Raises:
        ValueError: for what is no layer.
    """
    return triple(Parallel(tuple(map(part_of, layers))))


def repeat(layer: Any, n: int) -> Triple:
    """A layer n times; its parameters are a list of n.

    Args:
        layer: a triple.
        n: how often.

    Returns:
        The triple.

    Raises:
        ValueError: for what is no layer, and for an n below 1.
    """
    return triple(Chain((part_of(layer),) * check_size("n", n)))


def FanOut(num: int) -> Triple:
    """So many copies of the input.

    Args:
        num: how many.

    Returns:
        The triple.

    Raises:
        ValueError: for a number below 1.
    """
    return triple(parts.FanOut(check_size("num", num)))


def FanInSum() -> Triple:
    """The sum of branches."""
    return triple(parts.FanIn("sum"))


def FanInProd() -> Triple:
    """The product of branches, entry by entry."""
    return triple(parts.FanIn("product"))


def FanInConcat(axis: int = -1) -> Triple:
    """The channels of branches one after another.

    Args:
        axis: -1, the channels.

    Returns:
        The triple.

    Raises:
        ValueError: for another axis.
    """
    if axis != -1:
        raise ValueError(f"FanInConcat joins channels, axis -1, not axis {axis}; ntkbench.networks has no other either")
    return triple(parts.FanIn("concat"))


def Identity() -> Triple:
    """The input as it is."""
    return triple(Leaf(_serial()))
