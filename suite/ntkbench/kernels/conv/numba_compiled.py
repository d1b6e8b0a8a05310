"""What numba compiles for `numba_cpu`: one x1 image meets LANES fields at once, in a buffer that stays in the cache.

The lanes are neighbouring numbers in memory: LANES x2 images at one displacement, or LANES neighbouring displacements
dx of one x2 image. `step` tells them apart: the next position of the x2 image is that many numbers on.

A layer goes over its fields once, in place. Sums of three along y are stored; those along x are formed in registers as
the next layer reads, and what comes out is added to the rows above and below at once.
"""

from __future__ import annotations

from numba import njit

from ntkbench.duals.arc_cosine import SHORTEST
from ntkbench.kernels.conv.numba_lanes import (
    LANES,
    inverse_or_zero,
    load,
    load_one,
    magnitude,
    multiply_add,
    polynomial,
    smaller,
    square_root,
    store,
    where_negative,
)

# Numbers enter compiled code through an array, because a literal would widen float32 arithmetic to float64.
_WEIGHT, _BIAS, _PER_CHANNEL, _ONE, _HALF = range(5)

_angle_of = polynomial(SHORTEST["float32"].angle, SHORTEST["float64"].angle)
_lune_of = polynomial(SHORTEST["float32"].lune, SHORTEST["float64"].lune)


def working_numbers(height: int, width: int) -> int:
    """How many numbers one thread works on: two fields with a spare row each, four more rows, and three lanes."""
    return (2 * (height + 1) + 4) * (width + 1) * LANES + 3 * LANES


# The buffer of one thread has rows of W + 1 slots of LANES numbers; the last slot of a row stays zero. The rows are
# the NNGP's (H, and a spare one that takes what would be added above the first), the NTK's (likewise), the last NNGP
# and the last NTK row that came out, and two rows of zeros that stand for what is before the first. Then come three
# lanes: `same`, which is one where an image meets itself, and the sums of NNGP and NTK over positions.


@njit(inline="always")
def _places(height, width):
    row = (width + 1) * LANES
    field = (height + 1) * row
    last = 2 * field
    return row, field, last, last + 2 * row, last + 4 * row


@njit
def _enter(work, images1, at1, images2, at2, size, step, start, dy, constants):
    """The covariance of the inputs, summed along y, into both fields."""
    height, width, channels, row2 = size
    row, field, last_row, zero_row, _ = _places(height, width)
    per_channel = load_one(constants, _PER_CHANNEL)
    nothing = load(work, zero_row)
    seam = height - dy if dy > 0 else 0
    for y in range(height):
        y2 = y + dy if y < height - dy else y + dy - height
        first = y == 0 or y == seam
        here, above = y * row, (height if first else y - 1) * row
        before = zero_row if first else last_row
        other = start
        for x in range(width):
            covariance = nothing
            for c in range(channels):
                factor = load_one(images1, at1 + (y * width + x) * channels + c)
                covariance = multiply_add(
                    factor, load(images2, at2 + (y2 * channels + c) * row2 + other * step), covariance
                )
            covariance = covariance * per_channel
            k = x * LANES
            _add_to_column(work, above + k, here + k, before + k, last_row + k, covariance)
            # The NTK starts from the same covariance.
            store(work, field + here + k, load(work, here + k))
            if not first:
                store(work, field + above + k, load(work, above + k))
            other = other + 1 if other + 1 < width else 0


@njit(inline="always")
def _add_to_column(work, above, here, before, last, value):
    store(work, above, load(work, above) + value)
    store(work, here, load(work, before) + value)
    store(work, last, value)


@njit(inline="always")
def _relu(correlation, one, half, nothing):
    """The dual activation and its derivative, of order 1 and 0: Cho & Saul 2009, halved."""
    a = smaller(magnitude(correlation), one)
    root = square_root(one - a)
    angle = root * _angle_of(a)
    kappa = multiply_add(root, _lune_of(a), where_negative(correlation, nothing, half * a))
    return kappa, where_negative(correlation, angle, half - angle)


@njit
def _hidden(
    work, norms1, inverses1, at1, norms2, inverses2, at2, gate, size, step, start, dy, constants, inherits, last
):
    """One hidden layer in place: sums along x, weights, ReLU, sums along y; after the last one sums over positions.

    `inherits`: whether earlier layers have an NTK to inherit.
    """
    height, width, _, row2 = size
    row, field, last_row, zero_row, lanes = _places(height, width)
    weight, bias = load_one(constants, _WEIGHT), load_one(constants, _BIAS)
    one, half = load_one(constants, _ONE), load_one(constants, _HALF)
    nothing, same = load(work, zero_row), load(work, lanes)
    weight_ntk, bias_ntk = (weight, bias) if inherits else (nothing, nothing)
    if last:
        store(work, lanes + LANES, nothing)
        store(work, lanes + 2 * LANES, nothing)
    seam = height - dy if dy > 0 else 0
    for y in range(height):
        y2 = y + dy if y < height - dy else y + dy - height
        first = y == 0 or y == seam
        here, above = y * row, (height if first else y - 1) * row
        before = zero_row if first else last_row
        left_nngp, left_ntk, opening = nothing, nothing, nothing
        middle_nngp, middle_ntk = load(work, here), load(work, field + here)
        sum_nngp, sum_ntk = nothing, nothing
        other = start
        for x in range(width):
            k = x * LANES
            right_nngp, right_ntk = load(work, here + k + LANES), load(work, field + here + k + LANES)
            # Zero in the lanes whose x2 image ends here and begins anew.
            closing = load(gate, (other + 1) * step)
            nngp = multiply_add(opening, left_nngp, multiply_add(closing, right_nngp, middle_nngp))
            ntk = multiply_add(opening, left_ntk, multiply_add(closing, right_ntk, middle_ntk))
            nngp, ntk = multiply_add(nngp, weight, bias), multiply_add(ntk, weight_ntk, bias_ntk)
            p1, p2 = at1 + y * width + x, at2 + y2 * row2 + other * step
            inverse = load_one(inverses1, p1) * load(inverses2, p2)
            kappa, slope = _relu(multiply_add(nngp, inverse, same), one, half, nothing)
            nngp = (load_one(norms1, p1) * load(norms2, p2)) * kappa
            if last:
                sum_nngp = sum_nngp + nngp
                sum_ntk = multiply_add(ntk, slope, sum_ntk)
            else:
                ntk = multiply_add(ntk, slope, nngp)
                _add_to_column(work, above + k, here + k, before + k, last_row + k, nngp)
                above_ntk, before_ntk = field + above + k, before + row + k
                _add_to_column(work, above_ntk, field + here + k, before_ntk, last_row + row + k, ntk)
            left_nngp, left_ntk, opening = middle_nngp, middle_ntk, closing
            middle_nngp, middle_ntk = right_nngp, right_ntk
            other = other + 1 if other + 1 < width else 0
        if last:
            store(work, lanes + LANES, load(work, lanes + LANES) + sum_nngp)
            store(work, lanes + 2 * LANES, load(work, lanes + 2 * LANES) + sum_ntk)


@njit(cache=True, nogil=True)
def sums_of_units(
    images1, norms1, inverses1, numbers1, images2, norms2, inverses2, numbers2, gate, units, begin, end, size, step,
    first_trained, constants, work, sums,
):  # fmt: skip
    """Add to `sums` (units, 2, LANES), float64: NNGP and inherited NTK after the last ReLU, over positions.

    `units`: (x1 image, x2 block, first displacement, end of displacements, whether the two are one image), of which
    those from `begin` to `end` are done. `size`: (H, W, C, length of an x2 row). `numbers1` and `numbers2` (blocks,
    LANES) are equal for equal images.
    """
    height, width, channels, row2 = size
    layers = norms1.shape[1]
    lanes = _places(height, width)[4]
    stride = LANES if step == 1 else 1
    along = (width + stride - 1) // stride
    for unit in range(begin, end):
        i, block, first, last, mirrored = units[unit]
        for shift in range(first, last):
            dy, start = shift // along, shift % along * stride
            for v in range(LANES):
                # The correlation of an image with itself is one; formed by division it would lose half the digits.
                work[lanes + v] = 1 if shift == 0 and numbers1[i] == numbers2[block, v] else 0
            at1, at2 = i * height * width * channels, block * height * channels * row2
            _enter(work, images1, at1, images2, at2, size, step, start, dy, constants)
            for layer in range(layers):
                at1 = (i * layers + layer) * height * width
                at2 = (block * layers + layer) * height * row2
                _hidden(
                    work, norms1, inverses1, at1, norms2, inverses2, at2, gate, size, step, start, dy, constants,
                    first_trained or layer > 0, layer == layers - 1,
                )  # fmt: skip
            # An image against itself has the same sum at the opposite displacement, which is left out.
            weight = 2 if mirrored and dy > 0 and 2 * dy < height else 1
            for v in range(LANES if step > 1 else min(LANES, width - start)):
                sums[unit, 0, v] += weight * work[lanes + LANES + v]
                sums[unit, 1, v] += weight * work[lanes + 2 * LANES + v]


@njit(cache=True)
def norms_of_blocks(images, size, constants, work, norms, inverses):
    """Standard deviations of the preactivations of LANES images a block, and 1 / them, or 0 for those that are 0.

    images (blocks, H, C, W LANES) -> norms and inverses (blocks, depth - 1, H, W LANES).
    """
    height, width, channels, row2 = size
    layers = norms.shape[1]
    row, _, last_row, zero_row, _ = _places(height, width)
    weight, bias = load_one(constants, _WEIGHT), load_one(constants, _BIAS)
    per_channel, half = load_one(constants, _PER_CHANNEL), load_one(constants, _HALF)
    nothing = load(work, zero_row)
    for block in range(images.shape[0]):
        for layer in range(layers + 1):
            for y in range(height):
                here, above = y * row, (height if y == 0 else y - 1) * row
                before = zero_row if y == 0 else last_row
                left, middle = nothing, load(work, here)
                for x in range(width):
                    k = x * LANES
                    right = load(work, here + k + LANES)
                    variance = nothing
                    if layer == 0:
                        for c in range(channels):
                            value = load(images, ((block * height + y) * channels + c) * row2 + k)
                            variance = multiply_add(value, value, variance)
                        variance = variance * per_channel
                    else:
                        variance = multiply_add(left + middle + right, weight, bias)
                        norm = square_root(variance)
                        at = ((block * layers + layer - 1) * height + y) * row2 + k
                        store(norms, at, norm)
                        store(inverses, at, inverse_or_zero(norm))
                        variance = half * variance
                    left, middle = middle, right
                    _add_to_column(work, above + k, here + k, before + k, last_row + k, variance)
