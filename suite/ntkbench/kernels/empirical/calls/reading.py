"""Listening to the calls of torch while a function runs."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ntkbench.kernels.empirical.calls.attention import apart
from ntkbench.kernels.empirical.calls.rules import Found, read
from ntkbench.kernels.empirical.calls.weights import Known


class Reading(TorchFunctionMode):  # type: ignore[misc]
    """A block in which every call that meets a parameter by a rule is carried out by `met`."""

    def __init__(self, known: Known) -> None:
        super().__init__()
        self.known = known

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """What torch asks instead of calling the function."""
        named = kwargs or {}
        if function is functional.multi_head_attention_forward:
            return apart(self, self.known, args, named)
        found = read(function, args, named)
        # An input that is itself a parameter has a derivative that no rule knows.
        if found is not None and self.known.get(found.input) is None:
            return self.met(found, function, args, named)
        result = function(*args, **named)
        self.known.follow(function, args, named, result)
        return result

    @abstractmethod
    def met(self, found: Found, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> torch.Tensor:
        """The result of a call that a rule reads."""


def without(found: Found, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments without weights and biases: the call then gives what it has normalised."""
    return exchanged(args, named, {id(found.weight): None, id(found.bias): None})


def exchanged(
    args: tuple[Any, ...], named: dict[str, Any], instead: dict[int, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments, those of some identities exchanged."""
    return (
        tuple(instead.get(id(arg), arg) for arg in args),
        {name: instead.get(id(arg), arg) for name, arg in named.items()},
    )
