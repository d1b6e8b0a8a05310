"""Gradient flow of a linearised network by any loss, with and without momentum: an ODE, solved on the host.

The outputs are f_0 + K(., X) a. With g the slope of the loss at f(X), gradient flow is a' = -rate g, and with momentum
a'' = -(1 - momentum) a' - rate g, whatever the number of test points.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.regression import check_values_are_there, pose
from ntkbench.theory.descent.dynamics import Dynamics, start_of
from ntkbench.theory.predictions.losses import HostLoss, Loss, host_loss

Floats = npt.NDArray[np.float64]

# Of the solver, relative and absolute (for a, in units of the largest slope at the start).
_RELATIVE, _ABSOLUTE = 1e-10, 1e-12


class IntegrationError(ArithmeticError):
    """The ODE solver did not get to the last time; the message says where it stopped and why."""


@standard_settings
def loss_flow(
    k_train: Array,
    y_train: Array,
    k_test: Array,
    times: Iterable[float],
    *,
    loss: Loss,
    rate: float = 1.0,
    momentum: float | None = None,
    f0_train: Array | None = None,
    f0_test: Array | None = None,
) -> Dynamics:
    """Gradient flow by any loss, with momentum or without; `gradient_flow` is the squared loss in closed form.

    Args:
        k_train: A symmetric Gram matrix, (n, n).
        y_train: Targets, (n, k) or (n,).
        k_test: The kernel of the test points with the training points, (n_test, n).
        times: Finite times from 0 on, in any order.
        loss: "squared", (1/2) |f(X) - y|^2; "cross_entropy", minus the sum of y log softmax(f(X)); or a function of
            outputs and targets, both of the shape of `y_train`, that gives one number, in the arrays' JAX or torch.
        rate: The learning rate. For a mean over n points and k outputs, divide it by n k.
        momentum: m within [0, 1): f'' = -(1 - m) f' - rate K dL/df from rest, the limit of small steps of the heavy
            ball f(t + 1) = f(t) + m (f(t) - f(t - 1)) - rate K dL/df. None: plain gradient flow, f' = -rate K dL/df.
        f0_train: The outputs at time 0 on the training points, of the shape of `y_train`; zero unless given.
        f0_test: Those on the test points, (n_test, k) or (n_test,); given with `f0_train` or not at all.

    Returns:
        Predictions and losses, float64, to about nine digits; their last axis is absent where that of `y_train` is.

    Raises:
        IntegrationError: The outputs grow beyond all bounds, or the loss is not smooth enough.
        TypeError: Arrays are traced or differentiated, or a function is given with NumPy's, which has no derivatives.
        ValueError: Shapes, values, times, the loss, the rate or the momentum make no sense.

    References:
        Lee et al. 2019 (arXiv:1902.06720), equation 4 and section 2.3.1; Qian 1999, On the momentum term in gradient
        descent learning algorithms.
    """
    places = (k_train, y_train, k_test)
    execution = execution_for(*places, *(x for x in (f0_train, f0_test) if x is not None))
    given = tuple(x for x in (*places, f0_train, f0_test) if x is not None)
    check_values_are_there(execution, "loss_flow", "gradient_flow (of the squared loss)", *given)
    moments = tuple(float(t) for t in times)
    _check_numbers(moments, rate, momentum)
    with execution.double():
        problem = pose(execution, *places)
        start = start_of(execution, problem, (f0_train, f0_test))
        k, cross, targets, begin, begin_test = map(host, (problem.k_train, problem.k_test, problem.targets, *start))
        measured = host_loss(execution, loss, targets, problem.vector, problem.k_train)
        duals = _integrate(k, begin, measured, moments, rate, momentum)
        train, test = begin + k @ duals, begin_test + cross @ duals
        values = measured.value(train) if moments else np.zeros(0)
        results = (
            execution.from_numpy(np.asarray(r, dtype=np.float64), problem.k_train) for r in (train, test, values)
        )
        outputs, outputs_test, losses = results
        return Dynamics(moments, problem.shaped(outputs), problem.shaped(outputs_test), losses)


def _integrate(
    k: Floats, begin: Floats, loss: HostLoss, moments: tuple[float, ...], rate: float, momentum: float | None
) -> Floats:
    """a at all moments, (t, n, k)."""
    from scipy.integrate import solve_ivp

    shape, ascending = begin.shape, np.unique(moments)
    if not ascending.size or ascending[-1] == 0.0:
        return np.zeros((len(moments), *shape))
    still = np.zeros(begin.size)
    scale = rate * float(np.abs(loss.slope(begin)).max())
    if scale == 0.0:
        return np.zeros((len(moments), *shape))

    def slope(a: Floats) -> Floats:
        return rate * loss.slope(begin + k @ a.reshape(shape)).reshape(-1)

    if momentum is None:
        state, change = still, lambda _, a: -slope(a)
    else:
        friction = 1.0 - momentum
        state = np.concatenate([still, still])

        def change(_: float, state: Floats) -> Floats:
            a, v = np.split(state, 2)
            return np.concatenate([v, -friction * v - slope(a)])

    # Of these solvers the one that finds out whether the problem is stiff, as it is where eigenvalues differ widely.
    tolerances = {"rtol": _RELATIVE, "atol": _ABSOLUTE * scale}
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", UserWarning)  # of what the error below says
        found = solve_ivp(change, (0.0, ascending[-1]), state, method="LSODA", t_eval=ascending, **tolerances)
    if not (found.success and np.isfinite(found.y).all()):
        reached = found.t[-1] if found.t.size else 0.0
        raise IntegrationError(
            f"the ODE solver stopped near time {reached:.6g} of {ascending[-1]:.6g}: {found.message}"
        )
    at = np.searchsorted(ascending, moments)
    duals: Floats = found.y[: begin.size, at].T.reshape(len(moments), *shape)
    return duals


def _check_numbers(moments: tuple[float, ...], rate: float, momentum: float | None) -> None:
    for t in moments:
        if not (math.isfinite(t) and t >= 0):
            raise ValueError(f"times must be finite and start at 0, not {t}; gradient_flow goes on to infinity")
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"the learning rate must be positive and finite, not {rate}")
    if momentum is not None and not 0 <= momentum < 1:
        raise ValueError(f"momentum must lie in [0, 1), not {momentum}")
