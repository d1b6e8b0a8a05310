"""Blocks of the fully connected kernels, and those that float32 cannot compute: between nearly parallel inputs.

The NTK takes an angle from a correlation. Near one, or minus one, rounding the correlation moves the angle by far more
than it is off itself: in float32 by more than a part in 1e5 where the two differ by 1e-4. Such blocks are computed in
float64, which leaves seven digits at least.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution
from ntkbench.kernels.gram.tiles import part
from ntkbench.kernels.relu.layers import inverse, recursion
from ntkbench.kernels.relu.network import Network
from ntkbench.kernels.relu.norms import mean_square, norms, variances

NEARLY_PARALLEL = 1.0 - 1e-4
"""The largest size of a correlation that float32 is trusted with."""

_STATIC = "execution", "network"


@dataclass(frozen=True, eq=False)
class DenseTiles:
    """Both kernels of vectors x1 (n1, d) and x2 (n2, d), block by block, in their own dtype."""

    execution: Execution
    network: Network
    x1: Array
    x2: Array

    @cached_property
    def _norms(self) -> tuple[Array, Array]:
        first = layer_norms(self.execution, self.x1, self.network)
        return first, first if self.x2 is self.x1 else layer_norms(self.execution, self.x2, self.network)

    def block(self, rows: slice, columns: slice, same: Array | None) -> tuple[Array, Array, Array]:
        """NNGP and NTK at some rows and columns, and the largest size of a correlation of two inputs that differ.

        Args:
            rows: of x1.
            columns: of x2.
            same: 1 where two inputs are one and the same, else 0; None where none are.
        """
        norms1, norms2 = self._norms
        pieces = part(self.x1, rows), part(self.x2, columns), part(norms1, rows, 1), part(norms2, columns, 1), same
        function = _program(self.execution, self.network, _block)
        nngp, ntk, closest = function(*pieces, execution=self.execution, network=self.network)
        return nngp, ntk, closest


@dataclass(frozen=True, eq=False)
class Float64Tiles:
    """The blocks of float32 vectors that take float64."""

    tiles: DenseTiles

    def needed(self, closest: Array) -> bool:
        """Whether a block takes float64 in which the largest size of a correlation, of inputs that differ, is this."""
        return bool(self.tiles.execution.to_numpy(closest) > NEARLY_PARALLEL)

    def block(self, rows: slice, columns: slice, same: Array | None) -> tuple[Array, Array]:
        """NNGP and NTK at some rows and columns, computed in float64."""
        execution, xp = self.tiles.execution, self.tiles.execution.xp
        with execution.double():
            kernels = self._wide.block(rows, columns, None if same is None else xp.astype(same, xp.float64))[:2]
            nngp, ntk = (xp.astype(kernel, xp.float32) for kernel in kernels)
        return nngp, ntk

    @cached_property
    def _wide(self) -> DenseTiles:
        tiles, xp = self.tiles, self.tiles.execution.xp
        x1 = xp.astype(tiles.x1, xp.float64)
        x2 = x1 if tiles.x2 is tiles.x1 else xp.astype(tiles.x2, xp.float64)
        return DenseTiles(tiles.execution, tiles.network, x1, x2)


def layer_norms(execution: Execution, x: Array, network: Network) -> Array:
    """Standard deviations of the preactivations of each hidden layer, (n, d) -> (depth - 1, n)."""
    norms_of: Array = _program(execution, network, _layer_norms)(x, execution=execution, network=network)
    return norms_of


def _program(execution: Execution, network: Network, function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled, unless scales that are arrays are part of what is being traced."""
    return execution.compiled(function, _STATIC) if network.is_plain else function


def _layer_norms(x: Array, *, execution: Execution, network: Network) -> Array:
    return norms(execution, variances(mean_square(execution, x), network, network.dense))


def _block(
    x1: Array, x2: Array, norms1: Array, norms2: Array, same: Array | None, *, execution: Execution, network: Network
) -> tuple[Array, Array, Array]:
    xp = execution.xp
    covariance = execution.matmul(x1, xp.matrix_transpose(x2)) / x1.shape[-1]
    sides = (norms1[:, :, None], norms2[:, None, :])
    inverse1, inverse2 = (inverse(xp, side[0]) for side in sides)
    correlation = network.dense(covariance, network.bias) * (inverse1 * inverse2)
    if same is not None:
        correlation = correlation * (1.0 - same)
    closest = xp.max(xp.abs(correlation))
    nngp, ntk = network.read_out(*recursion(execution, network, covariance, sides, network.dense, same))
    return nngp, ntk, closest
