"""Training on the hinge loss at many scales of the outputs, from lazy to feature learning (Geiger et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.transforms import Transforms, transforms_for
from ntkbench.arrays.trees import mapped
from ntkbench.networks.finite import Finite
from ntkbench.networks.parameters import Parameters

_CHUNK = 50  # steps between two looks at the margins
_MOST = 0.1  # by which a step may change an output


def soft_relu(x: Array) -> Array:
    """a log(1 + e^(5 x)) / 5 with a = 1.404, of mean square one for N(0, 1) nearly: linear far out, smooth at zero.

    Args:
        x: Numbers.

    Returns:
        The function of each.

    References:
        Geiger et al. 2020 (arXiv:1906.08034), section 2.
    """
    xp = array_api_compat.array_namespace(x)
    size = xp.abs(5.0 * x)
    return (1.404 / 5.0) * (0.5 * (5.0 * x + size) + xp.log1p(xp.exp(-size)))


def hinge_training(
    network: Finite, start: Parameters, x: Array, y: Array, scales: Sequence[float], *, most_steps: int = 20_000
) -> list[Parameters]:
    """Train f - f_0 at several scales a until each point has the margin: y a (f - f_0) >= 1.

    The loss is the mean of max(0, 1 - y a (f - f_0)), over a^2. Steps follow its gradient flow, each so long that no
    output a (f - f_0) changes by more than 0.1; the scales are trained side by side.

    Args:
        network: A network with one output.
        start: Its parameters at the start, of JAX or torch.
        x: Inputs, (n, ...), of the library and dtype of the parameters.
        y: Labels -1 and 1, (n,).
        scales: a, positive.
        most_steps: So many steps are tried.

    Returns:
        The parameters in the end, at each scale.

    Raises:
        ValueError: Some scale has not reached its margins after so many steps.

    References:
        Geiger et al. 2020 (arXiv:1906.08034), equations 2 and 3.
    """
    execution, count, n = execution_for(x), len(scales), x.shape[0]

    def stacked(a: np.ndarray) -> Array:
        return execution.from_numpy(np.repeat(a[None], count, axis=0), x)

    dtype = execution.to_numpy(y).dtype
    size = execution.from_numpy(np.asarray(scales, dtype=dtype), x)
    trained = mapped(lambda w: stacked(execution.to_numpy(w)), start)
    time = execution.from_numpy(np.full(count, 1e-3, dtype=dtype), x)
    state = (trained, stacked(np.zeros(n, dtype=dtype)), time)
    options: dict[str, Any] = {"network": network, "execution": execution, "transforms": transforms_for(x)}
    chunk = execution.compiled(_chunk, tuple(options))
    labels = host(y)
    for _ in range(0, most_steps, _CHUNK):
        state = chunk(state, start, x, y, size, **options)
        short = (host(state[1]) * labels < 1.0).any(axis=1)
        if not short.any():
            return [mapped(lambda w, a=a: w[a], state[0]) for a in range(count)]
    late = ", ".join(f"{a:g}" for a, is_short in zip(scales, short, strict=True) if is_short)
    raise ValueError(f"after {most_steps} steps some points have no margin of 1 at scale {late}")


def _chunk(
    state: Any,
    start: Parameters,
    x: Array,
    y: Array,
    scales: Array,
    *,
    network: Finite,
    execution: Execution,
    transforms: Transforms,
) -> Any:
    """Some steps of all scales: state is the parameters, (a, ...) each, the outputs (a, n) and the length of a step."""
    xp = execution.xp

    def outputs(w: Parameters) -> Array:
        return network.apply(w, x)[:, 0]

    def slope(w: Parameters, share: Array) -> Parameters:
        back, _ = transforms.vjp(lambda w: (outputs(w), ()), w)
        found: Parameters = back(share)
        return found

    begin, slopes, each = outputs(start), transforms.vmap(slope, (0, 0)), transforms.vmap(outputs, 0)

    def along(of_scale: Array, like: Array) -> Array:
        return xp.reshape(of_scale, (like.shape[0],) + (1,) * (like.ndim - 1))

    def step(state: Any, _: Any) -> Any:
        w, f, length = state
        share = xp.where(f * y < 1.0, y, xp.zeros_like(f)) / (x.shape[0] * scales[:, None])
        tried = mapped(lambda a, v: a + along(length, a) * v, w, slopes(w, share))
        reached = scales[:, None] * (each(tried) - begin)
        kept = xp.max(xp.abs(reached - f), axis=1) <= _MOST
        w = mapped(lambda new, old: xp.where(along(kept, new), new, old), tried, w)
        return w, xp.where(kept[:, None], reached, f), length * xp.where(kept, 1.1, 0.5)

    return execution.scan(step, state, (xp.zeros(_CHUNK, dtype=x.dtype),))
