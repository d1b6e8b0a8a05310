"""What is true of an architecture as a whole, worked out and checked before any data is touched."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ntkbench.networks.layers import Layer, Serial
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.settings import alike


def check(architecture: Serial, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the architecture turns inputs of `shape`, one's own, into numbers per input."""
    positions = architecture.features(Features.of_inputs(shape), "").positions
    if positions is not None:
        raise ValueError(
            f"the architecture leaves {' x '.join(map(str, positions))} positions: "
            "it needs a Flatten or a GlobalAvgPool"
        )


def mixes_positions(layer: Layer) -> bool:
    """Whether a layer or one inside it averages over positions."""
    return any(inner.mixes_positions for inner in leaves(layer))


def draws_anew(layer: Layer) -> bool:
    """Whether a layer or one inside it draws something for each input, such that equal inputs differ behind it."""
    return any(inner.draws_anew for inner in leaves(layer))


def normalises_after_mixing(layer: Layer) -> bool:
    """Whether variances are needed behind a layer that mixes positions."""
    mixed = False
    for inner in leaves(layer):
        mixed = mixed or inner.mixes_positions
        if mixed and inner.needs_variances:
            return True
    return False


def repeats(layers: tuple[Layer, ...]) -> list[tuple[tuple[Layer, ...], int]]:
    """The layers as blocks, each with the number of its repetitions, such that libraries compile a block once."""
    blocks: list[tuple[tuple[Layer, ...], int]] = []
    start = 0
    while start < len(layers):
        block, count = layers[start : start + 1], 1
        for period in range(1, _LONGEST_BLOCK + 1):
            times = _times(layers, start, period)
            if times >= _FEWEST_REPETITIONS and times * period > len(block) * count:
                block, count = layers[start : start + period], times
        blocks.append((block, count))
        start += len(block) * count
    return blocks


def size(architecture: Serial, shape: tuple[int, ...]) -> int:
    """How many numbers the covariance of one pair of inputs of `shape`, one's own, has where it has the most."""
    return _largest(architecture, Features.of_inputs(shape), False)


def needs(layers: Sequence[Layer], after: bool) -> list[bool]:
    """For each of the layers, whether what follows it needs all pairs of positions."""
    found = [after]
    for layer in reversed(layers):
        found.append(layer.all_pairs_before(found[-1]))
    return found[-2::-1]


_LONGEST_BLOCK = 8
_FEWEST_REPETITIONS = 3


def _largest(layer: Layer, before: Features, all_pairs_after: bool) -> int:
    """Before the layer or inside it; what comes out of it is before another one."""
    positions = math.prod(before.positions or ())
    sizes = [positions**2 if layer.all_pairs_before(all_pairs_after) else positions]
    inside, one_after_another = layer.inside(), isinstance(layer, Serial)
    follows = needs(inside, all_pairs_after) if one_after_another else [all_pairs_after] * len(inside)
    for inner, need in zip(inside, follows, strict=True):
        sizes.append(_largest(inner, before, need))
        before = inner.features(before, "") if one_after_another else before
    return max(sizes)


def _times(layers: tuple[Layer, ...], start: int, period: int) -> int:
    end = start + period
    while end < len(layers) and alike(layers[end], layers[end - period]):
        end += 1
    return (end - start) // period


def leaves(layer: Layer) -> list[Layer]:
    """The layers that hold no others, in the order of computation."""
    inside = layer.inside()
    if not inside:
        return [layer]
    return [leaf for inner in inside for leaf in leaves(inner)]
