"""Many networks while they are trained, each from its own parameters: the law of their outputs and its prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ntkbench.arrays.array import Array
from ntkbench.kernels.general.recursion import architecture_kernels
from ntkbench.kernels.relu.network import Kernels
from ntkbench.networks.finite import Finite
from ntkbench.networks.parameters import Parameters
from ntkbench.networks.training import train
from ntkbench.theory.predictions.ensembles import ensemble
from ntkbench.theory.predictions.posterior import posterior
from ntkbench.theory.width.copies import Copies

Floats = npt.NDArray[np.float64]
APART = 1.25  # where the predicted variance is this many times the posterior's, both can be told from each other


class PredictedLaw(NamedTuple):
    """Outputs on test points of infinitely wide networks, in NumPy."""

    rate: float  # the learning rate
    mean: Floats  # (t, n_test)
    variance: Floats  # (t, n_test)
    final: Floats  # (n_test,): the variance when training is over
    posterior: Floats  # (n_test,): the variance of inference with the NNGP


class TrainedLaw(NamedTuple):
    """Outputs on test points of networks, (t, networks, n_test), beside their prediction."""

    outputs: Floats
    predicted: PredictedLaw

    @property
    def variance(self) -> Floats:
        """Of each output, (t, n_test)."""
        found: Floats = self.outputs.var(axis=1, ddof=1)
        return found

    @property
    def _error(self) -> float:
        """The standard error of a variance over its mean: that of chi-square."""
        return math.sqrt(2.0 / (self.outputs.shape[1] - 1))

    @property
    def variance_deviation(self) -> float:
        """The largest |variance over predicted - 1|, over three standard errors and a tenth."""
        away = np.abs(self.variance / self.predicted.variance - 1.0)
        return float(away.max()) / (3.0 * self._error + 0.1)

    @property
    def mean_score(self) -> float:
        """The largest distance of a mean from the predicted one, in standard errors."""
        errors = np.sqrt(self.variance / self.outputs.shape[1])
        return float((np.abs(self.outputs.mean(axis=1) - self.predicted.mean) / errors).max())

    @property
    def posterior_score(self) -> float:
        """The largest distance of a variance in the end from the posterior's, in standard errors of that one.

        Of test points where the prediction is a quarter above it, or more; without any it is zero.
        """
        last, posterior = self.variance[-1], self.predicted.posterior
        apart = self.predicted.variance[-1] >= APART * posterior
        return float(np.max(np.abs(last / posterior - 1.0)[apart], initial=0.0)) / self._error


def predicted_law(
    network: Finite, x: np.ndarray, y: np.ndarray, x_test: np.ndarray, steps: Sequence[int]
) -> PredictedLaw:
    """What infinitely wide networks of an architecture give on test points while gradient flow trains them.

    Args:
        network: The architecture; its width does not count.
        x: Training inputs (n, ...), in NumPy.
        y: Targets (n,), in NumPy.
        x_test: Test inputs (n_test, ...), in NumPy.
        steps: Of a learning rate of a quarter of 1 / lambda_max of the NTK, small enough for a flow.

    Returns:
        Means and variances at these steps, and the posterior's.

    References:
        Lee et al. 2019 (arXiv:1902.06720), corollary 1.
    """
    n = len(x)
    nngp, ntk = architecture_kernels(network.architecture, np.concatenate([x, x_test]))
    train_kernels, test_kernels = Kernels(nngp[:n, :n], ntk[:n, :n]), Kernels(nngp[n:, :n], ntk[n:, :n])
    rate = 0.25 / float(np.linalg.eigvalsh(train_kernels.ntk)[-1])
    law = ensemble(train_kernels, y, test_kernels, nngp[n:, n:], [*map(float, steps), math.inf], rate=rate)
    variances = np.diagonal(law.covariance, axis1=1, axis2=2)
    inferred = posterior(train_kernels.nngp, y, test_kernels.nngp, nngp[n:, n:])
    return PredictedLaw(rate, law.mean[:-1], variances[:-1], variances[-1], np.diag(inferred.covariance))


def trained_law(
    copies: Copies,
    params: Parameters,
    x: np.ndarray,
    y: np.ndarray,
    x_test: np.ndarray,
    steps: Sequence[int],
    asarray: Callable[[Any], Array],
) -> TrainedLaw:
    """What networks give on test points while gradient descent trains them, each on the same targets.

    Args:
        copies: The networks, of one output.
        params: Their parameters at the start, arrays of JAX or torch.
        x: Training inputs (n, ...), in NumPy.
        y: Targets (n,), in NumPy.
        x_test: Test inputs (n_test, ...), in NumPy.
        steps: Those at which outputs are taken, in ascending order.
        asarray: Turns a NumPy array into one like the parameters.

    Returns:
        Their outputs and the prediction.

    Raises:
        ValueError: As `train` raises it.
    """
    predicted = predicted_law(copies.network, x, y, x_test, steps)
    targets = asarray(np.repeat(y[:, None], copies.count, axis=1))
    run = train(
        copies, params, asarray(x), targets, steps=steps[-1], rate=predicted.rate, probe=asarray(x_test), record=steps
    )
    assert run.outputs is not None  # there is a probe
    return TrainedLaw(np.swapaxes(run.outputs.astype(np.float64), 1, 2), predicted)
