"""NNGP and NTK of convolutional ReLU networks of infinite width: 3x3 filters, stride 1, zero padding.

A 3x3 convolution takes the covariance of positions (p, p') to a sum over (p + s, p' + s): the displacement p' - p never
changes. So the recursion runs on one displacement at a time, as a stencil on a field of H x W values for each image
pair, and nothing of size (H W)^2 is stored. Flattening needs displacement zero alone; global average pooling needs all.

Displacements are taken cyclically: the displacements d and d - H of the rows fill one field without overlap, and a seam
between their parts, which no stencil may cross, is all that tells them apart. Every field is then full, of one shape.
"""

from __future__ import annotations

import math
from typing import Any

import array_api_compat
import numpy as np

from ntkbench.kernels.dual import relu_dual
from ntkbench.kernels.execution import Execution, execution_for, note
from ntkbench.kernels.network import Kernels, Network, Pooling, check_images, check_pair
from ntkbench.kernels.tiles import Progress, gram, side

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
    (global average pooling). The input covariance divides by C, each convolution by 9, pooling by H W. Raises
    ValueError for shapes, dtypes, depths or poolings that make no sense. Source: Arora et al. 2019, section 4;
    Novak et al. 2019.
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
    """The `wanted` fields of `Kernels`, times `scale`; NumPy arrays go to numba, all others to the array API."""
    check_images(x1, "x1")
    if x2 is not None:
        check_images(x2, "x2")
        check_pair(x1, x2)
    if pooling not in _POOLINGS:
        raise ValueError(f"pooling must be one of {', '.join(_POOLINGS)}, not {pooling!r}")

    execution = execution_for(x1, *([] if x2 is None else [x2]))
    if array_api_compat.is_numpy_array(x1):
        from ntkbench.kernels import conv_numba

        note("numba")
        return conv_numba.kernel_matrices(x1, x2, network, pooling, wanted, scale, progress)
    if array_api_compat.is_torch_array(x1):
        from ntkbench.kernels import conv_torch

        return conv_torch.kernel_matrices(x1, x2, network, pooling, wanted, scale, progress)
    note(execution.name)
    return array_api_matrices(x1, x2, network, pooling, wanted, scale, progress)


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
    symmetric = x2 is None
    execution = execution_for(x1, *([] if x2 is None else [x2]))
    xp = execution.xp
    # Images last: a shift of the stencil then moves whole rows of pairs, whatever the width of the image.
    images1 = xp.permute_dims(x1, (1, 2, 0, 3))
    images2 = images1 if x2 is None else xp.permute_dims(x2, (1, 2, 0, 3))
    norms = execution.compiled(_norms, ("execution", "network"))
    norms1 = norms(images1, execution=execution, network=network)
    norms2 = norms1 if x2 is None else norms(images2, execution=execution, network=network)
    shifts = _displacements(x1, pooling, execution)
    function = execution.compiled(_tile, ("execution", "network", "diagonal", "wanted", "scale"))

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Any, ...]:
        pieces = (images1[:, :, rows], images2[:, :, columns], norms1[..., rows], norms2[..., columns], *shifts)
        options = {"execution": execution, "network": network, "diagonal": diagonal, "wanted": wanted, "scale": scale}
        return tuple(function(*pieces, **options))

    n1, height, width, _ = x1.shape
    size = side(_WORKING_FIELDS * height * width * x1.dtype.itemsize, execution.budget(x1))
    shape = (n1, n1 if x2 is None else x2.shape[0])
    return gram(execution, x1, shape, tile, outputs=len(wanted), size=size, symmetric=symmetric, progress=progress)


def _displacements(x: Any, pooling: Pooling, execution: Execution) -> tuple[Any, Any]:
    """Row and column displacements, two integer vectors: zero alone, or all H W."""
    _, height, width, _ = x.shape
    count = 1 if pooling == "flatten" else height * width
    device = array_api_compat.device(x)
    index = execution.xp.arange(count, device=device)
    return index // width, index % width


def _tile(
    x1: Any,
    x2: Any,
    norms1: Any,
    norms2: Any,
    row_shifts: Any,
    column_shifts: Any,
    *,
    execution: Execution,
    network: Network,
    diagonal: bool,
    wanted: tuple[str, ...],
    scale: float,
) -> Any:
    """One block: images (H, W, n1, C) and (H, W, n2, C), norms (depth - 1, H, W, n) -> the wanted (n1, n2)."""
    xp = execution.xp
    height, width, n1, _ = x1.shape
    n2 = x2.shape[2]
    both1, both2 = _with_inverse(xp, norms1), _with_inverse(xp, norms2)
    x2 = xp.permute_dims(x2, (0, 1, 3, 2))
    device = array_api_compat.device(x1)
    zero = xp.zeros((n1, n2), dtype=x1.dtype, device=device)
    identity = xp.eye(n1, n2, dtype=x1.dtype, device=device) if diagonal else None

    def displacement(sums: Any, shift: Any) -> Any:
        dy, dx = shift
        shifted = _roll(xp, x2, dy, dx, 0)
        shifted2 = tuple(_roll(xp, norms, dy, dx, 1) for norms in both2)
        # Cyclically, the rows from here on belong to the displacement dy - height; likewise the columns.
        seams = ((height - dy) % height, (width - dx) % width)
        same = None if identity is None else identity * ((dy == 0) & (dx == 0))
        covariance = xp.matmul(x1, shifted) / x1.shape[-1]
        nngp, ntk = _recursion(execution, network, covariance, (*both1, *shifted2), seams, same)
        return sums[0] + xp.sum(nngp, axis=(0, 1)), sums[1] + xp.sum(ntk, axis=(0, 1))

    if row_shifts.shape[0] == 1:
        sums = displacement((zero, zero), (0, 0))
    else:
        sums = execution.scan(displacement, (zero, zero), (row_shifts, column_shifts))
    # A mean over positions, or over pairs of positions.
    mean = 1.0 / (height * width * row_shifts.shape[0])
    kernels = network.read_out(sums[0] * mean, sums[1] * mean)
    return [getattr(kernels, name) * scale for name in wanted]


def _recursion(
    execution: Execution, network: Network, covariance: Any, norms: tuple[Any, ...], seams: Any, same: Any
) -> tuple[Any, Any]:
    """Fields (H, W, n1, n2) of one displacement through all hidden layers: NNGP and NTK after the last ReLU.

    `norms`: norms and inverse norms of the first images, then of the second, each (depth - 1, H, W, n).
    """

    def convolve(field: Any) -> Any:
        return _convolve(execution, network, field, seams)

    def layer(carry: Any, norms: Any) -> Any:
        nngp, ntk = _activate(execution.xp, carry, norms, same)
        return convolve(nngp), convolve(nngp + ntk)

    nngp = convolve(covariance)
    carry = (nngp, nngp if network.first_trained else 0.0 * nngp)
    if network.depth > 2:
        carry = execution.scan(layer, carry, tuple(each[:-1] for each in norms))
    return _activate(execution.xp, carry, tuple(each[-1] for each in norms), same)


def _convolve(execution: Execution, network: Network, field: Any, seams: Any) -> Any:
    """The covariance after a 3x3 convolution, from that before it, on a field (H, W, ...)."""
    boxed = execution.box(execution.box(field, 0, seams[0]), 1, seams[1]) * (network.weight / 9)
    return boxed + network.bias if network.bias else boxed


def _activate(xp: Any, carry: tuple[Any, Any], norms: tuple[Any, ...], same: Any) -> tuple[Any, Any]:
    """NNGP and inherited NTK after a ReLU, from those before it and one layer's norms; zero norms do not correlate."""
    nngp, ntk = carry
    norm1, inverse1 = (each[..., :, None] for each in norms[:2])
    norm2, inverse2 = (each[..., None, :] for each in norms[2:])
    # Grouped so that exchanging the two sides changes no bit: a Gram matrix is then exactly symmetric.
    correlation = nngp * (inverse1 * inverse2)
    if same is not None:
        # The correlation of an image with itself is one; formed by division it would lose half the digits.
        correlation = correlation + same * (1.0 - correlation)
    kappa, slope = relu_dual(xp, correlation)
    return kappa * (norm1 * norm2), ntk * slope


def _with_inverse(xp: Any, norms: Any) -> tuple[Any, Any]:
    """The norms and 1 / norms, with 0 where a norm is 0: the correlation is then 0."""
    positive = norms > 0.0
    return norms, xp.where(positive, 1.0 / xp.where(positive, norms, xp.ones_like(norms)), xp.zeros_like(norms))


def _norms(x: Any, *, execution: Execution, network: Network) -> Any:
    """Standard deviations of the preactivations, (H, W, n, C) -> (depth - 1, H, W, n)."""
    xp = execution.xp
    variance = xp.sum(x * x, axis=-1) / x.shape[-1]
    layers = []
    for _ in range(network.depth - 1):
        variance = _convolve(execution, network, variance, (0, 0))
        layers.append(xp.sqrt(variance))
        variance = variance / 2
    return xp.stack(layers)


def _roll(xp: Any, field: Any, dy: Any, dx: Any, axis: int) -> Any:
    """field[y + dy, x + dx], cyclically, over the axes `axis` and `axis` + 1."""
    if array_api_compat.is_torch_array(field):
        dy, dx = int(dy), int(dx)  # torch rolls by whole numbers only
    return xp.roll(xp.roll(field, -dy, axis=axis), -dx, axis=axis + 1)
