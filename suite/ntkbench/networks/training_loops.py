"""Steps of gradient descent, one after another, as JAX and torch carry them out best."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.networks.finite import Finite
from ntkbench.networks.parameters import Parameters, leaves, mapped, merge


@dataclass(frozen=True)
class Descent:
    """What each step does: v <- momentum v - rate slope, w <- w + v; the loss is scale / 2 times the sum of squares."""

    network: Finite
    x: Array
    y: Array  # (n, k)
    order: np.ndarray | None  # (steps, batch size): the points that each step sees; None: all
    rate: float
    momentum: float
    scale: float


class Loop(Protocol):
    """A network on the way through its training."""

    @property
    def params(self) -> Parameters:
        """All parameters as they are now."""

    def advance(self, start: int, stop: int, limit: float) -> int | None:
        """Make the steps start, ..., stop - 1; the first one that finds a loss beyond the limit is not made.

        Returns that step, None when there is none.
        """

    def outputs(self, x: Array) -> np.ndarray:
        """The network's outputs (n, k) as it is now, in NumPy."""


class _Jax:
    """One compiled loop for all stretches between recordings."""

    def __init__(self, descent: Descent, params: Parameters) -> None:
        import jax.numpy as jnp

        self._network = descent.network
        self._trained, self._fixed = descent.network.split(params)
        self._velocity = mapped(jnp.zeros_like, self._trained) if descent.momentum else None
        order = None if descent.order is None else jnp.asarray(descent.order)
        self._data = (descent.x, descent.y, order)
        self._numbers = (descent.rate, descent.momentum, descent.scale)
        self._advance, self._outputs = _jax_functions()

    @property
    def params(self) -> Parameters:
        return merge(self._trained, self._fixed)

    def advance(self, start: int, stop: int, limit: float) -> int | None:
        state = (start, False, self._trained, self._velocity)
        numbers = (*self._numbers, limit, stop)
        step, beyond, self._trained, self._velocity = self._advance(
            self._network, state, self._fixed, self._data, numbers
        )
        return int(step) if beyond else None

    def outputs(self, x: Array) -> np.ndarray:
        return np.asarray(self._outputs(self._network, self.params, x))


@cache
def _jax_functions() -> tuple[Any, Any]:
    """`advance` and `outputs`, compiled once for each network, shapes and precision."""
    import jax
    import jax.numpy as jnp

    def advance(network: Finite, state: Any, fixed: Any, data: Any, numbers: Any) -> Any:
        x, y, order = data
        rate, momentum, scale, limit, stop = numbers

        def loss(trained: Any, inputs: Any, targets: Any) -> Any:
            error = network.apply(merge(trained, fixed), inputs) - targets
            return 0.5 * scale * jnp.sum(error * error)

        def step(state: Any) -> Any:
            now, _, trained, velocity = state
            inputs, targets = (x, y) if order is None else (x[order[now]], y[order[now]])
            value, slope = jax.value_and_grad(loss)(trained, inputs, targets)
            # Not "value > limit", which is false of NaN.
            beyond = ~(value <= limit)
            if velocity is None:
                moved = mapped(lambda w, g: jnp.where(beyond, w, w - rate * g), trained, slope)
            else:
                velocity = mapped(lambda v, g: momentum * v - rate * g, velocity, slope)
                moved = mapped(lambda w, v: jnp.where(beyond, w, w + v), trained, velocity)
            return jnp.where(beyond, now, now + 1), beyond, moved, velocity

        return jax.lax.while_loop(lambda state: (state[0] < stop) & ~state[1], step, state)

    def outputs(network: Finite, params: Any, x: Any) -> Any:
        return network.apply(params, x)

    return jax.jit(advance, static_argnums=0), jax.jit(outputs, static_argnums=0)


class _Torch:
    """Autograd and updates in place, step by step.

    Uncompiled: a step is its matrix products, of which torch.compile saves at most a sixth (on two CPU cores: widths
    256 to 4096, 1 to 4 hidden layers), while it takes 2 to 30 seconds for each network and shape.
    """

    def __init__(self, descent: Descent, params: Parameters) -> None:
        import torch

        self._torch = torch
        self._descent = descent
        trained, self._fixed = descent.network.split(params)
        self._trained = mapped(lambda w: w.detach().clone().requires_grad_(), trained)
        self._weights = leaves(self._trained)
        self._velocity = [torch.zeros_like(w) for w in self._weights]
        self._order = None if descent.order is None else torch.asarray(descent.order, device=descent.x.device)

    @property
    def params(self) -> Parameters:
        return merge(mapped(lambda w: w.detach(), self._trained), self._fixed)

    def advance(self, start: int, stop: int, limit: float) -> int | None:
        torch, descent = self._torch, self._descent
        x, y = descent.x, descent.y
        for now in range(start, stop):
            if self._order is not None:
                x, y = (part[self._order[now]] for part in (descent.x, descent.y))
            with torch.enable_grad():
                error = descent.network.apply(merge(self._trained, self._fixed), x) - y
                value = 0.5 * descent.scale * torch.sum(error * error)
                slope = torch.autograd.grad(value, self._weights)
            if not float(value) <= limit:
                return now
            with torch.no_grad():
                self._move(slope)
        return None

    def _move(self, slope: Any) -> None:
        torch, descent = self._torch, self._descent
        if not descent.momentum:
            torch._foreach_add_(self._weights, slope, alpha=-descent.rate)
            return
        torch._foreach_mul_(self._velocity, descent.momentum)
        torch._foreach_add_(self._velocity, slope, alpha=-descent.rate)
        torch._foreach_add_(self._weights, self._velocity)

    def outputs(self, x: Array) -> np.ndarray:
        with self._torch.no_grad():
            found: np.ndarray = self._descent.network.apply(self.params, x).cpu().numpy()
        return found


def start(descent: Descent, params: Parameters) -> Loop:
    """The loop of the library of the data. Raises TypeError for one that does not differentiate."""
    if array_api_compat.is_jax_array(descent.x):
        return _Jax(descent, params)
    if array_api_compat.is_torch_array(descent.x):
        return _Torch(descent, params)
    raise TypeError(f"training needs derivatives: arrays of JAX or torch, not {type(descent.x).__name__}")
