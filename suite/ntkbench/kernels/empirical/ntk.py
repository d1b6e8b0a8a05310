"""The empirical NTK of a network of finite width: sums over parameters of products of derivatives of its outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import note
from ntkbench.arrays.settings import standard_settings
from ntkbench.arrays.transforms import Function
from ntkbench.arrays.trees import leaves, mapped
from ntkbench.kernels.empirical import costs, jacobians, structured
from ntkbench.kernels.empirical.costs import Way, by_positions
from ntkbench.kernels.empirical.subject import Subject, subject_of
from ntkbench.kernels.gram.tiles import Progress, TileFunction, gram
from ntkbench.networks.finite import Finite

Method = Literal["auto", "contraction", "vector_products", "structured"]

# Matrix products, unlike stencils, gain from tiles far larger than a cache.
_BUDGET = 2**28


@standard_settings
def empirical_ntk(
    apply: Finite | Callable[[Any, Array], Array],
    params: Any,
    x1: Array,
    x2: Array | None = None,
    *,
    method: Method = "auto",
    trace: bool = False,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Array:
    """The empirical NTK: the sum over all trained parameters w of d f_o(x_i) / d w . d f_p(x_j) / d w.

    Args:
        apply: a network from `networks.finite`, or any function of parameters (nested tuples, lists and dicts of
            arrays, all trained) and inputs (n, ...) that gives (n, O), each row from its own input.
        params: its parameters, arrays of JAX or torch.
        x1: inputs (n1, ...) of the same library, float32 or float64.
        x2: inputs (n2, ...); None: x1, and the kernel is exactly symmetric.
        method: "contraction" of Jacobians, "vector_products" of them, or "structured" derivatives, for networks from
            `networks.finite` alone; "auto": the one with the fewest multiply-adds (`costs`).
        trace: the mean over outputs o = p alone.
        memory: bytes that working arrays may take, roughly.
        progress: called with (entries of the matrix done, entries in all).

    Returns:
        (n1, n2, O, O), or with `trace` (n1, n2); no inputs give an empty one.

    Raises:
        ValueError: for shapes, dtypes or methods that make no sense.
        TypeError: for arrays that have no derivatives.

    References:
        Jacot et al. 2018; Novak et al. 2022, "Fast finite width neural tangent kernel".
    """
    subject = subject_of(apply, params, x1, x2)
    other = x1 if x2 is None else x2
    n1, n2, outputs = x1.shape[0], other.shape[0], subject.outputs
    way = subject.way(method, n1, None if x2 is None else n2, trace)
    note(f"{way.replace('_', ' ')}, {subject.execution.name}")
    if not leaves(subject.trained):
        empty = (n1, n2) if trace else (n1, n2, outputs, outputs)
        return subject.execution.xp.zeros(empty, dtype=x1.dtype, device=array_api_compat.device(x1))
    tile = _tile(subject, way, x1, other, trace)
    each, pair = subject.room(way, x1, n2, trace)
    budget = (memory or max(_BUDGET, subject.execution.budget(x1))) // x1.dtype.itemsize
    # Rows and columns of the matrix are (input, output): it is symmetric like any Gram matrix.
    rows = 1 if trace else outputs
    size = rows * costs.side(each, pair, budget)
    shape = (n1 * rows, n2 * rows)
    options: dict[str, Any] = {"outputs": 1, "size": size, "symmetric": x2 is None}
    with subject.transforms.constant():
        (matrix,) = gram(subject.execution, x1, shape, tile, **options, progress=progress)
    if trace:
        return matrix
    xp = subject.execution.xp
    return xp.permute_dims(xp.reshape(matrix, (n1, outputs, n2, outputs)), (0, 2, 1, 3))


@standard_settings
def empirical_ntk_product(
    apply: Finite | Callable[[Any, Array], Array],
    params: Any,
    x1: Array,
    x2: Array | None,
    v: Array,
    *,
    memory: int | None = None,
) -> Array:
    """K v without the empirical NTK K, at the cost of a few evaluations of all inputs.

    Args:
        apply: a network or a function, as for `empirical_ntk`.
        params: its parameters, arrays of JAX or torch.
        x1: inputs (n1, ...) of the same library, float32 or float64.
        x2: inputs (n2, ...); None: x1.
        v: (n2, O), of the dtype of the inputs.
        memory: bytes that working arrays may take, roughly.

    Returns:
        sum_jp K[i, j, o, p] v[j, p], (n1, O).

    Raises:
        ValueError: for shapes or dtypes that make no sense.
        TypeError: for arrays that have no derivatives.
    """
    subject = subject_of(apply, params, x1, x2)
    other = x1 if x2 is None else x2
    if tuple(v.shape) != (other.shape[0], subject.outputs) or v.dtype != x1.dtype:
        wanted = f"({other.shape[0]}, {subject.outputs}) and {x1.dtype}"
        raise ValueError(f"v must be of {wanted}, not {tuple(v.shape)} and {v.dtype}")
    execution = subject.execution
    note(f"matrix-free product, {execution.name}")
    if not leaves(subject.trained) or not other.shape[0] or not x1.shape[0]:
        return execution.xp.zeros((x1.shape[0], subject.outputs), dtype=x1.dtype, device=array_api_compat.device(x1))
    budget = (memory or max(_BUDGET, execution.budget(x1))) // x1.dtype.itemsize
    size = max(1, budget // subject.activations(x1))
    options = {"apply": subject.apply, "transforms": subject.transforms}
    pull = execution.compiled(jacobians.pull, tuple(options))
    push = execution.compiled(jacobians.push, tuple(options))
    with subject.transforms.constant():
        direction = None
        for start in range(0, other.shape[0], size):
            piece = slice(start, start + size)
            part = pull(subject.trained, subject.fixed, other[piece], v[piece], **options)
            direction = part if direction is None else mapped(lambda a, b: a + b, direction, part)
        starts = range(0, x1.shape[0], size)
        results = [push(subject.trained, subject.fixed, x1[s : s + size], direction, **options) for s in starts]
    return results[0] if len(results) == 1 else execution.xp.concat(results, axis=0)


def _tile(subject: Subject, way: Way, x1: Array, x2: Array, trace: bool) -> TileFunction:
    """The function that computes one block of the matrix."""
    step = 1 if trace else subject.outputs

    def part(x: Array, rows: slice) -> Array:
        inputs = slice(rows.start // step, rows.stop // step)
        return x if inputs == slice(0, x.shape[0]) else x[inputs]

    if way == "vector_products":
        products = _products(subject, trace)
        return lambda rows, columns, diagonal: (products(part(x1, rows), part(x2, columns)),)
    summed = by_positions(subject.network, x1.shape[0], x2.shape[0], trace) if subject.network else ()
    factors, contract = _structured(subject, summed, trace) if way == "structured" else _jacobians(subject, trace)
    kept: dict[int, Any] = {}

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Array, ...]:
        # Blocks come row by row: the factors of a row of blocks are computed once.
        if rows.start not in kept:
            kept.clear()
            kept[rows.start] = factors(part(x1, rows))
        left = kept[rows.start]
        return (contract(left, left if diagonal else factors(part(x2, columns))),)

    return tile


def _structured(subject: Subject, summed: tuple[bool, ...], trace: bool) -> tuple[Function, Function]:
    known: dict[str, Any] = {"network": subject.network, "trace": trace}
    options = known | {"summed": summed, "transforms": subject.transforms}
    factors = subject.execution.compiled(structured.factors, tuple(options))
    contract = subject.execution.compiled(structured.contract, tuple(known))
    return lambda x: factors(subject.params, x, **options), lambda one, other: contract(one, other, **known)


def _jacobians(subject: Subject, trace: bool) -> tuple[Function, Function]:
    options = {"apply": subject.apply, "trace": trace, "transforms": subject.transforms}
    known = {"divisor": subject.outputs if trace else 1}
    factors = subject.execution.compiled(jacobians.factors, tuple(options))
    contract = subject.execution.compiled(jacobians.contract, tuple(known))
    return (
        lambda x: factors(subject.trained, subject.fixed, x, **options),
        lambda one, other: contract(one, other, **known),
    )


def _products(subject: Subject, trace: bool) -> Function:
    options = {
        "apply": subject.apply,
        "outputs": subject.outputs,
        "trace": trace,
        "transforms": subject.transforms,
    }
    products = subject.execution.compiled(jacobians.products, tuple(options))
    return lambda x1, x2: products(subject.trained, subject.fixed, x1, x2, **options)
