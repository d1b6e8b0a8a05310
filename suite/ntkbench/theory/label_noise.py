"""Labels that are wrong here and there: drawing them, and what regression makes of them with a ridge or a last step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host, uncompiled
from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.ridge_path import ridge_path
from ntkbench.theory.descent.dynamics import gradient_flow


def noisy_labels(labels: np.ndarray, levels: Iterable[float], rng: np.random.Generator, draws: int = 1) -> np.ndarray:
    """Labels that are each replaced by a coin flip with some probability p: p of them replaced, p / 2 wrong.

    A label that is replaced at one level is so at every higher one, by the same flip.

    Args:
        labels: Labels, -1 or 1, (n,).
        levels: The probabilities.
        rng: Draws the flips.
        draws: How many labellings are drawn.

    Returns:
        Labels, (levels, n, draws).

    Raises:
        ValueError: A level is no probability.

    References:
        Zhang et al. 2017 (arXiv:1611.03530), section 2: partially corrupted labels.
    """
    noise = np.array([check_noise(p) for p in levels])
    shape = (len(labels), draws)
    replaced = rng.random(shape) < noise[:, None, None]
    flips = rng.integers(0, 2, shape) * 2.0 - 1.0
    noisy: np.ndarray = np.where(replaced, flips, labels[:, None])
    return noisy


def check_noise(noise: float) -> float:
    """The probability itself, where it is one.

    Args:
        noise: The probability.

    Returns:
        The same as a float.

    Raises:
        ValueError: It does not lie between 0 and 1.
    """
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


@standard_settings
def mitigate(
    k_train: Array, noisy: np.ndarray, clean: np.ndarray, k_test: Array, clean_test: np.ndarray, ridges: Iterable[float]
) -> Mitigation:
    """Fit noisy labels with every ridge, and by gradient flow up to every time 1 / ridge.

    A ridge r and a flow stopped at 1 / r damp the same directions: those with an eigenvalue below r.

    Args:
        k_train: A symmetric Gram matrix, (n, n).
        noisy: The labels to learn from, -1 or 1, (n,), in NumPy.
        clean: The true labels, (n,), in NumPy.
        k_test: The kernel of the test points with the training points, (n_test, n).
        clean_test: The true labels of the test points, (n_test,), in NumPy.
        ridges: The ridges.

    Returns:
        What each fit is worth.

    Raises:
        ValueError: As for `ridge_path`.
        NotPositiveDefinite: As for `ridge_path`.

    References:
        Hastie, Tibshirani & Friedman 2009, section 7.10.1 (leave-one-out); Ali, Kolter & Tibshirani 2019
        (arXiv:1810.10082; stopping at 1 / ridge).
    """
    levels = tuple(float(r) for r in ridges)
    k_train, k_test = uncompiled(k_train, k_test)
    execution = execution_for(k_train, k_test)
    with execution.double():
        labels = execution.from_numpy(noisy.astype(np.float64), k_train)
        path = ridge_path(k_train, labels, k_test, levels)
        times = [math.inf if r == 0 else 1.0 / r for r in levels]
        flow = gradient_flow(k_train, labels, k_test, times)
        by_ridge = _outcome(labels - path.residual, path.prediction, noisy, clean, clean_test)
        by_time = _outcome(flow.train, flow.test, noisy, clean, clean_test)
    return Mitigation(levels, by_ridge, by_time, np.array(path.leave_one_out_loss))


def _outcome(train: Array, test: Array, noisy: np.ndarray, clean: np.ndarray, clean_test: np.ndarray) -> Outcome:
    """From outputs (t, n) and (t, n_test)."""
    spurious = noisy != clean
    fitted, predicted = (np.sign(host(f)) for f in (train, test))
    taken_over = np.sum(fitted[:, spurious] == noisy[spurious], axis=1)
    return Outcome(np.mean(predicted == clean_test, axis=1), taken_over / max(1, np.sum(spurious)))
