"""The convolutional kernels on the CPU with torch's compiler: one compiled loop a layer, over many fields at once.

A layer sums the nine neighbours of both kernels and activates the sums, in one pass. It reads and writes fields with a
border of zeros, so that nothing is decided number by number, and two sets of them take turns. The compiled function
ends where the layer ends: fused across that boundary, inductor would compute every activation nine times.

"flatten" has one field (H, W) for each pair, and the innermost axis counts images. "gap" takes all pairs (x, x') of
columns at once, for some displacements dy of the rows: a field (H, W, W') each, in which neighbours lie on diagonals
and no column meets a seam. The seam of the rows is a gate before the row above and the row below.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ntkbench.arrays import inductor
from ntkbench.arrays.array import Array
from ntkbench.duals.arc_cosine import relu_dual_short
from ntkbench.kernels.conv.own import Own, own
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.relu.layers import inverse
from ntkbench.kernels.relu.network import Network, Pooling

_NUMBERS = 2**18  # of one kernel in a call: 1 MiB in each of four arrays, and some 300 us, where a call costs 20
_LANES = 16  # float32 numbers in the widest vector

Sums = Callable[[slice, slice, Array | None], tuple[Array, Array]]
"""(rows, columns, which pairs coincide) -> sums of NNGP and inherited NTK, without what coincides."""

name = "inductor"


def applies(problem: ConvProblem) -> bool:
    """To float32 tensors on the CPU, where the work is worth compiling for."""
    return inductor.applies(problem.pairs * problem.network.depth * problem.elements, *problem.sides)


def compute(problem: ConvProblem) -> tuple[Array, ...]:
    """The wanted Gram matrices, (n1, n2) each. Raises Unavailable where nothing compiles."""
    network = problem.network
    images1, images2 = problem.x1.detach(), problem.second.detach()
    own1 = own(images1, network)
    own2 = own1 if problem.symmetric else own(images2, network)
    height, width, _ = problem.image
    size = _side(problem.pooling, height, width)
    n1, n2 = problem.shape
    sides = (images1, images2, own1, own2, network, (min(size, n1), min(size, n2)))
    sums = _flatten(*sides) if problem.pooling == "flatten" else _gap(*sides)
    mean = 1.0 / problem.elements

    def tile(rows: slice, columns: slice, same: Array | None) -> tuple[Array, ...]:
        nngp, ntk = sums(rows, columns, same)
        if same is not None:
            nngp += same * own1.nngp[rows, None]
            ntk += same * own1.ntk[rows, None]
        return problem.readout(nngp * mean, ntk * mean)

    return problem.in_tiles(tile, size)


def _side(pooling: Pooling, height: int, width: int) -> int:
    """The side of a tile of image pairs; whole vectors where images are innermost."""
    if pooling == "gap":
        return max(1, math.isqrt(_NUMBERS // (height * width) ** 2))
    return max(1, math.isqrt(_NUMBERS // (height * width)) // _LANES) * _LANES


def _flatten(images1: Array, images2: Array, own1: Own, own2: Own, network: Network, sizes: tuple[int, int]) -> Sums:
    height, width, channels = images1.shape[1:]
    first, second = images1.permute(1, 2, 0, 3), images2.permute(1, 2, 3, 0)
    fields = _Fields((height, width, *sizes), bordered=(0, 1))
    blocks1, blocks2 = _Blocks(own1, sizes[0]), _Blocks(own2, sizes[1])

    def sums(rows: slice, columns: slice, same: Array | None) -> tuple[Array, Array]:
        covariance = first[:, :, rows] @ second[..., columns] / channels
        last = fields.recursion(_flatten_layer, covariance, network, (*blocks1.of(rows), *blocks2.of(columns)), ())
        nngp, ntk = (field.sum((0, 1)) for field in last)
        return (nngp, ntk) if same is None else (nngp * (1.0 - same), ntk * (1.0 - same))

    return sums


def _gap(images1: Array, images2: Array, own1: Own, own2: Own, network: Network, sizes: tuple[int, int]) -> Sums:
    _, height, width, channels = images1.shape
    most = max(1, _NUMBERS // (sizes[0] * sizes[1] * height * width * width))
    together = math.ceil(height / math.ceil(height / most))
    fields = _Fields((*sizes, together, height, width, width), bordered=(3, 4, 5))
    y = torch.arange(height)

    def sums(rows: slice, columns: slice, same: Array | None) -> tuple[Array, Array]:
        norms1, norms2 = own1.norms[:, rows].contiguous(), own2.norms[:, columns]
        inverse1 = inverse(torch, norms1)
        nngp, ntk = torch.zeros(sizes), torch.zeros(sizes)
        for start in range(0, height, together):
            dy = torch.arange(start, start + together)[:, None]
            shifted = (y + dy) % height
            # Cyclically, the rows from height - dy on belong to the displacement dy - height.
            gates = tuple(((each + dy) % height != 0).to(torch.float32) for each in (y, y + 1))
            covariance = images1[rows][:, None, None] @ images2[columns][:, shifted].transpose(-1, -2)[None] / channels
            rolled = norms2[:, :, shifted].contiguous()
            last = fields.recursion(
                _gap_layer, covariance, network, (norms1, inverse1, rolled, inverse(torch, rolled)), gates
            )
            if same is not None and start == 0:
                for field in last:
                    # Each position with itself.
                    field[:, :, 0].diagonal(0, 3, 4).mul_(1.0 - same[..., None, None])
            # The last displacements may run on over the end, for all calls are of one shape.
            nngp += last[0][:, :, : height - start].sum((2, 3, 4, 5))
            ntk += last[1][:, :, : height - start].sum((2, 3, 4, 5))
        return nngp, ntk

    return sums


class _Blocks:
    """Norms and their inverses, (depth - 1, H, W, size) for each tile: of one shape, however many images there are."""

    def __init__(self, own: Own, size: int) -> None:
        self._norms, self._size, self._blocks = own.norms, size, dict[int, tuple[Array, Array]]()

    def of(self, images: slice) -> tuple[Array, Array]:
        if images.start not in self._blocks:
            block = self._norms[:, images].permute(0, 2, 3, 1).contiguous()
            self._blocks[images.start] = (block, inverse(torch, block))
        return self._blocks[images.start]


class _Fields:
    """Two sets of NNGP and NTK fields of one shape with borders of zeros, which layers read and write by turns."""

    def __init__(self, shape: tuple[int, ...], bordered: tuple[int, ...]) -> None:
        full = [n + 2 if axis in bordered else n for axis, n in enumerate(shape)]
        inner = tuple(slice(1, -1) if axis in bordered else slice(None) for axis in range(len(shape)))
        self._sets = [[torch.zeros(full) for _ in range(2)] for _ in range(2)]
        self._inner = [[field[inner] for field in fields] for fields in self._sets]

    def recursion(
        self,
        layer: Callable[..., None],
        covariance: Array,
        network: Network,
        norms: tuple[Array, ...],
        gates: tuple[Array, ...],
    ) -> list[Array]:
        """NNGP and inherited NTK after the last ReLU, from the covariance of the inputs."""
        nngp, ntk = self._inner[0]
        nngp.copy_(covariance)
        # The first layer's own weights: their NTK is the NNGP.
        ntk.copy_(covariance) if network.first_trained else ntk.zero_()
        activations = network.depth - 1
        for m in range(activations):
            bias = network.bias if m > 0 or network.first_trained else 0.0
            constants = torch.tensor([network.weight / 9, network.bias, bias, float(m < activations - 1)])
            source, target = self._sets[m % 2], self._inner[(m + 1) % 2]
            inductor.compiled(layer)(*source, *(each[m] for each in norms), *gates, constants, *target)
        return self._inner[activations % 2]


def _flatten_layer(
    kappa: Array,
    inherited: Array,
    norm1: Array,
    inverse1: Array,
    norm2: Array,
    inverse2: Array,
    constants: Array,
    kappa_out: Array,
    inherited_out: Array,
) -> None:
    """Bordered fields (H + 2, W + 2, n1, n2), norms (H, W, n) -> fields (H, W, n1, n2)."""
    height, width = (n - 2 for n in kappa.shape[:2])

    def box(field: Array) -> Array:
        near = [field[dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3)]
        return sum(near[1:], near[0])

    scale = norm1[..., :, None] * norm2[..., None, :]
    inverse = inverse1[..., :, None] * inverse2[..., None, :]
    _activate(box(kappa), box(inherited), scale, inverse, constants, kappa_out, inherited_out)


def _gap_layer(
    kappa: Array,
    inherited: Array,
    norm1: Array,
    inverse1: Array,
    norm2: Array,
    inverse2: Array,
    above: Array,
    below: Array,
    constants: Array,
    kappa_out: Array,
    inherited_out: Array,
) -> None:
    """Bordered fields (n1, n2, D, H + 2, W + 2, W' + 2), norms (n1, H, W) and (n2, D, H, W'), gates (D, H)."""
    height, width, width2 = (n - 2 for n in kappa.shape[3:])

    def row(field: Array, dy: int) -> Array:
        near = [field[..., dy : dy + height, dx : dx + width, dx : dx + width2] for dx in range(3)]
        return near[0] + near[1] + near[2]

    def box(field: Array) -> Array:
        return row(field, 1) + above[..., None, None] * row(field, 0) + below[..., None, None] * row(field, 2)

    def product(first: Array, second: Array) -> Array:
        return first[:, None, None, :, :, None] * second[:, :, :, None, :]

    scale, inverse = product(norm1, norm2), product(inverse1, inverse2)
    _activate(box(kappa), box(inherited), scale, inverse, constants, kappa_out, inherited_out)


def _activate(
    nngp: Array, ntk: Array, scale: Array, inverse: Array, constants: Array, kappa_out: Array, inherited_out: Array
) -> None:
    """What a convolution and a ReLU make of both kernels: `constants` are weight / 9, both biases, and what to add."""
    nngp, ntk = nngp * constants[0] + constants[1], ntk * constants[0] + constants[2]
    value, slope = relu_dual_short(torch, torch.clamp(nngp * inverse, -1.0, 1.0))
    value = value * scale
    kappa_out.copy_(value)
    # The NTK of a layer's own weights is its NNGP; after the last there is only the readout.
    inherited_out.copy_(ntk * slope + constants[3] * value)
