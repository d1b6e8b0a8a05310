"""Covariances between positions that lie so far apart along the first axis: what means over positions need, in parts.

Convolutions and all that acts position by position keep a displacement, but for their stride: the covariances at one
displacement need nothing of those at another. A mean over windows takes them from as many as two places in a window can
be apart. So the covariance of all pairs of positions, (P, P) numbers for P of them, need never be there at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of
from ntkbench.duals.covariance import Covariance, Variances

Displacement = Any
"""A whole number, or an array of one: the second position minus the first one, along the first axis."""


@dataclass(frozen=True)
class Displaced(Covariance):
    """Between each position and those that lie `displacement` from it along the first axis, anywhere along the others.

    Fields are (*positions, *positions[1:], pairs). Where the second position lies beyond the border, what they hold
    means nothing. The variances are there for inputs with themselves too, and are the same for all displacements.
    """

    displacement: Displacement = 0

    def equal_positions(self, xp: Any) -> Covariance:
        """Without the pairs of different positions, at displacement zero."""
        assert self.positions is not None
        first, rest = self.positions[0], self.positions[1:]
        number = math.prod(rest)

        def diagonal(field: Array) -> Array:
            last = field.shape[1 + 2 * len(rest) :]
            flat = xp.reshape(field, (first, number * number, *last))
            return xp.reshape(flat[:, :: number + 1, ...], (first, *rest, *last))

        nngp, ntk = diagonal(self.nngp), None if self.ntk is None else diagonal(self.ntk)
        variances = None if self.own else self.variances
        return Covariance(nngp, ntk, variances, self.positions, own=self.own, channels=self.channels)

    def own_variance(self, xp: Any) -> Array:
        """The variances of inputs whose covariances with themselves these are, at displacement zero."""
        return self.equal_positions(xp).nngp

    def fitting_variances(self, xp: Any) -> Variances:
        """The variances of the first and of the second inputs, of shapes that broadcast to that of `nngp`."""
        assert self.variances is not None
        first, second = self.variances[0], displaced(xp, self.variances[1], self.displacement, 0)
        if not self.own:
            first, second = first[..., :, None], second[..., None, :]
        others = self.axes - 1
        each, one = (slice(None),) * others, (None,) * others
        return first[(slice(None), *each, *one)], second[(slice(None), *one)]

    def with_variances_inside(self, xp: Any) -> Displaced:
        """Of inputs with themselves, with the variances where positions meet themselves.

        There the recursion has come to the same but for rounding, of which correlations would lose half the digits.
        """
        assert self.positions is not None
        assert self.variances is not None
        first, rest = self.positions[0], math.prod(self.positions[1:])
        device = array_api_compat.device(self.nngp)
        place = xp.arange(rest, device=device)
        same = (place[:, None] == place) & xp.asarray(self.displacement == 0, device=device)
        flat = xp.reshape(self.nngp, (first, rest, rest, -1))
        variances = xp.reshape(self.variances[0], (first, rest, 1, -1))
        return replace(self, nngp=xp.reshape(xp.where(same[..., None], variances, flat), self.nngp.shape))

    def field_axes(self, k: int) -> tuple[int, ...]:
        """The axes of the fields that belong to axis k of the positions: of the first axis there is one."""
        return (k, self.axes + k - 1) if k else (0,)

    def within_borders(self, xp: Any) -> Displaced:
        """With zeros where the second position lies beyond the border."""
        assert self.positions is not None
        inside = within(xp, self.nngp, self.positions[0], self.displacement)
        return replace(self, nngp=self.nngp * inside, ntk=None if self.ntk is None else self.ntk * inside)

    def at_windows(self, positions: tuple[int, ...], stride: tuple[int, ...]) -> Displaced:
        """Of these positions, `stride` apart among those before, and so at as small a displacement."""
        return replace(self, positions=positions, displacement=self.displacement // stride[0])


def between_displaced(xp: Any, x1: Array, x2: Array, displacement: Displacement, variances: Variances) -> Displaced:
    """The covariance of inputs (n, *positions, C) at one displacement: products divided by the channels."""
    positions, channels = tuple(x1.shape[1:-1]), x1.shape[-1]
    first, second = (_rows(xp, x) for x in (x1, displaced(xp, x2, displacement, 1)))
    rest, others = positions[1:], len(positions) - 1
    products = execution_of(xp).matmul(first, xp.matrix_transpose(second))
    products = xp.reshape(products, (positions[0], *rest, x1.shape[0], *rest, x2.shape[0]))
    inputs_last = (0, *range(1, 1 + others), *range(2 + others, 2 + 2 * others), 1 + others, 2 + 2 * others)
    products = xp.permute_dims(products, inputs_last) / channels
    return Displaced(products, None, variances, positions, True, channels=channels, displacement=displacement)


def itself_displaced(xp: Any, x: Array, displacement: Displacement, variances: Variances) -> Displaced:
    """The covariance of each input (n, *positions, C) with itself at one displacement."""
    positions, channels, n = tuple(x.shape[1:-1]), x.shape[-1], x.shape[0]
    rest, shape = positions[1:], (n, positions[0], math.prod(positions[1:]), channels)
    first, second = (xp.reshape(side, shape) for side in (x, displaced(xp, x, displacement, 1)))
    products = xp.permute_dims(execution_of(xp).matmul(first, xp.matrix_transpose(second)), (1, 2, 3, 0)) / channels
    products = xp.reshape(products, (positions[0], *rest, *rest, n))
    return Displaced(products, None, variances, positions, True, True, channels, displacement=displacement)


def displaced(xp: Any, x: Array, displacement: Displacement, axis: int) -> Array:
    """x[i + displacement] along an axis, cyclically."""
    execution, length = execution_of(xp), x.shape[axis]
    if not execution.compiles:
        return execution.roll(x, displacement % length, axis)
    # As a product: JAX differentiates no slice of float64 where its default is float32.
    places = xp.arange(length, device=array_api_compat.device(x))
    chosen = xp.astype(places[None, :] == (places[:, None] + displacement) % length, x.dtype)
    first = xp.moveaxis(x, axis, 0)
    rolled = execution.matmul(chosen, xp.reshape(first, (length, -1)))
    return xp.moveaxis(xp.reshape(rolled, first.shape), 0, axis)


def within(xp: Any, field: Array, length: int, displacement: Displacement) -> Array:
    """1 where the second position lies within the borders, else 0: (length, 1, ...), as `field` has axes."""
    second = xp.arange(length, device=array_api_compat.device(field)) + displacement
    inside = xp.astype((second >= 0) & (second < length), field.dtype)
    return xp.reshape(inside, (length, *(1,) * (field.ndim - 1)))


def _rows(xp: Any, x: Array) -> Array:
    """(n, *positions, C) -> (first positions, the other positions times n, C)."""
    last = x.ndim - 1
    return xp.reshape(xp.permute_dims(x, (*range(1, last), 0, last)), (x.shape[1], -1, x.shape[-1]))
