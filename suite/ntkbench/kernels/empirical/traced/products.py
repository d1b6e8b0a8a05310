"""Equations that are linear in a weight: as products of matrices of what units see with the weight."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import JaxprEqn

from ntkbench.arrays.array import Array


@dataclass(frozen=True)
class Product:
    """y[g, p, u] = sum_k h[g, p, k] w[g, k, u]: groups g, positions p, units u, and what each of them sees, k.

    With `lookup`, h says by its number which k each position sees, (1, p, 1), -1 for none.
    """

    groups: int
    positions: int
    fan_in: int
    units: int
    other: int
    """The place of the other operand, from which h is made."""
    seen: Callable[[Array], Array]
    """h of the other operand."""
    slopes: Callable[[Array], Array]
    """Derivatives by y, (O, *shape of the result), as (O, g, p, u)."""
    weights: Callable[[np.ndarray], np.ndarray]
    """The weight's entries, in the shape of the operand, as (g, k, u)."""
    lookup: bool = False
    given: Callable[[Array, Array], Array] | None = None
    """The result of h and the weight by a product of matrices, where the equation is no such product itself."""


def product_of(equation: JaxprEqn, place: int) -> Product | None:
    """An equation as a product with its operand at this place; None where there is no rule for it."""
    rule = {"dot_general": _dot, "conv_general_dilated": _convolution, "gather": _gather}.get(equation.primitive.name)
    dtypes = {equation.invars[place].aval.dtype, equation.outvars[0].aval.dtype}
    return rule(equation, place) if rule is not None and len(dtypes) == 1 else None


def multiply_adds(equation: JaxprEqn) -> int:
    """What an equation costs: products of matrices and convolutions alone are counted."""
    name, params = equation.primitive.name, equation.params
    cost: int = 0
    if name == "dot_general":
        left = equation.invars[0].aval.shape
        (contracted, _), _ = params["dimension_numbers"]
        cost = _size(equation.outvars[0]) * math.prod(left[d] for d in contracted)
    elif name == "conv_general_dilated":
        kernel = equation.invars[1].aval.shape
        cost = _size(equation.outvars[0]) * math.prod(kernel) // kernel[params["dimension_numbers"].rhs_spec[0]]
    return cost


def _size(variable: Any) -> int:
    return math.prod(variable.aval.shape)


def _dot(equation: JaxprEqn, place: int) -> Product:
    contracted, batch = equation.params["dimension_numbers"]
    own, other = place, 1 - place
    shapes = [variable.aval.shape for variable in equation.invars]
    free = [[d for d in range(len(shapes[k])) if d not in (*contracted[k], *batch[k])] for k in (0, 1)]
    sizes = [
        math.prod(shapes[k][d] for d in axes)
        for k, axes in ((own, batch[own]), (other, free[other]), (own, contracted[own]), (own, free[own]))
    ]
    groups, positions, fan_in, units = sizes

    def slopes(b: Array) -> Array:
        # The free axes of the left operand come first.
        if own == 1:
            return jnp.reshape(b, (-1, groups, positions, units))
        return jnp.swapaxes(jnp.reshape(b, (-1, groups, units, positions)), 2, 3)

    return Product(
        *(groups, positions, fan_in, units, other),
        lambda h: jnp.reshape(
            jnp.transpose(h, (*batch[other], *free[other], *contracted[other])), (groups, positions, fan_in)
        ),
        slopes,
        lambda w: w.transpose(*batch[own], *contracted[own], *free[own]).reshape(groups, fan_in, units),
    )


def _convolution(equation: JaxprEqn, place: int) -> Product | None:
    params = equation.params
    if place != 1 or params["batch_group_count"] != 1:
        return None
    inputs, kernel, outputs = params["dimension_numbers"]
    groups = params["feature_group_count"]
    (x, w), result = (v.aval.shape for v in equation.invars), equation.outvars[0].aval.shape
    window, after = [w[d] for d in kernel[2:]], [result[d] for d in outputs[2:]]
    channels, units = w[kernel[1]], w[kernel[0]] // groups
    # For each tap, where it begins on the padded input; taps that meet padding alone see nothing.
    taps = [
        offset
        for offset in np.ndindex(*window)
        if all(
            _inside(low, (x[d] - 1) * by + 1, o * apart, stride, n)
            for (low, _), d, by, o, apart, stride, n in zip(
                params["padding"],
                inputs[2:],
                params["lhs_dilation"],
                offset,
                params["rhs_dilation"],
                params["window_strides"],
                after,
                strict=True,
            )
        )
    ]
    if not taps:
        return None
    positions, fan_in = result[outputs[0]] * math.prod(after), len(taps) * channels
    front = (outputs[0], *outputs[2:], outputs[1])

    def seen(x: Array) -> Array:
        x = jnp.transpose(x, (inputs[0], *inputs[2:], inputs[1]))
        # What lies outside is zero, and so is what lies between the points of a dilated input.
        inside = [
            (low, high, by - 1) for (low, high), by in zip(params["padding"], params["lhs_dilation"], strict=True)
        ]
        x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *inside, (0, 0, 0)])
        strides = params["window_strides"]
        found = []
        for offset in taps:
            start = [o * by for o, by in zip(offset, params["rhs_dilation"], strict=True)]
            stop = [s + (n - 1) * by + 1 for s, n, by in zip(start, after, strides, strict=True)]
            first, last = (0, *start, 0), (x.shape[0], *stop, x.shape[-1])
            found.append(jnp.reshape(lax.slice(x, first, last, (1, *strides, 1)), (positions, groups, channels)))
        return jnp.transpose(jnp.stack(found, axis=2), (1, 0, 2, 3)).reshape(groups, positions, fan_in)

    def slopes(b: Array) -> Array:
        b = jnp.transpose(b, (0, *(1 + d for d in front)))
        return jnp.swapaxes(jnp.reshape(b, (-1, positions, groups, units)), 1, 2)

    def weights(w: Any) -> Any:
        w = w.transpose(*kernel[2:], kernel[1], kernel[0])
        seen = jnp if isinstance(w, jax.Array) else np
        w = seen.stack([w[offset] for offset in taps])
        return w.reshape(fan_in, groups, units).swapaxes(0, 1)

    def given(h: Array, w: Array) -> Array:
        y = jnp.einsum("gpk,gku->pgu", h, weights(w), precision=params["precision"])
        y = jnp.reshape(y, (result[outputs[0]], *after, groups * units))
        return jnp.transpose(y, [front.index(d) for d in range(len(front))])

    return Product(*(groups, positions, fan_in, units, 0), seen, slopes, weights, given=given)


def _inside(low: int, size: int, offset: int, stride: int, count: int) -> bool:
    """Whether a tap meets some of `size` places that begin at `low`, from `offset` on in so many steps."""
    return any(low <= offset + step * stride < low + size for step in range(count))


def _gather(equation: JaxprEqn, place: int) -> Product | None:
    """Rows of a table, as an embedding takes them."""
    numbers, shape = equation.params["dimension_numbers"], equation.invars[0].aval.shape
    slices, result = equation.params["slice_sizes"], equation.outvars[0].aval.shape
    partial = [d for d, size in enumerate(shape) if slices[d] != size or d in numbers.collapsed_slice_dims]
    batched = numbers.operand_batching_dims or numbers.start_indices_batching_dims
    if place != 0 or batched or len(partial) != 1 or slices[partial[0]] != 1:
        return None
    (rows,) = partial
    if rows not in numbers.start_index_map:
        return None
    column, count = numbers.start_index_map.index(rows), shape[rows]
    others = [d for d in range(len(shape)) if d != rows]
    units, positions = math.prod(shape[d] for d in others), math.prod(equation.invars[1].aval.shape[:-1])
    at = [d for d in range(len(result)) if d not in numbers.offset_dims]
    fills = equation.params["mode"] == lax.GatherScatterMode.FILL_OR_DROP

    def seen(indices: Array) -> Array:
        found = jnp.reshape(indices[..., column], (1, positions, 1))
        if fills:
            return jnp.where((found >= 0) & (found < count), found, -1)
        return jnp.clip(found, 0, count - 1)

    return Product(
        *(1, positions, count, units, 1),
        seen,
        lambda b: jnp.reshape(
            jnp.transpose(b, (0, *(1 + d for d in (*at, *numbers.offset_dims)))), (-1, 1, positions, units)
        ),
        lambda w: w.transpose(rows, *others).reshape(1, count, units),
        lookup=True,
    )
