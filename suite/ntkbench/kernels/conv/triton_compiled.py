"""What Triton compiles for `triton_gpu`: how a program reaches the neighbours of each position.

How neighbours are reached decides the speed, for Triton has no shuffle. `tl.gather` along an axis that the lanes of a
warp run along compiles to one shuffle a number; for the other axis the compiler takes the field to such an arrangement
and the sum back again through shared memory. A product with a band matrix would cost 32 multiplications a number in
float32, and in TF32 three passes and the same exchange to arrange its operands; a scratch field in global memory would
write every layer through to the second-level cache.

For sm_90 at 32x32 a layer then compiles to 75 instructions a number: 18 fused multiplications, 8 shuffles, 4 stores to
and 4 loads from shared memory, 2 loads of norms, no spilled register. At 128 instructions a cycle and multiprocessor
that is 0.6 cycles, a ceiling of 3.7e5 pair-layers/s for GAP 32x32 on an H200. Counted, not measured.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ntkbench.duals.arc_cosine import INTERPOLATED

_POLYNOMIALS = INTERPOLATED["float32"]
_ANGLE, _LUNE = tl.constexpr(_POLYNOMIALS.angle), tl.constexpr(_POLYNOMIALS.lune)
_ANGLE_DEGREE, _LUNE_DEGREE = (tl.constexpr(degree) for degree in _POLYNOMIALS.degrees)


@triton.jit
def _box(field, up, down, left, right, above, below, before, after):
    """Sums over nine neighbours: where they are along either axis, and whether they count."""
    rows = field + (tl.where(above, tl.gather(field, up, 0), 0.0) + tl.where(below, tl.gather(field, down, 0), 0.0))
    return rows + (tl.where(before, tl.gather(rows, left, 1), 0.0) + tl.where(after, tl.gather(rows, right, 1), 0.0))


@triton.jit
def _horner(coefficients: tl.constexpr, degree: tl.constexpr, a):
    """The polynomial with these coefficients, the constant term first, at a."""
    value = coefficients[degree - 1] + a * coefficients[degree]
    for k in tl.static_range(2, degree + 1):
        value = coefficients[degree - k] + a * value
    return value


@triton.jit
def _relu(correlation):
    """`arc_cosine.relu_dual_short` for any correlation."""
    c = tl.minimum(tl.maximum(correlation, -1.0), 1.0)
    a = tl.abs(c)
    root = tl.sqrt(1.0 - a)
    angle = root * _horner(_ANGLE, _ANGLE_DEGREE, a)
    lune = root * _horner(_LUNE, _LUNE_DEGREE, a)
    return lune + 0.5 * tl.maximum(c, 0.0), tl.where(c < 0.0, angle, 0.5 - angle)


@triton.jit(do_not_specialize=["zero"])
def pair_sums(
    images1, norms1, images2, norms2, skipped, nngp_out, ntk_out,
    n2, row_shifts, height, width, zero, weight, bias, first_trained,
    column_shifts: tl.constexpr, channels: tl.constexpr, layers: tl.constexpr,
    block_height: tl.constexpr, block_width: tl.constexpr,
):  # fmt: skip
    """One pair and one displacement of the rows: sums over positions and all displacements of the columns.

    images (n, C, H, W), norms (n, layers, H, W), skipped (n1, n2): 1 where no displacement of zero is wanted;
    out (n1, n2, displacements of the rows).
    """
    # Programs of one pair run at about one time: its norms stay in the cache.
    program = tl.program_id(0)
    pair, dy = program // row_shifts, program % row_shifts
    first, second = (pair // n2).to(tl.int64), (pair % n2).to(tl.int64)
    size = height * width
    images1 += first * channels * size
    images2 += second * channels * size
    norms1 += first * layers * size
    norms2 += second * layers * size
    skip = tl.load(skipped + pair)

    y = tl.arange(0, block_height)[:, None] + tl.zeros((block_height, block_width), tl.int32)
    x = tl.arange(0, block_width)[None, :] + tl.zeros((block_height, block_width), tl.int32)
    inside = (y < height) & (x < width)
    up, down = tl.maximum(y - 1, 0), tl.minimum(y + 1, block_height - 1)
    left, right = tl.maximum(x - 1, 0), tl.minimum(x + 1, block_width - 1)
    # Cyclically, the rows from here on belong to the displacement dy - height; likewise the columns.
    row_seam = (height - dy) % height
    above = (y > 0) & (y != row_seam)
    below = (y + 1 < height) & (y + 1 != row_seam)
    # By way of `zero`, so that consecutive positions look scattered: else the compiler spreads rows over the threads
    # by fours, and takes what it loads to the arrangement of the gathers through shared memory, in every layer.
    here = y * width + (x + zero) % width

    nngp_sum = tl.zeros((block_height, block_width), tl.float32)
    ntk_sum = tl.zeros((block_height, block_width), tl.float32)
    for dx in range(column_shifts):
        there = ((y + dy) % height) * width + (x + dx) % width
        column_seam = (width - dx) % width
        before = (x > 0) & (x != column_seam)
        after = (x + 1 < width) & (x + 1 != column_seam)

        kappa = tl.zeros((block_height, block_width), tl.float32)
        for c in range(channels):
            one = tl.load(images1 + c * size + here, mask=inside, other=0.0)
            other = tl.load(images2 + c * size + there, mask=inside, other=0.0)
            kappa += one * other
        kappa = kappa / channels
        inherited = kappa * first_trained
        ntk_bias = bias * first_trained
        for layer in range(layers):
            nngp = _box(kappa, up, down, left, right, above, below, before, after) * weight + bias
            ntk = _box(inherited, up, down, left, right, above, below, before, after) * weight + ntk_bias
            scale = tl.load(norms1 + layer * size + here, mask=inside, other=0.0) * tl.load(
                norms2 + layer * size + there, mask=inside, other=0.0
            )
            # What has no norm has no covariance either: zero by anything is a correlation of zero.
            value, slope = _relu(nngp / tl.where(scale > 0.0, scale, 1.0))
            kappa = value * scale
            # The NTK of a layer's own weights is its NNGP; after the last there is only the readout.
            inherited = ntk * slope + tl.where(layer + 1 < layers, kappa, 0.0)
            ntk_bias = bias

        counts = inside & ((dy > 0) | (dx > 0) | (skip == 0.0))
        nngp_sum += tl.where(counts, kappa, 0.0)
        ntk_sum += tl.where(counts, inherited, 0.0)

    tl.store(nngp_out + program, tl.sum(tl.sum(nngp_sum, 1), 0))
    tl.store(ntk_out + program, tl.sum(tl.sum(ntk_sum, 1), 0))
