"""The training of one network, from given outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from ntkbench import theory
from ntkbench.arrays.array import Array
from ntkbench.compat.neural_tangents.predict.targets import (
    Targets,
    positive,
    ridge_of,
    targets_of,
    times_of,
    with_ridge,
)

PredictFn = Callable[..., Any]


@dataclass(frozen=True)
class ODEState:
    """Outputs on both sets, and their momenta, which are None here: training begins at rest."""

    fx_train: Any = None
    fx_test: Any = None
    qx_train: Any = None
    qx_test: Any = None


jax.tree_util.register_dataclass(ODEState, data_fields=["fx_train", "fx_test", "qx_train", "qx_test"], meta_fields=[])


def gradient_descent_mse(
    k_train_train: Any,
    y_train: Any,
    learning_rate: float = 1.0,
    diag_reg: float = 0.0,
    diag_reg_absolute_scale: bool = False,
    trace_axes: Any = (-1,),
) -> PredictFn:
    """Gradient flow of the mean squared loss in closed form, `ntkbench.theory.gradient_flow`.

    Args:
        k_train_train: the kernel of the training points, (n, n), or with `trace_axes=()` (n, n, k, k).
        y_train: targets, (n, k) or (n,).
        learning_rate: of the loss that is half the mean over points and outputs.
        diag_reg: a ridge.
        diag_reg_absolute_scale: whether it is the ridge itself, or a share of the mean of the diagonal.
        trace_axes: (-1,), or ().

    Returns:
        A function of times (None: the end), fx_train_0, fx_test_0 and k_test_train.

    Raises:
        ValueError: for shapes and axes that make no sense.
    """
    targets = targets_of(y_train, trace_axes)
    k = targets.matrix(k_train_train)
    k = with_ridge(k, ridge_of(k, diag_reg, diag_reg_absolute_scale))

    def predict_fn(t: Any = None, fx_train_0: Any = 0.0, fx_test_0: Any = None, k_test_train: Any = None) -> Any:
        cross = _cross(targets, k, fx_train_0, fx_test_0, k_test_train)
        moments, shape = times_of(t)
        start = _start(targets, k, cross, fx_train_0, fx_test_0)
        options = {"rate": float(learning_rate) / targets.size, "f0_train": start[0], "f0_test": start[1]}
        found = positive(lambda k: theory.gradient_flow(k, targets.flat, cross, moments, **options), k)
        return _asked(targets, found, shape, k, fx_train_0 is not None, fx_test_0 is not None)

    return predict_fn


def gradient_descent(
    loss: Callable[[Any, Any], Any],
    k_train_train: Any,
    y_train: Any,
    learning_rate: float = 1.0,
    momentum: float | None = None,
    trace_axes: Any = (-1,),
) -> PredictFn:
    """Gradient flow of any loss by an ODE, with momentum or without, `ntkbench.theory.loss_flow`.

    Args:
        loss: of outputs and targets, one number.
        k_train_train: as for `gradient_descent_mse`.
        y_train: as for `gradient_descent_mse`.
        learning_rate: of that loss.
        momentum: None, or from 0 to 1.
        trace_axes: (-1,), or ().

    Returns:
        A function of times, fx_train_or_state_0, fx_test_0 and k_test_train; of an `ODEState` it gives one.

    Raises:
        ValueError: for shapes and axes that make no sense and, when it is called, for a time or a state that is none.
    """
    targets = targets_of(y_train, trace_axes)
    k = targets.matrix(k_train_train)

    def of_flat(f: Any, y: Any) -> Any:
        return loss(f.reshape(targets.y.shape), y.reshape(targets.y.shape))

    def predict_fn(
        t: Any = None, fx_train_or_state_0: Any = 0.0, fx_test_0: Any = None, k_test_train: Any = None
    ) -> Any:
        state = fx_train_or_state_0 if isinstance(fx_train_or_state_0, ODEState) else None
        first, second = (fx_train_or_state_0, fx_test_0) if state is None else (state.fx_train, state.fx_test)
        if state is not None and not (state.qx_train is None and state.qx_test is None):
            raise ValueError("training begins at rest: leave qx_train and qx_test out of the state")
        if t is None:
            raise ValueError("an ODE is solved up to a finite time: give t; gradient_descent_mse goes on to the end")
        cross = _cross(targets, k, first, second, k_test_train)
        moments, shape = times_of(t)
        start = _start(targets, k, cross, first, second)
        options = {"rate": float(learning_rate), "momentum": momentum, "f0_train": start[0], "f0_test": start[1]}
        found = theory.loss_flow(k, targets.flat, cross, moments, loss=of_flat, **options)
        if state is None:
            return _asked(targets, found, shape, k, first is not None, second is not None)
        return ODEState(*_both(targets, found, shape, k)[: 1 if second is None else 2])

    return predict_fn


def max_learning_rate(
    ntk_train_train: Any, y_train_size: int | None = None, momentum: float = 0.0, eps: float = 1e-12
) -> Any:
    """The largest learning rate of the mean squared loss that converges, by `ntkbench.theory.max_learning_rate`.

    Args:
        ntk_train_train: the NTK of the training points, (n, n), or (n, n, k, k).
        y_train_size: the number of points and outputs; None: the rows of the matrix.
        momentum: of the heavy ball.
        eps: of no account: a kernel of zeros has an infinite rate.

    Returns:
        A number.

    Raises:
        ValueError: for what is no kernel.
    """
    k = jax.numpy.asarray(ntk_train_train)
    points = jax.numpy.zeros((k.shape[0], k.shape[-1]) if k.ndim == 4 else k.shape[:1])
    k = Targets(points, k.ndim == 4).matrix(k)
    size = k.shape[0] if y_train_size is None else y_train_size
    return theory.max_learning_rate(k) * (1.0 + momentum) * size


def _cross(targets: Targets, k: Array, first: Any, second: Any, k_test_train: Any) -> Array:
    """The kernel of the test points with the others; of no test points without one."""
    if first is None and second is None:
        raise ValueError("fx_train_0 and fx_test_0 are both None: nothing is asked for")
    if second is None:
        return k[:0]
    if k_test_train is None:
        raise ValueError("predictions on test points need k_test_train")
    return targets.matrix(k_test_train)


def _start(targets: Targets, k: Array, cross: Array, first: Any, second: Any) -> tuple[Array, Array]:
    return (
        targets.start(0.0 if first is None else first, k.shape[0]),
        targets.start(0.0 if second is None else second, cross.shape[0]),
    )


def _both(targets: Targets, found: Any, shape: tuple[int, ...], like: Array) -> tuple[Array, Array]:
    return targets.shaped(found.train, shape, like), targets.shaped(found.test, shape, like)


def _asked(targets: Targets, found: Any, shape: tuple[int, ...], like: Array, train: bool, test: bool) -> Any:
    outputs = _both(targets, found, shape, like)
    return outputs if train and test else outputs[0] if train else outputs[1]
