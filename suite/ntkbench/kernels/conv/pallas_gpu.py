"""The convolutional kernels on a GPU through Pallas: a warp takes an image pair and a displacement through all layers.

A lane is a column and holds all rows of both kernels in registers, 64 numbers for images 32 high, so that nothing goes
to memory between layers. Neighbours in a column are other registers of the same lane; neighbours in a row lie in the
lanes beside, one shuffle away. Pallas has no shuffle, so one line of PTX stands for it: products with banded matrices
would cost 32 multiply-adds for every sum of three, and shifted loads a trip through memory. Triton keeps a vector of
32 numbers in one warp only one way, number i in lane i; `_probe` asks the device whether it does.

Displacements (dy, dx) are cyclic: the parts of a field that belong to dy and to dy - H, and to dx and dx - W, meet at
a seam that no stencil crosses.

Expected cost, counted in the machine code of a 32 x 32 kernel for compute capability 9.0: 54 instructions a number a
layer (4 shuffles, 4 loads of norms, 25 fused multiply-adds, 10 for addresses), 255 registers, so 8 warps at once on a
multiprocessor. At one instruction a cycle, 132 of them at 1.7 GHz could do 5e5 pair-layers a second for "gap".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import preferred
from ntkbench.arrays.unavailable import Unavailable, availability, first_line
from ntkbench.duals.arc_cosine import INTERPOLATED, horner
from ntkbench.kernels.conv.own import layer_norms
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.relu.layers import inverse
from ntkbench.kernels.relu.network import Network, Pooling

LANES = 32
_TOGETHER = 8  # displacements that a program takes one after another
_SIDE = {"flatten": 512, "gap": 64}  # of a tile: at 2e5 pair-layers a second some tenths of a second


name = "pallas"


def applies(problem: ConvProblem) -> bool:
    """Where nothing else is preferred, to what it covers."""
    return preferred() in (None, name) and covers(problem.x1)


def covers(x: Array) -> bool:
    """Whether images (n, H, W, C) of JAX are float32, on a GPU, 32 x 32 at most."""
    on_gpu = next(iter(x.devices())).platform in ("gpu", "cuda")
    return on_gpu and str(x.dtype) == "float32" and max(x.shape[1:3]) <= LANES


def compute(problem: ConvProblem, *, interpret: bool = False) -> tuple[Array, ...]:
    """The wanted Gram matrices, (n1, n2) each; `interpret` computes them on any device.

    Raises Unavailable where the device has no such kernel.
    """
    if not interpret:
        with availability(first_line):
            _probe()
    execution, network = problem.execution, problem.network
    norms1 = layer_norms(execution, problem.x1, network)
    norms2 = norms1 if problem.symmetric else layer_norms(execution, problem.second, network)
    # Both kernels are kept times weight / 9, which the sums over neighbours then need no more.
    unit = network.weight / 9
    first = _side(execution.xp, problem.x1, norms1, 1, unit)
    second = _side(execution.xp, problem.second, norms2, 2, 1.0)
    nothing = execution.xp.zeros((1, 1), problem.x1.dtype)
    mean = 1.0 / unit / problem.elements

    def tile(rows: slice, columns: slice, same: Array | None) -> tuple[Array, ...]:
        sides = *(each[rows] for each in first), *(each[columns] for each in second)
        same = nothing if same is None else same
        with availability(first_line):
            sums = _sums()(*sides, same, network=network, pooling=problem.pooling, interpret=interpret)
        return problem.readout(*(total * mean for total in sums))

    return problem.in_tiles(tile, _SIDE[problem.pooling])


def _side(xp: Any, x: Any, norms: Any, copies: int, unit: float) -> tuple[Any, ...]:
    """Images (n, C, H, W) and norms, both in `unit`, and inverse norms (n, depth - 1, H, W), with `copies` of all rows.

    With two copies the row (y + dy) mod H is the row y + dy, whose address differs by a constant from row to row.
    """
    norms = xp.permute_dims(norms, (1, 0, 2, 3))
    arrays = (xp.permute_dims(x, (0, 3, 1, 2)) * unit, norms * unit, inverse(xp, norms))
    return tuple(xp.concat([each] * copies, axis=2) for each in arrays)


@cache
def _probe() -> None:
    """Raise Unavailable unless a vector of 32 numbers lies in a warp with one number in each lane, in order."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.experimental import pallas
    from jax.experimental.pallas import triton

    def kernel(x: Any, before: Any, after: Any) -> None:
        lanes = jnp.arange(LANES, dtype=jnp.int32)
        before[lanes], after[lanes] = _beside(x[lanes], -1, False), _beside(x[lanes], 1, False)

    x = np.arange(LANES, dtype=np.float32)
    before, after = pallas.pallas_call(
        kernel,
        out_shape=[jax.ShapeDtypeStruct((LANES,), jnp.float32)] * 2,
        compiler_params=triton.CompilerParams(num_warps=1, num_stages=1),
    )(x)
    if list(before[1:]) != list(x[:-1]) or list(after[:-1]) != list(x[1:]):
        raise Unavailable("Triton does not keep a vector of 32 numbers one in each lane")


@cache
def _sums() -> Callable[..., tuple[Any, Any]]:
    import jax

    function: Callable[..., tuple[Any, Any]] = jax.jit(
        _sums_of_tile, static_argnames=("network", "pooling", "interpret")
    )
    return function


def _sums_of_tile(*arrays: Any, network: Network, pooling: Pooling, interpret: bool) -> tuple[Any, Any]:
    """Both sides and `same` -> sums over positions and displacements of NNGP and inherited NTK, each (n1, n2)."""
    import jax
    import jax.numpy as jnp
    from jax.experimental import pallas
    from jax.experimental.pallas import triton

    *sides, same = arrays
    n1, _, height, width = sides[0].shape
    n2 = sides[3].shape[0]
    displacements = 1 if pooling == "flatten" else height * width
    together = math.gcd(displacements, _TOGETHER)
    shape = (n1, n2, displacements // together)

    def kernel(*refs: Any) -> None:
        i, j, part = (pallas.program_id(axis) for axis in range(3))
        *inputs, same, nngp_sums, ntk_sums = refs
        lane = jnp.arange(LANES, dtype=jnp.int32)

        def displacement(k: Any, sums: Any) -> Any:
            d = part * together + k
            shift = (jax.lax.div(d, jnp.int32(width)), jax.lax.rem(d, jnp.int32(width)))
            itself = (same[i, j] > 0.0) & (d == 0)
            fields = _recursion(inputs, (i, j), lane, shift, itself, network, interpret)
            return tuple(total + sum(rows) for total, rows in zip(sums, fields, strict=True))

        zero = jnp.zeros(LANES, jnp.float32)
        sums = jax.lax.fori_loop(jnp.int32(0), jnp.int32(together), displacement, (zero, zero))
        for out, total in zip((nngp_sums, ntk_sums), sums, strict=True):
            out[i, j, part] = jnp.sum(jnp.where(lane < width, total, zero))

    parts = pallas.pallas_call(
        kernel,
        out_shape=[jax.ShapeDtypeStruct(shape, jnp.float32)] * 2,
        grid=shape,
        compiler_params=triton.CompilerParams(num_warps=1, num_stages=1),
        interpret=interpret,
    )(*sides, jnp.broadcast_to(same, (n1, n2)))
    return jnp.sum(parts[0], axis=-1), jnp.sum(parts[1], axis=-1)


def _recursion(
    inputs: Any, pair: Any, lane: Any, shift: Any, itself: Any, network: Network, interpret: bool
) -> tuple[list[Any], list[Any]]:
    """Rows, a vector of columns each, of NNGP and inherited NTK after the last ReLU, times weight / 9.

    `inputs`: what `_side` gives of both sides, in memory; `pair` and `shift` as (i, j) and (dy, dx). Lanes beyond the
    width repeat the last column: no other lane reads them.
    """
    import jax
    import jax.numpy as jnp

    x1, norms1, inverse1, x2, norms2, inverse2 = inputs
    (i, j), (dy, dx) = pair, shift
    channels, height, width = x1.shape[1:]
    layers = network.depth - 1
    column1 = jnp.minimum(lane, width - 1)
    column2 = column1 + dx
    column2 = jnp.where(column2 < width, column2, column2 - width)
    # One where a column, or a row, touches the one before it: not at the edge of the image, nor at a seam.
    touches = ((lane > 0) & (lane != width - dx)).astype(jnp.float32)
    touched = ((lane + 1 < width) & (lane + 1 != width - dx)).astype(jnp.float32)
    below = [(height - dy != y).astype(jnp.float32) for y in range(height)]

    def box(rows: list[Any]) -> list[Any]:
        wide = [row + touches * _beside(row, -1, interpret) + touched * _beside(row, 1, interpret) for row in rows]
        tall = list(wide)
        for y in range(1, height):
            tall[y] = tall[y] + below[y] * wide[y - 1]
            tall[y - 1] = tall[y - 1] + below[y] * wide[y]
        return tall

    def multiply(c: Any, sums: Any) -> Any:
        return [total + x1[i, c, y, column1] * x2[j, c, dy + y, column2] for y, total in enumerate(sums)]

    def layer(m: Any, fields: Any) -> Any:
        # An untrained first layer has no NTK, and after the last layer comes the readout alone.
        fresh = jnp.float32(network.bias) if network.first_trained else jnp.where(m == 0, 0.0, network.bias)
        more = (m < layers - 1).astype(jnp.float32)
        after: tuple[list[Any], list[Any]] = ([], [])
        for y, (nngp, ntk) in enumerate(zip(*map(box, fields), strict=True)):
            if network.bias:
                nngp, ntk = nngp + network.bias, ntk + fresh.astype(jnp.float32)
            here, there = (i, m, y, column1), (j, m, dy + y, column2)
            correlation = jnp.where(itself, 1.0, nngp * (inverse1[here] * inverse2[there]))
            kappa, slope = _relu_dual(correlation, network.weight / 9)
            value = kappa * (norms1[here] * norms2[there])
            after[0].append(value)
            after[1].append(ntk * slope + more * value)
        return after

    rows = [jnp.zeros(LANES, jnp.float32)] * height
    rows = [total / channels for total in jax.lax.fori_loop(jnp.int32(0), jnp.int32(channels), multiply, rows)]
    start = (rows, rows if network.first_trained else [0.0 * row for row in rows])
    fields: tuple[list[Any], list[Any]] = jax.lax.fori_loop(jnp.int32(0), jnp.int32(layers), layer, start)
    return fields


def _relu_dual(correlation: Any, unit: float) -> tuple[Any, Any]:
    """`relu_dual` in the fewest instructions, the second result times `unit`: here a choice costs but one."""
    import jax
    import jax.numpy as jnp

    c = jnp.clip(correlation, -1.0, 1.0)
    a = jnp.abs(c)
    rest = 1.0 - a
    root = rest * jax.lax.rsqrt(jnp.maximum(rest, 1e-30))
    short = INTERPOLATED["float32"]
    angle = root * horner(tuple(unit * coefficient for coefficient in short.angle), a)
    kappa = root * horner(short.lune, a) + 0.5 * jnp.maximum(c, 0.0)
    return kappa, jnp.where(c > 0.0, 0.5 * unit - angle, angle)


def _beside(row: Any, offset: int, interpret: bool) -> Any:
    """What the lane at -1 or +1 from each holds; anything at the ends."""
    import jax
    import jax.numpy as jnp
    from jax.experimental.pallas import triton

    if interpret:
        return jnp.roll(row, -offset)
    shuffle = f"shfl.sync.{'up' if offset < 0 else 'down'}.b32 $0, $1, 1, {0 if offset < 0 else 31}, -1;"
    results = triton.elementwise_inline_asm(
        shuffle,
        args=[row],
        constraints="=r,r",
        pack=1,
        result_shape_dtypes=[jax.ShapeDtypeStruct(row.shape, row.dtype)],
    )
    return results[0]
