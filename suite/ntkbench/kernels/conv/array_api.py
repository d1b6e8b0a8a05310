"""The convolutional kernels on the array API: every library's, wherever no faster implementation applies.

`fields.py` says what is carried from layer to layer.
"""

from __future__ import annotations

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution
from ntkbench.kernels.conv.fields import Sums, Walk, flatten_means, gap_sums
from ntkbench.kernels.conv.own import layer_norms
from ntkbench.kernels.conv.problem import ConvProblem, Readout
from ntkbench.kernels.gram.tiles import side
from ntkbench.kernels.relu.layers import recursion
from ntkbench.kernels.relu.network import Network, Pooling

_WORKING_FIELDS = 16  # live at once in a layer where operations run one by one; a compiler needs fewer


def compute(problem: ConvProblem) -> tuple[Array, ...]:
    """The wanted Gram matrices of any images, (n1, n2) each."""
    execution, x1, x2 = problem.execution, problem.x1, problem.second
    norms1 = layer_norms(execution, x1, problem.network)
    norms2 = norms1 if problem.symmetric else layer_norms(execution, x2, problem.network)
    block = _flatten if problem.pooling == "flatten" else _gap
    function = execution.compiled(block, ("execution", "readout"))

    def tile(rows: slice, columns: slice, same: Array | None) -> tuple[Array, ...]:
        sides = x1[rows, ...], x2[columns, ...], norms1[:, rows, ...], norms2[:, columns, ...]
        return tuple(function(*sides, same, execution=execution, readout=problem.readout))

    height, width, _ = problem.image
    return problem.in_tiles(tile, tile_side(problem.pooling, (height, width), x1.dtype.itemsize, execution.budget(x1)))


def tile_side(pooling: Pooling, size: tuple[int, int], itemsize: int, budget: int) -> int:
    """The side of a tile of images (H, W) whose working arrays, numbers of `itemsize` bytes, take `budget` bytes."""
    height, width = size
    # All pairs of columns, H times, from the cache next to a core: several times as fast as from one that cores share.
    field, share = (height * width, 1) if pooling == "flatten" else (height * width * (width + 1), 8)
    return side(_WORKING_FIELDS * field * itemsize, budget // share)


def _flatten(
    x1: Array, x2: Array, norms1: Array, norms2: Array, same: Array | None, *, execution: Execution, readout: Readout
) -> tuple[Array, ...]:
    """One block: images (n1, H, W, C) and (n2, H, W, C), norms (depth - 1, n, H, W) -> the wanted (n1, n2)."""
    return readout(*flatten_means(execution, (x1, x2), (norms1, norms2), same, _walk(execution, readout.network)))


def _gap(
    x1: Array, x2: Array, norms1: Array, norms2: Array, same: Array | None, *, execution: Execution, readout: Readout
) -> tuple[Array, ...]:
    """As `_flatten`."""
    xp, walk = execution.xp, _walk(execution, readout.network)
    _, height, width, _ = x1.shape
    device = array_api_compat.device(x1)

    def displacement(sums: tuple[Array, ...], dy: tuple[Array]) -> tuple[Array, ...]:
        more = gap_sums(execution, (x1, x2), (norms1, norms2), same, dy[0], walk)
        return tuple(total + each for total, each in zip(sums, more, strict=True))

    zero = xp.zeros((x1.shape[0], x2.shape[0]), dtype=x1.dtype, device=device)
    sums = execution.scan(displacement, (zero, zero), (xp.arange(height, device=device),))
    return readout(*(total / (height * width) ** 2 for total in sums))


def _walk(execution: Execution, network: Network) -> Walk:
    def walk(
        covariance: Array, own: tuple[Array, Array], sums: Sums, same: Array | None, inside: Array | float
    ) -> tuple[Array, Array]:
        def convolve(field: Array, bias: float) -> Array:
            scaled = sums(field) * (inside * (network.weight / 9))
            return scaled + inside * bias if network.bias else scaled

        return recursion(execution, network, covariance, own, convolve, same)

    return walk
