"""The empirical NTK of a network of finite width: sums over parameters of products of derivatives of its outputs."""

from __future__ import annotations

from typing import Any, Literal

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import note
from ntkbench.arrays.settings import standard_settings
from ntkbench.arrays.transforms import Function
from ntkbench.arrays.trees import leaves, mapped
from ntkbench.kernels.empirical import costs, jacobians, structured
from ntkbench.kernels.empirical.costs import Way, by_positions
from ntkbench.kernels.empirical.inputs import Inputs, number, some
from ntkbench.kernels.empirical.subject import Subject, first, given, subject_of
from ntkbench.kernels.gram.tiles import Progress, TileFunction, gram

Method = Literal["auto", "contraction", "vector_products", "structured"]

# Matrix products, unlike stencils, gain from tiles far larger than a cache.
_BUDGET = 2**28


def empirical_ntk(
    apply: Any,
    params: Any = None,
    x1: Inputs | None = None,
    x2: Inputs | None = None,
    *,
    method: Method = "auto",
    trace: bool = False,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Array:
    """The empirical NTK: the sum over all trained parameters w of d f_o(x_i) / d w . d f_p(x_j) / d w.

    Called as (function, params, x1, x2), or, with a module that holds its parameters, as (module, x1, x2): of torch,
    Equinox or Flax NNX. A Flax linen module is a function whose params are its variables. Of a module those parameters
    count that are trained: in torch what requires gradients, in Flax "params", in Equinox arrays of real numbers. A
    parameter that is used twice is one parameter. Modules compute as in eval mode, and are left as they were, mode and
    buffers included. They must give one array (n, O): what gives several needs a wrapper that picks one. Equinox's are
    called with one input at a time.

    Args:
        apply: a network from `networks.finite`; any function of parameters (nested tuples, lists and dicts of
            arrays, all trained) and inputs that gives (n, O), each row from its own input; or a module.
        params: the parameters, arrays of JAX or torch; left out for a module that holds its own.
        x1: inputs (n1, ...) of the same library, float32 or float64. Modules and functions take trees of them, too:
            a module gets the arrays of a tuple one after another and those of a dict by name. Whole numbers may be
            among them.
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
    params, x1, x2 = given(apply, (params, x1, x2))
    return _ntk(first(x1), apply, params, x1, x2, method, trace, memory, progress)


@standard_settings
def _ntk(
    like: Array,
    apply: Any,
    params: Any,
    x1: Inputs,
    x2: Inputs | None,
    method: Method,
    trace: bool,
    memory: int | None,
    progress: Progress | None,
) -> Array:
    """The kernel, in the settings of the library of `like`."""
    subject = subject_of(apply, params, x1, x2)
    other = x1 if x2 is None else x2
    like, outputs = subject.like, subject.outputs
    n1, n2 = number(x1), number(other)
    way = subject.way(method, n1, None if x2 is None else n2, trace)
    note(f"{way.replace('_', ' ')}, {subject.execution.name}")
    if not leaves(subject.trained):
        empty = (n1, n2) if trace else (n1, n2, outputs, outputs)
        return subject.execution.xp.zeros(empty, dtype=like.dtype, device=array_api_compat.device(like))
    tile = _tile(subject, way, x1, other, trace)
    each, pair = subject.room(way, x1, n2, trace)
    budget = (memory or max(_BUDGET, subject.execution.budget(like))) // like.dtype.itemsize
    # Rows and columns of the matrix are (input, output): it is symmetric like any Gram matrix.
    rows = 1 if trace else outputs
    size = rows * costs.side(each, pair, budget)
    shape = (n1 * rows, n2 * rows)
    options: dict[str, Any] = {"outputs": 1, "size": size, "symmetric": x2 is None}
    with subject.transforms.constant():
        (matrix,) = gram(subject.execution, like, shape, tile, **options, progress=progress)
    if trace:
        return matrix
    xp = subject.execution.xp
    return xp.permute_dims(xp.reshape(matrix, (n1, outputs, n2, outputs)), (0, 2, 1, 3))


def empirical_ntk_product(
    apply: Any,
    params: Any,
    x1: Inputs | None = None,
    x2: Inputs | None = None,
    v: Array | None = None,
    *,
    memory: int | None = None,
) -> Array:
    """K v without the empirical NTK K, at the cost of a few evaluations of all inputs.

    Args:
        apply: a network, a function or a module, as for `empirical_ntk`.
        params: its parameters, arrays of JAX or torch; left out for a module that holds its own: (module, x1, x2, v).
        x1: inputs (n1, ...) of the same library, float32 or float64.
        x2: inputs (n2, ...); None: x1.
        v: (n2, O), of the dtype of the outputs.
        memory: bytes that working arrays may take, roughly.

    Returns:
        sum_jp K[i, j, o, p] v[j, p], (n1, O).

    Raises:
        ValueError: for shapes or dtypes that make no sense.
        TypeError: for arrays that have no derivatives.
    """
    params, x1, x2, v = given(apply, (params, x1, x2, v))
    return _product(first(x1), apply, params, x1, x2, v, memory)


@standard_settings
def _product(
    like: Array, apply: Any, params: Any, x1: Inputs, x2: Inputs | None, v: Array | None, memory: int | None
) -> Array:
    """The product, in the settings of the library of `like`."""
    subject = subject_of(apply, params, x1, x2)
    other = x1 if x2 is None else x2
    like, n1, n2 = subject.like, number(x1), number(other)
    if v is None or tuple(v.shape) != (n2, subject.outputs) or v.dtype != like.dtype:
        wanted = f"({n2}, {subject.outputs}) and {like.dtype}"
        raise ValueError(f"v must be of {wanted}, not {'None' if v is None else f'{tuple(v.shape)} and {v.dtype}'}")
    execution = subject.execution
    note(f"matrix-free product, {execution.name}")
    if not leaves(subject.trained) or not n2 or not n1:
        return execution.xp.zeros((n1, subject.outputs), dtype=like.dtype, device=array_api_compat.device(like))
    budget = (memory or max(_BUDGET, execution.budget(like))) // like.dtype.itemsize
    size = max(1, budget // subject.activations(x1))
    options = {"apply": subject.apply, "transforms": subject.transforms}
    pull = execution.compiled(jacobians.pull, tuple(options))
    push = execution.compiled(jacobians.push, tuple(options))
    with subject.transforms.constant():
        direction = None
        for start in range(0, n2, size):
            piece = slice(start, min(start + size, n2))
            part = pull(subject.trained, subject.fixed, some(other, piece), v[piece], **options)
            direction = part if direction is None else mapped(lambda a, b: a + b, direction, part)
        pieces = [slice(start, min(start + size, n1)) for start in range(0, n1, size)]
        results = [push(subject.trained, subject.fixed, some(x1, piece), direction, **options) for piece in pieces]
    return results[0] if len(results) == 1 else execution.xp.concat(results, axis=0)


def _tile(subject: Subject, way: Way, x1: Inputs, x2: Inputs, trace: bool) -> TileFunction:
    """The function that computes one block of the matrix."""
    step = 1 if trace else subject.outputs

    def part(x: Inputs, rows: slice) -> Inputs:
        return some(x, slice(rows.start // step, rows.stop // step))

    if way == "vector_products":
        products = _products(subject, trace)
        return lambda rows, columns, diagonal: (products(part(x1, rows), part(x2, columns)),)
    summed = by_positions(subject.network, number(x1), number(x2), trace) if subject.network else ()
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
