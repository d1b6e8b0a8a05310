"""What targets, kernels, ridges and times of neural-tangents are here.

Its losses are means over the n points and k outputs: a learning rate of its is n k times one of ours. Its `diag_reg` is
a share of the mean of the diagonal. A kernel without a trace, (n1, n2, k, k), is a matrix over points and outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for
from ntkbench.compat.neural_tangents.empirical import traces
from ntkbench.solvers import NotPositiveDefinite

T = TypeVar("T")


@dataclass(frozen=True)
class Targets:
    """Targets (n, k) or (n,); `together`: their kernels are of all points and outputs at once."""

    y: Array
    together: bool

    @property
    def flat(self) -> Array:
        """As the kernels' matrices see them."""
        return self.y.reshape(-1) if self.together else self.y

    @property
    def size(self) -> int:
        """The number of points and outputs."""
        return math.prod(self.y.shape)

    def matrix(self, k: Any) -> Array:
        """A kernel as a matrix. Raises ValueError where it is of another kind."""
        k = jnp.asarray(k)
        if k.ndim != (4 if self.together else 2):
            wanted = "(n1, n2, k, k), trace_axes=()" if self.together else "(n1, n2), trace_axes=(-1,)"
            raise ValueError(f"a kernel of {wanted} is needed for targets {tuple(self.y.shape)}, not {tuple(k.shape)}")
        n1, n2, *outputs = k.shape
        return k.transpose(0, 2, 1, 3).reshape(n1 * outputs[0], n2 * outputs[1]) if self.together else k

    def start(self, f0: Any, rows: int) -> Array:
        """Outputs at time 0 at so many rows of a matrix; a number is the same for all."""
        flat = self.flat
        shape = (rows, *flat.shape[1:])
        values = jnp.asarray(f0, dtype=flat.dtype)
        return jnp.broadcast_to(values, shape) if values.ndim == 0 else values.reshape(shape)

    def shaped(self, outputs: Array, times: tuple[int, ...], like: Array) -> Array:
        """Outputs at times as neural-tangents has them, in the dtype of a kernel."""
        last = self.y.shape[1:]
        rows = outputs.shape[1] // math.prod(last) if self.together else outputs.shape[1]
        return outputs.astype(like.dtype).reshape(*times, rows, *last)


def targets_of(y: Any, trace_axes: Any) -> Targets:
    """Checked targets. Raises ValueError for shapes and axes that are not known."""
    y = jnp.asarray(y)
    if y.ndim not in (1, 2):
        raise ValueError(f"targets must be (n, k) or (n,), not {tuple(y.shape)}")
    return Targets(y, y.ndim == 2 and not traces(trace_axes))


def ridge_of(k: Array, diag_reg: Any, absolute: bool) -> Any:
    """What is added to the diagonal of a matrix."""
    if absolute or (isinstance(diag_reg, int | float) and diag_reg == 0):
        return diag_reg
    share = diag_reg * jnp.mean(jnp.diagonal(k))
    return share if isinstance(share, jax.core.Tracer) else float(share)


def with_ridge(k: Array, ridge: Any) -> Array:
    """The matrix with a ridge on its diagonal."""
    return k + ridge * jnp.eye(k.shape[0], dtype=k.dtype)


def positive(call: Callable[[Array], T], k: Array) -> T:
    """`call` of a kernel; where rounding to its dtype has made eigenvalues negative, with zeros in their place.

    Raises NotPositiveDefinite for those that no rounding explains.
    """
    try:
        return call(k)
    except NotPositiveDefinite:
        values, vectors = np.linalg.eigh(np.asarray(k, dtype=np.float64))
        if not -len(values) * np.finfo(k.dtype).eps * values[-1] <= values[0] < 0.0:
            raise
        lifted = (vectors * np.maximum(values, 0.0)) @ vectors.T
    execution = execution_for(k)
    with execution.double():
        k = execution.from_numpy((lifted + lifted.T) / 2.0, k)
    return call(k)


def times_of(t: Any) -> tuple[list[Any], tuple[int, ...]]:
    """All times one after another, and the shape that they had; None is the end."""
    if t is None:
        return [math.inf], ()
    if isinstance(t, jax.core.Tracer):
        return list(t.reshape(-1)), tuple(t.shape)
    times = np.asarray(t, dtype=np.float64)
    return times.reshape(-1).tolist(), times.shape
