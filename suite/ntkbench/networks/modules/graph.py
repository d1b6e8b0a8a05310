"""A graph of layers, as layers one after another with sums, products and concatenations of branches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ntkbench.networks.layers import Concatenate, FanInProd, Layer, Residual, Serial, serial


@dataclass(frozen=True)
class Node:
    """Layers behind one earlier node, or `join` of the values of several; the first node is the input."""

    name: str
    inputs: tuple[int, ...]
    layers: tuple[Layer, ...] = ()
    join: Callable[[list[Serial]], Layer] | None = None


def residual(branches: list[Serial]) -> Layer:
    """The sum of two; the input itself, if it is one of them, is the shortcut."""
    first, second = branches
    return Residual(first, second) if first.layers or not second.layers else Residual(second, first)


def concatenation(branches: list[Serial]) -> Layer:
    """The channels of branches one after another."""
    return Concatenate(tuple(map(_plain, branches)))


def product(branches: list[Serial]) -> Layer:
    """Branches multiplied entry by entry."""
    return FanInProd(tuple(map(_plain, branches)))


def architecture_of(nodes: list[Node], output: int) -> Serial:
    """The layers from the first node to `output`.

    A join begins where the ways to its inputs parted: at the last node that all of them pass through.

    Raises ValueError where a layer with weights would stand in two places.
    """
    before, depth = [0], [0]
    for node in nodes[1:]:
        last = node.inputs[0]
        for other in node.inputs[1:]:
            last = _meeting(last, other, before, depth)
        before.append(last)
        depth.append(depth[last] + 1)
    placed: set[int] = set()

    def between(start: int, end: int) -> Serial:
        parts: list[tuple[Layer, ...]] = []
        while end != start:
            node, origin = nodes[end], before[end]
            if node.join is not None:
                parts.append((node.join([between(origin, each) for each in node.inputs]),))
            else:
                if end in placed and any(layer.has_weights for layer in node.layers):
                    raise ValueError(
                        f"{node.name}: what it gives goes into paths that no sum of branches describes; "
                        "the nearest is a shortcut that begins at a block's input"
                    )
                placed.add(end)
                parts.append(node.layers)
            end = origin
        return serial(*(layer for part in reversed(parts) for layer in part))

    return between(0, output)


def _meeting(one: int, other: int, before: list[int], depth: list[int]) -> int:
    """The last node through which all ways to both lead."""
    while one != other:
        if depth[one] >= depth[other]:
            one = before[one]
        else:
            other = before[other]
    return one


def _plain(branch: Serial) -> Layer:
    return branch.layers[0] if len(branch.layers) == 1 else branch
