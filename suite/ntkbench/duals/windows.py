"""Covariances summed over windows of positions, as convolutions and pooling need them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance

Pair = tuple[int, int]


def window_sums(
    xp: Any,
    covariance: Covariance,
    window: Pair,
    stride: Pair,
    positions: Pair,
    padding: str,
    dilation: Pair = (1, 1),
) -> Covariance:
    """Sums over windows, the same displacement within them on both sides: what independent weights leave.

    Args:
        xp: the namespace of the arrays' library.
        covariance: between images.
        window: rows and columns of a window.
        stride: how far apart windows stand.
        positions: how many windows there are along rows and columns.
        padding: "valid": nothing beyond the borders; "circular": the opposite border; "same": zeros. The odd row or
            column comes at the end.
        dilation: how far apart the places in a window are.

    Returns:
        The covariance at these positions.
    """

    def along_both(field: Array, sides: int) -> Array:
        for k in (0, 1):
            axes = tuple(range(k, 2 * sides, 2))
            if padding != "valid":
                reach = (window[k] - 1) * dilation[k] + 1
                field = _padded(xp, field, axes, reach, stride[k], positions[k], padding == "circular")
            field = _sums(field, axes, window[k], stride[k], positions[k], dilation[k])
        return field

    sides = 2 if covariance.all_pairs else 1
    summed = covariance.map(lambda field: along_both(field, sides), lambda v: along_both(v, 1))
    return replace(summed, positions=positions)


def pooled_windows(
    xp: Any, covariance: Covariance, window: Pair, stride: Pair, positions: Pair, padding: str, shares: Array
) -> Covariance:
    """Of sums over windows, times shares: over all pairs of positions in two of them, the variances left out.

    Args:
        xp: the namespace of the arrays' library.
        covariance: between images, of all pairs of positions.
        window: rows and columns of a window.
        stride: how far apart windows stand.
        positions: how many windows there are along rows and columns.
        padding: as for `window_sums`.
        shares: of each window, (rows, columns): what its sum is multiplied by.

    Returns:
        The covariance at these positions.
    """
    both = shares[:, :, None, None] * shares

    def pooled(field: Array) -> Array:
        for axis in range(4):
            k = axis % 2
            if padding != "valid":
                field = _padded(xp, field, (axis,), window[k], stride[k], positions[k], padding == "circular")
            field = _sums(field, (axis,), window[k], stride[k], positions[k])
        return field * xp.reshape(both, (*both.shape, *(1,) * (field.ndim - 4)))

    return replace(covariance.without_variances().map(pooled), positions=positions)


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
    """With what lies beyond the borders, such that `count` windows fit; the odd row or column at the end."""
    size = field.shape[axes[0]]
    missing = max((count - 1) * step + window - size, 0)
    before, after = range(-(missing // 2), 0), range(size, size + missing - missing // 2)
    for axis in axes:

        def row(i: int, axis: int = axis, field: Array = field) -> Array:
            inside = field[_at(axis, slice(i % size, i % size + 1))]
            return inside if circular else xp.zeros_like(inside)

        field = xp.concat([*map(row, before), field, *map(row, after)], axis=axis)
    return field


def _at(axis: int, index: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (index,)
