"""NNGP and NTK of convolutional ReLU networks of infinite width: 3x3 filters, stride 1, zero padding.

A 3x3 convolution takes the covariance of positions (p, p') to a sum over (p + s, p' + s): the displacement p' - p never
changes, and displacements need nothing of each other. Flattening needs displacement zero alone: a field (H, W) for each
image pair. Global average pooling needs all: here one displacement of the rows at a time with all pairs (x, x') of
columns, a field (H, W, W') in which neighbours lie on diagonals. Nothing of size (H W)^2 is stored.

Displacements of the rows are taken cyclically: d and d - H fill one field without overlap, and a seam between their
parts, which no stencil may cross, is all that tells them apart. Every field is then full, of one shape.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.execution import Execution, execution_for, note
from ntkbench.arrays.inputs import check_images, check_pair
from ntkbench.kernels.gram.equal_inputs import coincidences, number_inputs
from ntkbench.kernels.gram.tiles import Progress, gram, side
from ntkbench.kernels.relu.layers import recursion
from ntkbench.kernels.relu.network import Kernels, Network, Pooling

_WORKING_FIELDS = 16  # live at once in a layer where operations run one by one; a compiler needs fewer
_POOLINGS = ("flatten", "gap")


def conv_kernels(
    x1: Any,
    x2: Any | None = None,
    *,
    depth: int,
    pooling: Pooling,
    w_std: float = math.sqrt(2.0),
    b_std: float = 0.0,
    progress: Progress | None = None,
) -> Kernels:
    """NNGP and NTK Gram matrices of depth - 1 convolutions with ReLU, pooling, and a dense readout.

    x1 (n1, H, W, C) and x2 (n2, H, W, C), float32 or float64, of NumPy, torch or JAX -> two (n1, n2) of the same kind.
    Without x2: of x1 with itself, symmetric. `pooling`: "flatten" (positions keep their own readout weights) or "gap"
    (global average pooling). The input covariance divides by C, each convolution by 9, pooling by H W. An image that
    is not finite has NaN in its row and column, and nowhere else. Raises ValueError for shapes (no images at all
    among them), dtypes, depths or poolings that make no sense. Source: Arora et al. 2019, section 4; Novak et al. 2019.
    """
    return Kernels(*kernel_matrices(x1, x2, Network(depth, w_std, b_std), pooling, ("nngp", "ntk"), 1.0, progress))


def cntk(x1: Any, x2: Any | None = None, *, depth: int, pooling: Pooling, progress: Progress | None = None) -> Any:
    """The convolutional NTK of Arora et al. 2019, in their scaling and with their choice of trained layers.

    Arrays as for `conv_kernels` -> one (n1, n2). "flatten" (their CNTK-V): all layers trained, the sum over positions.
    "gap" (their CNTK-GAP): the first and the last layer fixed, the mean over pairs of positions. `depth` counts the
    readout: depth 3 has two convolutions. Raises ValueError as `conv_kernels` does.
    """
    check_images(x1, "x1")
    network, scale = _arora(x1, depth, pooling)
    return kernel_matrices(x1, x2, network, pooling, ("ntk",), scale, progress)[0]


def relative_error(block: Any, x1: Any, x2: Any, to_numpy: Any, *, depth: int, pooling: Pooling) -> float:
    """The largest relative error of `block`, a cntk Gram matrix (n1, n2), against the array API on float64 NumPy.

    x1 and x2 are the images it was computed from, on any backend; `to_numpy` brings them to NumPy.
    """
    exact1, exact2 = (np.asarray(to_numpy(x), dtype=np.float64) for x in (x1, x2))
    network, scale = _arora(exact1, depth, pooling)
    exact = array_api_matrices(exact1, exact2, network, pooling, ("ntk",), scale, None)[0]
    return float(np.max(np.abs(np.asarray(block, dtype=np.float64) - exact) / np.abs(exact)))


def _arora(x: Any, depth: int, pooling: Pooling) -> tuple[Network, float]:
    """The network and the factor that turn our NTK into the published CNTK for images like x (n, H, W, C)."""
    _, height, width, channels = x.shape
    flatten = pooling == "flatten"
    return Network(depth, first_trained=flatten, last_trained=flatten), channels * (
        height * width if flatten else 1
    ) / 2


def kernel_matrices(
    x1: Any,
    x2: Any | None,
    network: Network,
    pooling: Pooling,
    wanted: tuple[str, ...],
    scale: float,
    progress: Progress | None,
) -> tuple[Any, ...]:
    """The `wanted` fields of `Kernels`, times `scale`; each library's arrays take its own way."""
    check_images(x1, "x1")
    if x2 is not None:
        check_images(x2, "x2")
        check_pair(x1, x2)
    if pooling not in _POOLINGS:
        raise ValueError(f"pooling must be one of {', '.join(_POOLINGS)}, not {pooling!r}")

    execution_for(x1, *([] if x2 is None else [x2]))  # raises TypeError for two libraries
    if array_api_compat.is_numpy_array(x1):
        from ntkbench.kernels.conv import numba_cpu

        note("numba")
        return numba_cpu.kernel_matrices(x1, x2, network, pooling, wanted, scale, progress)
    if array_api_compat.is_torch_array(x1):
        from ntkbench.kernels.conv import dispatch_torch

        return dispatch_torch.kernel_matrices(x1, x2, network, pooling, wanted, scale, progress)
    from ntkbench.kernels.conv import dispatch_jax

    return dispatch_jax.kernel_matrices(x1, x2, network, pooling, wanted, scale, progress)


def array_api_matrices(
    x1: Any,
    x2: Any | None,
    network: Network,
    pooling: Pooling,
    wanted: tuple[str, ...],
    scale: float,
    progress: Progress | None,
) -> tuple[Any, ...]:
    """As `kernel_matrices`, on the array API for every library, NumPy included."""
    execution = execution_for(x1, *([] if x2 is None else [x2]))
    numbers1, numbers2 = number_inputs(x1) * 2 if x2 is None else number_inputs(x1, x2)
    norms1 = layer_norms(execution, x1, network)
    norms2 = norms1 if x2 is None else layer_norms(execution, x2, network)
    images2 = x1 if x2 is None else x2
    block = _flatten if pooling == "flatten" else _gap
    function = execution.compiled(block, ("execution", "network", "wanted", "scale"))

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Any, ...]:
        same = coincidences(x1, numbers1[rows], numbers2[columns])
        pieces = (x1[rows, ...], images2[columns, ...], norms1[:, rows, ...], norms2[:, columns, ...], same)
        return tuple(function(*pieces, execution=execution, network=network, wanted=wanted, scale=scale))

    n1, height, width, _ = x1.shape
    # All pairs of columns, H times, from the cache next to a core: several times as fast as from one that cores share.
    field, share = (height * width, 1) if pooling == "flatten" else (height * width * (width + 1), 8)
    size = side(_WORKING_FIELDS * field * x1.dtype.itemsize, execution.budget(x1) // share)
    shape = (n1, images2.shape[0])
    return gram(execution, x1, shape, tile, outputs=len(wanted), size=size, symmetric=x2 is None, progress=progress)


def _flatten(
    x1: Any, x2: Any, norms1: Any, norms2: Any, same: Any,
    *, execution: Execution, network: Network, wanted: tuple[str, ...], scale: float,
) -> Any:  # fmt: skip
    """One block: images (n1, H, W, C) and (n2, H, W, C), norms (depth - 1, n, H, W) -> the wanted (n1, n2)."""
    xp = execution.xp
    covariance = _covariance(execution, x1[:, None, ...], x2[None, ...])
    sides = (norms1[:, :, None, ...], norms2[:, None, ...])

    same = None if same is None else same[:, :, None, None]

    def convolve(field: Any, bias: Any) -> Any:
        return _scaled(network, execution.box(execution.box(field, 2, 0), 3, 0), bias)

    fields = recursion(execution, network, covariance, sides, convolve, same)
    means = (xp.mean(field, axis=(2, 3)) for field in fields)
    return _wanted(network, means, wanted, scale)


def _gap(
    x1: Any, x2: Any, norms1: Any, norms2: Any, same: Any,
    *, execution: Execution, network: Network, wanted: tuple[str, ...], scale: float,
) -> Any:  # fmt: skip
    """As `_flatten`. Fields are (n1, n2, H, W, W' + 1), the last column a gutter of zeros.

    With the last two axes as one, the neighbours (x + 1, x' + 1) are W' + 2 apart, and the gutter keeps rows apart.
    """
    xp = execution.xp
    n1, height, width, _ = x1.shape
    shape = (n1, x2.shape[0], height, width, width + 1)
    device = array_api_compat.device(x1)
    columns = xp.arange(width + 1, device=device)
    inside = xp.astype(columns < width, x1.dtype)
    if same is not None:
        straight = xp.astype(xp.arange(width, device=device)[:, None] == columns, x1.dtype)
        same = same[:, :, None, None, None] * straight

    def pad(field: Any) -> Any:
        return xp.concat([field, xp.zeros_like(field[..., :1])], axis=-1)

    def displacement(sums: Any, dy: Any) -> Any:
        # Cyclically, the rows from here on belong to the displacement dy - height.
        seam = (height - dy[0]) % height
        shifted, shifted_norms = execution.roll(x2, dy[0], 1), execution.roll(norms2, dy[0], 2)
        covariance = _covariance(execution, x1[:, None, :, :, None, :], shifted[None, :, :, None, :, :])
        sides = (norms1[:, :, None, :, :, None], pad(shifted_norms)[:, None, :, :, None, :])
        here = None if same is None else same * xp.astype(dy[0] == 0, x1.dtype)

        def convolve(field: Any, bias: Any) -> Any:
            field = xp.reshape(execution.box(field, 2, seam), (*shape[:3], -1))
            return _scaled(network, xp.reshape(execution.box(field, 3, 0, width + 2), shape), bias, inside)

        fields = recursion(execution, network, pad(covariance), sides, convolve, here)
        return tuple(total + xp.sum(field, axis=(2, 3, 4)) for total, field in zip(sums, fields, strict=True))

    zero = xp.zeros(shape[:2], dtype=x1.dtype, device=device)
    sums = execution.scan(displacement, (zero, zero), (xp.arange(height, device=device),))
    return _wanted(network, (total / (height * width) ** 2 for total in sums), wanted, scale)


def _covariance(execution: Execution, x1: Any, x2: Any) -> Any:
    """The mean over channels, the last axis, of x1 x2, which are broadcast; for few channels faster than products."""
    xp = execution.xp
    shape = np.broadcast_shapes(tuple(x1.shape), tuple(x2.shape))
    zero = xp.zeros(shape[:-1], dtype=x1.dtype, device=array_api_compat.device(x1))
    channels = tuple(xp.moveaxis(x, -1, 0) for x in (x1, x2))
    return execution.scan(lambda total, pair: total + pair[0] * pair[1], zero, channels) / shape[-1]


def _wanted(network: Network, means: Any, wanted: tuple[str, ...], scale: float) -> list[Any]:
    kernels = network.read_out(*means)
    return [getattr(kernels, name) * scale for name in wanted]


def _scaled(network: Network, sums: Any, bias: Any, inside: Any = 1.0) -> Any:
    """What a 3x3 convolution makes of a kernel, from the sums over its neighbours; 0 where `inside` is 0."""
    scaled = sums * (inside * (network.weight / 9))
    return scaled + inside * bias if network.bias else scaled


def layer_norms(execution: Execution, x: Any, network: Network) -> Any:
    """Standard deviations of the preactivations, (n, H, W, C) -> (depth - 1, n, H, W)."""
    convolve = execution.compiled(_convolved_variance, ("execution", "network"))
    variance = 2.0 * execution.xp.sum(x * x, axis=-1) / x.shape[-1]
    layers = []
    for _ in range(network.depth - 1):
        variance = convolve(variance, execution=execution, network=network)
        layers.append(variance)
    return execution.xp.sqrt(execution.xp.stack(layers))


def _convolved_variance(variance: Any, *, execution: Execution, network: Network) -> Any:
    """The variance (n, H, W) of a layer's preactivations from that of the layer before, half of which is after ReLU."""
    return _scaled(network, execution.box(execution.box(variance / 2, 1, 0), 2, 0), network.bias)
