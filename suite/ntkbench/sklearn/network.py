"""The network that the parameters of an estimator or a kernel describe, and its kernels on the rows of a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.errors import unknown
from ntkbench.kernels import Kernels, architecture_kernels
from ntkbench.networks import Layer, fully_connected
from ntkbench.networks.activations import Nonlinearity

SQRT2 = math.sqrt(2.0)
B_STD = 1.0
"""As large as features that are scaled to one: without biases a ReLU network of one feature is two straight lines."""

KernelName = Literal["ntk", "nngp"]
ActivationLike = str | Nonlinearity | Callable[[Array], Array]

_ROWS = 16  # of a matrix of which the diagonal alone is wanted


@dataclass(frozen=True)
class NetworkKernel:
    """One kernel of one architecture, on inputs that are rows.

    Raises ValueError for a kernel or a shape that is none.
    """

    architecture: Layer
    kernel: KernelName
    input_shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.kernel not in Kernels._fields:
            raise unknown("kernel", str(self.kernel), Kernels._fields)
        shape = self.input_shape
        if shape is not None and not (
            isinstance(shape, tuple | list) and shape and all(isinstance(n, int | np.integer) and n > 0 for n in shape)
        ):
            raise ValueError(f"input_shape must be a tuple of positive whole numbers such as (8, 8, 1), not {shape!r}")

    def matrix(self, x1: np.ndarray, x2: np.ndarray | None = None) -> np.ndarray:
        """The Gram matrix (n1, n2), float64; of x1 with itself where x2 is None."""
        inputs = [self._shaped(x) for x in (x1, x2) if x is not None]
        matrix: np.ndarray = getattr(architecture_kernels(self.architecture, *inputs), self.kernel)
        return matrix

    def diagonal(self, x: np.ndarray) -> np.ndarray:
        """The kernel of each input with itself, (n,)."""
        pieces = [np.diagonal(self.matrix(x[start : start + _ROWS])) for start in range(0, len(x), _ROWS)]
        return np.concatenate([np.empty(0), *pieces])

    def _shaped(self, x: Any) -> np.ndarray:
        rows = np.asarray(x, dtype=np.float64)
        if self.input_shape is None:
            return rows
        if rows.shape[1] != math.prod(self.input_shape):
            raise ValueError(
                f"input_shape {self.input_shape} is that of {math.prod(self.input_shape)} features, "
                f"and X has {rows.shape[1]}"
            )
        return rows.reshape(-1, *self.input_shape)


def described(parameters: Any) -> NetworkKernel:
    """The kernel that the parameters of an estimator or a GP kernel describe.

    Args:
        parameters: has `architecture`, `input_shape`, `depth`, `activation`, `w_std`, `b_std` and `kernel`.

    Raises:
        ValueError: for parameters that make no sense.
    """
    architecture = parameters.architecture
    if architecture is None:
        architecture = fully_connected(
            parameters.depth, parameters.activation, w_std=parameters.w_std, b_std=parameters.b_std
        )
    elif not isinstance(architecture, Layer):
        raise ValueError(f"architecture must be layers of ntkbench.networks, or None, not {architecture!r}")
    return NetworkKernel(architecture, parameters.kernel, parameters.input_shape)
