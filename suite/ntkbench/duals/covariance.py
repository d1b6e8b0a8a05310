"""The state that layers of infinite width hand on: covariances of features between inputs, NNGP and NTK.

In the NTK parametrisation (Jacot et al. 2018), with images as in Novak et al. 2019 and Arora et al. 2019. A covariance
is a field: positions first, pairs of inputs last. Between vectors there are no positions; sequences have one axis of
them, (T,), images two, (H, W), volumes three, (D, H, W). Between these a field has either each position with itself,
(*positions, pairs), or all pairs of positions, (*positions, *positions, pairs), which only means over positions need.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of

Variances = tuple[Array, Array]
"""Of the first and of the second inputs, position by position: (*positions, n1) and (*positions, n2)."""

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
    positions: tuple[int, ...] | None = None
    """How many there are along each axis: (T,), (H, W) or (D, H, W); None for vectors."""
    all_pairs: bool = False
    """Whether the fields have all pairs of positions."""
    own: bool = False
    """Whether these are the covariances of inputs with themselves."""
    channels: int = 1
    """Of the inputs themselves; behind weights, how many times the width: flattening multiplies it."""
    present: Variances | None = None
    """1 where a position of the first or second inputs is there and 0 where it is absent; None: all are there."""

    @property
    def axes(self) -> int:
        """Along how many axes there are positions: 0 for vectors."""
        return 0 if self.positions is None else len(self.positions)

    def field_axes(self, k: int) -> tuple[int, ...]:
        """The axes of the fields that belong to axis k of the positions: of the first inputs, and of the second."""
        return (k, self.axes + k) if self.all_pairs else (k,)

    def within_borders(self, xp: Any) -> Covariance:
        """With zeros where there are no pairs of positions."""
        return self

    def at_windows(self, positions: tuple[int, ...], stride: tuple[int, ...]) -> Covariance:
        """Of these positions, `stride` apart among those before: the fields are already theirs."""
        return replace(self, positions=positions)

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
        return replace(self.map(lambda field: _diagonal(xp, field, self.axes)), all_pairs=False)

    def apart(self, xp: Any) -> Covariance:
        """With all pairs of positions, where those of each position with itself are there: the others are zero."""

        def spread(field: Array) -> Array:
            positions = field.shape[: self.axes]
            same = xp.eye(math.prod(positions), dtype=field.dtype, device=array_api_compat.device(field))
            shape = (*positions, *positions, *(1,) * (field.ndim - self.axes))
            return field[(slice(None),) * self.axes + (None,) * self.axes] * xp.reshape(same, shape)

        return replace(self.map(spread), all_pairs=True)

    def own_variance(self, xp: Any) -> Array:
        """The variances of inputs whose covariances with themselves these are."""
        return _diagonal(xp, self.nngp, self.axes) if self.all_pairs else self.nngp

    def fitting_variances(self, xp: Any) -> Variances:
        """The variances of the first and of the second inputs, of shapes that broadcast to that of `nngp`."""
        if self.own:
            own = self.own_variance(xp)
            return self._fitting((own, own))
        assert self.variances is not None
        return self._fitting(self.variances)

    def where_present(self, xp: Any) -> Covariance:
        """Zero where a position is absent; without positions nothing is absent."""
        if self.present is None or self.positions is None:
            return replace(self, present=None)
        first, second = self._fitting(self.present)
        variances = self.variances
        if variances is not None:
            variances = variances[0] * self.present[0], variances[1] * self.present[1]
        return replace(self.map(lambda field: field * (first * second)), variances=variances)

    def counts(self, xp: Any) -> Variances | None:
        """How many positions of first and of second inputs are present, one at least, as `nngp` without positions."""
        if self.present is None:
            return None
        axes = tuple(range(self.axes))
        first, second = (xp.sum(each, axis=axes) for each in self.present)
        first, second = (xp.maximum(each, xp.ones_like(each)) for each in (first, second))
        return (first, second) if self.own else (first[:, None], second[None, :])

    def _fitting(self, pair: Variances) -> Variances:
        first, second = pair
        if not self.own:
            first, second = first[..., :, None], second[..., None, :]
        if self.all_pairs:
            each, one = (slice(None),) * self.axes, (None,) * self.axes
            first, second = first[each + one], second[one]
        return first, second


def between(xp: Any, x1: Array, x2: Array, all_pairs: bool) -> Covariance:
    """The covariance of inputs, vectors (n, d) or (n, *positions, C): products divided by the channels."""
    channels = x1.shape[-1]
    matmul = execution_of(xp).matmul
    variances = (_variance(xp, x1), _variance(xp, x2))
    matmul = execution_of(xp).matmul
    if x1.ndim == 2:
        return Covariance(matmul(x1, xp.matrix_transpose(x2)) / channels, None, variances, channels=channels)
    positions = tuple(x1.shape[1:-1])
    last = x1.ndim - 1
    inputs_after = (*range(1, last), 0, last)
    if not all_pairs:
        products = matmul(xp.permute_dims(x1, inputs_after), xp.permute_dims(x2, (*range(1, last), last, 0)))
        return Covariance(products / channels, None, variances, positions, channels=channels)
    first, second = (xp.reshape(xp.permute_dims(x, inputs_after), (-1, channels)) for x in (x1, x2))
    shape = (*positions, x1.shape[0], *positions, x2.shape[0])
    products = xp.reshape(matmul(first, xp.matrix_transpose(second)), shape)
    axes = len(positions)
    inputs_last = (*range(axes), *range(axes + 1, 2 * axes + 1), axes, 2 * axes + 1)
    return Covariance(
        xp.permute_dims(products, inputs_last) / channels, None, variances, positions, True, channels=channels
    )


def itself(xp: Any, x: Array, all_pairs: bool) -> Covariance:
    """The covariance of each input with itself."""
    channels = x.shape[-1]
    if x.ndim == 2:
        return Covariance(_variance(xp, x), None, None, own=True, channels=channels)
    positions = tuple(x.shape[1:-1])
    if not all_pairs:
        return Covariance(_variance(xp, x), None, None, positions, own=True, channels=channels)
    flat = xp.reshape(x, (x.shape[0], math.prod(positions), channels))
    products = xp.permute_dims(execution_of(xp).matmul(flat, xp.matrix_transpose(flat)), (1, 2, 0)) / channels
    products = xp.reshape(products, (*positions, *positions, x.shape[0]))
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
    """Mean squares over channels, the inputs last: (n,) or (*positions, n)."""
    squares = xp.sum(x * x, axis=-1) / x.shape[-1]
    return squares if x.ndim == 2 else xp.permute_dims(squares, (*range(1, x.ndim - 1), 0))


def _diagonal(xp: Any, field: Array, axes: int) -> Array:
    """The pairs of each position with itself: (*positions, *positions, ...) -> (*positions, ...)."""
    positions, rest = field.shape[:axes], field.shape[2 * axes :]
    number = math.prod(positions)
    flat = xp.reshape(field, (number * number, *rest))
    return xp.reshape(flat[:: number + 1], (*positions, *rest))
