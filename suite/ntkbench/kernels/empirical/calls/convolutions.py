"""Convolutions: what their units see at each position, cut out of padded inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ntkbench.kernels.empirical.calls.sites import Piece
from ntkbench.kernels.empirical.shares import Share
from ntkbench.networks.layers.layer import Shape


@dataclass(frozen=True)
class Convolution:
    """A convolution along as many axes as there are strides; `padding` is before and after each of them."""

    stride: Shape
    padding: tuple[tuple[int, int], ...]
    dilation: Shape
    groups: int

    def share(self, weight: Shape, seen: Shape, given: Shape) -> Share:
        """Weights (units, channels of a group, *window)."""
        units, *window = weight
        axes = len(self.stride)
        positions = math.prod(given[: -axes - 1]) * math.prod(given[-axes:])
        return Share(positions, math.prod(window), units // self.groups, self.groups)

    def multiply_adds(self, weight: Shape, seen: Shape, given: Shape) -> int:
        """One for each weight and position."""
        return self.share(weight, seen, given).multiply_adds

    def weights(self, weight: Shape, seen: torch.Tensor, given: torch.Tensor) -> Piece:
        """Windows of the inputs."""
        (n, outputs), axes = given.shape[:2], len(self.stride)
        given = given.reshape(n, outputs, -1, self.groups, weight[0] // self.groups, math.prod(given.shape[-axes:]))
        b = given.permute(0, 1, 3, 2, 5, 4).reshape(n, outputs, self.groups, -1, weight[0] // self.groups)
        return _windows(seen, n, weight[2:], self.stride, self.padding, self.dilation, self.groups), b

    def bias(self, given: torch.Tensor) -> torch.Tensor:
        """Summed over positions."""
        return _summed(given, len(self.stride))


@dataclass(frozen=True)
class Transposed:
    """A transposed convolution: its inputs are the positions, and windows of what it gives belong to them."""

    stride: Shape
    padding: tuple[tuple[int, int], ...]
    dilation: Shape
    groups: int

    def share(self, weight: Shape, seen: Shape, given: Shape) -> Share:
        """Weights (channels, units of a group, *window)."""
        channels, *window = weight
        axes = len(self.stride)
        positions = math.prod(seen[: -axes - 1]) * math.prod(seen[-axes:])
        return Share(positions, channels // self.groups, math.prod(window), self.groups)

    def multiply_adds(self, weight: Shape, seen: Shape, given: Shape) -> int:
        """One for each weight and position."""
        return self.share(weight, seen, given).multiply_adds

    def weights(self, weight: Shape, seen: torch.Tensor, given: torch.Tensor) -> Piece:
        """Windows of the derivatives, as many as there are positions."""
        (n, outputs), axes = given.shape[:2], len(self.stride)
        channels, positions = weight[0] // self.groups, math.prod(seen.shape[-axes:])
        h = seen.reshape(n, -1, self.groups, channels, positions).permute(0, 2, 1, 4, 3)
        places = tuple(seen.shape[-axes:])
        b = _windows(
            given.flatten(0, 1), n * outputs, weight[2:], self.stride, self.padding, self.dilation, self.groups, places
        )
        return h.reshape(n, self.groups, -1, channels), b.reshape(n, outputs, *b.shape[1:])

    def bias(self, given: torch.Tensor) -> torch.Tensor:
        """Summed over positions."""
        return _summed(given, len(self.stride))


def _summed(given: torch.Tensor, axes: int) -> torch.Tensor:
    """The sums over positions of (n, O, ..., channels, *places): (n, O, channels)."""
    channels = given.shape[-axes - 1]
    return given.reshape(*given.shape[:2], -1, channels, math.prod(given.shape[-axes:])).sum((2, 4))


def _windows(
    x: torch.Tensor,
    n: int,
    window: Shape,
    stride: Shape,
    padding: tuple[tuple[int, int], ...],
    dilation: Shape,
    groups: int,
    places: Shape | None = None,
) -> torch.Tensor:
    """The windows of images (n, ..., channels, *places): (n, groups, positions, channels of a group x window)."""
    axes = len(stride)
    channels = x.shape[-axes - 1]
    # torch's pad names the last axis first.
    cut = torch.nn.functional.pad(x, [side for before_after in reversed(padding) for side in before_after])
    for axis, (length, step, apart) in enumerate(zip(window, stride, dilation, strict=True)):
        # Each axis leaves one of windows in its place, and one within them at the end.
        where = x.dim() - axes + axis
        cut = cut.unfold(where, (length - 1) * apart + 1, step)[..., ::apart]
        if places is not None:
            cut = cut.narrow(where, 0, places[axis])
    shape = cut.shape[-2 * axes :]
    positions, inside = math.prod(shape[:axes]), math.prod(shape[axes:])
    cut = cut.reshape(n, -1, groups, channels // groups, positions, inside)
    return cut.permute(0, 2, 1, 4, 3, 5).reshape(n, groups, -1, channels // groups * inside)
