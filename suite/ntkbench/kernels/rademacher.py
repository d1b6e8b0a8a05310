"""Rademacher complexity: how well the functions in a ball of a kernel's space fit random signs."""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from ntkbench.kernels.execution import Execution, execution_for
from ntkbench.kernels.regression import finite, symmetric


class Rademacher(NamedTuple):
    """The complexity of a ball of radius one on n points; that of radius B is B times it."""

    value: float
    stderr: float  # from the draws of signs; zero where they are all that there are
    lower: float  # sqrt(tr K / 2) / n: Khintchine and Kahane, with the best constant
    upper: float  # sqrt(tr K) / n: Bartlett & Mendelson 2002, lemma 22


def rademacher_complexity(k: Any, signs: Any) -> Rademacher:
    """E_sigma sup {(1/n) sum_i sigma_i f(x_i) : |f| <= 1} = (1/n) E sqrt(sigma' K sigma), in float64.

    k (n, n) symmetric, the kernel's Gram matrix, and signs (draws, n) of -1 and 1, of one library. With `all_signs`
    exact. Raises ValueError for matrices that are not symmetric, or shapes that do not fit.
    """
    execution = execution_for(k, signs)
    with execution.double():
        matrix = symmetric(execution, k)
        n = matrix.shape[0]
        if signs.ndim != 2 or signs.shape[1] != n or signs.shape[0] < 2:
            raise ValueError(f"signs must be (draws, {n}) with two draws or more, not of shape {tuple(signs.shape)}")
        signs = finite(execution, signs, "signs")
        values = np.array(execution.compiled(_suprema, ("execution",))(matrix, signs, execution=execution).tolist())
        root = math.sqrt(float(execution.xp.linalg.trace(matrix)))
    stderr = 0.0 if len(values) == 2**n else float(values.std(ddof=1)) / math.sqrt(len(values))
    return Rademacher(float(values.mean()), stderr, root / (n * math.sqrt(2.0)), root / n)


def all_signs(n: int) -> np.ndarray:
    """Each of the 2^n vectors of n signs once: (2^n, n), float64, for n up to 20."""
    if not 1 <= n <= 20:
        raise ValueError(f"all vectors of n signs are listed for n from 1 to 20, not {n}")
    return np.array(list(itertools.product((-1.0, 1.0), repeat=n)))


def _suprema(matrix: Any, signs: Any, *, execution: Execution) -> Any:
    xp = execution.xp
    squares = xp.sum((signs @ matrix) * signs, axis=1)
    # Of a kernel they are not negative, but for rounding.
    return xp.sqrt(xp.maximum(squares, xp.zeros_like(squares))) / matrix.shape[0]
