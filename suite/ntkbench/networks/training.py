"""The training of finite networks by gradient descent, recorded at log-spaced steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.arrays.descent import Descent
from ntkbench.arrays.settings import standard_settings
from ntkbench.networks.parameters import Parameters
from ntkbench.networks.trainable import Trainable
from ntkbench.networks.training_loops import NetworkLoop, Outputs

Reduction = Literal["sum", "mean"]

DIVERGED = 1e6
"""A training has diverged when its loss is this many times the first one, or no number."""


@dataclass(frozen=True)
class Training:
    """What a training was like, in NumPy but for the parameters; one entry a recorded step along the first axis.

    Where it diverged, nothing is recorded from `diverged_at` on, the first step that found such a loss.
    """

    steps: tuple[int, ...]  # how many had been made
    loss: np.ndarray  # (t,): float64, over all training points
    test_loss: np.ndarray | None  # (t,): over the test points, in the same reduction
    outputs: np.ndarray | None  # (t, n_probe, k), or (t, n_probe) where the targets are (n,)
    params: Parameters  # in the end, of the library that trained
    diverged_at: int | None = None


def log_steps(steps: int, points: int = 50) -> tuple[int, ...]:
    """The steps 0, 1, ..., `steps`, evenly spaced in the logarithm.

    Args:
        steps: the last one, at least 1.
        points: how many different ones there are after 0 at most.

    Returns:
        Whole numbers in ascending order.

    Raises:
        ValueError: for numbers below 1.
    """
    if steps < 1 or points < 1:
        raise ValueError(f"steps and points must be at least 1, not {steps} and {points}")
    return (0, *(int(n) for n in np.unique(np.round(np.geomspace(steps, 1, points)).astype(np.int64))))


@standard_settings
def train(
    network: Trainable,
    params: Parameters,
    x: Array,
    y: Array,
    *,
    steps: int,
    rate: float,
    loss: Reduction = "sum",
    momentum: float = 0.0,
    batch_size: int | None = None,
    rng: np.random.Generator | None = None,
    test: tuple[Array, Array] | None = None,
    probe: Array | None = None,
    record: Iterable[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Training:
    """Gradient descent on the squared loss of a network of finite width.

    Each step is v <- momentum v - rate slope, w <- w + v. A loss that is no number, or a million times the first one
    (and that of outputs zero), ends the training. To train f - f_0, add f_0(x) to the targets.

    Args:
        network: from `finite`, or another function with parameters, such as `Kan` and `SoftTrees`.
        params: its parameters, arrays of JAX or torch; layers with `trained=False` keep theirs.
        x: training inputs (n, ...) of the library and dtype of `params`.
        y: targets (n, k), or (n,) for one output.
        steps: how many steps are made.
        rate: the learning rate, positive.
        loss: "sum": (1/2) sum |f(x) - y|^2, as in `theory.gradient_descent`; "mean": that divided by n k.
        momentum: within [0, 1).
        batch_size: how many points a step sees, the next ones of a new permutation each epoch; points that fill no
            batch sit the epoch out, and the slope is scaled to estimate that of all points. None: all points.
        rng: draws the permutations.
        test: test inputs and targets, whose loss is recorded.
        probe: inputs whose outputs are recorded.
        record: the steps at which losses and outputs are recorded, the last one among them; None: `log_steps(steps)`.
        progress: called with (steps made, steps in all).

    Returns:
        What was recorded, and the parameters in the end.

    Raises:
        ValueError: for shapes, dtypes and numbers that make no sense.
        TypeError: for arrays that have no derivatives.
    """
    moments = _moments(steps, record)
    _check_numbers(rate, momentum, loss)
    points = [_Points.of(network, params, x, y, loss)]
    if test is not None:
        points.append(_Points.of(network, params, *test, loss))
    if probe is not None:
        network.check(params, probe)
    n, vector = int(x.shape[0]), y.ndim == 1
    order = None if batch_size is None else _order(n, steps, batch_size, rng)
    share = 1.0 if order is None else n / order.shape[1]
    descent = Descent(Outputs(network), x, points[0].columns, order, rate, momentum, points[0].scale * share)
    loop = NetworkLoop(descent, network, params)

    limit = DIVERGED * max(points[0].loss(loop.outputs(x)), points[0].loss(0.0))
    made, diverged_at = 0, None
    recorded: list[int] = []
    losses: list[list[float]] = []
    outputs: list[np.ndarray] = []
    for moment in moments:
        diverged_at = loop.advance(made, moment, limit)
        now = [p.loss(loop.outputs(p.x)) for p in points]
        if diverged_at is None and not now[0] <= limit:
            diverged_at = moment
        if diverged_at is not None:
            break
        made = moment
        recorded.append(moment)
        losses.append(now)
        if probe is not None:
            found = loop.outputs(probe)
            outputs.append(found[:, 0] if vector else found)
        if progress is not None:
            progress(made, steps)
    curves = np.array(losses).reshape(-1, len(points)).T
    return Training(
        steps=tuple(recorded),
        loss=curves[0],
        test_loss=None if test is None else curves[1],
        outputs=None if probe is None else np.array(outputs),
        params=loop.params,
        diverged_at=diverged_at,
    )


@dataclass(frozen=True)
class _Points:
    """Inputs and their targets, with the loss over them."""

    x: Array
    columns: Array  # (n, k), of the library
    targets: np.ndarray  # the same in NumPy, float64
    scale: float

    @classmethod
    def of(cls, network: Trainable, params: Parameters, x: Array, y: Array, loss: Reduction) -> _Points:
        network.check(params, x)
        n, k = int(x.shape[0]), network.output_size
        wanted = f"({n}, {k})" + (f" or ({n},)" if k == 1 else "")
        if n < 1 or tuple(y.shape) not in [(n, k), *([(n,)] if k == 1 else [])]:
            raise ValueError(f"for these inputs targets must be {wanted} with n >= 1, not of shape {tuple(y.shape)}")
        if y.dtype != x.dtype:
            raise ValueError(f"targets must be {x.dtype}, as inputs are, not {y.dtype}")
        columns = y[:, None] if y.ndim == 1 else y
        return cls(x, columns, host(columns), 1.0 if loss == "sum" else 1.0 / (n * k))

    def loss(self, outputs: Array) -> float:
        with np.errstate(over="ignore"):
            return float(0.5 * self.scale * np.sum((outputs - self.targets) ** 2))


def _order(n: int, steps: int, batch_size: int, rng: np.random.Generator | None) -> np.ndarray:
    """The points that each step sees: (steps, batch_size)."""
    if rng is None or not 1 <= batch_size <= n:
        raise ValueError(f"batches need an rng and a size from 1 to {n}, not {rng} and {batch_size}")
    whole = n // batch_size
    epochs = [rng.permutation(n)[: whole * batch_size] for _ in range(math.ceil(steps / whole))]
    return np.concatenate(epochs).reshape(-1, batch_size)[:steps]


def _moments(steps: int, record: Iterable[int] | None) -> tuple[int, ...]:
    """The steps to record, the last one among them."""
    if type(steps) is not int or steps < 1:
        raise ValueError(f"steps must be a whole number of at least 1, not {steps!r}")
    moments = log_steps(steps) if record is None else tuple(record)
    if not moments or list(moments) != sorted(set(moments)) or moments[0] < 0 or moments[-1] != steps:
        raise ValueError(f"steps to record must ascend from 0 or more to the last one, {steps}")
    return moments


def _check_numbers(rate: float, momentum: float, loss: str) -> None:
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"the learning rate must be positive and finite, not {rate}")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must lie in [0, 1), not {momentum}")
    if loss not in get_args(Reduction):
        raise ValueError(f"loss must be one of {', '.join(get_args(Reduction))}, not {loss!r}")
