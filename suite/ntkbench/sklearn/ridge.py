"""The ridge of a kernel regression: given, or chosen by leave-one-out in closed form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ntkbench.solvers import NotPositiveDefinite, RidgePath, cholesky_solve, ridge_path

_STEPS = 19  # from the largest candidate down, two a decade
_SAFE = 10  # times what rounding may do to an eigenvalue


class Fit(NamedTuple):
    """A kernel regression: K + ridge I times `weights` are the targets."""

    ridge: float
    weights: np.ndarray  # as the targets, (n,) or (n, k)
    path: RidgePath | None  # what leave-one-out says of the ridges that were tried

    @property
    def held_out(self) -> np.ndarray | None:
        """What each training point is short of its target without it, as the targets."""
        return None if self.path is None else np.asarray(self.path.leave_one_out)[self.path.best]


def candidates(k: np.ndarray) -> np.ndarray:
    """The ridges that are tried where none are named: from 10 times the mean of the diagonal down, two a decade.

    They end a billionth lower, or where a smaller one could drown in the rounding of K (n, n).
    """
    mean = float(np.mean(np.diagonal(k))) or 1.0
    factors = 10.0 ** (1.0 - np.arange(_STEPS) / 2.0)
    return mean * factors[factors >= _SAFE * len(k) ** 2 * np.finfo(np.float64).eps]


def fit(
    k: np.ndarray, targets: np.ndarray, ridge: float | str, ridges: Iterable[float] | None, *, held_out: bool = False
) -> Fit:
    """Solve (K + ridge I) a = y, with the ridge of the least mean squared leave-one-out error where it is "loo".

    Args:
        k: the Gram matrix (n, n), float64.
        targets: (n,) or (n, k), float64.
        ridge: a number from 0, or "loo".
        ridges: the candidates; None: `candidates(k)`.
        held_out: whether the leave-one-out errors are wanted where the ridge is given, too.

    Returns:
        The ridge with its solution, and what leave-one-out says.

    Raises:
        ValueError: for a ridge that is none, and where K is not finite.
        NotPositiveDefinite: with a ridge that would do.
    """
    chosen = isinstance(ridge, str) and ridge == "loo"
    if not chosen and (isinstance(ridge, str) or not np.isscalar(ridge)):
        raise ValueError(f'ridge must be a number from 0, or "loo", not {ridge!r}')
    if not np.isfinite(k).all():
        raise ValueError("the kernel of these inputs overflows: scale them, as StandardScaler does")
    path = None
    if chosen and ridges is None:
        path = _path(k, targets, candidates(k))
    elif chosen or held_out:
        path = ridge_path(k, targets, k[:1], _numbers(ridges) if chosen else [float(ridge)])
    if path is not None:
        ridge = path.ridges[path.best]
    return Fit(float(ridge), cholesky_solve(k, targets, float(ridge)), path)


def _numbers(ridges: Iterable[float] | None) -> np.ndarray:
    try:
        return np.atleast_1d(np.asarray(ridges, dtype=np.float64)).ravel()
    except (TypeError, ValueError):
        raise ValueError(f"ridges must be numbers from 0, or None, not {ridges!r}") from None


def _path(k: np.ndarray, targets: np.ndarray, ridges: np.ndarray) -> RidgePath:
    """Of those of the ridges that make K definite: between parallel inputs kernels keep but eight digits."""
    try:
        return ridge_path(k, targets, k[:1], ridges)
    except NotPositiveDefinite as fault:
        return ridge_path(k, targets, k[:1], ridges[ridges >= fault.sufficient])
