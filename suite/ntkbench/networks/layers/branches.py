"""What layers made of several branches check."""

from __future__ import annotations

from typing import Any

from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer


def check_branches(branches: Any) -> None:
    """Raise ValueError unless these are layers, one at least."""
    if not (isinstance(branches, tuple) and branches):
        raise ValueError(f"branches must be a tuple of layers, not {branches!r}")
    for layer in branches:
        if not isinstance(layer, Layer):
            raise ValueError(f"{layer!r} is no layer")


def of_one_shape(shapes: list[Any], branches: list[Features], place: str) -> None:
    """Raise ValueError, in the name of the layer at `place`, unless these `shapes` of the branches are equal."""
    for shape, features in zip(shapes, branches, strict=True):
        if shape != shapes[0]:
            raise ValueError(
                f"{place}: branches differ in shape, {branches[0].words()} and {features.words()}: "
                "give each layers of its own"
            )
