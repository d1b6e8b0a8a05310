"""Networks trained by Adam, as far as published comparisons with their kernels ask for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.transforms import Transforms, transforms_for
from ntkbench.arrays.trees import mapped
from ntkbench.networks.finite import Finite
from ntkbench.networks.parameters import Parameters

_FIRST, _SECOND, _SMALL = 0.9, 0.999, 1e-8


def adam_training(
    network: Finite, start: Parameters, x: Array, y: Array, *, steps: int, rate: float
) -> tuple[Parameters, float]:
    """Minimise the mean of (f - y)^2 by Adam with its usual constants, all points in each step.

    Args:
        network: A network with one output.
        start: Its parameters at the start, of JAX or torch.
        x: Inputs, (n, ...), of the library and dtype of the parameters.
        y: Labels, (n,).
        steps: How many steps are made, at least 1.
        rate: The learning rate, positive.

    Returns:
        The parameters in the end, and the mean of (f - y)^2 there.

    Raises:
        ValueError: Steps or the rate make no sense.

    References:
        Kingma & Ba 2015 (arXiv:1412.6980), algorithm 1.
    """
    if steps < 1 or not rate > 0:
        raise ValueError(f"Adam takes at least one step and a positive rate, not {steps} and {rate}")
    execution = execution_for(x)
    dtype = execution.to_numpy(y).dtype
    still = mapped(lambda w: execution.from_numpy(np.zeros(tuple(w.shape), dtype=dtype), x), start)
    times = np.arange(1.0, steps + 1)
    # The rate of each step, with both corrections for the short past.
    rates = rate * np.sqrt(1.0 - _SECOND**times) / (1.0 - _FIRST**times)
    floors = _SMALL * np.sqrt(1.0 - _SECOND**times)
    each = tuple(execution.from_numpy(a.astype(dtype), x) for a in (rates, floors))
    options: dict[str, Any] = {"network": network, "execution": execution, "transforms": transforms_for(x)}
    params, loss = execution.compiled(_adam, tuple(options))((start, still, still), each, x, y, **options)
    return params, float(loss)


def _adam(
    state: Any, each: Any, x: Array, y: Array, *, network: Finite, execution: Execution, transforms: Transforms
) -> tuple[Parameters, Array]:
    def error(w: Parameters) -> Array:
        return network.apply(w, x)[:, 0] - y

    def step(state: Any, now: Any) -> Any:
        (w, mean, square), (rate, floor) = state, now
        back, off = transforms.vjp(lambda w: (error(w),) * 2, w)
        slope = back(off * (2.0 / y.shape[0]))
        mean = mapped(lambda m, g: _FIRST * m + (1.0 - _FIRST) * g, mean, slope)
        square = mapped(lambda s, g: _SECOND * s + (1.0 - _SECOND) * g * g, square, slope)
        xp = execution.xp
        w = mapped(lambda w, m, s: w - rate * m / (xp.sqrt(s) + floor), w, mean, square)
        return w, mean, square

    params, _, _ = execution.scan(step, state, each)
    return params, (error(params) ** 2).mean()
