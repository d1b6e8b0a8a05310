"""How hard labels are for a kernel: y' H^-1 y, its expectation where labels are noisy, and the bound it gives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import finite, host, uncompiled
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.cholesky import cholesky_solve
from ntkbench.theory.label_noise import check_noise


class LabelComplexity(NamedTuple):
    """y' H^-1 y of each column of labels, and the trace of H^-1: its expectation for labels that are coin flips."""

    value: np.ndarray  # (c,)
    trace: float
    n: int  # the number of training points

    @property
    def bound(self) -> np.ndarray:
        """The bound sqrt(2 y' H^-1 y / n) on the expected loss, without its terms of lower order: (c,).

        For any loss in [0, 1] that is 1-Lipschitz in the prediction and zero at the label, of a wide two-layer ReLU
        network whose first layer is trained; H is that layer's kernel.

        References:
            Arora et al. 2019 (ICML, arXiv:1901.08584), theorem 5.1.
        """
        bound: np.ndarray = np.sqrt(2.0 * self.value / self.n)
        return bound

    def expected(self, noise: float) -> np.ndarray:
        """E[y_p' H^-1 y_p] where each label, -1 or 1, is replaced by a coin flip with probability p.

        Exact: (1-p)^2 y' H^-1 y + (1 - (1-p)^2) tr H^-1, since E[y_p y_p'] keeps the share (1-p)^2 off the diagonal and
        is one on it.

        Args:
            noise: The probability p.

        Returns:
            The expectation for each column of labels, (c,).

        Raises:
            ValueError: The probability is none.
        """
        check_noise(noise)
        kept = (1.0 - noise) ** 2
        expected: np.ndarray = kept * self.value + (1.0 - kept) * self.trace
        return expected


@standard_settings
def label_complexity(k: Array, labels: Array) -> LabelComplexity:
    """Compute y' K^-1 y of every column of labels, by one Cholesky factorisation in float64.

    Args:
        k: A symmetric Gram matrix, (n, n).
        labels: Labels in columns, (n, c), of the same library.

    Returns:
        The complexities and the trace of K^-1, in NumPy.

    Raises:
        NotPositiveDefinite: `k` is singular to rounding.
        ValueError: Shapes do not fit, or a value is NaN or infinite.

    References:
        Arora et al. 2019 (ICML, arXiv:1901.08584), section 5.
    """
    k, labels = uncompiled(k, labels)
    execution = execution_for(k, labels)
    if labels.ndim != 2:
        raise ValueError(f"labels must be columns (n, c), not of shape {tuple(labels.shape)}")
    with execution.double():
        n = k.shape[0]
        inverse = cholesky_solve(k, execution.from_numpy(np.eye(n), k))
        columns = finite(execution, labels, "labels")
        if columns.shape[0] != n:
            raise ValueError(f"labels must have {n} rows as k has, not the shape {tuple(labels.shape)}")
        value, trace = execution.compiled(_complexity, ("execution",))(inverse, columns, execution=execution)
        return LabelComplexity(host(value), float(trace), n)


def _complexity(inverse: Array, columns: Array, *, execution: Execution) -> tuple[Array, Array]:
    xp = execution.xp
    return xp.sum(columns * (inverse @ columns), axis=0), xp.sum(xp.linalg.diagonal(inverse))
