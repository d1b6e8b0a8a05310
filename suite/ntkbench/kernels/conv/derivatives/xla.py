"""The convolutional kernels within the transforms of JAX: one program, whatever it becomes part of.

Tiles are steps of loops, so that the program is small and its memory bounded: where a derivative is asked for, a tile
is computed again. XLA runs one loop on one core and loops that need nothing of each other on several: there are as many
as there are cores, each with its share of the tiles.
"""

from __future__ import annotations

import math
import operator
import os
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for, note
from ntkbench.duals.arc_cosine import relu_dual
from ntkbench.kernels.conv.array_api import tile_side
from ntkbench.kernels.conv.derivatives.expressions import CIRCLE, means, roots, sines, variances
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.gram.equal_inputs import traced_coincidences
from ntkbench.kernels.relu.network import Network, Pooling

# Computed again for its derivative: each is a step of a loop, whose parts XLA does not take for one another.
_repeated = partial(jax.checkpoint, prevent_cse=False)
_GPU_BUDGET = 2**28  # bytes: what is free is not known where arrays are traced


def compute(problem: ConvProblem) -> tuple[Array, ...]:
    """The wanted Gram matrices, (n1, n2) each, of arrays that may be traced; so may be the network's scales."""
    execution, x1, network = problem.execution, problem.x1, problem.network
    on_cpu = execution.on_cpu(x1)
    height, width, _ = problem.image
    budget = execution.budget(x1) if on_cpu else _GPU_BUDGET
    scales = [jnp.asarray(scale).astype(x1.dtype) for scale in (network.w_std, network.b_std)]
    note(execution.name)
    # Of a program's settings a Network is one, but for its scales, which are among its arguments.
    kept = Network(network.depth, first_trained=network.first_trained, last_trained=network.last_trained)
    nngp, ntk = _program(
        x1,
        problem.x2,
        *scales,
        network=kept,
        pooling=problem.pooling,
        size=tile_side(problem.pooling, (height, width), x1.dtype.itemsize, budget),
        loops=(os.cpu_count() or 1) if on_cpu else 1,
    )
    scaled = replace(network, w_std=scales[0], b_std=scales[1])
    return replace(problem.readout, network=scaled)(nngp, ntk)


@partial(jax.jit, static_argnames=("network", "pooling", "size", "loops"))
def _program(
    x1: Array,
    x2: Array | None,
    w_std: Array,
    b_std: Array,
    *,
    network: Network,
    pooling: Pooling,
    size: int,
    loops: int,
) -> tuple[Array, Array]:
    """The means of NNGP and inherited NTK over all elements, from tiles of at most size x size in several loops."""
    network = replace(network, w_std=w_std, b_std=b_std)
    same = lax.stop_gradient(traced_coincidences(x1, x2))
    execution = execution_for(x1)
    own1 = variances(execution, x1, network)

    @_repeated
    def tile(first: tuple[Array, Array], second: tuple[Array, Array], same: Array) -> tuple[Array, ...]:
        images, own = zip(first, second, strict=True)
        own = tuple(jnp.moveaxis(each, 1, 0) for each in own)
        return means(execution, images, own, same, network, pooling, _repeated(_activate), _repeated)

    if x2 is None:
        nngp, ntk = _symmetric(tile, x1, own1, same, size, loops)
    else:
        nngp, ntk = _crossed(tile, (x1, own1), (x2, variances(execution, x2, network)), same, size, loops)
    return nngp, ntk


def _symmetric(tile: Any, x: Array, own: Array, same: Array, size: int, loops: int) -> tuple[Array, Array]:
    """Of an odd number of blocks each meets itself and, k blocks further on, half of the others."""
    n = x.shape[0]
    half = math.ceil((math.ceil(n / size) + 1) / 2)
    loops = min(loops, half)
    half = math.ceil(half / loops) * loops
    count = 2 * half - 1
    side = math.ceil(n / count)
    blocks = _blocks(x, own, count, side)
    same = jnp.pad(same, [(0, count * side - n)] * 2)
    # Twice, so that the blocks that are k further on lie together.
    twice = jax.tree.map(lambda each: jnp.concatenate([each, each]), blocks)

    @_repeated
    def shifted(k: Array) -> Any:
        others = jax.tree.map(lambda each: lax.dynamic_slice_in_dim(each, k, count), twice)

        def one(of_block: Any) -> Any:
            i, first, second = of_block
            here = (i * side, (i + k) % count * side)
            return tile(first, second, lax.dynamic_slice(same, here, (side, side)))

        return lax.map(one, (jnp.arange(count), blocks, others))

    tiles = _in_loops(shifted, jnp.arange(half), loops)
    # Each entry is that above the diagonal, on both sides of it.
    index = jnp.arange(n)
    low, high = jnp.minimum(index[:, None], index), jnp.maximum(index[:, None], index)
    (top, row), (left, column) = (jnp.divmod(each, side) for each in (low, high))
    turned = left - top >= half
    step = jnp.where(turned, count - left + top, left - top)
    block = jnp.where(turned, left, top)
    row, column = jnp.where(turned, column, row), jnp.where(turned, row, column)
    place = ((step * count + block) * side + row) * side + column
    nngp, ntk = (jnp.ravel(each).at[place].get(mode="promise_in_bounds") for each in tiles)
    return nngp, ntk


def _crossed(
    tile: Any, first: tuple[Array, Array], second: tuple[Array, Array], same: Array, size: int, loops: int
) -> tuple[Array, Array]:
    (n1, n2), counts = same.shape, [math.ceil(n / size) for n in same.shape]
    if max(counts) > 1:
        loops = min(loops, n2)
        counts[1] = math.ceil(counts[1] / loops) * loops
    loops = min(loops, counts[1])
    sides = [math.ceil(n / count) for n, count in zip(same.shape, counts, strict=True)]
    blocks1, blocks2 = (
        _blocks(*each, *of) for each, of in zip((first, second), zip(counts, sides, strict=True), strict=True)
    )
    padded = [(0, count * side - n) for count, side, n in zip(counts, sides, same.shape, strict=True)]
    same = jnp.moveaxis(jnp.reshape(jnp.pad(same, padded), (counts[0], sides[0], counts[1], sides[1])), 2, 0)

    @_repeated
    def column(of_block: Any) -> Any:
        block, here = of_block
        return lax.map(lambda each: tile(each[0], block, each[1]), (blocks1, here))

    tiles = _in_loops(column, (blocks2, same), loops)
    nngp, ntk = (
        jnp.reshape(jnp.moveaxis(each, 0, 2), (counts[0] * sides[0], counts[1] * sides[1]))[:n1, :n2] for each in tiles
    )
    return nngp, ntk


def _blocks(x: Array, own: Array, count: int, side: int) -> tuple[Array, Array]:
    """Images (count, side, H, W, C) and what they have with themselves (count, side, layers, H, W); zeros added."""
    padded = (
        jnp.pad(each, [(0, count * side - each.shape[0])] + [(0, 0)] * (each.ndim - 1))
        for each in (x, jnp.moveaxis(own, 1, 0))
    )
    first, second = (jnp.reshape(each, (count, side, *each.shape[1:])) for each in padded)
    return first, second


def _in_loops(function: Any, xs: Any, loops: int) -> Any:
    """lax.map in several loops that need nothing of each other, each with its part of `xs`."""
    length = jax.tree.leaves(xs)[0].shape[0] // loops
    shares = [slice(k * length, (k + 1) * length) for k in range(loops)]
    parts = [lax.map(function, jax.tree.map(operator.itemgetter(share), xs)) for share in shares]
    return jax.tree.map(lambda *each: jnp.concatenate(each), *parts)


def _relu(
    nngp: Array, ntk: Array, variance1: Array, variance2: Array, same: Array, joins: Array
) -> tuple[Array, Array]:
    """What `expressions.activation` does; its derivative needs four numbers for each pair of positions."""
    (norm1, inverse1), (norm2, inverse2) = roots(jnp, variance1), roots(jnp, variance2)
    kappa, slope = _dual(_correlation(nngp, inverse1 * inverse2, same))
    after = kappa * (norm1 * norm2)
    return after, ntk * slope + joins * after


def _relu_jvp(primals: Any, tangents: Any) -> Any:
    nngp, ntk, variance1, variance2, same, joins = primals
    nngp_dot, ntk_dot, variance1_dot, variance2_dot, _, _ = tangents
    (norm1, inverse1), (norm2, inverse2) = roots(jnp, variance1), roots(jnp, variance2)
    correlation = _correlation(nngp, inverse1 * inverse2, same)
    sine, cosecant = sines(jnp, correlation)
    _, slope = _dual(correlation)
    # Of the logarithms of both norms, in the place of each: one factor for both.
    norms_dot = 0.5 * (variance1_dot * inverse1**2 + variance2_dot * inverse2**2)
    steep = ntk * cosecant / CIRCLE
    after_dot = slope * nngp_dot + (norm1 * norm2 * sine / CIRCLE) * norms_dot
    turned = (steep * (inverse1 * inverse2)) * nngp_dot - (steep * correlation) * norms_dot
    return _activate(*primals), (after_dot, slope * ntk_dot + turned + joins * after_dot)


def _correlation(nngp: Array, inverse: Array, same: Array) -> Array:
    correlation = jnp.clip(nngp * inverse, -1.0, 1.0)
    # Of an input with itself it is one; formed by division it would lose half the digits.
    return correlation + same * (1.0 - correlation)


def _both_duals(correlation: Array) -> tuple[Array, Array]:
    """`relu_dual`, safe at 1 and -1: the derivative of a gradient is taken of these expressions, without the rule."""
    between = jnp.abs(correlation) < 1.0
    kappa, slope = relu_dual(jnp, jnp.where(between, correlation, 0.0))
    at_ends = jnp.where(correlation > 0.0, 0.5, 0.0)
    return jnp.where(between, kappa, at_ends * correlation), jnp.where(between, slope, at_ends)


def _dual_jvp(primals: Any, tangents: Any) -> Any:
    (correlation,), (dot,) = primals, tangents
    kappa, slope = _dual(correlation)
    return (kappa, slope), (slope * dot, sines(jnp, correlation)[1] / CIRCLE * dot)


_activate: Any = jax.custom_jvp(_relu)
_activate.defjvp(_relu_jvp)
_dual: Any = jax.custom_jvp(_both_duals)
_dual.defjvp(_dual_jvp)
