"""NNGP and NTK of any architecture of infinite width, from its description.

They are computed in float64 whatever the inputs are, and rounded at the end: between inputs of large norm, or nearly
parallel ones, dual activations subtract numbers that are nearly equal, and in float32 nothing may be left of them.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import all_finite
from ntkbench.arrays.execution import Execution, execution_for, note
from ntkbench.arrays.half import takes_half
from ntkbench.arrays.inputs import KINDS, WITH_POSITIONS, check_array, check_dtype, check_pair
from ntkbench.arrays.memory import available, check_room, gibibytes
from ntkbench.arrays.settings import standard_settings
from ntkbench.duals.covariance import Covariance, Variances, between, itself
from ntkbench.kernels.conv import dispatch
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.general.differentiable import differentiable_kernels, kernels_of
from ntkbench.kernels.general.quadrature_check import check_quadrature
from ntkbench.kernels.general.special import Special, special
from ntkbench.kernels.general.structure import check, draws_anew, normalises_after_mixing, size
from ntkbench.kernels.general.walk import Walk
from ntkbench.kernels.gram.equal_inputs import Numbers, coincidences, number_inputs
from ntkbench.kernels.gram.tiles import Progress, cover, gram, part, side
from ntkbench.kernels.relu import dense_derivative
from ntkbench.kernels.relu.dense import fc_kernels
from ntkbench.kernels.relu.network import Kernels
from ntkbench.networks.layers import Layer, Serial
from ntkbench.networks.layers.settings import settings_of

_FLOAT64_BYTES = 8
_REST = "execution", "architecture", "all_pairs"


@standard_settings
@takes_half
def architecture_kernels(
    architecture: Layer, x1: Array, x2: Array | None = None, *, progress: Progress | None = None
) -> Kernels:
    """NNGP and NTK Gram matrices of a network of infinite width, in the NTK parametrisation.

    Plain ReLU networks go to the faster kernels of `kernels.relu` and `kernels.conv`. It may be transformed by JAX and
    by torch.func, and differentiated by inputs and by settings of layers that are arrays of no dimensions: derivatives
    are finite everywhere, and at a cusp the limits of central differences. What is traced has no values to be checked.

    Args:
        architecture: layers of `ntkbench.networks`. The last ones must leave no positions (Flatten or GlobalAvgPool);
            a Dense acts on the channels at each position.
        x1: vectors (n1, d), sequences (n1, T, C), images (n1, H, W, C) or volumes (n1, D, H, W, C) of NumPy, torch or
            JAX, float32 or float64; float16 or bfloat16, of which float32 computes.
        x2: inputs (n2, ...) of the same kind; None: x1, and the matrices are symmetric, their diagonals exact.
        progress: called with (entries of the matrices done, entries in all).

    Returns:
        Two matrices (n1, n2) of the same library and dtype; no inputs give empty ones.

    Raises:
        ValueError: for architectures, shapes, dtypes or values that make no sense, and for an activation without a
            name whose quadrature may be off by more than a tenth at the variances of these inputs.
        TypeError: for what is no array.
        MemoryError: before it starts, for what does not fit.

    Warns:
        UserWarning: for one that may be off by more than 1e-6 (in float32 1e-4), and for entries beyond the largest
            float16.

    References:
        Jacot et al. 2018; for images Novak et al. 2019, Arora et al. 2019.
    """
    architecture = architecture if isinstance(architecture, Serial) else Serial((architecture,))
    _check_inputs(x1, "x1")
    if x2 is not None:
        _check_inputs(x2, "x2")
        check_pair(x1, x2)
    shape = tuple(x1.shape[1:])
    check(architecture, shape)
    form, values = special(architecture), (x1, x2, *settings_of(architecture))
    execution = execution_for(x1)
    if len(values) > 2 or execution.differentiated(*values) or execution.traced(*values):
        return _transformed(architecture, form, x1, x2)
    if form is not None and 0 not in (x1.shape[0], 1 if x2 is None else x2.shape[0]) and _available(form, x1):
        return _special_kernels(form, x1, x2, progress)
    check_quadrature(architecture, x1, x2)
    return general_kernels(architecture, x1, x2, progress)


def _transformed(architecture: Serial, form: Special | None, x1: Array, x2: Array | None) -> Kernels:
    """Of what is traced or differentiated."""
    if form is not None and form.pooling is None:
        return dense_derivative.differentiable_kernels(form.network, x1, x2)
    return differentiable_kernels(architecture, x1, x2)


def _available(form: Special, x: Array) -> bool:
    # On NumPy the special convolutional kernels are numba's.
    return form.pooling is None or not array_api_compat.is_numpy_array(x) or find_spec("numba") is not None


def _special_kernels(form: Special, x1: Array, x2: Array | None, progress: Progress | None) -> Kernels:
    network = form.network
    if form.pooling is None:
        return fc_kernels(x1, x2, depth=network.depth, w_std=network.w_std, b_std=network.b_std, progress=progress)
    return Kernels(*dispatch.compute(ConvProblem(x1, x2, network, form.pooling, progress=progress)))


def general_kernels(architecture: Serial, x1: Array, x2: Array | None, progress: Progress | None = None) -> Kernels:
    """As `architecture_kernels`, for arrays that fit the architecture, without the special kernels."""
    execution = execution_for(x1, *([] if x2 is None else [x2]))
    note(execution.name)
    with execution.double():
        return _in_tiles(execution, architecture, x1, x2, progress)


def _in_tiles(
    execution: Execution, architecture: Serial, x1: Array, x2: Array | None, progress: Progress | None
) -> Kernels:
    shape, second = tuple(x1.shape[1:]), x1 if x2 is None else x2
    all_pairs = architecture.all_pairs_before(False)
    pair_bytes = architecture.working_fields * size(architecture, shape) * _FLOAT64_BYTES
    check_room(x1, (x1.shape[0], second.shape[0]), outputs=2)
    _check_working_room(x1, pair_bytes)
    budget = execution.budget(x1)
    numbers1, numbers2 = _numbers(architecture, x1, x2)
    pooled1: tuple[Array, ...] = ()
    pooled2: tuple[Array, ...] = ()
    own: tuple[Array, ...] = ()
    if min(x1.shape[0], second.shape[0]) > 0 and (_meet(numbers1, numbers2) or normalises_after_mixing(architecture)):
        nngp, ntk, *pooled = _own(execution, architecture, all_pairs, x1, max(1, budget // pair_bytes))
        own, pooled1 = (nngp, ntk), tuple(pooled)
        pooled2 = pooled1
        if x2 is not None:
            pooled2 = tuple(_own(execution, architecture, all_pairs, x2, max(1, budget // pair_bytes))[2:])
    function = execution.compiled(_tile, _REST)

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Array, ...]:
        pieces = tuple(p[..., rows] for p in pooled1), tuple(p[..., columns] for p in pooled2)
        same = coincidences(x1, numbers1[rows], numbers2[columns])
        # The correlation of an input with itself is one; formed by division it would lose half the digits.
        exact = None if same is None else (same, *(part(kernel, rows) for kernel in own))
        options = {"execution": execution, "architecture": architecture, "all_pairs": all_pairs}
        return tuple(function(part(x1, rows), part(second, columns), *pieces, exact, **options))

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


def _numbers(architecture: Serial, x1: Array, x2: Array | None) -> tuple[Numbers, Numbers]:
    """A number for each input of both sides, the same for those that are one and the same."""
    if draws_anew(architecture):
        # Of what is drawn for each, equal inputs have not the same: only a row of one array is itself.
        one = np.arange(x1.shape[0])
        return one, one if x2 is None else np.arange(x1.shape[0], x1.shape[0] + x2.shape[0])
    first, second = number_inputs(x1) * 2 if x2 is None else number_inputs(x1, x2)
    return first, second


def _meet(numbers1: Numbers, numbers2: Numbers) -> bool:
    """Whether an input of one side is an input of the other."""
    return bool(np.isin(numbers1, numbers2).any())


def _own(execution: Execution, architecture: Serial, all_pairs: bool, x: Array, chunk: int) -> list[Array]:
    """NNGP and NTK of each input with itself, (n,), and the variances (..., n) behind layers that mix positions."""
    function = execution.compiled(_own_tile, _REST)
    parts, done = [], 0
    for rows in cover(x.shape[0], chunk):
        fields = function(part(x, rows), execution=execution, architecture=architecture, all_pairs=all_pairs)
        if rows == slice(0, x.shape[0]):
            return list(fields)
        parts.append([field[..., done - rows.start :] for field in fields])
        done = rows.stop
    return [execution.xp.concat(fields, axis=-1) for fields in zip(*parts, strict=True)]


def _own_tile(x: Array, *, execution: Execution, architecture: Serial, all_pairs: bool) -> list[Array]:
    xp = execution.xp
    pooled: list[Array] = []

    def keep(covariance: Covariance) -> None:
        pooled.append(covariance.own_variance(xp))

    result = Walk(execution, keep).after(architecture, itself(xp, _wide(xp, x), all_pairs))
    return [*kernels_of(xp, result), *pooled]


def _tile(
    x1: Array,
    x2: Array,
    pooled1: tuple[Array, ...],
    pooled2: tuple[Array, ...],
    exact: tuple[Array, Array, Array] | None,
    *,
    execution: Execution,
    architecture: Serial,
    all_pairs: bool,
) -> list[Array]:
    """One block of NNGP and NTK, (n1, n2), in the dtype of the inputs.

    Args:
        x1: inputs (n1, ...).
        x2: inputs (n2, ...).
        pooled1: the variances of x1 behind each layer that mixes positions, where they are needed.
        pooled2: those of x2.
        exact: where inputs meet themselves (see `coincidences`), and both kernels of x1 with itself, (n1,); or None.
        execution: of the library of the arrays.
        architecture: what is computed.
        all_pairs: whether it begins with all pairs of positions.
    """
    xp = execution.xp
    pooled = iter(list(zip(pooled1, pooled2, strict=True)))

    def next_pooled(covariance: Covariance) -> Variances | None:
        return next(pooled, None)

    inputs = between(xp, _wide(xp, x1), _wide(xp, x2), all_pairs)
    kernels = kernels_of(xp, Walk(execution, next_pooled).after(architecture, inputs))
    if exact is not None:
        same, *own = exact
        kernels = [xp.where(same > 0.0, d[:, None], kernel) for d, kernel in zip(own, kernels, strict=True)]
    return [xp.astype(kernel, x1.dtype) for kernel in kernels]


def _wide(xp: Any, x: Array) -> Array:
    return x if x.dtype == xp.float64 else xp.astype(x, xp.float64)


def _check_inputs(x: Array, name: str) -> None:
    """Raise ValueError unless x is float32 or float64, of one of `KINDS` and of finite numbers; N may be 0."""
    check_array(x, name)
    if not 2 <= len(x.shape) <= len(KINDS) + 1 or min(x.shape[1:]) < 1:
        raise ValueError(f"{name} must be {KINDS[0]}, {WITH_POSITIONS}, not of shape {tuple(x.shape)}")
    check_dtype(x, name)
    if not all_finite(execution_for(x), x):
        raise ValueError(f"{name} has values that are not finite")


def _check_working_room(x: Array, pair_bytes: int) -> None:
    free = available(x)
    if free is not None and pair_bytes > free:
        raise MemoryError(
            f"one pair of inputs takes {gibibytes(pair_bytes)} of working memory, and {gibibytes(free)} are free: "
            "means over positions need the covariances of all pairs of them; use fewer positions, or Flatten"
        )
