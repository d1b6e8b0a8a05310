"""NNGP and NTK as means over random networks of finite width, with standard errors."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for, note
from ntkbench.arrays.inputs import check_array, check_dtype, dtype_name
from ntkbench.arrays.settings import standard_settings
from ntkbench.arrays.transforms import Transforms
from ntkbench.arrays.trees import leaves, mapped
from ntkbench.kernels.empirical import costs, structured
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.shares import Order
from ntkbench.kernels.empirical.subject import Subject, subject_of
from ntkbench.kernels.gram.tiles import Progress, gram, part
from ntkbench.kernels.relu.network import Kernels
from ntkbench.networks.finite import Finite

_BUDGET = 2**28
_MEAN = Form(trace=True)


class MonteCarlo(NamedTuple):
    """Means over networks, and their standard errors, each (n1, n2)."""

    mean: Kernels
    standard_error: Kernels


@standard_settings
def monte_carlo_kernels(
    network: Finite,
    x1: Array,
    x2: Array | None = None,
    *,
    draws: int,
    seed: int,
    memory: int | None = None,
    progress: Progress | None = None,
) -> MonteCarlo:
    """NNGP and NTK of a network, estimated from random draws of its parameters.

    Draw i has the parameters of `network.init(numpy.random.default_rng((seed, i)))`; as many are computed at once as
    memory allows. Its sample of the NNGP is the mean over outputs o of f_o(x) f_o(x'), that of the NTK `empirical_ntk`
    with `trace`.

    At infinite width, and with one hidden layer at any width, the means are the kernels of `architecture_kernels`.

    Args:
        network: From `networks.finite`. More outputs make the NNGP's standard error smaller.
        x1: Inputs (n1, ...), float32 or float64, of JAX or torch.
        x2: Inputs (n2, ...) of the same kind; None: x1, and the kernels are exactly symmetric.
        draws: How many networks, at least 2.
        seed: A whole number from 0 on.
        memory: Bytes that working arrays may take, roughly.
        progress: Called with (entries of the matrices done, entries in all).

    Returns:
        Means and standard errors, of the library and dtype of the inputs.

    Raises:
        ValueError: Shapes, dtypes or numbers make no sense.
        TypeError: Arrays have no derivatives, or `network` is not from `networks.finite`.

    References:
        Novak et al. 2019 (arXiv:1810.05148), section 4, on Monte Carlo estimates; their neural-tangents has the same.
    """
    _check(network, draws, seed)
    for name, x in {"x1": x1, "x2": x1 if x2 is None else x2}.items():
        check_array(x, name)
        check_dtype(x, name)
    shape = (x1.shape[0], (x1 if x2 is None else x2).shape[0])
    first = _drawn(network, seed, range(1), x1)
    subject = subject_of(network, mapped(lambda a: a[0], first), x1, x2)
    execution = subject.execution
    note(f"monte carlo, structured, {execution.name}")
    budget = (memory or max(_BUDGET, execution.budget(x1))) // x1.dtype.itemsize
    room = costs.room(costs.layers_of(network), network.output_size, "structured", *shape, _MEAN)
    side = min(costs.side(*room, budget), max(*shape, 1))
    # Of networks at once as many as a tile leaves room for; of equal batches a compiling library compiles one.
    count = max(1, min(draws, budget // (2 * side * room[0] + side**2 * (room[1] + 2) + 2 * subject.parameters)))
    count = math.ceil(draws / math.ceil(draws / count))
    other = x1 if x2 is None else x2

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Array, ...]:
        left = part(x1, rows)
        return _moments(subject, left, left if diagonal else part(other, columns), draws, seed, count)

    with subject.transforms.constant():
        found = gram(execution, x1, shape, tile, outputs=4, size=side, symmetric=x2 is None, progress=progress)
    return MonteCarlo(Kernels(*found[:2]), Kernels(*found[2:]))


def _check(network: Any, draws: Any, seed: Any) -> None:
    if not isinstance(network, Finite):
        wanted = "networks.finite(architecture, input_shape, width=...)"
        raise TypeError(f"monte_carlo_kernels needs a network of finite width, {wanted}, not {type(network).__name__}")
    if type(draws) is not int or draws < 2:
        raise ValueError(f"draws must be a whole number of at least 2, not {draws!r}")
    if type(seed) is not int or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, not {seed!r}")


def _drawn(network: Finite, seed: int, draws: range, like: Array) -> Any:
    """The parameters of some draws, one beside the other along a first axis, where `like` lies."""
    execution, dtype = execution_for(like), np.dtype(dtype_name(like))
    params = [network.init(np.random.default_rng((seed, i))) for i in draws]
    return mapped(lambda *arrays: execution.from_numpy(np.stack(arrays).astype(dtype), like), *params)


def _moments(
    subject: Subject, x1: Array, x2: Array, draws: int, seed: int, count: int
) -> tuple[Array, Array, Array, Array]:
    """Means of NNGP and NTK over all draws, and standard errors: (n1, n2) each."""
    network = subject.network
    assert network is not None
    options = {
        "network": network,
        "orders": structured.orders(network, x1.shape[0], x2.shape[0], _MEAN),
        "trained": bool(leaves(subject.trained)),
        "transforms": subject.transforms,
    }
    execution = subject.execution
    batch = execution.compiled(_batch, tuple(options))
    merge = execution.compiled(_merged, ("execution",))
    total = batch(_drawn(network, seed, range(count), x1), x1, x2, **options)
    for seen in range(count, draws, count):
        chosen = range(seen, min(seen + count, draws))
        found = batch(_drawn(network, seed, chosen, x1), x1, x2, **options)
        total = merge(total, found, float(seen), float(len(chosen)), execution=execution)
    nngp, ntk, *squares = total
    scale = 1.0 / math.sqrt(draws * (draws - 1.0))
    return nngp, ntk, *(scale * execution.xp.sqrt(s) for s in squares)


def _batch(
    params: Any,
    x1: Array,
    x2: Array,
    *,
    network: Finite,
    orders: tuple[Order, ...],
    trained: bool,
    transforms: Transforms,
) -> tuple[Array, Array, Array, Array]:
    """Means over a batch of networks, and sums of squares about them."""
    xp = array_api_compat.array_namespace(x1)

    def one(params: Any) -> tuple[Array, Array]:
        outputs = network.apply(params, x1), network.apply(params, x2)
        nngp = outputs[0] @ outputs[1].T / network.output_size
        if not trained:
            return nngp, xp.zeros_like(nngp)
        known: dict[str, Any] = {"network": network, "orders": orders, "form": _MEAN}
        sides = [structured.factors(params, x, **known, transforms=transforms) for x in (x1, x2)]
        return nngp, structured.contract(*sides, **known)

    samples = transforms.vmap(one, 0)(params)
    means = [xp.mean(s, axis=0) for s in samples]
    squares = [xp.sum((s - m) ** 2, axis=0) for s, m in zip(samples, means, strict=True)]
    return means[0], means[1], squares[0], squares[1]


def _merged(
    total: tuple[Array, ...], found: tuple[Array, ...], seen: float, more: float, *, execution: Execution
) -> tuple[Array, ...]:
    """Means and sums of squares of both batches together (Chan, Golub & LeVeque 1983)."""
    share = more / (seen + more)
    apart = [b - a for a, b in zip(total[:2], found[:2], strict=True)]
    means = [a + share * d for a, d in zip(total[:2], apart, strict=True)]
    squares = [a + b + seen * share * d * d for a, b, d in zip(total[2:], found[2:], apart, strict=True)]
    return (*means, *squares)
