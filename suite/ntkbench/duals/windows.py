"""Covariances summed over windows of positions, as convolutions and pooling need them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.duals.displaced import Displaced, Displacement, displaced

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

    return _along_each(covariance.within_borders(xp), along).at_windows(positions, stride)


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


def pooled_at_displacement(
    xp: Any,
    covariance: Displaced,
    apart: Displacement,
    displacement: Displacement,
    window: Sizes,
    stride: Sizes,
    positions: Sizes,
    padding: str,
    shares: Array,
) -> Displaced:
    """The part of `pooled_windows` that comes from places that are `apart` in two windows, along the first axis.

    Args:
        xp: the namespace of the arrays' library.
        covariance: between inputs with positions, at the displacement `stride[0] * displacement + apart`.
        apart: by how many places in the window, along the first axis, the second position is further than the first.
        displacement: how far apart the windows are.
        window: as for `pooled_windows`, and so `stride`, `positions`, `padding` ("valid" or "same") and `shares`.
        stride: see there.
        positions: see there.
        padding: see there.
        shares: see there.

    Returns:
        The covariance at these positions, the variances left out.
    """
    number = len(positions)
    device = array_api_compat.device(covariance.nngp)
    # Of the places along the first axis, those whose partners are in the window too.
    partners = xp.arange(window[0], device=device) + apart
    counted = xp.astype((partners >= 0) & (partners < window[0]), covariance.nngp.dtype)
    rest = (slice(None),) * (number - 1)
    second = displaced(xp, shares, displacement, 0)
    both = shares[(slice(None), *rest, *(None,) * (number - 1))] * second[(slice(None), *(None,) * (number - 1))]

    def pooled(field: Array) -> Array:
        for k in range(number):
            for axis in covariance.field_axes(k):
                if padding != "valid":
                    field = _padded(xp, field, (axis,), window[k], stride[k], positions[k], False)
                field = _sums(field, (axis,), window[k], stride[k], positions[k], weights=None if k else counted)
        return field * xp.reshape(both, (*both.shape, *(1,) * (field.ndim - both.ndim)))

    sums = covariance.within_borders(xp).without_variances().map(pooled)
    assert isinstance(sums, Displaced)
    return replace(sums, positions=positions, displacement=displacement)


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

    def mapped(field: Array, of_each: Callable[[int], tuple[int, ...]]) -> Array:
        for k in range(covariance.axes):
            field = along(field, k, of_each(k))
        return field

    return covariance.map(lambda field: mapped(field, covariance.field_axes), lambda v: mapped(v, lambda k: (k,)))


def _sums(
    field: Array,
    axes: tuple[int, ...],
    window: int,
    step: int,
    count: int,
    dilation: int = 1,
    weights: Array | None = None,
) -> Array:
    """Sums over `count` windows along each of the axes, the same place within them on all, times its weight."""
    total = None
    for number, place in enumerate(range(0, window * dilation, dilation)):
        index = slice(place, place + (count - 1) * step + 1, step)
        piece = field
        for axis in axes:
            piece = piece[_at(axis, index)]
        if weights is not None:
            piece = piece * weights[number]
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
