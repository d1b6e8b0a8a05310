"""The convolutional kernels on CUDA in Triton: one program takes an image pair through all layers, on the chip.

A program holds the fields (H, W) of both kernels for one displacement in registers, carries them through every layer,
and only then goes on to the next displacement; what it writes is one number a kernel. From memory come the norms alone,
which neighbouring programs share in the cache.

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

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import triton
import triton.language as tl

from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.inductor import availability
from ntkbench.duals.arc_cosine import ANGLE, LUNE
from ntkbench.kernels.conv.own import own
from ntkbench.kernels.gram.equal_inputs import coincidences, number_inputs
from ntkbench.kernels.gram.tiles import Progress, gram
from ntkbench.kernels.relu.network import Network, Pooling

_PROGRAMS = 2**18  # at most in one launch: many times what a GPU holds, and a small part of a second
_NUMBERS_PER_WARP = 256  # 8 numbers of each field a thread: few enough for the registers, enough to hide latency

_A0, _A1, _A2, _A3, _A4, _A5, _A6, _A7 = (tl.constexpr(c) for c in ANGLE)
_L0, _L1, _L2, _L3, _L4, _L5, _L6 = (tl.constexpr(c) for c in LUNE)


def kernel_matrices(
    x1: Any,
    x2: Any | None,
    network: Network,
    pooling: Pooling,
    wanted: tuple[str, ...],
    scale: float,
    progress: Progress | None,
) -> tuple[Any, ...]:
    """As `conv.kernel_matrices`, for float32 tensors on one CUDA device, or on the CPU in Triton's interpreter."""
    symmetric = x2 is None
    images1, images2 = x1.detach(), (x1 if x2 is None else x2).detach()
    numbers1, numbers2 = number_inputs(images1) * 2 if symmetric else number_inputs(images1, images2)
    own1 = own(images1, network)
    own2 = own1 if symmetric else own(images2, network)
    sides = [(_fields(images), own.norms.transpose(0, 1).contiguous()) for images, own in
             ((images1, own1), (images2, own2))]  # fmt: skip
    n1, height, width, channels = images1.shape
    rows_of_shifts, columns_of_shifts = (1, 1) if pooling == "flatten" else (height, width)
    block = {"block_height": triton.next_power_of_2(height), "block_width": triton.next_power_of_2(width)}
    warps = max(1, min(16, block["block_height"] * block["block_width"] // _NUMBERS_PER_WARP))
    mean = 1.0 / (height * width * rows_of_shifts * columns_of_shifts)

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Any, ...]:
        same = coincidences(images1, numbers1[rows], numbers2[columns])
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        skipped = images1.new_zeros(shape) if same is None else same
        sums = images1.new_empty((2, *shape, rows_of_shifts))
        with availability(), _device(images1):
            _pair[(shape[0] * shape[1] * rows_of_shifts,)](
                *(each[rows] for each in sides[0]), *(each[columns] for each in sides[1]), skipped, sums[0], sums[1],
                shape[1], rows_of_shifts, height, width, 0,
                network.weight / 9, network.bias, float(network.first_trained),
                column_shifts=columns_of_shifts, channels=channels, layers=network.depth - 1, **block,
                num_warps=warps, enable_fp_fusion=True,
            )  # fmt: skip
        nngp, ntk = sums.sum(-1)
        if same is not None:
            nngp += same * own1.nngp[rows, None]
            ntk += same * own1.ntk[rows, None]
        kernels = network.read_out(nngp * mean, ntk * mean)
        return tuple(getattr(kernels, name) * scale for name in wanted)

    size = max(1, int((_PROGRAMS // rows_of_shifts) ** 0.5))
    return gram(
        execution_for(images1), images1, (n1, len(images2)), tile,
        outputs=len(wanted), size=size, symmetric=symmetric, progress=progress,
    )  # fmt: skip


def _device(x: Any) -> AbstractContextManager[Any]:
    """Triton launches on the current device, which need not be that of the tensors."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def _fields(images: Any) -> Any:
    """(n, H, W, C) -> (n, C, H, W) in order: threads of a warp then read neighbouring numbers."""
    return images.permute(0, 3, 1, 2).contiguous()


@triton.jit
def _box(field, up, down, left, right, above, below, before, after):
    """Sums over nine neighbours: where they are along either axis, and whether they count."""
    rows = field + (tl.where(above, tl.gather(field, up, 0), 0.0) + tl.where(below, tl.gather(field, down, 0), 0.0))
    return rows + (tl.where(before, tl.gather(rows, left, 1), 0.0) + tl.where(after, tl.gather(rows, right, 1), 0.0))


@triton.jit
def _relu(correlation):
    """`dual.relu_dual_short` for any correlation."""
    c = tl.minimum(tl.maximum(correlation, -1.0), 1.0)
    a = tl.abs(c)
    root = tl.sqrt(1.0 - a)
    angle = root * (_A0 + a * (_A1 + a * (_A2 + a * (_A3 + a * (_A4 + a * (_A5 + a * (_A6 + a * _A7)))))))
    lune = root * (_L0 + a * (_L1 + a * (_L2 + a * (_L3 + a * (_L4 + a * (_L5 + a * _L6))))))
    return lune + 0.5 * tl.maximum(c, 0.0), tl.where(c < 0.0, angle, 0.5 - angle)


@triton.jit(do_not_specialize=["zero"])
def _pair(
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
