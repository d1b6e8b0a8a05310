"""Functions of torch, such that derivatives of many rows at once are what they are of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class _Plain(TorchFunctionMode):  # type: ignore[misc]
    """A block in which `prelu` is made of plain operations.

    Its own derivatives by the slopes are wrong under torch's vmap (torch 2.13): rows are taken for channels.
    """

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """What torch asks instead of calling the function."""
        if function in (torch.prelu, torch.Tensor.prelu):
            return _prelu(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


def _prelu(input: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    slopes = weight.reshape(1, -1, *[1] * (input.dim() - 2)) if input.dim() > 1 else weight
    return torch.where(input > 0, input, slopes * input)


def plain(apply: Callable[[Any, Any], torch.Tensor]) -> Callable[[Any, Any], torch.Tensor]:
    """The function of parameters and inputs, in that block."""

    def called(params: Any, x: Any) -> torch.Tensor:
        with _Plain():
            return apply(params, x)

    return called
