"""One run of a function that finds where its parameters meet inputs, and which of them do so by rules alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ntkbench.arrays.torch import EXECUTION
from ntkbench.arrays.trees import mapped
from ntkbench.kernels.empirical.calls.reading import Reading, exchanged, without
from ntkbench.kernels.empirical.calls.rules import Found
from ntkbench.kernels.empirical.calls.sites import Site
from ntkbench.kernels.empirical.calls.weights import Known, Weight
from ntkbench.kernels.empirical.inputs import Inputs
from ntkbench.kernels.empirical.shares import Direct, Share
from ntkbench.networks.layers.layer import Shape


@dataclass(frozen=True)
class Met:
    """A call by its shapes, for one row of inputs, and the parameters that it meets: None where that is none."""

    site: Site
    shape: Shape
    """Of the weights."""
    seen: Shape
    given: Shape
    weight: Weight | None
    bias: Weight | None
    units: int
    """The length of the bias."""
    copied: bool
    """Whether what it sees is written over later."""

    @property
    def multiply_adds(self) -> int:
        """What it costs for one row."""
        return self.site.multiply_adds(self.shape, self.seen, self.given)

    @property
    def values(self) -> int:
        """The numbers in and out for one row."""
        return math.prod(self.seen) + math.prod(self.given)

    def kind(self, weight: Weight) -> Any:
        """What two calls that meet a weight must have in common for their derivatives to be summed as rows."""
        share = self.site.share(self.shape, self.seen, self.given)
        return type(self.site), getattr(self.site, "transposed", False) != weight.transposed, weight.scale, _one(share)


def _one(share: Share | Direct) -> Share | Direct:
    return replace(share, positions=1) if isinstance(share, Share) else share


@dataclass(frozen=True)
class Record:
    """The calls of a function in their order, and the numbers of the parameters that have no rule."""

    calls: tuple[Met, ...]
    rest: tuple[int, ...]


def record(
    function: Callable[[list[torch.Tensor], Inputs], torch.Tensor], parameters: list[torch.Tensor], row: Inputs
) -> Record:
    """Run the function once.

    Args:
        function: of a list of parameters and inputs, to outputs.
        parameters: tensors that need no gradients.
        row: one row of inputs.

    Returns:
        What it met. A parameter has rules where each of its uses, that the outputs depend on, has one, and these can be
        summed.
    """
    # In inference mode no derivative would reach a parameter.
    with torch.inference_mode(False), torch.enable_grad():
        followed = [_followed(parameter).detach().requires_grad_() for parameter in parameters]
        reading = _Recording(Known(dict(enumerate(followed))))
        with reading:
            outputs = function(followed, mapped(_followed, row))
        # Calls by rules leave no trace in the derivatives: what has one has other uses.
        slopes = (
            torch.autograd.grad(outputs.sum(), followed, allow_unused=True)
            if outputs.requires_grad and followed
            else [None] * len(followed)
        )
    calls = tuple(reading.calls())
    reached = {number for number, slope in enumerate(slopes) if slope is not None}
    return Record(calls, tuple(sorted(reached | reading.within | _mixed(calls))))


def _followed(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor, or of one from inference mode a copy, through which derivatives may pass."""
    return tensor.clone() if tensor.is_inference() else tensor


def _mixed(calls: tuple[Met, ...]) -> set[int]:
    """The parameters whose uses cannot be summed: of different kinds or scales, or of rows that overlap."""
    uses: dict[int, dict[Any, set[Any]]] = {}
    for met in calls:
        if met.weight is not None:
            kinds = uses.setdefault(met.weight.number, {})
            kinds.setdefault(met.weight.rows, set()).add(met.kind(met.weight))
        if met.bias is not None:
            kinds = uses.setdefault(met.bias.number, {})
            kinds.setdefault(met.bias.rows, set()).add("bias")
    return {
        number for number, kinds in uses.items() if not _apart(list(kinds)) or any(len(k) > 1 for k in kinds.values())
    }


def _apart(rows: list[tuple[int, int] | None]) -> bool:
    """Whether no row is in two blocks."""
    if len(rows) == 1:
        return True
    blocks = sorted(block for block in rows if block is not None)
    return len(blocks) == len(rows) and all(one[1] <= other[0] for one, other in itertools.pairwise(blocks))


@dataclass
class _Seen:
    """A call while the function runs: the tensor that it saw, and how often that had been written to."""

    found: Found
    given: Shape
    weight: Weight | None
    bias: Weight | None
    tensor: torch.Tensor
    version: int = field(init=False)

    def __post_init__(self) -> None:
        self.version = _version(self.tensor)


def _version(tensor: torch.Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version


class _Recording(Reading):
    """Carries calls out with parameters through which no derivative passes."""

    def __init__(self, known: Known) -> None:
        super().__init__(known)
        self._calls: list[_Seen] = []
        self.within: set[int] = set()
        """The parameters that are met inside of transforms of the function's own, where a row is not a row."""

    def met(self, found: Found, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> torch.Tensor:
        weight, bias = self.known.get(found.weight), self.known.get(found.bias)
        if EXECUTION.traced(found.input):
            self.within |= {met.number for met in (weight, bias) if met is not None}
            inside: torch.Tensor = function(*args, **named)
            return inside
        constant = {
            id(tensor): tensor.detach()
            for tensor, kept in ((found.weight, weight), (found.bias, bias))
            if kept is not None
        }
        instead, by_name = exchanged(args, named, constant)
        result: torch.Tensor = function(*instead, **by_name)
        seen = found.input
        if found.normalised:
            bare, bare_named = without(found, args, named)
            seen = function(*bare, **bare_named)
        self._calls.append(_Seen(found, tuple(result.shape), weight, bias, seen))
        return result

    def calls(self) -> list[Met]:
        """What has been met, once the function is through."""
        return [
            Met(
                call.found.site,
                tuple(call.found.weight.shape),
                tuple(call.tensor.shape),
                call.given,
                call.weight,
                call.bias,
                0 if call.found.bias is None else int(call.found.bias.shape[0]),
                call.version < 0 or _version(call.tensor) != call.version,
            )
            for call in self._calls
        ]
