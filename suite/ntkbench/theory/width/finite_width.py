"""Networks of finite width beside the kernel of the infinitely wide one: their NTK, and their training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host, uncompiled
from ntkbench.arrays.execution import execution_for
from ntkbench.kernels.empirical.ntk import empirical_ntk
from ntkbench.networks.finite import Finite
from ntkbench.networks.parameters import Parameters
from ntkbench.networks.training import train
from ntkbench.theory.descent.dynamics import gradient_descent

_VISIBLE = 1e-6  # of the first loss; below, the loss of a network in float32 is rounding


def ntk_width_errors(
    networks: Sequence[Finite], starts: Sequence[Sequence[Parameters]], x: Array, ntk: Array
) -> list[float]:
    """How far the empirical NTKs of networks are from a kernel: the mean over the starts of each network.

    Args:
        networks: Networks of one architecture, one a width.
        starts: The parameters of each network, one set a start.
        x: Inputs, (n, ...), of the library and dtype of the parameters.
        ntk: The NTK of the infinitely wide network, (n, n).

    Returns:
        For each network the mean relative Frobenius error |K - ntk| / |ntk|, which falls as width^-1/2.

    References:
        Jacot et al. 2018 (arXiv:1806.07572), theorem 1; Xu & Zhu 2024.
    """
    distance = execution_for(ntk).compiled(_squared_distance, ())
    squares = [
        [distance(empirical_ntk(network, params, x, trace=True), ntk) for params in of_width]
        for network, of_width in zip(networks, starts, strict=True)
    ]
    size = float((host(ntk) ** 2).sum())
    return [float(np.mean([(float(s) / size) ** 0.5 for s in of_width])) for of_width in squares]


def difference_ntk(network: Finite, params: Parameters, x: np.ndarray, *, step: float = 1e-5) -> np.ndarray:
    """The empirical NTK by central differences, one trained parameter after another: slow, and no automatic derivative.

    Args:
        network: A network of few parameters.
        params: Its parameters, float64 arrays of NumPy.
        x: Inputs, (n, ...), float64 of NumPy.
        step: How far each parameter is moved; the error is of the order of its square, plus rounding over it.

    Returns:
        (n, n, O, O), as `empirical_ntk` gives it.
    """
    columns = []
    for layer, (linear, own) in enumerate(zip(network.linear_layers, params, strict=True)):
        for name, array in own.items() if linear.layer.trained else ():
            for place in np.ndindex(array.shape):
                outputs = []
                for moved in (step, -step):
                    values = array.copy()
                    values[place] += moved
                    outputs.append(network.apply((*params[:layer], {**own, name: values}, *params[layer + 1 :]), x))
                columns.append((outputs[0] - outputs[1]) / (2 * step))
    jacobian = np.stack(columns)
    kernel: np.ndarray = np.einsum("pio,pjq->ijoq", jacobian, jacobian)
    return kernel


def _first_output(params: Parameters, x: Array, *, network: Finite) -> Array:
    return network.apply(params, x)[:, 0]


def _squared_distance(one: Array, other: Array) -> Array:
    return ((one - other) ** 2).sum()


class LossCurves(NamedTuple):
    """The loss (1/2) |f(X) - y|^2 of gradient descent, of a network and of its infinitely wide limit, in NumPy."""

    steps: tuple[int, ...]
    loss: np.ndarray  # (t,)
    predicted: np.ndarray  # (t,)

    @property
    def rate_ratio(self) -> float:
        """The rate at which the network's loss decays, over that of the limit: by the first and the last step."""
        return math.log(self.loss[-1] / self.loss[0]) / math.log(self.predicted[-1] / self.predicted[0])


def loss_curves(
    network: Finite, params: Parameters, x: Array, y: Array, ntk: Array, *, steps: int, rate: float
) -> LossCurves:
    """The loss while training, at log-spaced steps, of a network and of its linear limit from the same outputs.

    Shown as far as the limit keeps a millionth of its first loss: below, that of a network in float32 is rounding.

    Args:
        network: A network with one output.
        params: Its parameters at the start.
        x: Inputs, (n, ...), of the library and dtype of the parameters.
        y: Labels, (n,).
        ntk: The NTK of the infinitely wide network, (n, n).
        steps: The number of full-batch steps.
        rate: The learning rate, below 2 / lambda_max of `ntk`.

    Returns:
        Both curves.

    Raises:
        DivergenceError: The rate is too large for the limit.
        ValueError: As `train` and `gradient_descent` raise it.

    References:
        Lee et al. 2019 (arXiv:1902.06720), theorem 2.1 and equations 8 to 11.
    """
    start = execution_for(x).compiled(_first_output, ("network",))(params, x, network=network)
    seen = train(network, params, x, y, steps=steps, rate=rate)
    ntk, y, start = uncompiled(ntk, y, start)
    limit = host(gradient_descent(ntk, y, ntk, seen.steps, rate=rate, f0_train=start, f0_test=start).loss)
    shown = int((limit >= _VISIBLE * limit[0]).sum())
    return LossCurves(seen.steps[:shown], seen.loss[:shown], limit[:shown])
