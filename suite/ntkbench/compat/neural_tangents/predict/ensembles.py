"""Ensembles of infinitely wide networks, trained for any time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ntkbench import theory
from ntkbench.arrays.array import Array
from ntkbench.compat.neural_tangents.answers import Get, answer, names_of
from ntkbench.compat.neural_tangents.predict.inference import Gaussian, gp_inference
from ntkbench.compat.neural_tangents.predict.targets import positive, ridge_of, targets_of, times_of, with_ridge
from ntkbench.kernels import Kernels

_NAMES = ("nngp", "ntk")


def gradient_descent_mse_ensemble(
    kernel_fn: Callable[..., Any],
    x_train: Any,
    y_train: Any,
    learning_rate: float = 1.0,
    diag_reg: float = 0.0,
    diag_reg_absolute_scale: bool = False,
    trace_axes: Any = (-1,),
    **kernel_options: Any,
) -> Callable[..., Any]:
    """Means and covariances of networks that gradient flow trains from random parameters, `ntkbench.theory.ensemble`.

    Args:
        kernel_fn: of x1, x2 and get.
        x_train: training inputs.
        y_train: targets, (n, k) or (n,).
        learning_rate: of the loss that is half the mean over points and outputs.
        diag_reg: a ridge; "nngp" is the network whose readout alone is trained, with the ridge as noise.
        diag_reg_absolute_scale: whether it is the ridge itself, or a share of the mean of the diagonal.
        trace_axes: (-1,).
        kernel_options: for `kernel_fn`.

    Returns:
        A function of times t (None: the end), x_test (None: the training points), get and compute_cov.

    Raises:
        ValueError: for shapes and axes that make no sense.
    """
    targets = targets_of(y_train, trace_axes)
    if targets.together:
        raise ValueError("kernels are means over outputs, trace_axes (-1,); use ntkbench.theory.ensemble for others")
    rate = float(learning_rate) / targets.size
    known: dict[str, Array] = {}

    def of_training(names: tuple[str, ...]) -> dict[str, Array]:
        missing = tuple(name for name in names if name not in known)
        found = _both(kernel_fn(x_train, None, missing, **kernel_options)) if missing else {}
        # What is traced belongs to the program that is being made.
        known.update({name: k for name, k in found.items() if not isinstance(k, jax.core.Tracer)})
        return {name: {**known, **found}[name] for name in names}

    def predict_fn(
        t: Any = None, x_test: Any = None, get: Get | None = None, compute_cov: bool = False, **options: Any
    ) -> Any:
        asked = names_of(get, _NAMES)
        names = tuple(name for name in _NAMES if name in asked or (compute_cov and name == "nngp"))
        train, options = of_training(names), {**kernel_options, **options}
        test: dict[str, Array] = {}
        prior = None
        if x_test is not None:
            test = _both(kernel_fn(x_test, x_train, names, **options))
            prior = kernel_fn(x_test, None, "nngp", **options) if compute_cov else None
        if t is None:
            infer = gp_inference(_kernels(train), targets.y, diag_reg, diag_reg_absolute_scale)
            covariances = prior if test else (True if compute_cov else None)
            return infer(_NAMES if get is None else get, _kernels(test) if test else None, covariances)

        def of(name: str) -> Any:
            ridge = ridge_of(train[name], diag_reg, diag_reg_absolute_scale)
            return _at_times(name, train, test, prior, targets.y, times_of(t), rate, ridge, compute_cov)

        return answer(of, _NAMES if get is None else get, "Gaussians")

    return predict_fn


def _at_times(
    name: str,
    train: dict[str, Array],
    test: dict[str, Array],
    prior: Array | None,
    y: Array,
    times: tuple[list[float], tuple[int, ...]],
    rate: float,
    ridge: Any,
    compute_cov: bool,
) -> Any:
    """The mean at finite times, or mean and covariance."""
    if not test:
        # There a ridge is part of their kernel with themselves: exp(-(K + ridge) t) of the errors is left.
        own = {**train, name: with_ridge(train[name], ridge)}
        return _at_times(name, own, own, own.get("nngp"), y, times, rate, 0.0, compute_cov)
    (moments, shape), k, cross = times, train[name], test[name]
    if not compute_cov:
        flow = positive(lambda k: theory.gradient_flow(k, y, cross, moments, rate=rate), with_ridge(k, ridge))
        return _shaped(flow.test, shape, k)
    noise = ridge if name == "nngp" else 0.0
    across, options = Kernels(test["nngp"], cross), {"rate": rate, "ridge": ridge, "noise": noise}
    found = positive(
        lambda k: theory.ensemble(Kernels(train["nngp"], k), y, across, prior, moments, **options), train[name]
    )
    return Gaussian(_shaped(found.mean, shape, k), _shaped(found.covariance, shape, k))


def _both(kernels: Any) -> dict[str, Array]:
    return {name: jnp.asarray(getattr(kernels, name)) for name in _NAMES if getattr(kernels, name, None) is not None}


def _kernels(of: dict[str, Array]) -> Any:
    return Kernels(of.get("nngp"), of.get("ntk"))


def _shaped(values: Array, times: tuple[int, ...], like: Array) -> Array:
    return values.astype(like.dtype).reshape(*times, *values.shape[1:])
