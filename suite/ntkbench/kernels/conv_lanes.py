"""What numba compiles for `conv_numba`: one x1 image meets LANES x2 images at once, one cache-sized field at a time.

The lanes are the innermost axis, so that every step of the recursion is a whole vector instruction whatever the image's
width. Rows are activated, summed along x into a rolling buffer of three, and summed along y: a layer reads and writes
its fields once.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numba.core import types
from numba.extending import overload

from ntkbench.kernels.dual import ANGLE, LUNE

LANES = 16
_TOGETHER = 4  # x1 images that one thread takes at once
_A0, _A1, _A2, _A3, _A4, _A5, _A6, _A7 = (np.float32(c) for c in ANGLE)
_L0, _L1, _L2, _L3, _L4, _L5, _L6 = (np.float32(c) for c in LUNE)

# Numbers enter compiled code through an array, because a literal would widen float32 arithmetic to float64.
_WEIGHT, _BIAS, _PER_CHANNEL, _ONE, _HALF = range(5)


def _arc(a, root):
    """arccos(a) and sqrt(1 - a^2) - a arccos(a), both over 2 pi, given root = sqrt(1 - a); typed by numba, below."""
    raise TypeError("compiled code only")


@overload(_arc, inline="always")
def _typed_arc(a, root):
    if a is types.float32:
        return lambda a, root: (
            root * (_A0 + a * (_A1 + a * (_A2 + a * (_A3 + a * (_A4 + a * (_A5 + a * (_A6 + a * _A7))))))),
            root * (_L0 + a * (_L1 + a * (_L2 + a * (_L3 + a * (_L4 + a * (_L5 + a * _L6)))))),
        )

    def exact(a, root):
        sine = root * math.sqrt(1.0 + a)
        angle = math.atan2(sine, a) / (2 * math.pi)
        return angle, sine / (2 * math.pi) - a * angle

    return exact


# No NaN or infinity can arise (every root and quotient is guarded), so arithmetic may be reordered and fused.
_FAST = {"nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"}

# A row of W positions travels in W + 3 slots of LANES numbers: the positions before the cyclic seam from slot 1 on, the
# others after one more empty slot. Neighbours are then always one slot away, with zeros beyond the borders.


@njit(cache=True, fastmath=_FAST)
def _inner(x1, x2, dx, seam, constants, kappa):
    """One row of the input covariance at column displacement dx: (W, C) and (W, C, LANES) -> slots."""
    width, channels = x1.shape
    per_channel = constants[_PER_CHANNEL]
    # Channel by channel: a sum over channels within a lane would not be vectorised.
    for c in range(channels):
        other = dx
        for x in range(width):
            slot = x + 1 if x < seam else x + 2
            factor = x1[x, c] * per_channel
            for v in range(LANES):
                before = kappa[slot, v] if c > 0 else per_channel - per_channel
                kappa[slot, v] = before + factor * x2[other, c, v]
            other = other + 1 if other + 1 < width else 0


@njit(cache=True, fastmath=_FAST)
def _activate(nngp, ntk, norm1, inverse1, norm2, inverse2, dx, seam, same, add, constants, kappa, inherited):
    """One row after a ReLU: the NNGP into the slots of `kappa`, the NTK into those of `inherited`.

    The NTK is that of earlier layers, plus `add` times the NNGP. `same` is the lane in which an image meets itself, or
    -1: its correlation is one, and formed by division it would lose half the digits.
    """
    width = norm1.shape[0]
    one, half = constants[_ONE], constants[_HALF]
    zero = one - one
    if same >= 0:
        for x in range(width):
            # Well above what rounding could take away; the correlation is clipped to one.
            nngp[x, same] = norm1[x] * norm1[x] * (one + one)
    other = dx
    for x in range(width):
        slot = x + 1 if x < seam else x + 2
        i1, n1 = inverse1[x], norm1[x]
        for v in range(LANES):
            c = nngp[x, v] * (i1 * inverse2[other, v])
            a = min(abs(c), one)
            angle, lune = _arc(a, math.sqrt(one - a))
            value = (n1 * norm2[other, v]) * (lune + half * (zero if c < zero else a))
            kappa[slot, v] = value
            inherited[slot, v] = ntk[x, v] * (angle if c < zero else half - angle) + add * value
        other = other + 1 if other + 1 < width else 0


@njit(cache=True, fastmath=_FAST)
def _box_row(slots, seam, boxed):
    """Sums of three neighbours along a row: slots (W + 3, LANES) -> (W * LANES)."""
    flat, split = slots.reshape(-1), seam * LANES
    _add_neighbours(flat, boxed[:split])
    _add_neighbours(flat[split + LANES :], boxed[split:])


@njit(cache=True, fastmath=_FAST)
def _add_neighbours(flat, boxed):
    # Three slices with one index: an index with an offset might be negative, and that would hinder vectorisation.
    left, middle, right = flat, flat[LANES:], flat[2 * LANES :]
    for k in range(boxed.shape[0]):
        boxed[k] = left[k] + middle[k] + right[k]


@njit(cache=True, fastmath=_FAST)
def _convolve(ring, y, height, seam, weight, bias, field):
    """Row y of a convolved field, from the boxed rows y - 1, y, y + 1 in the ring."""
    zero = weight - weight
    above, here, below, row = ring[(y + 2) % 3], ring[y % 3], ring[(y + 1) % 3], field[y].reshape(-1)
    up = weight if y > 0 and y != seam else zero
    down = weight if y + 1 < height and y + 1 != seam else zero
    for k in range(row.shape[0]):
        row[k] = here[k] * weight + up * above[k] + down * below[k] + bias


@njit(cache=True, fastmath=_FAST)
def _recursion(image1, norm1, inverse1, image2, norm2, inverse2, dy, dx, first_trained, same, constants, work, sums):
    """Add one displacement of one image and LANES others to `sums` (2, LANES): NNGP and inherited NTK."""
    height, width, _ = image1.shape
    activations = norm1.shape[0]
    nngp, ntk, ring_nngp, ring_ntk, kappa, inherited = work
    row_seam, column_seam = (height - dy) % height, (width - dx) % width
    weight, bias, one = constants[_WEIGHT], constants[_BIAS], constants[_ONE]
    zero = one - one
    # The seam's slot moves with the displacement.
    kappa[:] = zero
    inherited[:] = zero
    for layer in range(activations + 1):
        m = layer - 1
        for y in range(height):
            y2 = (y + dy) % height
            if layer == 0:
                _inner(image1[y], image2[y2], dx, column_seam, constants, kappa)
            else:
                _activate(
                    nngp[y], ntk[y], norm1[m, y], inverse1[m, y], norm2[m, y2], inverse2[m, y2],
                    dx, column_seam, same, zero if layer == activations else one, constants, kappa, inherited,
                )  # fmt: skip
            if layer == activations:
                _add_row(kappa, sums[0])
                _add_row(inherited, sums[1])
                continue
            _box_row(kappa, column_seam, ring_nngp[y % 3])
            if layer > 0:
                _box_row(inherited, column_seam, ring_ntk[y % 3])
            if y > 0:
                _convolve(ring_nngp, y - 1, height, row_seam, weight, bias, nngp)
                if layer > 0:
                    _convolve(ring_ntk, y - 1, height, row_seam, weight, bias, ntk)
        if layer < activations:
            _convolve(ring_nngp, height - 1, height, row_seam, weight, bias, nngp)
            if layer > 0:
                _convolve(ring_ntk, height - 1, height, row_seam, weight, bias, ntk)
        if layer == 0:
            # The first layer's own weights: their NTK is the NNGP.
            _start_ntk(nngp.reshape(-1), first_trained, ntk.reshape(-1))


@njit(cache=True, fastmath=_FAST)
def _start_ntk(nngp, first_trained, ntk):
    for k in range(ntk.shape[0]):
        ntk[k] = nngp[k] if first_trained else nngp[k] - nngp[k]


@njit(cache=True, fastmath=_FAST)
def _add_row(slots, sums):
    for v in range(LANES):
        row = slots[0, v]
        for x in range(1, slots.shape[0]):
            row += slots[x, v]
        sums[v] += row


@njit(cache=True, fastmath=_FAST)
def _few_images(
    images1, norms1, inverses1, images2, norms2, inverses2, row, shifts, first_trained, constants, nngp_out, ntk_out
):
    """Sums for a few x1 images with all x2 images, or, when they are the `row`-th of them on (row >= 0), from there."""
    count, height, width, _ = images1.shape
    kind = images1.dtype
    n2 = nngp_out.shape[1]
    work = (
        np.empty((height, width, LANES), kind),
        np.empty((height, width, LANES), kind),
        # Zeros: a closed gate multiplies rows not yet written.
        np.zeros((3, width * LANES), kind),
        np.zeros((3, width * LANES), kind),
        np.empty((width + 3, LANES), kind),
        np.empty((width + 3, LANES), kind),
    )
    sums = np.empty((2, LANES), kind)
    # A block of x2 images meets all of the x1 images while it is in the cache.
    for block in range(max(row, 0) // LANES, images2.shape[0]):
        for i in range(count):
            own_block = (row + i) // LANES if row >= 0 else -1
            if block < own_block:
                continue
            sums[:] = 0
            for shift in range(shifts):
                same = (row + i) % LANES if shift == 0 and block == own_block else -1
                _recursion(
                    images1[i], norms1[i], inverses1[i], images2[block], norms2[block], inverses2[block],
                    shift // width, shift % width, first_trained, same, constants, work, sums,
                )  # fmt: skip
            for v in range(min(LANES, n2 - block * LANES)):
                nngp_out[i, block * LANES + v] = sums[0, v]
                ntk_out[i, block * LANES + v] = sums[1, v]


@njit(cache=True, parallel=True)
def sums_of_pairs(
    images1, norms1, inverses1, images2, norms2, inverses2, first_row, shifts, first_trained, constants,
    nngp_out, ntk_out,
):  # fmt: skip
    """Sums over positions and displacements of NNGP and inherited NTK after the last ReLU, for some x1 images.

    `first_row`: the number of the first x1 image among the x2 images when only the upper triangle is wanted, else -1.
    """
    count = images1.shape[0]
    for group in prange((count + _TOGETHER - 1) // _TOGETHER):
        start, stop = group * _TOGETHER, min((group + 1) * _TOGETHER, count)
        _few_images(
            images1[start:stop], norms1[start:stop], inverses1[start:stop], images2, norms2, inverses2,
            first_row + start if first_row >= 0 else -1, shifts, first_trained, constants,
            nngp_out[start:stop], ntk_out[start:stop],
        )  # fmt: skip


@njit(cache=True)
def mirror(matrix):
    """Copy the upper triangle onto the lower one."""
    for i in range(matrix.shape[0]):
        for j in range(i):
            matrix[i, j] = matrix[j, i]
