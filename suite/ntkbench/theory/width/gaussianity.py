"""How far outputs of random networks are from Gaussian ones: maximum mean discrepancy, and fourth moments."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import to_numpy
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.kernels.general.recursion import architecture_kernels
from ntkbench.networks.finite import Finite
from ntkbench.theory.width.copies import narrow_parameters, outputs_of_all


@standard_settings
def mmd_squared(a: Array, b: Array, *, length: float) -> float:
    """The squared maximum mean discrepancy of two samples, for the kernel exp(-|x - y|^2 / (2 length^2)).

    Args:
        a: Samples (n, d), n at least 2.
        b: Samples (m, d) of the same library and dtype.
        length: The length scale of the kernel.

    Returns:
        An estimate without bias: pairs of a sample with itself do not count.

    Raises:
        ValueError: For shapes that do not fit, and a length that is not positive.

    References:
        Gretton et al. 2012 (JMLR 13), equation 3.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(a.shape[0], b.shape[0]) < 2:
        raise ValueError(f"samples must be (n, d) and (m, d), n, m >= 2, not of {tuple(a.shape)} and {tuple(b.shape)}")
    if not length > 0:
        raise ValueError(f"the length scale must be positive, not {length}")
    execution = execution_for(a, b)
    return float(execution.compiled(_mmd, ("length", "execution"))(a, b, length=length, execution=execution))


def _mmd(a: Array, b: Array, *, length: float, execution: Execution) -> Array:
    xp, n, m = execution.xp, a.shape[0], b.shape[0]

    def total(x: Array, y: Array) -> Array:
        squares = [xp.sum(s * s, axis=1) for s in (x, y)]
        apart = squares[0][:, None] + squares[1][None, :] - 2.0 * xp.matmul(x, xp.matrix_transpose(y))
        return xp.sum(xp.sum(xp.exp(-0.5 / length**2 * apart), axis=1))

    return (total(a, a) - n) / (n * (n - 1)) + (total(b, b) - m) / (m * (m - 1)) - 2.0 * total(a, b) / (n * m)


def gaussian_mmd_squared(a: np.ndarray, b: np.ndarray, *, length: float) -> float:
    """The same between two Gaussians of mean zero, exactly.

    Args:
        a: The covariance of one, (d, d), in NumPy.
        b: That of the other.
        length: The length scale of the kernel.

    Returns:
        The squared discrepancy: the mean of the kernel over a difference of covariance C is det(I + C / length^2)^-1/2.
    """

    def mean(covariance: np.ndarray) -> float:
        return math.exp(-0.5 * float(np.linalg.slogdet(np.eye(len(covariance)) + covariance / length**2)[1]))

    return mean(2.0 * a) + mean(2.0 * b) - 2.0 * mean(a + b)


def discrepancies(
    network: Finite,
    widths: Sequence[int],
    x: np.ndarray,
    rng: np.random.Generator,
    asarray: Callable[[Any], Array],
    *,
    count: int,
    repeats: int,
    noise: float,
    length: float,
) -> np.ndarray:
    """The squared discrepancy between outputs of networks and of the Gaussian process that wide ones tend to.

    Args:
        network: Of dense layers, with one output, at least as wide.
        widths: Of the hidden layers.
        x: Inputs (n, d), in NumPy.
        rng: Draws networks, processes and noise.
        asarray: Turns a NumPy array into another library's.
        count: How many networks and processes are compared.
        repeats: How often.
        noise: The variance of noise on all outputs, which keeps the process's covariance definite.
        length: The length scale of the kernel, which compares the outputs at all inputs.

    Returns:
        (repeats,), in NumPy.

    References:
        Matthews et al. 2018 (arXiv:1804.11271), section 5.
    """
    n = len(x)
    covariance = architecture_kernels(network.architecture, x).nngp + noise * np.eye(n)
    root, places = np.linalg.cholesky(covariance), asarray(x)
    found = []
    for _ in range(repeats):
        params = narrow_parameters(network, widths, count, rng, asarray)
        outputs = to_numpy(outputs_of_all(places, params, network=network))[:, :, 0]
        drawn = asarray(outputs + noise**0.5 * rng.standard_normal((count, n)))
        found.append(mmd_squared(asarray(rng.standard_normal((count, n)) @ root.T), drawn, length=length))
    return np.array(found)


def excess_kurtosis(samples: np.ndarray, variances: np.ndarray) -> float:
    """E f^4 / (E f^2)^2 - 3 of outputs with mean zero and known variances, the mean over inputs.

    Args:
        samples: Outputs (networks, n), in NumPy.
        variances: Their variances, (n,).

    Returns:
        The excess kurtosis; zero for a Gaussian.
    """
    return float(np.mean(np.mean(samples**4, axis=0) / variances**2)) - 3.0
