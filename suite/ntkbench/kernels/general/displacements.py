"""Means over positions without the covariance of all pairs of them: one displacement along the first axis at a time.

For P positions, L of them along the first axis, all pairs are P^2 numbers for each pair of inputs, and the pairs at one
displacement P^2 / L. Where a network pools several times on its way, the displacements that a window takes together are
computed one after another, each from the inputs on: what a pool adds to memory is one more array, and to time a factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution
from ntkbench.duals.covariance import Covariance, Variances, itself
from ntkbench.duals.displaced import Displaced, Displacement, between_displaced, itself_displaced, within
from ntkbench.kernels.general.structure import mixes_positions
from ntkbench.kernels.general.walk import Walk
from ntkbench.networks.layers import Layer, Serial
from ntkbench.networks.layers.layer import Units
from ntkbench.networks.layers.pooling import GlobalPool, Pool

AtDisplacement = Callable[[Displacement], Displaced]
"""The covariance of the inputs at a displacement along the first axis."""


def pools(architecture: Serial) -> list[int]:
    """The places of the layers that mix positions, where all pairs of positions may be had part by part; else none."""
    places = [k for k, layer in enumerate(architecture.layers) if mixes_positions(layer)]
    if not places:
        return []
    *before, last = places
    before += [last] if isinstance(architecture.layers[last], Pool) else []
    taken = all(isinstance(architecture.layers[k], Pool) and _with_zeros(architecture.layers[k]) for k in before)
    known = isinstance(architecture.layers[last], Pool | GlobalPool)
    between = [layer for k, layer in enumerate(architecture.layers[: _end(architecture)]) if k not in places]
    return places if taken and known and all(layer.keeps_displacements for layer in between) else []


def _with_zeros(layer: Layer) -> bool:
    return isinstance(layer, Pool) and layer.padding != "circular"


def _end(architecture: Serial) -> int:
    """Behind which layers positions no longer matter: the global mean or, at the latest, Flatten."""
    for k, layer in enumerate(architecture.layers):
        if isinstance(layer, GlobalPool) or not layer.all_pairs_before(True):
            return k
    return len(architecture.layers)


@dataclass(frozen=True)
class Displacements:
    """A network's covariances between two sets of inputs, or of inputs with themselves, part by part."""

    execution: Execution
    architecture: Serial
    inputs: AtDisplacement
    shape: tuple[int, ...]
    """Of one input, its channels last."""
    pairs: Array
    """Zeros, of the shape of what there is for a pair of positions: (n1, n2), or (n,) of inputs with themselves."""
    variances: tuple[Variances, ...]
    """Behind each layer that mixes positions, as far as they are known."""
    unrolled: int = 0
    """How many repetitions of a block are written out rather than looped over."""

    def result(self) -> Covariance:
        """Behind the whole network."""
        layers, end = self.architecture.layers, _end(self.architecture)
        walk = Walk(self.execution, _none, unrolled=self.unrolled)
        if isinstance(layers[end], GlobalPool):
            return walk.chain(layers[end + 1 :], self._pooled(end))
        return walk.chain(layers[end:], self.at(end, 0).equal_positions(self.execution.xp))

    def own_variances(self) -> tuple[Array, ...]:
        """Of inputs with themselves, behind each layer that mixes positions: (*positions, n), or (n,)."""
        found: tuple[Array, ...] = ()
        for place in pools(self.architecture):
            known = replace(self, variances=tuple((v, v) for v in found))
            if isinstance(self.architecture.layers[place], GlobalPool):
                found += (known._pooled(place).nngp,)
            else:
                found += (known.at(place + 1, 0).own_variance(self.execution.xp),)
        return found

    def at(self, stop: int, displacement: Displacement) -> Displaced:
        """Behind the first `stop` layers, at a displacement."""
        layers, before = self.architecture.layers, [k for k in pools(self.architecture) if k < stop]
        start = before[-1] + 1 if before else 0
        segment = layers[start:stop]
        earlier = displacement * Serial(segment).first_stride
        if before:
            now = replace(self._windowed(before[-1], earlier), variances=self._known(before[-1]))
            now = now.with_variances_inside(self.execution.xp) if now.own and now.variances else now
        else:
            now = self.inputs(earlier)
        walk = Walk(self.execution, _none, all_pairs_after=True, unrolled=self.unrolled)
        after = walk.chain(segment, now) if segment else now
        assert isinstance(after, Displaced)
        return after

    def _windowed(self, place: int, displacement: Displacement) -> Displaced:
        """Behind a pool: the sum over how far apart two places in a window can be."""
        pool, xp = self.architecture.layers[place], self.execution.xp
        assert isinstance(pool, Pool)

        def part(apart: Displacement) -> Displaced:
            before = self.at(place, displacement * pool.first_stride + apart)
            return pool.at_displacement(before, apart, displacement, xp)

        positions = self._positions(place + 1)
        nngp, ntk, channels = self._summed(part, pool.reach(), (*positions, *positions[1:]))
        own = nngp.ndim < 2 * len(positions) + 1
        return Displaced(nngp, ntk, None, positions, True, own, channels, displacement=displacement)

    def _pooled(self, place: int) -> Covariance:
        """Behind the sum over all positions."""
        pool, xp = self.architecture.layers[place], self.execution.xp
        assert isinstance(pool, GlobalPool)
        positions = self._positions(place)
        share = pool.share(math.prod(positions)) ** 2

        def part(displacement: Displacement) -> Covariance:
            now = self.at(place, displacement)
            inside = within(xp, now.nngp, positions[0], displacement)
            axes = tuple(range(2 * len(positions) - 1))
            return now.without_variances().map(lambda field: xp.sum(field * inside, axis=axes) * share)

        nngp, ntk, channels = self._summed(part, range(1 - positions[0], positions[0]), ())
        return Covariance(nngp, ntk, self._known(place), own=nngp.ndim == 1, channels=channels)

    def _known(self, place: int) -> Variances | None:
        number = pools(self.architecture).index(place)
        return self.variances[number] if number < len(self.variances) else None

    def _positions(self, stop: int) -> tuple[int, ...]:
        """Those behind the first layers."""
        return Serial(self.architecture.layers[:stop]).output_shape(self.shape, Units(1, 1))[:-1]

    def _summed(
        self, part: Callable[[Displacement], Covariance], over: range, positions: tuple[int, ...]
    ) -> tuple[Array, Array, int]:
        """Both covariances, summed over a range of displacements in one loop, and their channels."""
        xp, device = self.execution.xp, array_api_compat.device(self.pairs)
        zeros = xp.zeros((*positions, *self.pairs.shape), dtype=self.pairs.dtype, device=device)
        channels = 1

        def step(sums: Any, each: Any) -> Any:
            nonlocal channels
            now = part(each[0])
            channels = now.channels
            return sums[0] + now.nngp, sums[1] if now.ntk is None else sums[1] + now.ntk

        nngp, ntk = self.execution.scan(step, (zeros, zeros), (xp.arange(over[0], over[-1] + 1, device=device),))
        return nngp, ntk, channels


def _none(function: Callable[[Covariance], Array], covariance: Covariance) -> None:
    """Nothing is asked of each input between pools."""


def of_inputs(
    execution: Execution,
    architecture: Serial,
    x1: Array,
    x2: Array | None = None,
    variances: tuple[Variances, ...] = (),
    unrolled: int = 0,
) -> Displacements:
    """The covariances of inputs x1 (n1, *positions, C) with x2 (n2, *positions, C), or, if None, each with itself.

    Args:
        execution: of the library of the arrays.
        architecture: one that has `pools`.
        x1: float64.
        x2: float64.
        variances: those behind each layer that mixes positions, as far as they are known.
        unrolled: how many repetitions of a block are written out rather than looped over.
    """
    xp = execution.xp
    first = itself(xp, x1, False).nngp
    second = first if x2 is None else itself(xp, x2, False).nngp

    def at(displacement: Displacement) -> Displaced:
        if x2 is None:
            return itself_displaced(xp, x1, displacement, (first, second))
        return between_displaced(xp, x1, x2, displacement, (first, second))

    pairs = (x1.shape[0],) if x2 is None else (x1.shape[0], x2.shape[0])
    zeros = xp.zeros(pairs, dtype=x1.dtype, device=array_api_compat.device(x1))
    return Displacements(execution, architecture, at, tuple(x1.shape[1:]), zeros, variances, unrolled)
