"""The convolutional kernels on CUDA in Triton: one program takes an image pair through all layers, on the chip.

A program holds the fields (H, W) of both kernels for one displacement in registers, carries them through every layer,
and only then goes on to the next displacement; what it writes is one number a kernel. From memory come the norms alone,
which neighbouring programs share in the cache.

How neighbours are reached decides the speed: see `triton_compiled`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from ntkbench.arrays import inductor
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import preferred
from ntkbench.arrays.unavailable import availability
from ntkbench.kernels.conv.own import own
from ntkbench.kernels.conv.problem import ConvProblem

_PROGRAMS = 2**18  # at most in one launch: many times what a GPU holds, and a small part of a second
_NUMBERS_PER_WARP = 256  # 8 numbers of each field a thread: few enough for the registers, enough to hide latency

name = "triton"


def applies(problem: ConvProblem) -> bool:
    """To float32 tensors on a CUDA device; asked for, to those of the CPU too: Triton's interpreter takes them."""
    on_gpu = problem.x1.device.type == "cuda" and preferred() is None
    return (on_gpu or preferred() == name) and inductor.suits(*problem.sides)


def compute(problem: ConvProblem) -> tuple[Array, ...]:
    """The wanted Gram matrices, (n1, n2) each. Raises Unavailable where Triton is not there or does not compile."""
    with availability():
        from triton import next_power_of_2

        from ntkbench.kernels.conv.triton_compiled import pair_sums
    network, symmetric = problem.network, problem.symmetric
    images1, images2 = problem.x1.detach(), problem.second.detach()
    own1 = own(images1, network)
    own2 = own1 if symmetric else own(images2, network)
    side1, side2 = _side(images1, own1.norms), _side(images2, own2.norms)
    height, width, channels = problem.image
    rows_of_shifts, columns_of_shifts = problem.displacements
    block_height, block_width = next_power_of_2(height), next_power_of_2(width)
    constants = {
        "column_shifts": columns_of_shifts,
        "channels": channels,
        "layers": network.depth - 1,
        "block_height": block_height,
        "block_width": block_width,
        "num_warps": max(1, min(16, block_height * block_width // _NUMBERS_PER_WARP)),
        "enable_fp_fusion": True,
    }
    weights = network.weight / 9, network.bias, float(network.first_trained)
    mean = 1.0 / problem.elements

    def tile(rows: slice, columns: slice, same: Array | None) -> tuple[Array, ...]:
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        skipped = images1.new_zeros(shape) if same is None else same
        sums = images1.new_empty((2, *shape, rows_of_shifts))
        sides = *(each[rows] for each in side1), *(each[columns] for each in side2)
        sizes = shape[1], rows_of_shifts, height, width, 0
        with availability(), _device(images1):
            pair_sums[(sums[0].numel(),)](*sides, skipped, sums[0], sums[1], *sizes, *weights, **constants)
        nngp, ntk = sums.sum(-1)
        if same is not None:
            nngp += same * own1.nngp[rows, None]
            ntk += same * own1.ntk[rows, None]
        return problem.readout(nngp * mean, ntk * mean)

    return problem.in_tiles(tile, max(1, int((_PROGRAMS // rows_of_shifts) ** 0.5)))


def _side(images: Array, norms: Array) -> tuple[Array, Array]:
    """Images (n, C, H, W) and norms (n, layers, H, W) in order: threads of a warp then read neighbouring numbers."""
    return images.permute(0, 3, 1, 2).contiguous(), norms.transpose(0, 1).contiguous()


def _device(x: Array) -> AbstractContextManager[Any]:
    """Triton launches on the current device, which need not be that of the tensors."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()
