"""Labels that are wrong here and there: drawing them, and what regression makes of them with a ridge or a last step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.checks import host
from ntkbench.arrays.execution import execution_for
from ntkbench.solvers.ridge_path import ridge_path
from ntkbench.theory.dynamics import gradient_flow


def noisy_labels(labels: np.ndarray, levels: Iterable[float], rng: np.random.Generator, draws: int = 1) -> np.ndarray:
    """Labels (n,), +-1, each replaced by a coin flip with every probability p in `levels`: (levels, n, draws).

    p of them are replaced, p / 2 wrong. A label that is replaced at one level is so at every higher one, by the same
    flip. Raises ValueError unless every 0 <= p <= 1. Source: Zhang et al. 2017, section 2 (partially corrupted labels).
    """
    noise = np.array([check_noise(p) for p in levels])
    shape = (len(labels), draws)
    replaced = rng.random(shape) < noise[:, None, None]
    flips = rng.integers(0, 2, shape) * 2.0 - 1.0
    noisy: np.ndarray = np.where(replaced, flips, labels[:, None])
    return noisy


def check_noise(noise: float) -> float:
    """The probability itself. Raises ValueError unless it is one."""
    if not (math.isfinite(noise) and 0 <= noise <= 1):
        raise ValueError(f"label noise must lie between 0 and 1, not {noise}")
    return float(noise)


class Outcome(NamedTuple):
    """What predictors fitted to noisy labels are worth: shares from 0 to 1, one a predictor."""

    accuracy: np.ndarray  # (t,): test points whose sign is that of the clean label
    memorised: np.ndarray  # (t,): spurious training labels whose sign the fit has taken over; 0 where there are none


class Mitigation(NamedTuple):
    """Regression on noisy labels with each ridge, and gradient flow stopped at each time 1 / ridge."""

    ridges: tuple[float, ...]
    ridge: Outcome
    stopping: Outcome  # at an infinite time for ridge 0
    leave_one_out: np.ndarray  # (r,): the mean squared leave-one-out residual of each ridge, of the noisy labels

    @property
    def chosen(self) -> int:
        """The index of the ridge with the least leave-one-out residual: it takes no clean label to find.

        Noise adds nearly the same to the residual at every ridge, since no label helps to predict itself.
        """
        return int(np.argmin(self.leave_one_out))


def mitigate(
    k_train: Any, noisy: np.ndarray, clean: np.ndarray, k_test: Any, clean_test: np.ndarray, ridges: Iterable[float]
) -> Mitigation:
    """Fit noisy labels with every ridge, and by gradient flow up to every time 1 / ridge.

    k_train (n, n) symmetric and k_test (n_test, n) of one library; noisy and clean (n,) and clean_test (n_test,): +-1,
    in NumPy -> `Mitigation`. A ridge r and a flow stopped at 1 / r damp the same directions: those with an eigenvalue
    below r. Raises as `ridge_path` does. Source: Hastie, Tibshirani & Friedman 2009, section 7.10.1 (leave-one-out);
    Ali, Kolter & Tibshirani 2019 (stopping at 1 / ridge).
    """
    levels = tuple(float(r) for r in ridges)
    execution = execution_for(k_train, k_test)
    with execution.double():
        labels = execution.xp.asarray(noisy, dtype=execution.xp.float64, device=array_api_compat.device(k_train))
        path = ridge_path(k_train, labels, k_test, levels)
        times = [math.inf if r == 0 else 1.0 / r for r in levels]
        flow = gradient_flow(k_train, labels, k_test, times)
        by_ridge = _outcome(labels - path.residual, path.prediction, noisy, clean, clean_test)
        by_time = _outcome(flow.train, flow.test, noisy, clean, clean_test)
    return Mitigation(levels, by_ridge, by_time, np.array(path.leave_one_out_loss))


def _outcome(train: Any, test: Any, noisy: np.ndarray, clean: np.ndarray, clean_test: np.ndarray) -> Outcome:
    """From outputs (t, n) and (t, n_test)."""
    spurious = noisy != clean
    fitted, predicted = (np.sign(host(f)) for f in (train, test))
    taken_over = np.sum(fitted[:, spurious] == noisy[spurious], axis=1)
    return Outcome(np.mean(predicted == clean_test, axis=1), taken_over / max(1, np.sum(spurious)))
