"""Gradient descent on JAX."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ntkbench.arrays.array import Array
from ntkbench.arrays.descent import Descent
from ntkbench.arrays.transforms import Function
from ntkbench.arrays.trees import mapped


class CompiledLoop:
    """One compiled loop for all stretches between recordings."""

    def __init__(self, descent: Descent, trained: Any, fixed: Any) -> None:
        self._function, self._trained, self._fixed = descent.outputs, trained, fixed
        self._velocity = mapped(jnp.zeros_like, trained) if descent.momentum else None
        order = None if descent.order is None else jnp.asarray(descent.order)
        self._data = (descent.x, descent.y, order)
        self._numbers = (descent.rate, descent.momentum, descent.scale)

    @property
    def trained(self) -> Any:
        return self._trained

    def advance(self, start: int, stop: int, limit: float) -> int | None:
        state = (start, False, self._trained, self._velocity)
        numbers = (*self._numbers, limit, stop)
        step, beyond, self._trained, self._velocity = _advance(self._function, state, self._fixed, self._data, numbers)
        return int(step) if beyond else None

    def outputs(self, x: Array) -> np.ndarray:
        return np.asarray(_outputs(self._function, self._trained, self._fixed, x))


@partial(jax.jit, static_argnums=0)  # compiled once for each network, shapes and precision
def _advance(function: Function, state: Any, fixed: Any, data: Any, numbers: Any) -> Any:
    x, y, order = data
    rate, momentum, scale, limit, stop = numbers

    def loss(trained: Any, inputs: Array, targets: Array) -> Array:
        error = function(trained, fixed, inputs) - targets
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

    return lax.while_loop(lambda state: (state[0] < stop) & ~state[1], step, state)


@partial(jax.jit, static_argnums=0)
def _outputs(function: Function, trained: Any, fixed: Any, x: Array) -> Array:
    return function(trained, fixed, x)
