"""Losses of outputs and targets, and their slopes, as an ODE solver on the host wants them."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.arrays.execution import Execution
from ntkbench.arrays.transforms import Transforms

Floats = npt.NDArray[np.float64]
Loss = Literal["squared", "cross_entropy"] | Callable[[Array, Array], Array]


@dataclass(frozen=True)
class HostLoss:
    """The loss (...) and its slope (..., n, k) at outputs (..., n, k), in NumPy and summed over points and outputs."""

    value: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]


def host_loss(execution: Execution, loss: Loss, targets: Floats, vector: bool, like: Array) -> HostLoss:
    """A loss by name, or one of the caller's own, of the targets (n, k), within `execution.double()`.

    With `vector` the caller's own is given (n,). Raises ValueError for an unknown name and for what gives no number,
    TypeError for one that no library differentiates.
    """
    if callable(loss):
        return _own(execution, loss, targets, vector, like)
    if loss not in _NAMED:
        close = difflib.get_close_matches(str(loss), _NAMED, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"loss must be one of {', '.join(_NAMED)}, or a function, not {loss!r}{hint}")
    if loss == "cross_entropy" and targets.shape[1] < 2:
        raise ValueError("cross_entropy needs targets (n, k) with a column for each of k >= 2 classes")
    return _NAMED[loss](targets)


def _squared(targets: Floats) -> HostLoss:
    return HostLoss(lambda f: 0.5 * np.sum((f - targets) ** 2, axis=(-2, -1)), lambda f: f - targets)


def _cross_entropy(targets: Floats) -> HostLoss:
    mass = np.sum(targets, axis=-1, keepdims=True)

    def logarithm(f: Floats) -> Floats:
        """Of the softmax."""
        below: Floats = f - np.max(f, axis=-1, keepdims=True)
        below -= np.log(np.sum(np.exp(below), axis=-1, keepdims=True))
        return below

    return HostLoss(
        lambda f: -np.sum(targets * logarithm(f), axis=(-2, -1)), lambda f: mass * np.exp(logarithm(f)) - targets
    )


_NAMED = {"squared": _squared, "cross_entropy": _cross_entropy}


def _own(
    execution: Execution, loss: Callable[[Array, Array], Array], targets: Floats, vector: bool, like: Array
) -> HostLoss:
    transforms = execution.transforms
    if transforms is None:
        raise TypeError(
            f"a loss of one's own is differentiated, which arrays of {execution.name} are not: give the kernels as "
            f"arrays of JAX or torch, or one of {', '.join(_NAMED)}"
        )
    places = execution.from_numpy(targets, like)
    options = {"loss": loss, "vector": vector}
    value = execution.compiled(_value, tuple(options))
    slope = execution.compiled(_slope, (*options, "transforms"))

    def there(f: Floats) -> Array:
        return execution.from_numpy(np.ascontiguousarray(f), like)

    shape = tuple(value(there(targets), places, **options).shape)
    if shape:
        raise ValueError(f"a loss must be one number, not an array of shape {shape}")
    return HostLoss(
        lambda f: np.stack([host(value(there(part), places, **options)) for part in f]),
        lambda f: host(slope(there(f), places, **options, transforms=transforms)),
    )


def _value(f: Array, targets: Array, *, loss: Callable[[Array, Array], Array], vector: bool) -> Array:
    return loss(f[:, 0], targets[:, 0]) if vector else loss(f, targets)


def _slope(
    f: Array, targets: Array, *, loss: Callable[[Array, Array], Array], vector: bool, transforms: Transforms
) -> Array:
    def of(f: Array) -> tuple[Array, Array]:
        found = _value(f, targets, loss=loss, vector=vector)
        return found, found

    back, found = transforms.vjp(of, f)
    slope: Array = back(array_api_compat.array_namespace(f).ones_like(found))
    return slope
