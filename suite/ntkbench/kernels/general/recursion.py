"""NNGP and NTK of any architecture of infinite width, from its description."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.execution import Execution, execution_for, note
from ntkbench.arrays.inputs import check_pair
from ntkbench.arrays.memory import available, check_room, gibibytes
from ntkbench.kernels.conv import dispatch
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.general import covariance as cov
from ntkbench.kernels.general.covariance import Covariance, Variances
from ntkbench.kernels.general.special import Special, special
from ntkbench.kernels.general.structure import (
    activations_of,
    all_pairs_before,
    check,
    mixes_positions,
    normalises_after_mixing,
    repeats,
    size,
)
from ntkbench.kernels.gram.tiles import Progress, cover, gram, side
from ntkbench.kernels.relu.dense import fc_kernels
from ntkbench.kernels.relu.network import Kernels
from ntkbench.networks.layers import Activation, AvgPool, Conv, Dense, Flatten, Layer, LayerNorm, Residual, Serial

_WORKING_FIELDS = 16  # live at once in a layer
_MIXTURE_FIELDS = 80  # in an activation without a closed form, which is summed over a score of terms at once
_MIXTURES = ("tanh", "sigmoid", "swish")
_REST = "execution", "architecture", "all_pairs"


def architecture_kernels(
    architecture: Layer, x1: Any, x2: Any | None = None, *, progress: Progress | None = None
) -> Kernels:
    """NNGP and NTK Gram matrices of a network of infinite width made of the layers of `ntkbench.networks`.

    x1 (n1, d) or (n1, H, W, C) and x2 likewise, float32 or float64, of NumPy, torch or JAX -> two (n1, n2) of the same
    kind. Without x2: of x1 with itself, symmetric, its diagonal exact; no inputs give an empty matrix. The last layers
    must leave no positions (Flatten or GlobalAvgPool); a Dense on images acts on the channels at each position. Raises
    ValueError for architectures, shapes, dtypes or values that make no sense, and MemoryError before it starts for
    what does not fit. Plain ReLU networks go to the faster kernels of `dense` and `conv`. Source: Jacot et al. 2018, in
    the NTK parametrisation; Novak et al. 2019; Arora et al. 2019.
    """
    architecture = architecture if isinstance(architecture, Serial) else Serial((architecture,))
    _check_inputs(x1, "x1")
    if x2 is not None:
        _check_inputs(x2, "x2")
        check_pair(x1, x2)
    shape = tuple(x1.shape[1:])
    check(architecture, shape)
    form = special(architecture)
    if form is not None and 0 not in (x1.shape[0], 1 if x2 is None else x2.shape[0]) and _available(form, x1):
        return _special_kernels(form, x1, x2, progress)
    return general_kernels(architecture, x1, x2, progress)


def _available(form: Special, x: Any) -> bool:
    # On NumPy the special convolutional kernels are numba's.
    return form.pooling is None or not array_api_compat.is_numpy_array(x) or find_spec("numba") is not None


def _special_kernels(form: Special, x1: Any, x2: Any | None, progress: Progress | None) -> Kernels:
    network = form.network
    if form.pooling is None:
        return fc_kernels(x1, x2, depth=network.depth, w_std=network.w_std, b_std=network.b_std, progress=progress)
    return Kernels(*dispatch.compute(ConvProblem(x1, x2, network, form.pooling, progress=progress)))


def general_kernels(architecture: Serial, x1: Any, x2: Any | None, progress: Progress | None = None) -> Kernels:
    """As `architecture_kernels`, for arrays that fit the architecture, without the special kernels."""
    shape, second = tuple(x1.shape[1:]), x1 if x2 is None else x2
    execution = execution_for(x1, *([] if x2 is None else [x2]))
    note(execution.name)

    all_pairs = all_pairs_before(architecture, False)
    summed = any(callable(a.function) or a.function in _MIXTURES for a in activations_of(architecture))
    pair_bytes = (_MIXTURE_FIELDS if summed else _WORKING_FIELDS) * size(shape, all_pairs) * x1.dtype.itemsize
    check_room(x1, (x1.shape[0], second.shape[0]), outputs=2)
    _check_working_room(x1, pair_bytes)
    budget = execution.budget(x1)
    pooled1: tuple[Any, ...] = ()
    pooled2: tuple[Any, ...] = ()
    diagonal: tuple[Any, ...] = ()
    if min(x1.shape[0], second.shape[0]) > 0 and (x2 is None or normalises_after_mixing(architecture)):
        nngp, ntk, *pooled = _own(execution, architecture, all_pairs, x1, max(1, budget // pair_bytes))
        diagonal, pooled1 = (nngp, ntk), tuple(pooled)
        pooled2 = pooled1
        if x2 is not None:
            pooled2 = tuple(_own(execution, architecture, all_pairs, x2, max(1, budget // pair_bytes))[2:])
    function = execution.compiled(_tile, _REST)
    where, eye = execution.xp.where, execution.xp.eye

    def tile(rows: slice, columns: slice, on_diagonal: bool) -> tuple[Any, ...]:
        pieces = tuple(p[..., rows] for p in pooled1), tuple(p[..., columns] for p in pooled2)
        options = {"execution": execution, "architecture": architecture, "all_pairs": all_pairs}
        blocks = function(x1[rows], second[columns], *pieces, **options)
        if not on_diagonal:
            return tuple(blocks)
        # The correlation of an input with itself is one; formed by division it would lose half the digits.
        same = eye(rows.stop - rows.start, dtype=x1.dtype, device=array_api_compat.device(x1)) > 0.0
        return tuple(where(same, d[rows][:, None], block) for d, block in zip(diagonal, blocks, strict=True))

    return Kernels(
        *gram(
            execution,
            x1,
            (x1.shape[0], second.shape[0]),
            tile,
            outputs=2,
            size=side(pair_bytes, budget),
            symmetric=x2 is None,
            progress=progress,
        )
    )


def _own(execution: Execution, architecture: Serial, all_pairs: bool, x: Any, chunk: int) -> list[Any]:
    """NNGP and NTK of each input with itself, (n,), and the variances (..., n) behind layers that mix positions."""
    function = execution.compiled(_own_tile, _REST)
    parts, done = [], 0
    for rows in cover(x.shape[0], chunk):
        part = function(x[rows], execution=execution, architecture=architecture, all_pairs=all_pairs)
        parts.append([field[..., done - rows.start :] for field in part])
        done = rows.stop
    return [execution.xp.concat(fields, axis=-1) for fields in zip(*parts, strict=True)]


def _own_tile(x: Any, *, execution: Execution, architecture: Serial, all_pairs: bool) -> Any:
    xp = execution.xp
    pooled: list[Any] = []

    def keep(covariance: Covariance) -> None:
        pooled.append(cov.own_variance(xp, covariance))

    result = _apply(execution, architecture, cov.itself(xp, x, all_pairs), False, keep)
    return [*_kernels(xp, result), *pooled]


def _tile(
    x1: Any,
    x2: Any,
    pooled1: tuple[Any, ...],
    pooled2: tuple[Any, ...],
    *,
    execution: Execution,
    architecture: Serial,
    all_pairs: bool,
) -> Any:
    """One block: inputs and their variances behind layers that mix positions, or none -> NNGP and NTK (n1, n2)."""
    xp = execution.xp
    pooled = iter(list(zip(pooled1, pooled2, strict=True)))

    def next_pooled(covariance: Covariance) -> Variances | None:
        return next(pooled, None)

    return _kernels(xp, _apply(execution, architecture, cov.between(xp, x1, x2, all_pairs), False, next_pooled))


def _kernels(xp: Any, covariance: Covariance) -> list[Any]:
    nngp = covariance.nngp
    return [nngp, xp.zeros_like(nngp) if covariance.ntk is None else covariance.ntk]


PooledVariances = Callable[[Covariance], Variances | None]
"""Called with the covariance behind every layer that mixes positions, in one and the same order."""


def _apply(
    execution: Execution, layer: Layer, before: Covariance, all_pairs_after: bool, pooled: PooledVariances
) -> Covariance:
    """The covariance after a layer, with all pairs of positions only where what follows needs them."""
    xp = execution.xp
    if isinstance(layer, Serial):
        return _apply_serial(execution, layer, before, all_pairs_after, pooled)
    if not all_pairs_before(layer, all_pairs_after):
        before = cov.equal_positions(xp, before)
    if isinstance(layer, Residual):
        paths = (_apply(execution, path, before, all_pairs_after, pooled) for path in (layer.branch, layer.shortcut))
        return cov.add(*(p if all_pairs_after else cov.equal_positions(xp, p) for p in paths))
    if isinstance(layer, Dense | Conv):
        return cov.linear(xp, before, layer)
    if isinstance(layer, Activation):
        return cov.activate(xp, before, layer)
    if isinstance(layer, LayerNorm):
        return cov.normalise(xp, before, layer)
    if isinstance(layer, Flatten):
        return cov.flatten(xp, before)
    after = cov.pool(xp, before, layer) if isinstance(layer, AvgPool) else cov.mean(xp, before)
    return replace(after, variances=pooled(after)) if mixes_positions(layer) else after


def _apply_serial(
    execution: Execution, serial: Serial, now: Covariance, all_pairs_after: bool, pooled: PooledVariances
) -> Covariance:
    blocks = [(Serial(block), count) for block, count in repeats(serial.layers)]
    needs = [all_pairs_after]
    for block, _ in reversed(blocks):
        needs.append(all_pairs_before(block, needs[-1]))
    for (block, count), need in zip(blocks, reversed(needs[:-1]), strict=True):
        now = _apply_repeatedly(execution, block, count, now, need, pooled)
    return now


def _apply_repeatedly(
    execution: Execution, block: Serial, count: int, now: Covariance, all_pairs_after: bool, pooled: PooledVariances
) -> Covariance:
    between = all_pairs_before(block, all_pairs_after)
    if not between:
        now = cov.equal_positions(execution.xp, now)
    shape = now.positions, now.all_pairs
    for repetition in range(count):
        remaining = count - repetition - 1
        now = _apply_each(execution, block.layers, now, between if remaining else all_pairs_after, pooled)
        if remaining and (now.positions, now.all_pairs) == shape:
            # Nothing changes from here on but the numbers. (A layer that mixes positions would leave fewer of them.)
            return _scan(execution, block.layers, remaining, now, between)
    return now


def _scan(execution: Execution, layers: tuple[Layer, ...], count: int, now: Covariance, all_pairs: bool) -> Covariance:
    """The covariance after `count` more repetitions of layers that change no shape."""

    def step(carry: Any, _: Any) -> Any:
        nngp, ntk, variances = carry
        before = replace(now, nngp=nngp, ntk=ntk, variances=variances)
        after = _apply_each(execution, layers, before, all_pairs, _never)
        return after.nngp, after.ntk, after.variances

    carry = (now.nngp, now.ntk, now.variances)
    nngp, ntk, variances = execution.scan(step, carry, (execution.xp.zeros(count),))
    return replace(now, nngp=nngp, ntk=ntk, variances=variances)


def _never(covariance: Covariance) -> Variances | None:
    raise AssertionError("a layer that mixes positions changes the shape")


def _apply_each(
    execution: Execution, layers: tuple[Layer, ...], now: Covariance, all_pairs_after: bool, pooled: PooledVariances
) -> Covariance:
    needs = [all_pairs_after]
    for layer in reversed(layers):
        needs.append(all_pairs_before(layer, needs[-1]))
    for layer, need in zip(layers, reversed(needs[:-1]), strict=True):
        now = _apply(execution, layer, now, need, pooled)
    return now


def _check_inputs(x: Any, name: str) -> None:
    """Raise ValueError unless x is a float32 or float64 (N, d) or (N, H, W, C) of finite numbers; N may be 0."""
    if not hasattr(x, "shape"):
        raise TypeError(f"{name} must be an array of NumPy, torch or JAX, not {type(x).__name__}")
    if len(x.shape) not in (2, 4) or min(x.shape[1:]) < 1:
        raise ValueError(f"{name} must be vectors (N, d) or images (N, H, W, C), not of shape {tuple(x.shape)}")
    if str(x.dtype).rpartition(".")[2] not in ("float32", "float64"):
        raise ValueError(f"{name} must be float32 or float64, not {x.dtype}")
    xp = array_api_compat.array_namespace(x)
    if not bool(xp.all(xp.isfinite(x))):
        raise ValueError(f"{name} has values that are not finite")


def _check_working_room(x: Any, pair_bytes: int) -> None:
    free = available(x)
    if free is not None and pair_bytes > free:
        raise MemoryError(
            f"one pair of images takes {gibibytes(pair_bytes)} of working memory, and {gibibytes(free)} are free: "
            "means over positions need the covariances of all pairs of them; use smaller images, or Flatten"
        )
