"""What an architecture does to shapes, worked out and checked before any data is touched."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ntkbench.networks.layers import (
    Activation,
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    Pair,
    Residual,
    Serial,
    spatial_shape,
)


@dataclass(frozen=True)
class Features:
    """What is known of the features at some depth."""

    positions: Pair | None
    """Height and width; None for vectors."""
    channels: tuple[str, int]
    """("inputs", number) before the first linear layer, ("width", 1) after one; flattening multiplies the number."""
    gaussian: bool
    """Whether channels are independent Gaussians, as they are after a linear layer and not after an activation."""


def check(architecture: Serial, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the architecture turns inputs of `shape`, (d,) or (H, W, C), into numbers per input."""
    features = Features(shape[:2] if len(shape) == 3 else None, ("inputs", shape[-1]), gaussian=False)
    features = _after(architecture, features, "")
    if features.positions is not None:
        raise ValueError(
            f"the architecture leaves images of {features.positions[0]} x {features.positions[1]} positions: "
            "it needs a Flatten or a GlobalAvgPool"
        )


def all_pairs_before(layer: Layer, all_pairs_after: bool) -> bool:
    """Whether a layer needs the covariance of all pairs of positions, given whether what follows does.

    If not, that of each position with itself is enough.
    """
    if isinstance(layer, Serial):
        for inner in reversed(layer.layers):
            all_pairs_after = all_pairs_before(inner, all_pairs_after)
        return all_pairs_after
    if isinstance(layer, Residual):
        return any(all_pairs_before(path, all_pairs_after) for path in (layer.branch, layer.shortcut))
    if isinstance(layer, Flatten):
        return False
    return mixes_positions(layer) or all_pairs_after


def mixes_positions(layer: Layer) -> bool:
    """Whether a layer averages over positions with one and the same weight, so that their correlations matter."""
    return isinstance(layer, GlobalAvgPool) or (isinstance(layer, AvgPool) and layer.window != (1, 1))


def normalises_after_mixing(layer: Layer) -> bool:
    """Whether variances are needed behind a layer that mixes positions."""
    mixed = False
    for inner in _leaves(layer):
        mixed = mixed or mixes_positions(inner)
        if mixed and isinstance(inner, Activation | LayerNorm):
            return True
    return False


def activations_of(layer: Layer) -> list[Activation]:
    """All activations in a layer."""
    return [leaf for leaf in _leaves(layer) if isinstance(leaf, Activation)]


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


_LONGEST_BLOCK = 8
_FEWEST_REPETITIONS = 3


def _times(layers: tuple[Layer, ...], start: int, period: int) -> int:
    end = start + period
    while end < len(layers) and layers[end] == layers[end - period]:
        end += 1
    return (end - start) // period


def _leaves(layer: Layer) -> list[Layer]:
    if isinstance(layer, Serial):
        return [leaf for inner in layer.layers for leaf in _leaves(inner)]
    if isinstance(layer, Residual):
        return _leaves(layer.branch) + _leaves(layer.shortcut)
    return [layer]


def _after(layer: Layer, before: Features, name: str) -> Features:
    """The features behind a layer. Raises ValueError, with the name of the layer, when it cannot stand there."""
    if isinstance(layer, Serial):
        for number, inner in enumerate(layer.layers, start=1):
            place = f"layer {number} ({type(inner).__name__})"
            before = _after(inner, before, f"{name}, {place}" if name else place)
        return before
    if isinstance(layer, Residual):
        return _after_residual(layer, before, name)
    if isinstance(layer, Dense):
        return Features(before.positions, ("width", 1), gaussian=True)
    if isinstance(layer, Activation | LayerNorm):
        if not before.gaussian:
            raise ValueError(f"{name} needs Gaussian features: put a Dense or Conv before it")
        return replace(before, gaussian=isinstance(layer, LayerNorm))
    if before.positions is None:
        raise ValueError(f"{name} needs images (n, H, W, C), not vectors")
    height, width = before.positions
    if isinstance(layer, Flatten):
        kind, number = before.channels
        # Positions differ in variance, and so do the features of the vector.
        return Features(None, (kind, number * height * width), gaussian=False)
    if isinstance(layer, GlobalAvgPool):
        return replace(before, positions=None)
    try:
        positions = spatial_shape(before.positions, layer)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if isinstance(layer, Conv):
        return Features(positions, ("width", 1), gaussian=True)
    return replace(before, positions=positions)


def _after_residual(layer: Residual, before: Features, name: str) -> Features:
    branch = _after(layer.branch, before, f"{name}, branch")
    shortcut = _after(layer.shortcut, before, f"{name}, shortcut")
    if (branch.positions, branch.channels) != (shortcut.positions, shortcut.channels):
        raise ValueError(
            f"{name}: branch and shortcut differ in shape, {_words(branch)} and {_words(shortcut)}: "
            "give the shortcut layers of its own"
        )
    if not (_independent(layer.branch) or _independent(layer.shortcut)):
        raise ValueError(f"{name}: branch and shortcut depend on each other: end one of them with a Dense or Conv")
    return replace(branch, gaussian=branch.gaussian and shortcut.gaussian)


def _independent(layer: Layer, before: bool = False) -> bool:
    """Whether fresh weights, symmetric about zero, make the output uncorrelated with the input; `before`: the input."""
    if isinstance(layer, Serial):
        for inner in layer.layers:
            before = _independent(inner, before)
        return before
    if isinstance(layer, Residual):
        return _independent(layer.branch, before) and _independent(layer.shortcut, before)
    if isinstance(layer, Dense | Conv):
        return True
    return before and not isinstance(layer, Activation)


def _words(features: Features) -> str:
    kind, number = features.channels
    channels = f"{number} input channels" if kind == "inputs" else "width" if number == 1 else f"{number} x width"
    return channels if features.positions is None else f"{features.positions[0]} x {features.positions[1]} x {channels}"


def size(shape: tuple[int, ...], all_pairs: bool) -> int:
    """How many numbers the covariance of one pair of inputs of `shape`, (d,) or (H, W, C), has."""
    positions = shape[0] * shape[1] if len(shape) == 3 else 1
    return positions * positions if all_pairs else positions
