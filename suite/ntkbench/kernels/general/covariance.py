"""What each layer does to covariances of infinitely wide features: NNGP and NTK recursions on the array API.

In the NTK parametrisation (Jacot et al. 2018), with images as in Novak et al. 2019 and Arora et al. 2019. A covariance
is a field: positions first, pairs of inputs last. Between vectors there are no positions; between images either each
position with itself, (H, W, pairs), or all pairs of positions, (H, W, H, W, pairs), which only means over positions
need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ntkbench.kernels.general import duals
from ntkbench.networks.layers import Activation, AvgPool, Conv, Dense, LayerNorm, Pair, spatial_shape

Variances = tuple[Any, Any]
"""Of the first and of the second inputs, position by position: (H, W, n1) and (H, W, n2), or (n1,) and (n2,)."""


Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Covariance:
    """The covariances of features at one depth, between n1 and n2 inputs, or of n inputs each with itself."""

    nngp: Any
    """(..., n1, n2), or (..., n) of inputs with themselves."""
    ntk: Any | None
    """Of the same shape; None before the first trained layer."""
    variances: Variances | None
    """None when nothing that follows needs them, and for inputs with themselves: there they are part of `nngp`."""
    positions: Pair | None = None
    """Height and width; None for vectors."""
    all_pairs: bool = False
    """Whether the fields have all pairs of positions."""
    own: bool = False
    """Whether these are the covariances of inputs with themselves."""

    def map(self, function: Function, on_variances: Function = lambda v: v) -> Covariance:
        """With one function for both covariances and one for the variances."""
        return replace(
            self,
            nngp=function(self.nngp),
            ntk=None if self.ntk is None else function(self.ntk),
            variances=None if self.variances is None else _both(on_variances, self.variances),
        )


def between(xp: Any, x1: Any, x2: Any, all_pairs: bool) -> Covariance:
    """The covariance of inputs, vectors (n, d) or images (n, H, W, C): products divided by the channels."""
    channels = x1.shape[-1]
    variances = (variance(xp, x1), variance(xp, x2))
    if x1.ndim == 2:
        return Covariance(x1 @ xp.matrix_transpose(x2) / channels, None, variances)
    n1, height, width, _ = x1.shape
    positions = (height, width)
    if not all_pairs:
        products = xp.matmul(xp.permute_dims(x1, (1, 2, 0, 3)), xp.permute_dims(x2, (1, 2, 3, 0)))
        return Covariance(products / channels, None, variances, positions)
    first, second = (xp.reshape(xp.permute_dims(x, (1, 2, 0, 3)), (-1, channels)) for x in (x1, x2))
    products = xp.reshape(first @ xp.matrix_transpose(second), (height, width, n1, height, width, x2.shape[0]))
    return Covariance(xp.permute_dims(products, (0, 1, 3, 4, 2, 5)) / channels, None, variances, positions, True)


def itself(xp: Any, x: Any, all_pairs: bool) -> Covariance:
    """The covariance of each input with itself."""
    if x.ndim == 2:
        return Covariance(variance(xp, x), None, None, own=True)
    n, height, width, channels = x.shape
    if not all_pairs:
        return Covariance(variance(xp, x), None, None, (height, width), own=True)
    flat = xp.reshape(x, (n, height * width, channels))
    products = xp.permute_dims(xp.matmul(flat, xp.matrix_transpose(flat)), (1, 2, 0)) / channels
    return Covariance(xp.reshape(products, (height, width, height, width, n)), None, None, (height, width), True, True)


def variance(xp: Any, x: Any) -> Any:
    """Mean squares over channels, the inputs last: (n,) or (H, W, n)."""
    squares = xp.sum(x * x, axis=-1) / x.shape[-1]
    return squares if x.ndim == 2 else xp.permute_dims(squares, (1, 2, 0))


def equal_positions(xp: Any, covariance: Covariance) -> Covariance:
    """Without the pairs of different positions."""
    if not covariance.all_pairs:
        return covariance
    return replace(covariance.map(lambda field: _diagonal(xp, field)), all_pairs=False)


def linear(xp: Any, covariance: Covariance, layer: Dense | Conv) -> Covariance:
    """After a layer with weights: what it passes on, and, when it is trained, what its own weights add to the NTK."""
    weight, bias = float(layer.w_std) ** 2, float(layer.b_std) ** 2
    passed = covariance
    if isinstance(layer, Conv):
        weight /= layer.window[0] * layer.window[1]
        passed = _over_windows(xp, covariance, layer)
    nngp = passed.nngp * weight + bias
    inherited = None if passed.ntk is None else passed.ntk * weight
    own = nngp if layer.trained else None
    return replace(
        passed,
        nngp=nngp,
        ntk=inherited if own is None else own if inherited is None else own + inherited,
        variances=None if passed.variances is None else _both(lambda v: v * weight + bias, passed.variances),
    )


def activate(xp: Any, covariance: Covariance, layer: Activation) -> Covariance:
    """After a nonlinearity of Gaussian features."""

    def diagonal(v: Any) -> Any:
        return duals.diagonal(layer, xp, v)

    nngp, ntk = covariance.nngp, covariance.ntk
    product, slopes = duals.dual(layer, xp, nngp, *_both_variances(xp, covariance))
    return replace(
        covariance,
        nngp=product,
        ntk=None if ntk is None else ntk * slopes,
        variances=None if covariance.variances is None else _both(diagonal, covariance.variances),
    )


def normalise(xp: Any, covariance: Covariance, layer: LayerNorm) -> Covariance:
    """After layer normalisation of Gaussian features, whose mean over infinitely many channels is zero already."""

    def inverse(v: Any) -> Any:
        v = v + layer.epsilon
        positive = v > 0.0
        return xp.where(positive, 1.0 / xp.sqrt(xp.where(positive, v, xp.ones_like(v))), xp.zeros_like(v))

    inverse1, inverse2 = (inverse(v) for v in _both_variances(xp, covariance))
    return covariance.map(lambda field: field * (inverse1 * inverse2), lambda v: v * inverse(v) ** 2)


def pool(xp: Any, covariance: Covariance, layer: AvgPool) -> Covariance:
    """After means over windows. The variances of means cannot be had from variances, and are left out."""
    if layer.window == (1, 1):
        return _over_windows(xp, covariance, layer)
    assert covariance.positions is not None
    share = 1.0 / (layer.window[0] * layer.window[1]) ** 2
    out = spatial_shape(covariance.positions, layer)

    def means(field: Any) -> Any:
        for axis in range(4):
            k = axis % 2
            field = _sums(field, (axis,), layer.window[k], layer.steps[k], out[k])
        return field * share

    return replace(_without_variances(covariance).map(means), positions=out)


def mean(xp: Any, covariance: Covariance) -> Covariance:
    """After the mean over all positions, its variances left out."""
    means = _without_variances(covariance).map(lambda field: xp.mean(field, axis=(0, 1, 2, 3)))
    return replace(means, positions=None, all_pairs=False)


def add(branch: Covariance, shortcut: Covariance) -> Covariance:
    """The sum of features that do not depend on each other."""
    variances = None
    if branch.variances is not None and shortcut.variances is not None:
        pairs = zip(branch.variances, shortcut.variances, strict=True)
        first, second = (a + b for a, b in pairs)
        variances = (first, second)
    ntks = [path.ntk for path in (branch, shortcut) if path.ntk is not None]
    return replace(
        branch, nngp=branch.nngp + shortcut.nngp, ntk=sum(ntks[1:], ntks[0]) if ntks else None, variances=variances
    )


def flatten(xp: Any, covariance: Covariance) -> Covariance:
    """After positions and channels have become one vector."""
    own = equal_positions(xp, covariance)

    def average(field: Any) -> Any:
        return xp.mean(field, axis=(0, 1))

    return replace(own.map(average, average), positions=None)


def own_variance(xp: Any, covariance: Covariance) -> Any:
    """The variances of inputs whose covariances with themselves these are."""
    return _diagonal(xp, covariance.nngp) if covariance.all_pairs else covariance.nngp


def _both_variances(xp: Any, covariance: Covariance) -> Variances:
    """The variances, of shapes that fit `nngp`."""
    if covariance.own:
        first = second = own_variance(xp, covariance)
    else:
        assert covariance.variances is not None
        first, second = covariance.variances[0][..., :, None], covariance.variances[1][..., None, :]
    if covariance.all_pairs:
        first, second = first[:, :, None, None], second[None, None]
    return first, second


def _diagonal(xp: Any, field: Any) -> Any:
    """(H, W, H, W, ...) -> (H, W, ...)"""
    height, width = field.shape[:2]
    positions = height * width
    flat = xp.reshape(field, (positions * positions, *field.shape[4:]))
    return xp.reshape(flat[:: positions + 1], (height, width, *field.shape[4:]))


def _over_windows(xp: Any, covariance: Covariance, layer: Conv | AvgPool) -> Covariance:
    """Sums over windows, the same displacement within them on both sides."""
    assert covariance.positions is not None
    positions = covariance.positions
    steps = layer.stride if isinstance(layer, Conv) else layer.steps
    padding = layer.padding if isinstance(layer, Conv) else "valid"
    out = spatial_shape(positions, layer)

    def sums(field: Any, sides: int) -> Any:
        for k in (0, 1):
            axes = tuple(range(k, 2 * sides, 2))
            if padding != "valid":
                field = _padded(xp, field, axes, layer.window[k], steps[k], out[k], padding == "circular")
            field = _sums(field, axes, layer.window[k], steps[k], out[k])
        return field

    both = covariance.map(lambda field: sums(field, 2 if covariance.all_pairs else 1), lambda v: sums(v, 1))
    return replace(both, positions=out)


def _padded(xp: Any, field: Any, axes: tuple[int, ...], window: int, step: int, count: int, circular: bool) -> Any:
    """With what lies beyond the borders, such that `count` windows fit; the odd row or column at the end."""
    size = field.shape[axes[0]]
    missing = max((count - 1) * step + window - size, 0)
    before, after = range(-(missing // 2), 0), range(size, size + missing - missing // 2)
    for axis in axes:

        def row(i: int, axis: int = axis, field: Any = field) -> Any:
            inside = field[_at(axis, slice(i % size, i % size + 1))]
            return inside if circular else xp.zeros_like(inside)

        field = xp.concat([*map(row, before), field, *map(row, after)], axis=axis)
    return field


def _sums(field: Any, axes: tuple[int, ...], window: int, step: int, count: int) -> Any:
    """Sums over `count` windows along each of the axes, the same place within them on all."""
    total = None
    for place in range(window):
        index = slice(place, place + (count - 1) * step + 1, step)
        piece = field
        for axis in axes:
            piece = piece[_at(axis, index)]
        total = piece if total is None else total + piece
    return total


def _at(axis: int, index: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (index,)


def _both(function: Function, variances: Variances) -> Variances:
    return function(variances[0]), function(variances[1])


def _without_variances(covariance: Covariance) -> Covariance:
    return replace(covariance, variances=None)
