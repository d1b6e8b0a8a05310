"""Errors of trained networks on many training sets: learning curves beside those of kernel regression."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.networks.finite import Finite
from ntkbench.networks.parameters import Parameters
from ntkbench.networks.training import train
from ntkbench.theory.domains import Sample
from ntkbench.theory.learning_curve import Errors, Floats


def network_errors(
    network: Finite,
    starts: Sequence[Parameters],
    x: Array,
    targets: Array,
    train_sets: Array,
    test: Array,
    *,
    steps: int,
    rate: float,
    momentum: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> Errors:
    """The same errors of networks of finite width, trained from each start on a training set of its own.

    What is trained is f - f_0, by gradient descent on half the mean squared error.

    Args:
        network: The network.
        starts: Its parameters at the start of each training.
        x: The points, (m, ...), of JAX or torch and the dtype of the parameters.
        targets: The values at these points, one for each output, (m, t), in NumPy.
        train_sets: The points of each training set, (trials, n), in NumPy.
        test: The points of the test set, (n_test,), in NumPy.
        steps: The number of full-batch steps.
        rate: The learning rate.
        momentum: The share of the last step that is added to the next.
        progress: Called with how many trainings are done, and of how many.

    Returns:
        The errors of each training and target.

    Raises:
        ValueError: A training diverges, or as `train` raises it.

    References:
        Simon et al. 2023 (arXiv:2110.03922).
    """
    xp = array_api_compat.array_namespace(x)
    found: list[tuple[Floats, Floats, Floats]] = []
    for params, chosen in zip(starts, train_sets, strict=True):
        goal = xp.asarray(targets, dtype=x.dtype, device=array_api_compat.device(x)) + network.apply(params, x)
        run = train(
            network, params, x[chosen], goal[chosen], steps=steps, rate=rate, loss="mean", momentum=momentum, probe=x,
            record=(steps,),
        )  # fmt: skip
        if run.diverged_at is not None or run.outputs is None:
            raise ValueError(f"training diverges at step {run.diverged_at}: the rate {rate} is too large")
        error = run.outputs[0] - host(goal)
        wanted = np.asarray(targets)[test]
        overlap = np.mean((error[test] + wanted) * wanted, axis=0) / np.mean(wanted**2, axis=0)
        found.append((np.mean(error[test] ** 2, axis=0), np.mean(error[chosen] ** 2, axis=0), overlap))
        if progress is not None:
            progress(len(found), len(starts))
    return Errors(*(np.array(field) for field in zip(*found, strict=True)))


def network_curve(
    network: Finite,
    start: Callable[[int], Parameters],
    inputs: Sequence[Array],
    targets: Sequence[Array],
    samples: Sequence[Sample],
    counts: Sequence[int],
    *,
    steps: int,
    rate: float,
    momentum: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Errors]:
    """As `regression_curve`, of networks that are trained on the first n points of every training set.

    Args:
        network: The network.
        start: The parameters to start from for the training set of this number, the same at every n.
        inputs: For each sample its points, (m, ...), of JAX or torch and the dtype of the parameters.
        targets: For each sample the values at these points, one for each output, (m, t), in NumPy.
        samples: Points with training sets of n_max of them, and test points.
        counts: The numbers of training points, up to n_max.
        steps: The number of full-batch steps.
        rate: The learning rate.
        momentum: The share of the last step that is added to the next.
        progress: Called with how many trainings are done, and of how many.

    Returns:
        The errors at each n, the trials of all samples one after another.

    Raises:
        ValueError: A training diverges, or as `train` raises it.
    """
    parts: list[list[Errors]] = [[] for _ in counts]
    total, first = len(counts) * sum(len(sample.train) for sample in samples), 0
    for x, values, sample in zip(inputs, targets, samples, strict=True):
        for place, (part, n) in enumerate(zip(parts, counts, strict=True)):
            for i, chosen in enumerate(sample.train[:, None, :n], start=first):
                part.append(
                    network_errors(
                        network, [start(i)], x, values, chosen, sample.test, steps=steps, rate=rate, momentum=momentum
                    )
                )
                if progress is not None:
                    progress(first * len(counts) + place * len(sample.train) + i - first + 1, total)
        first += len(sample.train)
    return [Errors.joined(part) for part in parts]
