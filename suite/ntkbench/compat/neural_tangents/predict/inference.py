"""Inference with Gaussian processes, and with ensembles that are trained to the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from ntkbench import theory
from ntkbench.arrays.array import Array
from ntkbench.compat.neural_tangents.answers import Get, answer, names_of
from ntkbench.compat.neural_tangents.empirical import traces
from ntkbench.compat.neural_tangents.predict.targets import ridge_of
from ntkbench.kernels import Kernels
from ntkbench.solvers import kernel_regression


class Gaussian(NamedTuple):
    """Outputs on the test points."""

    mean: Any
    covariance: Any


def gp_inference(
    k_train_train: Any,
    y_train: Any,
    diag_reg: float = 0.0,
    diag_reg_absolute_scale: bool = False,
    trace_axes: Any = (-1,),
) -> Callable[..., Any]:
    """Means, and covariances where they are asked for, of Gaussian processes and trained ensembles.

    "nngp" is `ntkbench.theory.posterior` with the ridge as noise, "ntk" `ntkbench.theory.ensemble` at infinity with the
    ridge on the NTK alone, "ntkgp" the posterior with the NTK for its covariance.

    Args:
        k_train_train: the kernel of the training points, (n, n): an array, or what has it as `nngp` and `ntk`.
        y_train: targets, (n, k) or (n,).
        diag_reg: a ridge.
        diag_reg_absolute_scale: whether it is the ridge itself, or a share of the mean of the diagonal.
        trace_axes: (-1,).

    Returns:
        A function of get, k_test_train and k_test_test.

    Raises:
        ValueError: for shapes and axes that make no sense.
    """
    y = jnp.asarray(y_train)
    if y.ndim == 2 and not traces(trace_axes):
        raise ValueError("kernels are means over outputs, trace_axes (-1,); use ntkbench.theory.posterior for others")

    def predict_fn(get: Get | None = None, k_test_train: Any = None, k_test_test: Any = None) -> Any:
        names_of(get, ("nngp", "ntk", "ntkgp"))
        asked = ("nngp", "ntk") if get is None else get

        def of(name: str) -> Any:
            kernel = "nngp" if name == "nngp" else "ntk"
            k = _kernel(k_train_train, kernel)
            if k_test_train is None:
                mean = y.astype(k.dtype)
                return mean if k_test_test is None else Gaussian(mean, jnp.zeros_like(k))
            ridge = ridge_of(k, diag_reg, diag_reg_absolute_scale)
            cross = _kernel(k_test_train, kernel)
            if k_test_test is None:
                return kernel_regression(k, y, cross, ridge=ridge).prediction.astype(k.dtype)
            prior = _kernel(k_test_test, "ntk" if name == "ntkgp" else "nngp")
            if name != "ntk":
                mean, covariance, _ = theory.posterior(k, y, cross, prior, ridge=ridge)
                return Gaussian(mean.astype(k.dtype), covariance.astype(k.dtype))
            both = [Kernels(_of_both(each, "nngp"), _of_both(each, "ntk")) for each in (k_train_train, k_test_train)]
            found = theory.ensemble(both[0], y, both[1], prior, [math.inf], ridge=ridge)
            return Gaussian(found.mean[0].astype(k.dtype), found.covariance[0].astype(k.dtype))

        return answer(of, asked, "Gaussians")

    return predict_fn


def _kernel(kernels: Any, name: str) -> Array:
    """A kernel by name; an array is the one that is meant."""
    if hasattr(kernels, "dtype"):
        return jnp.asarray(kernels)
    found = getattr(kernels, name, None)
    if found is None:
        raise ValueError(f"{name} is asked for: give kernels with both nngp and ntk, as kernel_fn(x1, x2) does")
    return jnp.asarray(found)


def _of_both(kernels: Any, name: str) -> Array:
    if hasattr(kernels, "dtype"):
        raise ValueError(
            "the covariance of an ensemble needs both nngp and ntk: give kernel_fn(x1, x2, ('nngp', 'ntk'))"
        )
    return _kernel(kernels, name)
