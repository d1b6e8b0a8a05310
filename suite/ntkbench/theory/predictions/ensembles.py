"""Networks that gradient flow trains from parameters drawn at random: their mean and covariance at any time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import finite, symmetric
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.kernels.relu.network import Kernels
from ntkbench.solvers.regression import checked_ridge, pose, shifted
from ntkbench.solvers.scalars import Scalar
from ntkbench.theory.descent.dynamics import gradient_flow
from ntkbench.theory.predictions.posterior import checked_prior


class Ensemble(NamedTuple):
    """Outputs on the test points over random initial parameters: float64 arrays, one entry a time, first axis.

    They are Gaussian, and all outputs have one covariance.
    """

    times: tuple[Scalar, ...]
    mean: Array  # (t, n_test, k), or (t, n_test) where the targets are (n,)
    covariance: Array  # (t, n_test, n_test)


@standard_settings
def ensemble(
    k_train: Kernels,
    y_train: Array,
    k_test: Kernels,
    k_test_test: Array,
    times: Iterable[Scalar],
    *,
    rate: Scalar = 1.0,
    ridge: Scalar = 0.0,
    noise: Scalar = 0.0,
) -> Ensemble:
    """Mean and covariance of infinitely wide networks that gradient flow has trained, each from its own parameters.

    With NNGP K and NTK T, and A = T(x,X) (T + ridge I)^-1 (I - exp(-rate (T + ridge I) t)): the mean is A y, the
    covariance K(x,x) - A K(X,x) - K(x,X) A' + A (K + noise I) A'. Arrays, times and numbers may be traced and
    differentiated.

    Args:
        k_train: Both kernels of the training points, (n, n) each, symmetric. `Kernels(nngp, nngp)`, here and for
            `k_test`, is a network of which the readout alone is trained.
        y_train: Targets, (n, k) or (n,).
        k_test: Both of the test points with the training points, (n_test, n) each.
        k_test_test: The NNGP of the test points, (n_test, n_test), symmetric.
        times: Times from 0 on; infinity is the end of training.
        rate: The learning rate, of the loss (1/2) |f(X) - y|^2.
        ridge: Of (ridge / 2) |parameters - initial ones|^2, added to that loss.
        noise: The variance of noise that each network has on targets of its own. Where the readout alone is trained,
            the ensemble at infinity with `noise` as large as `ridge` is the `posterior` of the NNGP.

    Returns:
        Both, at all times.

    Raises:
        NotPositiveDefinite: The NTK with its ridge has a negative eigenvalue, or a zero one and a time is infinite.
        ValueError: Shapes, values, times or numbers make no sense.

    References:
        Lee et al. 2019 (arXiv:1902.06720), equations 13 to 16; He, Lakshminarayanan & Teh 2020 (arXiv:2007.05864) for
        ridge and noise.
    """
    train, test = Kernels(*k_train), Kernels(*k_test)
    execution = execution_for(*train, y_train, *test, k_test_test)
    _check_alike(train, test)
    with execution.double():
        xp = execution.xp
        level, spread = checked_ridge(execution, ridge), checked_ridge(execution, noise, "the noise")
        problem = pose(execution, train.ntk, y_train, test.ntk)
        nngp, cross = symmetric(execution, train.nngp, "k_train.nngp"), finite(execution, test.nngp, "k_test.nngp")
        prior = checked_prior(execution, k_test_test, test.ntk)
        # What a unit target at each training point does to the test points.
        units = execution.from_numpy(np.eye(nngp.shape[0]), nngp)
        flow = gradient_flow(shifted(xp, problem.k_train, level), units, problem.k_test, times, rate=rate)
        places = (flow.test, problem.targets, shifted(xp, nngp, spread), cross, prior)
        mean, covariance = execution.compiled(_moments, ("execution",))(*places, execution=execution)
        return Ensemble(flow.times, problem.shaped(mean), covariance)


def _check_alike(train: Kernels, test: Kernels) -> None:
    for name, pair in (("k_train", train), ("k_test", test)):
        shapes = [tuple(k.shape) for k in pair]
        if shapes[0] != shapes[1]:
            raise ValueError(f"{name}.nngp and {name}.ntk must be of one shape, not {shapes[0]} and {shapes[1]}")


def _moments(
    answer: Array, targets: Array, nngp: Array, cross: Array, prior: Array, *, execution: Execution
) -> tuple[Array, Array]:
    """From the answer A (t, n_test, n) to each training point's target."""
    xp, matmul = execution.xp, execution.matmul
    left = matmul(answer, nngp) * 0.5 - cross
    half = matmul(left, xp.matrix_transpose(answer))
    return matmul(answer, targets), prior + half + xp.matrix_transpose(half)
