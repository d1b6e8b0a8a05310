"""How far measured learning curves are from what is predicted of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.settings import standard_settings
from ntkbench.theory.eigenlearning import Prediction
from ntkbench.theory.gaps import GapErrors
from ntkbench.theory.learning_curve import Errors, regression_errors


class Departure(NamedTuple):
    """From the eigenlearning theory, and from the exact errors where they are known."""

    curve_deviation: float  # of the test error, in units of 10 % of it or of 3 standard errors, whichever is more
    learnability_deviation: float  # of the mean learnability
    ratio_deviation: float  # relative, of E_train / E_test; without a ridge, where the theory has 0, that ratio
    standard_errors: float  # of test error and learnability from the exact ones, the larger: `student_t`

    @classmethod
    def of(
        cls, errors: Errors, predicted: Prediction, level: int, *, exact: GapErrors | None = None, noise: float = 0.0
    ) -> Departure:
        """That of errors at one number of points, by the means over training sets and their spread.

        Args:
            errors: Of targets of one level, on several training sets.
            predicted: What the theory says of each level.
            level: The targets' level.
            exact: What is to be expected exactly; None: what the theory says.
            noise: The variance of the labels' noise, which the theory counts to the test error.
        """
        by_trial, learned = errors.test.mean(axis=1) + noise, errors.learnability.mean(axis=1)
        test_error, learnability = float(predicted.test_error[level]), float(predicted.learnability[level])
        allowed = max(0.1 * test_error, 3 * _standard_error(by_trial))
        ratio, wanted = errors.train.mean() / by_trial.mean(), float(predicted.train_error[level]) / test_error
        known = exact or GapErrors(test_error, learnability)
        return cls(
            curve_deviation=abs(by_trial.mean() - test_error) / allowed,
            learnability_deviation=abs(learned.mean() - learnability),
            ratio_deviation=abs(ratio / wanted - 1) if wanted else ratio,
            standard_errors=max(abs(student_t(x, e)) for x, e in zip((by_trial, learned), known, strict=True)),
        )


@standard_settings
def worst_departure(
    found: Sequence[Errors],
    predicted: Sequence[Prediction],
    level: int,
    *,
    exact: Sequence[GapErrors] | None = None,
    noise: float = 0.0,
    least: int = 2,
) -> Departure:
    """The largest of each departure along a learning curve.

    Args:
        found: The errors at each number of points.
        predicted: What the theory says there.
        level: The targets' level.
        exact: What is to be expected exactly; None: what the theory says.
        noise: The variance of the labels' noise.
        least: With fewer points nothing is judged: no theory of averages holds so closely.

    Returns:
        The largest ones, each for itself.
    """
    known: Sequence[GapErrors | None] = [None] * len(found) if exact is None else exact
    judged = [
        Departure.of(errors, theory, level, exact=here, noise=noise)
        for errors, theory, here in zip(found, predicted, known, strict=True)
        if theory.n >= least
    ]
    return Departure(*(max(values) for values in zip(*judged, strict=True)))


@standard_settings
def conserved_share(k: Array, train: np.ndarray, rng: np.random.Generator, *, ridge: float = 0.0) -> float:
    """The sum of the learnabilities of an orthonormal basis of functions on m points, over n, the training points.

    Args:
        k: The Gram matrix of the points, (m, m).
        train: The training points, (n,).
        rng: Draws the basis.
        ridge: Added to the diagonal of the training Gram matrix.

    Returns:
        1 without a ridge, whatever the kernel, the points and the basis; less with one.

    References:
        Simon et al. 2023 (arXiv:2110.03922), the conservation law of learnability.
    """
    m = int(k.shape[0])
    basis = np.linalg.qr(rng.standard_normal((m, m)))[0]
    return float(regression_errors(k, basis, train[None, :], np.arange(m), ridge=ridge).learnability.sum()) / len(train)


def student_t(values: np.ndarray, mean: float) -> float:
    """How many standard errors the mean of independent values is from what it should be, corrected for their skewness.

    Errors of regression go with a high power of the gaps between points: a few large ones make the mean, and where none
    was drawn both the mean and its standard error are small. Uncorrected, one in thirty is then more than 3 off.

    Args:
        values: Two at least, not all the same.
        mean: Their expected value.

    Returns:
        Johnson's t, nearly normal.

    References:
        Johnson 1978, "Modified t tests and confidence intervals for asymmetrical populations", JASA 73, equation 2.6.
    """
    n, off, variance = len(values), float(values.mean()) - mean, float(values.var(ddof=1))
    third = float(np.mean((values - values.mean()) ** 3))
    corrected = off + third / (6 * variance * n) + third / (3 * variance**2) * off**2
    return corrected / math.sqrt(variance / n)


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values))
