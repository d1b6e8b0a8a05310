"""What is to be computed of convolutional networks: the one thing that every implementation takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.inputs import check_images, check_pair
from ntkbench.kernels.gram.equal_inputs import Numbers, coincidences, number_inputs
from ntkbench.kernels.gram.tiles import Progress, gram
from ntkbench.kernels.relu.network import Kernels, Network, Pooling

ConvTile = Callable[[slice, slice, Array | None], tuple[Array, ...]]
"""(rows, columns, 1 where two images are one and the same, else 0; None where none are) -> the results there."""

_POOLINGS = get_args(Pooling)


@dataclass(frozen=True)
class Readout:
    """The network's last layer, which of its kernels are `wanted`, and their common factor."""

    network: Network
    wanted: tuple[str, ...]
    scale: float

    def __call__(self, nngp: Array, ntk: Array) -> tuple[Array, ...]:
        """The wanted kernels from the means over all elements of NNGP and inherited NTK after the last ReLU."""
        kernels = self.network.read_out(nngp, ntk)
        return tuple(getattr(kernels, name) * self.scale for name in self.wanted)


@dataclass(frozen=True, eq=False)
class ConvProblem:
    """Gram matrices of images under a convolutional network.

    Attributes:
        x1: Images (n1, H, W, C), float32 or float64.
        x2: Other images (n2, H, W, C) of the same kind; None for x1 with itself.
        network: The layers, and which of them are trained.
        pooling: "flatten" (positions keep their own readout weights) or "gap" (global average pooling).
        wanted: Fields of `Kernels`, in the order of the results.
        scale: What the results are multiplied by.
        progress: Called with (image pairs done, image pairs in all).

    Raises:
        ValueError: For shapes (no images at all among them), dtypes, poolings or fields that make no sense.
        TypeError: For arrays of two libraries, or of none that is known.
    """

    x1: Array
    x2: Array | None
    network: Network
    pooling: Pooling
    wanted: tuple[str, ...] = Kernels._fields
    scale: float = 1.0
    progress: Progress | None = None

    def __post_init__(self) -> None:
        check_images(self.x1, "x1")
        if self.x2 is not None:
            check_images(self.x2, "x2")
            check_pair(self.x1, self.x2)
        if self.pooling not in _POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(_POOLINGS)}, not {self.pooling!r}")
        if not set(self.wanted) <= set(Kernels._fields):
            raise ValueError(f"wanted must be some of {', '.join(Kernels._fields)}, not {', '.join(self.wanted)}")
        execution_for(*self.sides)

    @cached_property
    def execution(self) -> Execution:
        """That of the images' library."""
        return execution_for(*self.sides)

    @property
    def symmetric(self) -> bool:
        """Whether the images meet themselves."""
        return self.x2 is None

    @property
    def sides(self) -> tuple[Array, ...]:
        """x1 alone, or x1 and x2."""
        return (self.x1,) if self.x2 is None else (self.x1, self.x2)

    @property
    def second(self) -> Array:
        """The images of the columns, (n2, H, W, C)."""
        return self.x1 if self.x2 is None else self.x2

    @property
    def shape(self) -> tuple[int, int]:
        """(n1, n2), that of the results."""
        return self.x1.shape[0], self.second.shape[0]

    @property
    def image(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        height, width, channels = self.x1.shape[1:]
        return height, width, channels

    @property
    def pairs(self) -> int:
        """Pairs of images that are computed: of a symmetric matrix one triangle."""
        n1, n2 = self.shape
        return n1 * (n1 + 1) // 2 if self.symmetric else n1 * n2

    @property
    def displacements(self) -> tuple[int, int]:
        """Of the rows and of the columns: those that the readout sums over."""
        height, width, _ = self.image
        return (1, 1) if self.pooling == "flatten" else (height, width)

    @property
    def elements(self) -> int:
        """Numbers of one kernel in a layer, for a pair of images: positions times displacements."""
        height, width, _ = self.image
        return height * width * self.displacements[0] * self.displacements[1]

    @cached_property
    def numbers(self) -> tuple[Numbers, Numbers]:
        """A number for each image of either side, (n1,) and (n2,): equal for equal images."""
        numbered = number_inputs(*self.sides)
        return numbered[0], numbered[-1]

    @property
    def readout(self) -> Readout:
        """What makes the results of the last hidden layer's kernels."""
        return Readout(self.network, self.wanted, self.scale)

    def in_tiles(self, tile: ConvTile, side: int) -> tuple[Array, ...]:
        """The results, (n1, n2) each, from a function that computes tiles of at most side x side pairs of images."""
        numbers1, numbers2 = self.numbers

        def compute(rows: slice, columns: slice, diagonal: bool) -> tuple[Array, ...]:
            return tile(rows, columns, coincidences(self.x1, numbers1[rows], numbers2[columns]))

        return gram(
            self.execution,
            self.x1,
            self.shape,
            compute,
            outputs=len(self.wanted),
            size=side,
            symmetric=self.symmetric,
            progress=self.progress,
        )
