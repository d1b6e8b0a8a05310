"""The walk of a covariance along an architecture: layer by layer, repeated blocks of layers as one loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ntkbench.arrays.execution import Execution
from ntkbench.duals.covariance import Covariance, Variances
from ntkbench.kernels.general.structure import mixes_positions, needs, repeats
from ntkbench.networks.layers import Layer, Serial

PooledVariances = Callable[[Covariance], Variances | None]
"""Called with the covariance behind every layer that mixes positions, in one and the same order."""


@dataclass(frozen=True)
class Walk:
    """The `Recursion` that layers stand in, at one place of an architecture."""

    execution: Execution
    pooled: PooledVariances
    all_pairs_after: bool = False
    """Whether what follows needs the covariance of all pairs of positions."""
    unrolled: int = 0
    """How many repetitions of a block are written out; more are a loop."""

    @property
    def xp(self) -> Any:
        """The namespace of the arrays' library."""
        return self.execution.xp

    def after(self, layer: Layer, before: Covariance) -> Covariance:
        """The covariance after a layer, which gets all pairs of positions only where it needs them."""
        if not layer.all_pairs_before(self.all_pairs_after):
            before = before.equal_positions(self.xp)
        after = layer.covariance(before, self)
        return replace(after, variances=self.pooled(after)) if layer.mixes_positions else after

    def inner(self, layer: Layer, before: Covariance) -> Covariance:
        """The covariance after a layer inside another one, with all pairs of positions only where they are needed."""
        after = self.after(layer, before)
        return after if self.all_pairs_after else after.equal_positions(self.xp)

    def chain(self, layers: tuple[Layer, ...], before: Covariance) -> Covariance:
        """The covariance after layers one after another, repeated blocks of them compiled once."""
        now, blocks = before, [(Serial(block), count) for block, count in repeats(layers)]
        follows = needs([block for block, _ in blocks], self.all_pairs_after)
        for (block, count), need in zip(blocks, follows, strict=True):
            now = self._followed_by(need)._repeatedly(block, count, now)
        return now

    def _followed_by(self, all_pairs: bool) -> Walk:
        return replace(self, all_pairs_after=all_pairs)

    def _repeatedly(self, block: Serial, count: int, now: Covariance) -> Covariance:
        between = block.all_pairs_before(self.all_pairs_after)
        if not between:
            now = now.equal_positions(self.xp)
        shape = now.positions, now.all_pairs, now.channels
        for repetition in range(count):
            remaining = count - repetition - 1
            now = self._followed_by(between if remaining else self.all_pairs_after)._each(block.layers, now)
            if (
                remaining > self.unrolled
                and (now.positions, now.all_pairs, now.channels) == shape
                and not mixes_positions(block)
            ):
                # Nothing changes from here on but the numbers.
                return self._followed_by(between)._scan(block.layers, remaining, now)
        return now

    def _scan(self, layers: tuple[Layer, ...], count: int, now: Covariance) -> Covariance:
        """The covariance after `count` more repetitions of layers that change no shape."""

        def step(carry: Any, _: Any) -> Any:
            nngp, ntk, variances = carry
            after = self._each(layers, replace(now, nngp=nngp, ntk=ntk, variances=variances))
            return after.nngp, after.ntk, after.variances

        carry = (now.nngp, now.ntk, now.variances)
        nngp, ntk, variances = self.execution.scan(step, carry, (self.xp.zeros(count),))
        return replace(now, nngp=nngp, ntk=ntk, variances=variances)

    def _each(self, layers: tuple[Layer, ...], now: Covariance) -> Covariance:
        for layer, need in zip(layers, needs(layers, self.all_pairs_after), strict=True):
            now = self._followed_by(need).after(layer, now)
        return now
