"""How well least squares is conditioned: Gram matrices of B-splines and of ReLUs with fixed biases, exactly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ntkbench.networks.splines import Splines

_ZERO = 1e-12  # of the largest eigenvalue: rounding makes less of a zero, and no Gram matrix here comes near it


class Conditioning(NamedTuple):
    """Of a positive semidefinite matrix."""

    number: float  # the largest eigenvalue over the least that is not zero
    zero_modes: int  # how many are zero


def conditioning(gram: npt.NDArray[np.float64]) -> Conditioning:
    """The condition number of a Gram matrix beside its zero modes.

    Args:
        gram: symmetric, (n, n), float64; eigenvalues below a part in 1e12 of the largest count as zero.

    Returns:
        Both.

    Raises:
        ValueError: for a matrix without a positive eigenvalue.
    """
    eigenvalues = np.linalg.eigvalsh(gram)
    largest = float(eigenvalues[-1])
    if not largest > 0:
        raise ValueError("the Gram matrix has no positive eigenvalue")
    positive = eigenvalues[eigenvalues > _ZERO * largest]
    return Conditioning(largest / float(positive[0]), len(eigenvalues) - len(positive))


def spline_gram(splines: Splines, inputs: int) -> npt.NDArray[np.float64]:
    """E[phi phi'], phi all B-splines of all inputs, uniform on the grid: the Hessian of a KAN layer.

    B-splines sum to one whatever the input, so that a constant may move from one input to another: the matrix has
    d - 1 zero modes. Its other eigenvalues lie within a factor C d of each other, whatever the number of intervals.

    Args:
        splines: the basis.
        inputs: d.

    Returns:
        (d m, d m), the m B-splines of each input together. Exact: the polynomials are integrated on each interval by
        Gauss and Legendre's rule.

    Raises:
        ValueError: for a number of inputs that is none.

    References:
        Wang et al. 2024 (arXiv:2410.01803), on the conditioning of a KAN layer.
    """
    if type(inputs) is not int or inputs < 1:
        raise ValueError(f"inputs must be a positive whole number, not {inputs!r}")
    nodes, weights = np.polynomial.legendre.leggauss(splines.degree + 1)
    starts = splines.low + splines.step * np.arange(splines.intervals)
    values = splines.at((starts[:, None] + 0.5 * splines.step * (nodes + 1.0)).reshape(-1))
    shares = np.tile(0.5 * weights / splines.intervals, splines.intervals)
    means, own = shares @ values, values.T @ (shares[:, None] * values)
    # Different inputs are independent.
    apart = np.kron(1.0 - np.eye(inputs), np.outer(means, means))
    return np.asarray(np.kron(np.eye(inputs), own) + apart)


def relu_gram(neurons: int) -> npt.NDArray[np.float64]:
    """The integrals over [0, 1] of relu(x - i/n) relu(x - j/n): least squares on n neurons whose biases stay.

    Its condition number grows as n^4.

    Args:
        neurons: n.

    Returns:
        (n, n), for i and j from 0 to n - 1.

    Raises:
        ValueError: for a number of neurons that is none.

    References:
        Wang et al. 2024 (arXiv:2410.01803), for the comparison.
    """
    if type(neurons) is not int or neurons < 1:
        raise ValueError(f"neurons must be a positive whole number, not {neurons!r}")
    biases = np.arange(neurons) / neurons
    # By y = x - the larger bias, which leaves nothing to cancel.
    reach = 1.0 - np.maximum(biases[:, None], biases)
    return np.asarray(reach**3 / 3.0 + np.abs(biases[:, None] - biases) * reach**2 / 2.0)
