"""How far training leads a network from its linear model, by the scale of its outputs and by its width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host, to_numpy
from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.trees import leaves
from ntkbench.kernels.empirical.ntk import empirical_ntk
from ntkbench.networks.finite import Finite
from ntkbench.networks.parameters import Parameters
from ntkbench.networks.trainable import Trainable
from ntkbench.networks.training import train
from ntkbench.theory.descent.dynamics import gradient_descent
from ntkbench.theory.lazy.linear_model import Linearised

Floats = npt.NDArray[np.float64]


class ScaleDepartures(NamedTuple):
    """At each scale a, the largest over the recorded steps."""

    travel: Floats  # |w - w_0|
    weight_gap: Floats  # |w - w_lin|
    output_gap: Floats  # of a (f - f_0) from the linear model's, root mean square over the training inputs


def scale_departures(
    network: Trainable,
    start: Parameters,
    x: Array,
    y: Array,
    scales: Sequence[float],
    *,
    moments: Sequence[int],
    rate: float,
) -> ScaleDepartures:
    """Train a (f - f_0) on the loss |a (f - f_0) - y|^2 / (2 a^2) at several scales a, beside its linear model.

    Steps on that loss are those of f on the targets f_0 + y / a, which is how they are made. The linear model's are
    the same at each scale but for a factor 1 / a of its weights: it is trained once.

    Args:
        network: A network with one output.
        start: Its parameters at the start, float64 of JAX or torch.
        x: Training inputs, (n, ...).
        y: Labels, (n,).
        scales: a, positive.
        moments: The numbers of full-batch steps after which is measured, ascending from 1 or more.
        rate: The learning rate, below 2 / lambda_max of the NTK at the start.

    Returns:
        The departures at each scale.

    Raises:
        ValueError: A training diverges, or as `train` raises it.

    References:
        Chizat, Oyallon & Bach 2019 (arXiv:1812.07956), theorem 2.2: a^-1, a^-2 and a^-1; the outputs depart like a^-2
        where all second derivatives of f cancel at the start, as in a `Difference` (derived here).
    """
    execution, labels = execution_for(x), host(y)
    measure, steps = execution.compiled(_squares, ()), {"moments": moments, "rate": rate, "probe": x}
    begin = _at_start(network, start, x, y, x)

    def targets(scale: float) -> Array:
        return execution.from_numpy(begin + labels / scale, x)

    model = Linearised(network)
    straight = [
        (params[: len(start)], outputs - begin)
        for params, outputs in training_path(model, model.around(start), x, targets(1.0), **steps)
    ]
    found = []
    for scale in scales:
        path = training_path(network, start, x, targets(scale), **steps)
        worst = np.zeros(3)
        for (params, outputs), (line, lines) in zip(path, straight, strict=True):
            travel, gap = (float(square) ** 0.5 for square in measure(params, start, line, scale))
            worst = np.maximum(worst, (travel, gap, np.sqrt(np.mean((scale * (outputs - begin) - lines) ** 2))))
        found.append(worst)
    return ScaleDepartures(*np.array(found).T)


def training_path(
    network: Trainable, params: Parameters, x: Array, y: Array, *, moments: Sequence[int], rate: float, probe: Array
) -> Iterator[tuple[Parameters, Floats]]:
    """Where gradient descent on (1/2) |f(x) - y|^2 is after so many steps.

    Args:
        network: A network, or another function with parameters.
        params: Its parameters at the start.
        x: Training inputs, (n, ...).
        y: Targets, (n,).
        moments: The numbers of steps, ascending from 1 or more.
        rate: The learning rate.
        probe: Inputs whose outputs are given, (m, ...).

    Returns:
        At each moment, one after another, the parameters and the outputs (m,).

    Raises:
        ValueError: The training diverges, or as `train` raises it.
    """
    made = 0
    for moment in moments:
        steps = moment - made
        run = train(network, params, x, y, steps=steps, rate=rate, record=(steps,), probe=probe)
        if run.diverged_at is not None or run.outputs is None:
            raise ValueError(f"training diverges by step {moment}: the rate {rate:.6g} is too large")
        made, params = moment, run.params
        yield params, run.outputs[0]


def _at_start(network: Trainable, start: Parameters, x: Array, y: Array, probe: Array) -> Floats:
    """The outputs (m,) before training, by the program that the training itself is compiled to."""
    found = train(network, start, x, y, steps=1, rate=1e-9, record=(0, 1), probe=probe).outputs
    begin: Floats = np.asarray(found, dtype=np.float64)[0]
    return begin


def _squares(params: Parameters, start: Parameters, line: Parameters, scale: Array) -> tuple[Array, Array]:
    """|w - w_0|^2, and |w - w_0 - (line - w_0) / scale|^2."""
    travel, gap = 0.0, 0.0
    for now, before, straight in zip(leaves(params), leaves(start), leaves(line), strict=True):
        step = now - before
        travel = travel + (step**2).sum()
        gap = gap + ((step - (straight - before) / scale) ** 2).sum()
    return travel, gap


class WidthDepartures(NamedTuple):
    """At each width, the largest over the recorded steps, in the mean over starts."""

    output_gap: Floats  # of the outputs from the linear model's, root mean square over the probed inputs
    layers: Floats  # |W - W_0| / |W_0| of each layer's weights, (layers, widths)
    kernel: Floats  # |K - K_0| / |K_0| of the NTK of the probed inputs, Frobenius


def width_departures(
    networks: Sequence[Finite],
    starts: Sequence[Sequence[Parameters]],
    x: Array,
    y: Array,
    *,
    moments: Sequence[int],
    rate: float,
    probe: Array,
) -> WidthDepartures:
    """Train f - f_0 on (1/2) |f - f_0 - y|^2 at several widths, beside the networks' linear models in closed form.

    Args:
        networks: Networks of one architecture with one output, one a width.
        starts: The parameters of each network, one set a start, of JAX or torch.
        x: Training inputs, (n, ...), of the library and dtype of the parameters.
        y: Labels, (n,).
        moments: The numbers of full-batch steps after which is measured, ascending from 1 or more.
        rate: The learning rate, below 2 / lambda_max of every NTK at the start.
        probe: Further inputs; outputs and kernels are compared on these and on `x`.

    Returns:
        The departures at each width.

    Raises:
        DivergenceError: The rate is too large for a linear model.
        ValueError: A training diverges, or as `train` raises it.

    References:
        Lee et al. 2019 (arXiv:1902.06720), theorem 2.1 and figure 1.
    """
    every = execution_for(x).xp.concat([x, probe])
    found = []
    for network, of_width in zip(networks, starts, strict=True):
        each = [_departures(network, params, x, y, every, moments, rate) for params in of_width]
        found.append(np.mean(each, axis=0))
    gap, kernel, *layers = np.array(found).T
    return WidthDepartures(gap, np.array(layers), kernel)


def _departures(
    network: Finite, start: Parameters, x: Array, y: Array, every: Array, moments: Sequence[int], rate: float
) -> Floats:
    """The gap of the outputs, the kernel's change, and that of each layer, the largest over the moments."""
    n = x.shape[0]

    def kernel(params: Parameters) -> Floats:
        return host(empirical_ntk(network, params, every, trace=True))

    k = kernel(start)
    execution = execution_for(x)
    begin = _at_start(network, start, x, y, every)
    targets = execution.from_numpy((begin[:n] + host(y)).astype(to_numpy(y).dtype), x)
    linear = begin + gradient_descent(k[:n, :n], host(y), k[:, :n], moments, rate=rate).test
    worst = np.zeros(2 + len(start))
    path = training_path(network, start, x, targets, moments=moments, rate=rate, probe=every)
    for (params, outputs), straight in zip(path, linear, strict=True):
        gap = np.sqrt(np.mean((outputs - straight) ** 2))
        layers = zip(params, start, strict=True)
        changes = [_relative(host(now["weight"]), host(before["weight"])) for now, before in layers]
        worst = np.maximum(worst, [gap, _relative(kernel(params), k), *changes])
    return worst


def _relative(now: Floats, before: Floats) -> float:
    return float(np.linalg.norm(now - before) / np.linalg.norm(before))
