"""The convolutional kernels on the CPU with numba: the same decomposition as `conv`, one cache-sized field at a time.

One x1 image meets LANES x2 images at once, and the lanes are the innermost axis, so that every step of the recursion is
a whole vector instruction whatever the image's width. Rows are activated, summed along x into a rolling buffer of
three, and summed along y: a layer reads and writes its fields once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange
from numba.core import types
from numba.extending import overload

from ntkbench.kernels.dual import ARCCOS_COEFFICIENTS
from ntkbench.kernels.network import Network, Pooling
from ntkbench.kernels.tiles import Progress

LANES = 16
_ROWS = 64  # x1 images between two reports of progress
_A0, _A1, _A2, _A3, _A4, _A5, _A6, _A7 = (np.float32(a) for a in ARCCOS_COEFFICIENTS)

# Numbers enter compiled code through an array, because a literal would widen float32 arithmetic to float64.
_WEIGHT, _BIAS, _PER_CHANNEL, _ONE, _PI, _PER_CIRCLE = range(6)


def kernel_matrices(
    x1: npt.NDArray[Any],
    x2: npt.NDArray[Any] | None,
    network: Network,
    pooling: Pooling,
    wanted: tuple[str, ...],
    scale: float,
    progress: Progress | None,
) -> tuple[npt.NDArray[Any], ...]:
    """As `conv.kernel_matrices`, for NumPy arrays (n, H, W, C) -> the wanted (n1, n2)."""
    symmetric = x2 is None
    if x2 is None:
        x2 = x1
    n1, height, width, channels = x1.shape
    n2 = len(x2)
    images1, norms1 = np.ascontiguousarray(x1), _norms(x1, network)
    images2, norms2 = _in_lanes(x2), _in_lanes(norms1 if symmetric else _norms(x2, network))
    shifts = 1 if pooling == "flatten" else height * width
    constants = np.array([network.weight / 9, network.bias, 1 / channels, 1.0, math.pi, 0.5 / math.pi], x1.dtype)
    mean = x1.dtype.type(1 / (height * width * shifts))
    matrices = {name: np.empty((n1, n2), x1.dtype) for name in wanted}
    done, total = 0, n1 * (n1 + 1) // 2 if symmetric else n1 * n2
    for start in range(0, n1, _ROWS):
        rows = slice(start, min(start + _ROWS, n1))
        nngp, ntk = np.zeros((2, rows.stop - start, n2), x1.dtype)
        sides = (images1[rows], norms1[rows], _inverse(norms1[rows]), images2, norms2, _inverse(norms2))
        _sums(*sides, start if symmetric else -1, shifts, network.first_trained, constants, nngp, ntk)
        kernels = network.read_out(nngp * mean, ntk * mean)._asdict()
        for name, matrix in matrices.items():
            matrix[rows] = kernels[name] * x1.dtype.type(scale)
        done += sum(n2 - i for i in range(rows.start, rows.stop)) if symmetric else (rows.stop - start) * n2
        if progress is not None:
            progress(done, total)
    if symmetric:
        for matrix in matrices.values():
            _mirror(matrix)
    return tuple(matrices.values())


def _norms(x: npt.NDArray[Any], network: Network) -> npt.NDArray[Any]:
    """Standard deviations of the preactivations, (n, H, W, C) -> (n, depth - 1, H, W)."""
    variance = np.einsum("nhwc,nhwc->nhw", x, x) / x.dtype.type(x.shape[-1])
    layers = []
    for _ in range(network.depth - 1):
        for axis in (1, 2):
            padded = np.pad(variance, [(1, 1) if a == axis else (0, 0) for a in range(3)])
            take = [np.take(padded, range(k, k + variance.shape[axis]), axis) for k in range(3)]
            variance = take[0] + take[1] + take[2]
        variance = variance * x.dtype.type(network.weight / 9) + x.dtype.type(network.bias)
        layers.append(np.sqrt(variance))
        variance = variance / 2
    return np.stack(layers, axis=1)


def _inverse(norms: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """1 / norms, and 0 where a norm is 0, which makes the correlation there 0."""
    return np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)


def _in_lanes(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n, ...) -> (ceil(n / LANES), ..., LANES), the last block filled up with zeros."""
    blocks = -(-len(a) // LANES)
    padded = np.zeros((blocks * LANES, *a.shape[1:]), a.dtype)
    padded[: len(a)] = a
    return np.ascontiguousarray(np.moveaxis(padded.reshape(blocks, LANES, *a.shape[1:]), 1, -1))


def _angle(a, root, sine):  # type: ignore[no-untyped-def]
    """arccos(a) for 0 <= a <= 1, where root = sqrt(1 - a) and sine = sqrt(1 - a^2); typed by numba, below."""
    raise TypeError("compiled code only")


@overload(_angle, inline="always")
def _typed_angle(a, root, sine):  # type: ignore[no-untyped-def]
    if a is types.float32:
        return lambda a, root, sine: (
            root * (_A0 + a * (_A1 + a * (_A2 + a * (_A3 + a * (_A4 + a * (_A5 + a * (_A6 + a * _A7)))))))
        )
    return lambda a, root, sine: math.atan2(sine, a)


# No NaN or infinity can arise (every root and quotient is guarded), so arithmetic may be reordered and fused.
_FAST = {"nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"}


@njit(cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _inner(x1, y, x2, dy, dx, constants, kappa):  # type: ignore[no-untyped-def]
    """Row y of the input covariance at displacement (dy, dx): (W, LANES)."""
    height, width, channels = x1.shape
    y2 = (y + dy) % height
    for x in range(width):
        x2_ = (x + dx) % width
        for v in range(LANES):
            total = x1[y, x, 0] * x2[y2, x2_, 0, v]
            for c in range(1, channels):
                total += x1[y, x, c] * x2[y2, x2_, c, v]
            kappa[x, v] = total * constants[_PER_CHANNEL]


@njit(cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _activate(nngp, ntk, norm1, inverse1, norm2, inverse2, dx, same, constants, kappa, inherited):  # type: ignore[no-untyped-def]
    """One row after a ReLU: the NNGP into `kappa`, the NTK of earlier layers into `inherited`, each (W, LANES)."""
    width = nngp.shape[0]
    one, pi, per_circle = constants[_ONE], constants[_PI], constants[_PER_CIRCLE]
    zero = one - one
    for x in range(width):
        x2 = (x + dx) % width
        i1, n1 = inverse1[x], norm1[x] * per_circle
        for v in range(LANES):
            c = nngp[x, v] * (i1 * inverse2[x2, v])
            # An image meets itself: its correlation is one, and formed by division it would lose half the digits.
            c += same[v] * (one - c)
            a = min(abs(c), one)
            root = math.sqrt(one - a)
            sine = root * math.sqrt(one + a)
            angle = _angle(a, root, sine)
            supplement = angle if c < zero else pi - angle
            signed = -a if c < zero else a
            kappa[x, v] = (n1 * norm2[x2, v]) * (sine + signed * supplement)
            inherited[x, v] = ntk[x, v] * (supplement * per_circle)


@njit(cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _box_row(kappa, inherited, seam, boxed):  # type: ignore[no-untyped-def]
    """Sums of three neighbours along a row, of kappa and of kappa + inherited: (W, LANES) -> (2, W, LANES)."""
    width = kappa.shape[0]
    for x in range(width):
        left = x > 0 and x != seam
        right = x + 1 < width and x + 1 != seam
        for v in range(LANES):
            s = kappa[x, v]
            t = inherited[x, v]
            if left:
                s += kappa[x - 1, v]
                t += inherited[x - 1, v]
            if right:
                s += kappa[x + 1, v]
                t += inherited[x + 1, v]
            boxed[0, x, v] = s
            boxed[1, x, v] = s + t


@njit(cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _box_column(ring, y, height, seam, weight, bias, field):  # type: ignore[no-untyped-def]
    """Row y of the convolved field, from the boxed rows y - 1, y, y + 1 in the ring."""
    width = field.shape[0]
    above, here, below = ring[(y + 2) % 3], ring[y % 3], ring[(y + 1) % 3]
    up = y > 0 and y != seam
    down = y + 1 < height and y + 1 != seam
    for x in range(width):
        for v in range(LANES):
            s = here[x, v]
            if up:
                s += above[x, v]
            if down:
                s += below[x, v]
            field[x, v] = s * weight + bias


@njit(cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _convolve(ring, y, height, seam, weight, bias, ntk_weight, ntk_bias, nngp, ntk):  # type: ignore[no-untyped-def]
    _box_column(ring[:, 0], y, height, seam, weight, bias, nngp[y])
    _box_column(ring[:, 1], y, height, seam, ntk_weight, ntk_bias, ntk[y])


@njit(cache=True, parallel=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _sums(  # type: ignore[no-untyped-def]
    images1,
    norms1,
    inverses1,
    images2,
    norms2,
    inverses2,
    first_row,
    shifts,
    first_trained,
    constants,
    nngp_out,
    ntk_out,
):
    """Sums over positions and displacements of NNGP and inherited NTK after the last ReLU, for a few x1 images.

    `first_row` is the number of the first x1 image among the x2 images, when only the upper triangle is wanted; else -1.
    """
    n1, height, width, _ = images1.shape
    activations = norms1.shape[1]
    n2 = nngp_out.shape[1]
    weight, bias = constants[_WEIGHT], constants[_BIAS]
    zero = weight - weight
    for i in prange(n1):
        nngp = np.empty((height, width, LANES), images1.dtype)
        ntk = np.empty((height, width, LANES), images1.dtype)
        ring = np.empty((3, 2, width, LANES), images1.dtype)
        kappa = np.empty((width, LANES), images1.dtype)
        inherited = np.zeros((width, LANES), images1.dtype)
        sums = np.empty((2, LANES), images1.dtype)
        row_sums = np.empty((2, LANES), images1.dtype)
        same = np.empty(LANES, images1.dtype)
        first_block = 0 if first_row < 0 else (first_row + i) // LANES
        for block in range(first_block, images2.shape[0]):
            sums[:] = 0
            for shift in range(shifts):
                dy, dx = shift // width, shift % width
                row_seam, column_seam = (height - dy) % height, (width - dx) % width
                same[:] = 0
                if shift == 0 and first_row >= 0 and block == first_block:
                    same[(first_row + i) % LANES] = 1
                for layer in range(activations):
                    trained = layer > 0 or first_trained
                    ntk_weight = weight if trained else zero
                    ntk_bias = bias if trained else zero
                    for y in range(height):
                        if layer == 0:
                            _inner(images1[i], y, images2[block], dy, dx, constants, kappa)
                            inherited[:] = 0
                        else:
                            y2 = (y + dy) % height
                            m = layer - 1
                            _activate(
                                nngp[y], ntk[y], norms1[i, m, y], inverses1[i, m, y], norms2[block, m, y2],
                                inverses2[block, m, y2], dx, same, constants, kappa, inherited,
                            )  # fmt: skip
                        _box_row(kappa, inherited, column_seam, ring[y % 3])
                        if y > 0:
                            _convolve(
                                ring, y - 1, height, row_seam, weight, bias, ntk_weight, ntk_bias, nngp, ntk
                            )  # fmt: skip
                    _convolve(
                        ring, height - 1, height, row_seam, weight, bias, ntk_weight, ntk_bias, nngp, ntk
                    )  # fmt: skip
                m = activations - 1
                for y in range(height):
                    y2 = (y + dy) % height
                    _activate(
                        nngp[y], ntk[y], norms1[i, m, y], inverses1[i, m, y], norms2[block, m, y2],
                        inverses2[block, m, y2], dx, same, constants, kappa, inherited,
                    )  # fmt: skip
                    row_sums[:] = 0
                    for x in range(width):
                        for v in range(LANES):
                            row_sums[0, v] += kappa[x, v]
                            row_sums[1, v] += inherited[x, v]
                    for v in range(LANES):
                        sums[0, v] += row_sums[0, v]
                        sums[1, v] += row_sums[1, v]
            for v in range(min(LANES, n2 - block * LANES)):
                nngp_out[i, block * LANES + v] = sums[0, v]
                ntk_out[i, block * LANES + v] = sums[1, v]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _mirror(matrix):  # type: ignore[no-untyped-def]
    """Copy the upper triangle onto the lower one."""
    for i in range(matrix.shape[0]):
        for j in range(i):
            matrix[i, j] = matrix[j, i]
