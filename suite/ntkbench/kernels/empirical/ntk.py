"""The empirical NTK of a network of finite width: sums over parameters of products of derivatives of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import note
from ntkbench.arrays.memory import check_room
from ntkbench.arrays.settings import standard_settings
from ntkbench.arrays.trees import leaves, mapped
from ntkbench.kernels.empirical import costs, jacobians
from ntkbench.kernels.empirical.forms import Diagonal, Form, form_of
from ntkbench.kernels.empirical.inputs import Inputs, number, some
from ntkbench.kernels.empirical.providers import provider_of, way_of
from ntkbench.kernels.empirical.subject import Subject, first, given, subject_of
from ntkbench.kernels.empirical.tile import Block, block_function, tile_function
from ntkbench.kernels.gram.tiles import Progress, gram, mirrored

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
    diagonal: Diagonal | None = None,
    outputs: Sequence[int] | None = None,
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
        method: "contraction" of Jacobians, "vector_products" of them, or "structured" derivatives; "auto": of those
            whose arrays fit into memory the one with the fewest multiply-adds (`costs`). A parameter that is used
            otherwise than in products, convolutions, lookups and norms is contracted among structured ones, as the
            record's note says.
        trace: the mean over outputs o = p alone.
        diagonal: "outputs": o = p alone; "inputs": i = j alone, of x2 as of x1. Either is computed without the rest.
        outputs: those that are wanted, by their numbers from 0 on; None: all. The others are not computed.
        memory: bytes that working arrays may take, roughly.
        progress: called with (entries of the matrix done, entries in all).

    Returns:
        (n1, n2, O, O), or with `trace` (n1, n2); no inputs give an empty one. On the diagonal over outputs
        (n1, n2, O); on that over inputs (n, O, O), or with `trace` (n,). O are the outputs that are wanted.

    Raises:
        ValueError: for shapes, dtypes or methods that make no sense.
        TypeError: for arrays that have no derivatives.

    References:
        Jacot et al. 2018; Novak et al. 2022, "Fast finite width neural tangent kernel".
    """
    params, x1, x2 = given(apply, (params, x1, x2))
    form = form_of(trace, diagonal, outputs)
    return _ntk(first(x1), apply, params, x1, x2, method, form, memory, progress)


@standard_settings
def _ntk(
    like: Array,
    apply: Any,
    params: Any,
    x1: Inputs,
    x2: Inputs | None,
    method: Method,
    form: Form,
    memory: int | None,
    progress: Progress | None,
) -> Array:
    """The kernel, in the settings of the library of `like`."""
    subject = subject_of(apply, params, x1, x2)
    form.check(subject.outputs)
    like, outputs = subject.like, form.left(subject.outputs)
    n1, n2 = number(x1), None if x2 is None else number(x2)
    if form.paired and n2 not in (None, n1):
        raise ValueError(f"on the diagonal over inputs there must be as many of x1 as of x2, not {n1} and {n2}")
    budget = (memory or max(_BUDGET, subject.execution.budget(like))) // like.dtype.itemsize
    provider = provider_of(subject, x1, method)
    way = way_of(provider, method, n1, n2, form, budget)
    told = provider.note if way == "structured" else ""
    note(f"{way.replace('_', ' ')}{f' ({told})' if told else ''}, {subject.execution.name}")
    if not leaves(subject.trained) or 0 in (n1, n2):
        empty = form.shape(n1, n1 if n2 is None else n2, outputs)
        return subject.execution.xp.zeros(empty, dtype=like.dtype, device=array_api_compat.device(like))
    # On the diagonal each input is met once.
    block = block_function(subject, provider, way, x1, x2, form, 0 if form.paired else budget)
    room = provider.room(way, n1, n2, form)
    with subject.transforms.constant():
        if form.paired:
            return _paired(subject, block, n1, n2 is None, form, costs.length(*room, budget), progress)
        side = costs.even(max(n1, n2 or 0), costs.side(*room, budget))
        return _square(subject, block, n1, n2, form, side, progress)


def _square(
    subject: Subject, block: Block, n1: int, n2: int | None, form: Form, side: int, progress: Progress | None
) -> Array:
    """The kernel of all pairs of inputs."""
    outputs, xp = form.left(subject.outputs), subject.execution.xp
    # Rows and columns of the matrix are (input, output): it is symmetric like any Gram matrix.
    rows = outputs if form.crossed else 1
    matrices = outputs if form.diagonal == "outputs" else 1
    shape = (n1 * rows, (n1 if n2 is None else n2) * rows)
    tile = tile_function(block, rows, form.diagonal == "outputs")
    options: dict[str, Any] = {"outputs": matrices, "size": rows * side, "symmetric": n2 is None}
    found = gram(subject.execution, subject.like, shape, tile, **options, progress=progress)
    if form.diagonal == "outputs":
        return xp.stack(found, axis=-1)
    if form.trace:
        return found[0]
    return xp.permute_dims(xp.reshape(found[0], (n1, outputs, shape[1] // outputs, outputs)), (0, 2, 1, 3))


def _paired(
    subject: Subject, block: Block, n: int, symmetric: bool, form: Form, length: int, progress: Progress | None
) -> Array:
    """The kernel of each input with the other of its number."""
    execution, entries = subject.execution, form.entries(form.left(subject.outputs))
    mirror = execution.compiled(mirrored, ("execution",))
    check_room(subject.like, (n, entries), 1)
    found: list[Array] = []
    for start in range(0, n, length):
        piece = slice(start, min(start + length, n))
        part = block(piece, piece, symmetric)
        found.append(mirror(part, execution=execution) if symmetric else part)
        if progress is not None:
            progress(piece.stop * entries, n * entries)
    whole = found[0] if len(found) == 1 else execution.xp.concat(found, axis=0)
    return whole[:, 0, 0] if form.trace else whole


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
