"""Where training with the logistic loss points to in the end: the hard-margin support vector machine of the kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ntkbench.theory.descent.rules import Floats


class Separator(NamedTuple):
    """The function of least norm whose outputs have the labels' signs and are 1 or more in size."""

    duals: Floats  # (n,), not negative: f = K (duals y); zero but for support vectors
    outputs: Floats  # (n,): at the training points
    margin: float  # the least |f| over the norm of f: no function of the kernel's space has a larger one


def hard_margin(k: npt.ArrayLike, y: npt.ArrayLike) -> Separator:
    """The support vector machine without a bias and without slack, exactly.

    Args:
        k: A kernel, (n, n), positive definite, so that all labels can be had.
        y: Labels, -1 and 1, (n,).

    Returns:
        Its coefficients, outputs and margin.

    Raises:
        ValueError: Labels are others than -1 and 1, or the kernel is not positive definite.

    References:
        Cortes & Vapnik 1995; Soudry et al. 2018 (arXiv:1710.10345) for what descends towards it.
    """
    from scipy.linalg import solve_triangular
    from scipy.optimize import nnls

    matrix, labels = np.asarray(k, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if matrix.shape != (labels.size, labels.size) or set(np.unique(labels)) - {-1.0, 1.0}:
        raise ValueError(f"labels must be -1 or 1, one for each row of k, which is {matrix.shape}")
    try:
        lower = np.linalg.cholesky(matrix * np.outer(labels, labels))
    except np.linalg.LinAlgError:
        raise ValueError("the kernel is not positive definite: labels may not be separable") from None
    # The dual, (1/2) a' Q a - sum a over a >= 0 with Q = L L', is the least squares problem |L' a - L^-1 1|.
    duals = nnls(lower.T, solve_triangular(lower, np.ones(labels.size), lower=True))[0]
    return Separator(duals, matrix @ (duals * labels), float(1.0 / np.sqrt(duals.sum())))


def function_cosines(k: npt.ArrayLike, outputs: npt.ArrayLike, other: npt.ArrayLike) -> Floats:
    """Cosines between functions in the kernel's space, both from the span of the kernel at the training points.

    Args:
        k: The kernel, (n, n), positive definite.
        outputs: Of several functions at the training points, (t, n), none of them zero.
        other: Of one function, (n,).

    Returns:
        The cosines, (t,).
    """
    matrix, one = np.asarray(k, dtype=np.float64), np.atleast_2d(np.asarray(outputs, dtype=np.float64))
    both = np.vstack([one, np.asarray(other, dtype=np.float64)])
    white = np.linalg.solve(np.linalg.cholesky(matrix), both.T)
    white = white / np.linalg.norm(white, axis=0)
    found: Floats = white[:, -1] @ white[:, :-1]
    return found
