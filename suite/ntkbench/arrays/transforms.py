"""What a library that differentiates can do: the few transforms that empirical kernels need."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for

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

    def outline(self, function: Function, *arguments: Any) -> Any:
        """What `function` gives, or of it the shape and dtype alone, where the library finds them without computing."""

    def constant(self) -> AbstractContextManager[Any]:
        """A block whose results are not themselves kept ready for differentiation, whatever the inputs are."""


def transforms_for(x: Array) -> Transforms:
    """The transforms of the array's library. Raises TypeError for one that does not differentiate."""
    transforms = execution_for(x).transforms
    if transforms is None:
        raise TypeError(f"empirical kernels need derivatives, which arrays of type {type(x).__name__} have not")
    return transforms
