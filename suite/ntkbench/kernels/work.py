"""What Gram matrices take at least, counted from the formulas: operations, and bytes that cross to and from memory.

An operation is an addition, a multiplication, a comparison, a choice, an absolute value or a square root of numbers; a
multiply-add is two. Counted is the arrangement that takes the fewest: norms and their inverses are found once an input
and cost nothing, arccos comes from polynomials just long enough for the precision, and of a matrix of inputs with
themselves one triangle is computed. The count is the same for every implementation, so that rates compare; a
library that does more (XLA counts up to 1.4 times as many in its own program) has the lower rate that it deserves.

Bytes are those of the inputs, read once, and of the results, written once: all between may stay in caches.
"""

from __future__ import annotations

from dataclasses import dataclass

from ntkbench.duals.arc_cosine import SHORTEST
from ntkbench.kernels.relu.network import Pooling

_ITEM_BYTES = {"float32": 4, "float64": 8}


@dataclass(frozen=True)
class Work:
    """Operations, and bytes to and from memory; of several pieces of work the sum."""

    operations: int
    bytes: int

    def __add__(self, other: Work) -> Work:
        return Work(self.operations + other.operations, self.bytes + other.bytes)


def fc_work(n1: int, n2: int | None = None, *, features: int, depth: int, precision: str) -> Work:
    """What `fc_kernels` takes.

    Args:
        n1: Inputs.
        n2: Other inputs; None for the n1 with themselves.
        features: Numbers of one input.
        depth: As for `fc_kernels`.
        precision: "float32" or "float64".

    Returns:
        Operations of both kernels, and bytes of inputs and results.

    Raises:
        KeyError: For another precision.
    """
    # The product and its division by d; the layers, the last of which adds no NNGP to the NTK; the readout.
    each = 2 * features + 1 + (depth - 1) * _layer(precision) - 1 + 4
    return Work(_pairs(n1, n2) * each, _traffic(n1, n2, features, 2, precision))


def cntk_work(
    n1: int, n2: int | None = None, *, image: tuple[int, int, int], depth: int, pooling: Pooling, precision: str
) -> Work:
    """What `cntk` takes.

    Flattening needs a number for each position, pooling one for each pair of positions. What is done once for a pair
    of images (a mean, a readout) is not counted.

    Args:
        n1: Images.
        n2: Other images; None for the n1 with themselves.
        image: (height, width, channels).
        depth: As for `cntk`.
        pooling: As for `cntk`.
        precision: "float32" or "float64".

    Returns:
        Operations, and bytes of images and results.

    Raises:
        KeyError: For another precision.
    """
    height, width, channels = image
    elements = (height * width) ** (1 if pooling == "flatten" else 2)
    # The product over channels and its scale; layers with sums of 3 x 3 neighbours, two additions an axis for each of
    # the two kernels; the last layer adds no NNGP to the NTK; both are summed.
    each = 2 * channels + 1 + (depth - 1) * (8 + _layer(precision)) - 1 + 2
    return Work(_pairs(n1, n2) * elements * each, _traffic(n1, n2, height * width * channels, 1, precision))


def _layer(precision: str) -> int:
    """Operations of one hidden layer for one number of each kernel: 43 in float32, 95 in float64."""
    affine = 2 * 2  # weights and biases of the NNGP and of the NTK
    correlation = 2  # times the inverse norms of both sides
    covariance = 2  # times the norms of both sides
    inherited = 2  # the NTK times the slope, and the NNGP joins it
    return affine + correlation + _dual(precision) + covariance + inherited


def _dual(precision: str) -> int:
    """Operations of ReLU's dual activation and its derivative, for one correlation."""
    angle, lune = SHORTEST[precision].degrees
    root = 4  # |rho|, no more than 1, and sqrt(1 - |rho|)
    angle, lune = 2 * angle + 1, 2 * lune + 1  # Horner's scheme, times the root
    first = 3  # half of |rho| where rho is positive, added to the lune
    second = 2  # the angle, or a half less the angle
    return root + angle + lune + first + second


def _pairs(n1: int, n2: int | None) -> int:
    return n1 * (n1 + 1) // 2 if n2 is None else n1 * n2


def _traffic(n1: int, n2: int | None, numbers: int, matrices: int, precision: str) -> int:
    """Bytes of inputs of so many `numbers`, and of the whole Gram matrices."""
    inputs, entries = n1 + (n2 or 0), n1 * (n1 if n2 is None else n2)
    return (inputs * numbers + matrices * entries) * _ITEM_BYTES[precision]
