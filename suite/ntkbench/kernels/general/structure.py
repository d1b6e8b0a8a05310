"""What is true of an architecture as a whole, worked out and checked before any data is touched."""

from __future__ import annotations

from ntkbench.networks.layers import Layer, Serial
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.settings import alike


def check(architecture: Serial, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the architecture turns inputs of `shape`, (d,) or (H, W, C), into numbers per input."""
    positions = architecture.features(Features.of_inputs(shape), "").positions
    if positions is not None:
        raise ValueError(
            f"the architecture leaves images of {positions[0]} x {positions[1]} positions: "
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


def size(shape: tuple[int, ...], all_pairs: bool) -> int:
    """How many numbers the covariance of one pair of inputs of `shape`, (d,) or (H, W, C), has."""
    positions = shape[0] * shape[1] if len(shape) == 3 else 1
    return positions * positions if all_pairs else positions


_LONGEST_BLOCK = 8
_FEWEST_REPETITIONS = 3


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
