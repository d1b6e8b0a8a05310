"""The fully connected kernels as one function that libraries trace and differentiate, by inputs and by scales.

It is computed in float64, in one pass. A network without biases is homogeneous: near an input that is zero its kernel
is a cone, K(h v, y) = |h| K(v, y) for vectors h v of both signs of h, whose derivative along each axis counts as the
limit of central differences, (K(e, y) - K(-e, y)) / 2.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for, note
from ntkbench.arrays.inputs import is_plain
from ntkbench.arrays.transforms import Function
from ntkbench.duals.gaussians import Gaussians
from ntkbench.duals.relu import relu_covariances
from ntkbench.kernels.gram.equal_inputs import traced_coincidences
from ntkbench.kernels.gram.tiles import mirrored
from ntkbench.kernels.relu.dense_tiles import NEARLY_PARALLEL, DenseTiles
from ntkbench.kernels.relu.network import Kernels, Network
from ntkbench.kernels.relu.norms import mean_square

UNROLLED = 16
"""The depth to which layers are written out: of second derivatives in a loop JAX loses the rules."""


def differentiable_kernels(network: Network, x1: Array, x2: Array | None) -> Kernels:
    """As `dense.fc_kernels`, of inputs and scales that may be traced and differentiated.

    Args:
        network: Its scales may be arrays of no dimensions.
        x1: Inputs (n1, d).
        x2: Other inputs (n2, d), or None.

    Returns:
        Both kernels, each (n1, n2), of the dtype of the inputs. Where no derivative is asked for, JAX computes as fast
        as it does untransformed.
    """
    execution: Any = execution_for(x1, *([] if x2 is None else [x2]))
    note(execution.name)
    scales = {name: getattr(network, name) for name in ("w_std", "b_std")}
    plain = tuple((name, scale) for name, scale in scales.items() if is_plain(scale))
    others = [scale for scale in scales.values() if not is_plain(scale)]
    symmetric = x2 is None
    function = _composed(execution, network.depth, plain, symmetric)
    return Kernels(*function(*([x1] if symmetric else [x1, x2]), *others))


@cache
def _composed(execution: Any, depth: int, plain: tuple[tuple[str, float], ...], symmetric: bool) -> Function:
    """Of x1, of x2 unless the matrix is symmetric, and of those scales that are not plain numbers."""
    named: dict[str, Any] = dict(plain)
    free = [name for name in ("w_std", "b_std") if name not in named]

    def arguments(arrays: tuple[Array, ...]) -> tuple[Network, Array, Array | None]:
        scales = arrays[len(arrays) - len(free) :]
        network = Network(depth, **named, **dict(zip(free, scales, strict=True)))
        return network, arrays[0], None if symmetric else arrays[1]

    def fast(*arrays: Array) -> tuple[Array, ...]:
        return _undifferentiated(execution, *arguments(arrays))

    def slow(*arrays: Array) -> tuple[Array, ...]:
        with execution.double():
            return tuple(whole(*arrays))

    def differentiated(*arrays: Array) -> tuple[Array, ...]:
        return _differentiable(execution, *arguments(arrays))

    whole = execution.compiled(differentiated, ())
    return execution.with_derivative(fast, slow) if execution.compiles else slow


def _undifferentiated(execution: Execution, network: Network, x1: Array, x2: Array | None) -> tuple[Array, ...]:
    """In the dtype of the inputs, but for those between which float32 loses too much."""
    xp, second = execution.xp, x1 if x2 is None else x2
    everything = slice(0, x1.shape[0]), slice(0, second.shape[0])
    same = traced_coincidences(x1, x2)
    results = DenseTiles(execution, _in_dtype(xp, network, x1.dtype), x1, second).block(*everything, same)
    nngp, ntk, closest = results

    def again() -> tuple[Array, ...]:
        with execution.double():
            wide1 = xp.astype(x1, xp.float64)
            wide2 = wide1 if x2 is None else xp.astype(x2, xp.float64)
            tiles = DenseTiles(execution, _in_dtype(xp, network, xp.float64), wide1, wide2)
            kernels = tiles.block(*everything, xp.astype(same, xp.float64))
            return tuple(xp.astype(kernel, x1.dtype) for kernel in kernels[:2])

    kernels: tuple[Array, ...] = (nngp, ntk)
    if x1.dtype == xp.float32:
        kernels = execution.either(closest > NEARLY_PARALLEL, again, lambda: (nngp, ntk))
    return tuple(mirrored(kernel, execution=execution) for kernel in kernels) if x2 is None else tuple(kernels)


def _in_dtype(xp: Any, network: Network, dtype: Any) -> Network:
    """With scales that are arrays in a dtype."""
    scales = {name: getattr(network, name) for name in ("w_std", "b_std")}
    return replace(network, **{name: xp.astype(s, dtype) for name, s in scales.items() if not is_plain(s)})


def _differentiable(execution: Execution, network: Network, x1: Array, x2: Array | None) -> tuple[Array, ...]:
    xp, dtype = execution.xp, x1.dtype
    same = traced_coincidences(x1, x2)
    wide1 = xp.astype(x1, xp.float64)
    wide2 = wide1 if x2 is None else xp.astype(x2, xp.float64)
    own = _own(execution, network, wide1)
    straight1, zeros1, any1 = _apart(execution, network, wide1)
    straight2, zeros2, any2 = (straight1, zeros1, any1) if x2 is None else _apart(execution, network, wide2)
    kernels = _between(execution, network, straight1, straight2)
    results = []
    cones1, cones2 = _cones(execution, network, any1, wide2), _cones(execution, network, any2, wide1)
    for kernel, exact, cone1, cone2 in zip(kernels, own, cones1, cones2, strict=True):
        # The value is that of an input with itself; the derivative is that of two inputs, which may part.
        result = kernel + execution.constant(xp.where(same > 0.0, exact[:, None] - kernel, xp.zeros_like(kernel)))
        result = result + execution.matmul(zeros1, xp.matrix_transpose(cone1))
        result = result + execution.matmul(cone2, xp.matrix_transpose(zeros2))
        if x2 is None:
            here = xp.eye(x1.shape[0], dtype=xp.bool, device=array_api_compat.device(x1))
            result = mirrored(xp.where(here, exact[:, None], result), execution=execution)
        results.append(xp.astype(result, dtype))
    return tuple(results)


def _between(execution: Execution, network: Network, x1: Array, x2: Array) -> tuple[Array, Array]:
    xp, weight, bias = execution.xp, _wide(execution, network.weight), _wide(execution, network.bias)
    q12 = execution.matmul(x1, xp.matrix_transpose(x2)) / x1.shape[1] * weight + bias
    q11, q22 = (mean_square(execution, x) * weight + bias for x in (x1, x2))

    def layer(carry: Any, _: Any) -> Any:
        nngp, ntk, first, second = carry
        value, step = relu_covariances(Gaussians(xp, nngp, first[:, None], second[None, :]).bounded())
        after = value * weight + bias
        return after, after + ntk * step * weight, first * (0.5 * weight) + bias, second * (0.5 * weight) + bias

    carry: Any = (q12, q12, q11, q22)
    if network.depth <= UNROLLED:
        for _ in range(network.depth - 1):
            carry = layer(carry, None)
        return carry[0], carry[1]
    device = array_api_compat.device(x1)
    layers = xp.zeros(network.depth - 1, dtype=xp.float64, device=device)
    nngp, ntk, _, _ = execution.scan(layer, carry, (layers,))
    return nngp, ntk


def _own(execution: Execution, network: Network, x: Array) -> tuple[Array, Array]:
    """Both kernels of each input with itself, (n,), whose correlation is one."""
    weight, bias = _wide(execution, network.weight), _wide(execution, network.bias)
    nngp = ntk = mean_square(execution, x) * weight + bias
    for _ in range(network.depth - 1):
        nngp = nngp * (0.5 * weight) + bias
        ntk = nngp + ntk * (0.5 * weight)
    return nngp, ntk


def _apart(execution: Execution, network: Network, x: Array) -> tuple[Array, Array, Array]:
    """The inputs without derivatives where they are zero, with derivatives only there, and whether any are zero."""
    xp = execution.xp
    zero = xp.all(x == 0.0, axis=1, keepdims=True) & (network.bias == 0.0)
    return xp.where(zero, execution.constant(x), x), xp.where(zero, x, xp.zeros_like(x)), xp.any(zero)


def _cones(execution: Execution, network: Network, any_zero: Array, others: Array) -> tuple[Array, Array]:
    """Derivatives of both kernels at an input that is zero, by its channels: (n, d) for the other inputs (n, d)."""
    xp = execution.xp
    others = execution.constant(others)

    def slopes() -> tuple[Array, ...]:
        axes = xp.eye(others.shape[1], dtype=others.dtype, device=array_api_compat.device(others))
        ahead, behind = (_between(execution, network, others, sign * axes) for sign in (1.0, -1.0))
        return tuple(execution.constant(0.5 * (one - other)) for one, other in zip(ahead, behind, strict=True))

    def none() -> tuple[Array, ...]:
        return xp.zeros_like(others), xp.zeros_like(others)

    if is_plain(network.bias) and network.bias > 0.0:
        nngp, ntk = none()
    else:
        nngp, ntk = execution.either(any_zero, slopes, none)
    return nngp, ntk


def _wide(execution: Execution, scale: Any) -> Any:
    return scale if is_plain(scale) else execution.xp.astype(scale, execution.xp.float64)
