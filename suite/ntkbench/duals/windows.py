"""Covariances summed over windows of positions, as convolutions and pooling need them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance

Sizes = tuple[int, ...]
"""A number for each axis of positions."""


def window_sums(
    xp: Any,
    covariance: Covariance,
    window: Sizes,
    stride: Sizes,
    positions: Sizes,
    padding: str,
    dilation: Sizes | None = None,
) -> Covariance:
    """Sums over windows, the same displacement within them on both sides: what independent weights leave.

    Args:
        xp: the namespace of the arrays' library.
        covariance: between inputs with positions.
        window: the size of a window along each axis of positions.
        stride: how far apart windows stand.
        positions: how many windows there are along each axis.
        padding: "valid": nothing beyond the borders; "circular": the opposite border; "same": zeros. The odd one comes
            at the end.
        dilation: how far apart the places in a window are; None: beside each other.

    Returns:
        The covariance at these positions.
    """
    apart = dilation or (1,) * len(window)

    def along(field: Array, k: int, axes: tuple[int, ...]) -> Array:
        if padding != "valid":
            reach = (window[k] - 1) * apart[k] + 1
            field = _padded(xp, field, axes, reach, stride[k], positions[k], padding == "circular")
        return _sums(field, axes, window[k], stride[k], positions[k], apart[k])

    return replace(_along_each(covariance, along), positions=positions)


def pooled_windows(
    xp: Any, covariance: Covariance, window: Sizes, stride: Sizes, positions: Sizes, padding: str, shares: Array
) -> Covariance:
    """Of sums over windows, times shares: over all pairs of positions in two of them, the variances left out.

    Args:
        xp: the namespace of the arrays' library.
        covariance: between inputs with positions, of all pairs of them.
        window: the size of a window along each axis of positions.
        stride: how far apart windows stand.
        positions: how many windows there are along each axis.
        padding: as for `window_sums`.
        shares: of each window, of the shape `positions`: what its sum is multiplied by.

    Returns:
        The covariance at these positions.
    """
    number = len(positions)
    both = shares[(slice(None),) * number + (None,) * number] * shares

    def pooled(field: Array) -> Array:
        for axis in range(2 * number):
            k = axis % number
            if padding != "valid":
                field = _padded(xp, field, (axis,), window[k], stride[k], positions[k], padding == "circular")
            field = _sums(field, (axis,), window[k], stride[k], positions[k])
        return field * xp.reshape(both, (*both.shape, *(1,) * (field.ndim - both.ndim)))

    return replace(covariance.without_variances().map(pooled), positions=positions)


def spread_positions(
    xp: Any, covariance: Covariance, steps: Sizes, borders: tuple[tuple[int, int], ...], circular: bool
) -> Covariance:
    """Of features `spread` along each axis of positions.

    Args:
        xp: the namespace of the arrays' library.
        covariance: between inputs with positions.
        steps: how far apart they are put along each axis.
        borders: how many places are put before and after them and their zeros.
        circular: whether those repeat the opposite border; zeros otherwise.

    Returns:
        The covariance at these positions.
    """
    assert covariance.positions is not None
    along = zip(covariance.positions, steps, borders, strict=True)
    positions = tuple(length * step + sum(border) for length, step, border in along)
    apart = _along_each(covariance, lambda field, k, axes: spread(xp, field, axes, steps[k], borders[k], circular))
    return replace(apart, positions=positions)


def spread(xp: Any, field: Array, axes: tuple[int, ...], step: int, borders: tuple[int, int], circular: bool) -> Array:
    """What lies along each of the axes put `step` apart, zeros behind each; then so many places before and after."""
    for axis in axes if step > 1 else ():
        length = field.shape[axis]
        apart = xp.stack([field, *[xp.zeros_like(field)] * (step - 1)], axis=axis + 1)
        field = xp.reshape(apart, (*field.shape[:axis], length * step, *field.shape[axis + 1 :]))
    return _with_borders(xp, field, axes, borders, circular)


def _along_each(covariance: Covariance, along: Callable[[Array, int, tuple[int, ...]], Array]) -> Covariance:
    """With `along(field, k, axes)` for each axis k of positions; `axes` are those of the field that belong to it."""
    number = covariance.axes

    def mapped(field: Array, sides: int) -> Array:
        for k in range(number):
            field = along(field, k, tuple(range(k, number * sides, number)))
        return field

    sides = 2 if covariance.all_pairs else 1
    return covariance.map(lambda field: mapped(field, sides), lambda v: mapped(v, 1))


def _sums(field: Array, axes: tuple[int, ...], window: int, step: int, count: int, dilation: int = 1) -> Array:
    """Sums over `count` windows along each of the axes, the same place within them on all."""
    total = None
    for place in range(0, window * dilation, dilation):
        index = slice(place, place + (count - 1) * step + 1, step)
        piece = field
        for axis in axes:
            piece = piece[_at(axis, index)]
        total = piece if total is None else total + piece
    return total


def _padded(xp: Any, field: Array, axes: tuple[int, ...], window: int, step: int, count: int, circular: bool) -> Array:
    """With what lies beyond the borders, such that `count` windows fit; the odd one at the end."""
    missing = max((count - 1) * step + window - field.shape[axes[0]], 0)
    return _with_borders(xp, field, axes, (missing // 2, missing - missing // 2), circular)


def _with_borders(xp: Any, field: Array, axes: tuple[int, ...], borders: tuple[int, int], circular: bool) -> Array:
    """With so many places before and after those along each of the axes: zeros, or the opposite border."""
    size = field.shape[axes[0]]
    before, after = range(-borders[0], 0), range(size, size + borders[1])
    for axis in axes:

        def row(i: int, axis: int = axis, field: Array = field) -> Array:
            inside = field[_at(axis, slice(i % size, i % size + 1))]
            return inside if circular else xp.zeros_like(inside)

        field = xp.concat([*map(row, before), field, *map(row, after)], axis=axis)
    return field


def _at(axis: int, index: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (index,)
