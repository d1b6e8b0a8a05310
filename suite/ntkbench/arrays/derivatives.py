"""Derivatives of functions on arrays: the few that empirical kernels need, as JAX and torch.func name them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Protocol

from ntkbench._vendor import array_api_compat

Function = Callable[..., Any]


class Transforms(Protocol):
    """What differs between libraries that differentiate. Parameters may be nested tuples, lists and dicts."""

    def vjp(self, function: Function, at: Any) -> tuple[Function, Any]:
        """For function(at) -> (value, aside): the map from cotangents of the value to those of `at`, and the aside."""

    def jvp(self, function: Function, at: Any, direction: Any) -> Any:
        """The derivative of `function` in a direction."""

    def jacobian(self, function: Function) -> Function:
        """The derivatives by the first argument, the axes of the value first."""

    def vmap(self, function: Function, axes: int | tuple[int | None, ...]) -> Function:
        """`function` along the given axis of each argument, results along axis 0."""

    def constant(self) -> AbstractContextManager[Any]:
        """A block whose results are not themselves kept ready for differentiation, whatever the inputs are."""


class _Jax:
    def __init__(self) -> None:
        import jax

        self.jacobian = jax.jacrev
        self.vmap = jax.vmap
        self._jax = jax

    def vjp(self, function: Function, at: Any) -> tuple[Function, Any]:
        _, back, aside = self._jax.vjp(function, at, has_aux=True)
        return lambda cotangent: back(cotangent)[0], aside

    def jvp(self, function: Function, at: Any, direction: Any) -> Any:
        return self._jax.jvp(function, (at,), (direction,))[1]

    def constant(self) -> AbstractContextManager[Any]:
        return nullcontext()


class _Torch:
    def __init__(self) -> None:
        import torch.func

        self.jacobian = torch.func.jacrev
        self.vmap = torch.func.vmap
        self._torch = torch
        with warnings.catch_warnings():
            # The first derivative forwards makes torch compile some of its own code in a way that it warns of.
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.func.jvp(torch.sin, (torch.zeros(()),), (torch.zeros(()),))

    def vjp(self, function: Function, at: Any) -> tuple[Function, Any]:
        _, back, aside = self._torch.func.vjp(function, at, has_aux=True)
        return lambda cotangent: back(cotangent)[0], aside

    def jvp(self, function: Function, at: Any, direction: Any) -> Any:
        return self._torch.func.jvp(function, (at,), (direction,))[1]

    def constant(self) -> AbstractContextManager[Any]:
        block: AbstractContextManager[Any] = self._torch.no_grad()
        return block


@cache
def _jax() -> Transforms:
    return _Jax()


@cache
def _torch() -> Transforms:
    return _Torch()


def transforms_for(x: Any) -> Transforms:
    """The transforms of the array's library. Raises TypeError for one that does not differentiate."""
    if array_api_compat.is_jax_array(x):
        return _jax()
    if array_api_compat.is_torch_array(x):
        return _torch()
    raise TypeError(f"empirical kernels need derivatives: arrays of JAX or torch, not {type(x).__name__}")
