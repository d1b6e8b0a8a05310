"""NNGP and NTK of convolutional ReLU networks of infinite width: 3x3 filters, stride 1, zero padding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.half import takes_half
from ntkbench.arrays.inputs import check_images
from ntkbench.arrays.settings import standard_settings
from ntkbench.kernels.conv import array_api, dispatch
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.gram.tiles import Progress
from ntkbench.kernels.relu.network import SQRT2, Kernels, Network, Pooling


@standard_settings
@takes_half
def conv_kernels(
    x1: Array,
    x2: Array | None = None,
    *,
    depth: int,
    pooling: Pooling,
    w_std: float | Array = SQRT2,
    b_std: float | Array = 0.0,
    progress: Progress | None = None,
) -> Kernels:
    """NNGP and NTK Gram matrices of depth - 1 convolutions with ReLU, pooling, and a dense readout.

    The input covariance divides by C, each convolution by 9, pooling by H W.

    JAX and torch may trace and differentiate it, by the images and by both scales. The gradient costs a few times what
    the matrices do, in bounded memory; at equal, opposite and zero images it is the limit of central differences.

    Args:
        x1: Images (n1, H, W, C), float32, float64, float16 or bfloat16, of NumPy, torch or JAX.
        x2: Other images (n2, H, W, C) of the same kind; None for x1 with itself, which gives symmetric matrices.
        depth: Layers with weights, the readout among them; at least 2.
        pooling: "flatten" (positions keep their own readout weights) or "gap" (global average pooling).
        w_std: Standard deviation of the weights, times sqrt(fan-in); a number, or an array of no dimensions.
        b_std: Standard deviation of the biases, likewise.
        progress: Called with (image pairs done, image pairs in all), but not within transforms of JAX.

    Returns:
        Both kernels, each (n1, n2), of the library, dtype and device of x1. An image that is not finite has NaN in its
        row and column, and nowhere else.

    Raises:
        ValueError: For shapes (no images at all among them), dtypes, depths or poolings that make no sense.
        TypeError: For arrays of two libraries, or of none that is known.
        MemoryError: Before it starts, when the matrices do not fit.

    References:
        Arora et al. 2019, section 4; Novak et al. 2019.
    """
    return Kernels(*dispatch.compute(ConvProblem(x1, x2, Network(depth, w_std, b_std), pooling, progress=progress)))


@standard_settings
@takes_half
def cntk(
    x1: Array, x2: Array | None = None, *, depth: int, pooling: Pooling, progress: Progress | None = None
) -> Array:
    """The convolutional NTK of Arora et al. 2019, in their scaling and with their choice of trained layers.

    It may be traced and differentiated as `conv_kernels`.

    Args:
        x1: Images (n1, H, W, C), float32, float64, float16 or bfloat16, of NumPy, torch or JAX.
        x2: Other images (n2, H, W, C) of the same kind; None for x1 with itself.
        depth: Layers with weights, the readout among them: depth 3 has two convolutions.
        pooling: "flatten", their CNTK-V: all layers trained, the sum over positions. "gap", their CNTK-GAP: the first
            and the last layer fixed, the mean over pairs of positions.
        progress: Called with (image pairs done, image pairs in all).

    Returns:
        The kernel (n1, n2), of the library, dtype and device of x1.

    Raises:
        ValueError: As `conv_kernels`.
        TypeError: As `conv_kernels`.
        MemoryError: As `conv_kernels`.

    References:
        Arora et al. 2019 (arXiv:1904.11955), section 4.
    """
    check_images(x1, "x1")
    network, scale = _arora(x1, depth, pooling)
    return dispatch.compute(ConvProblem(x1, x2, network, pooling, ("ntk",), scale, progress))[0]


@standard_settings
def relative_error(
    block: Array, x1: Array, x2: Array, to_numpy: Callable[[Array], np.ndarray], *, depth: int, pooling: Pooling
) -> float:
    """The largest relative error of a `cntk` Gram matrix against the array API on float64 NumPy.

    Args:
        block: The matrix (n1, n2), as NumPy's.
        x1: The images (n1, H, W, C) that it was computed from, on any backend.
        x2: The others (n2, H, W, C).
        to_numpy: Brings them to NumPy.
        depth: As for `cntk`.
        pooling: As for `cntk`.

    Returns:
        The largest |block - exact| / |exact| over all entries.
    """
    exact1, exact2 = (np.asarray(to_numpy(x), dtype=np.float64) for x in (x1, x2))
    network, scale = _arora(exact1, depth, pooling)
    exact = array_api.compute(ConvProblem(exact1, exact2, network, pooling, ("ntk",), scale))[0]
    return float(np.max(np.abs(np.asarray(block, dtype=np.float64) - exact) / np.abs(exact)))


def _arora(x: Array, depth: int, pooling: Pooling) -> tuple[Network, float]:
    """The network and the factor that turn our NTK into the published CNTK for images like x (n, H, W, C)."""
    _, height, width, channels = x.shape
    flatten = pooling == "flatten"
    positions = height * width if flatten else 1
    return Network(depth, first_trained=flatten, last_trained=flatten), channels * positions / 2
