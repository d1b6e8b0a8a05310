"""The state that layers of infinite width hand on: covariances of features between inputs, NNGP and NTK.

In the NTK parametrisation (Jacot et al. 2018), with images as in Novak et al. 2019 and Arora et al. 2019. A covariance
is a field: positions first, pairs of inputs last. Between vectors there are no positions; between images either each
position with itself, (H, W, pairs), or all pairs of positions, (H, W, H, W, pairs), which only means over positions
need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of

Variances = tuple[Array, Array]
"""Of the first and of the second inputs, position by position: (H, W, n1) and (H, W, n2), or (n1,) and (n2,)."""

Field = Callable[[Array], Array]
"""A function of a field."""


@dataclass(frozen=True)
class Covariance:
    """The covariances of features at one depth, between n1 and n2 inputs, or of n inputs each with itself."""

    nngp: Array
    """(..., n1, n2), or (..., n) of inputs with themselves."""
    ntk: Array | None
    """Of the same shape; None before the first trained layer."""
    variances: Variances | None
    """None when nothing that follows needs them, and for inputs with themselves: there they are part of `nngp`."""
    positions: tuple[int, int] | None = None
    """Height and width; None for vectors."""
    all_pairs: bool = False
    """Whether the fields have all pairs of positions."""
    own: bool = False
    """Whether these are the covariances of inputs with themselves."""
    channels: int = 1
    """Of the inputs themselves; behind weights, how many times the width: flattening multiplies it."""

    def map(self, function: Field, on_variances: Field = lambda v: v) -> Covariance:
        """With one function for both covariances and one for the variances."""
        return replace(
            self,
            nngp=function(self.nngp),
            ntk=None if self.ntk is None else function(self.ntk),
            variances=self.map_variances(on_variances),
        )

    def map_variances(self, function: Field) -> Variances | None:
        """A function of the variances of the first and of the second inputs, where they are there."""
        return None if self.variances is None else (function(self.variances[0]), function(self.variances[1]))

    def without_variances(self) -> Covariance:
        """As it is behind a layer that mixes positions: the variances of means cannot be had from variances."""
        return replace(self, variances=None)

    def equal_positions(self, xp: Any) -> Covariance:
        """Without the pairs of different positions."""
        if not self.all_pairs:
            return self
        return replace(self.map(lambda field: _diagonal(xp, field)), all_pairs=False)

    def apart(self, xp: Any) -> Covariance:
        """With all pairs of positions, where those of each position with itself are there: the others are zero."""

        def spread(field: Array) -> Array:
            height, width = field.shape[:2]
            same = xp.eye(height * width, dtype=field.dtype, device=array_api_compat.device(field))
            shape = (height, width, height, width, *(1,) * (field.ndim - 2))
            return field[:, :, None, None] * xp.reshape(same, shape)

        return replace(self.map(spread), all_pairs=True)

    def own_variance(self, xp: Any) -> Array:
        """The variances of inputs whose covariances with themselves these are."""
        return _diagonal(xp, self.nngp) if self.all_pairs else self.nngp

    def fitting_variances(self, xp: Any) -> Variances:
        """The variances of the first and of the second inputs, of shapes that broadcast to that of `nngp`."""
        if self.own:
            first = second = self.own_variance(xp)
        else:
            assert self.variances is not None
            first, second = self.variances[0][..., :, None], self.variances[1][..., None, :]
        if self.all_pairs:
            first, second = first[:, :, None, None], second[None, None]
        return first, second


def between(xp: Any, x1: Array, x2: Array, all_pairs: bool) -> Covariance:
    """The covariance of inputs, vectors (n, d) or images (n, H, W, C): products divided by the channels."""
    channels = x1.shape[-1]
    variances = (_variance(xp, x1), _variance(xp, x2))
    if x1.ndim == 2:
        return Covariance(
            execution_of(xp).matmul(x1, xp.matrix_transpose(x2)) / channels, None, variances, channels=channels
        )
    n1, height, width, _ = x1.shape
    matmul = execution_of(xp).matmul
    positions = (height, width)
    if not all_pairs:
        products = matmul(xp.permute_dims(x1, (1, 2, 0, 3)), xp.permute_dims(x2, (1, 2, 3, 0)))
        return Covariance(products / channels, None, variances, positions, channels=channels)
    first, second = (xp.reshape(xp.permute_dims(x, (1, 2, 0, 3)), (-1, channels)) for x in (x1, x2))
    products = xp.reshape(matmul(first, xp.matrix_transpose(second)), (height, width, n1, height, width, x2.shape[0]))
    products = xp.permute_dims(products, (0, 1, 3, 4, 2, 5)) / channels
    return Covariance(products, None, variances, positions, True, channels=channels)


def itself(xp: Any, x: Array, all_pairs: bool) -> Covariance:
    """The covariance of each input with itself."""
    channels = x.shape[-1]
    if x.ndim == 2:
        return Covariance(_variance(xp, x), None, None, own=True, channels=channels)
    n, height, width, _ = x.shape
    positions = (height, width)
    if not all_pairs:
        return Covariance(_variance(xp, x), None, None, positions, own=True, channels=channels)
    flat = xp.reshape(x, (n, height * width, channels))
    products = xp.permute_dims(execution_of(xp).matmul(flat, xp.matrix_transpose(flat)), (1, 2, 0)) / channels
    products = xp.reshape(products, (height, width, height, width, n))
    return Covariance(products, None, None, positions, True, True, channels)


def mixture(parts: list[Covariance]) -> Covariance:
    """Of features beside each other, of one shape but for the channels: the mean over all channels."""
    channels = sum(part.channels for part in parts)
    shares = [part.channels / channels for part in parts]

    def mean(fields: list[Array | None]) -> Array | None:
        weighted = [share * field for share, field in zip(shares, fields, strict=True) if field is not None]
        return sum(weighted[1:], weighted[0]) if weighted else None

    variances = [part.variances for part in parts if part.variances is not None]
    return replace(
        parts[0],
        nngp=mean([part.nngp for part in parts]),
        ntk=mean([part.ntk for part in parts]),
        variances=(mean([v[0] for v in variances]), mean([v[1] for v in variances]))
        if len(variances) == len(parts)
        else None,
        channels=channels,
    )


def product(one: Covariance, other: Covariance) -> Covariance:
    """Of the products of features, channel by channel, that do not depend on each other."""
    variances = None
    if one.variances is not None and other.variances is not None:
        variances = (one.variances[0] * other.variances[0], one.variances[1] * other.variances[1])
    first = None if one.ntk is None else one.ntk * other.nngp
    second = None if other.ntk is None else other.ntk * one.nngp
    ntk = second if first is None else first if second is None else first + second
    return replace(one, nngp=one.nngp * other.nngp, ntk=ntk, variances=variances)


def _variance(xp: Any, x: Array) -> Array:
    """Mean squares over channels, the inputs last: (n,) or (H, W, n)."""
    squares = xp.sum(x * x, axis=-1) / x.shape[-1]
    return squares if x.ndim == 2 else xp.permute_dims(squares, (1, 2, 0))


def _diagonal(xp: Any, field: Array) -> Array:
    """The pairs of each position with itself: (H, W, H, W, ...) -> (H, W, ...)."""
    height, width = field.shape[:2]
    positions = height * width
    flat = xp.reshape(field, (positions * positions, *field.shape[4:]))
    return xp.reshape(flat[:: positions + 1], (height, width, *field.shape[4:]))
