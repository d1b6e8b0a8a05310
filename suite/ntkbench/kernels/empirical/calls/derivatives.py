"""Structured derivatives of a function of torch: one run for all rows of inputs, and one backwards for each output."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch

from ntkbench.arrays.transforms import Transforms
from ntkbench.kernels.empirical import costs, shares
from ntkbench.kernels.empirical.calls.plan import Plan, planned
from ntkbench.kernels.empirical.calls.probing import Probing
from ntkbench.kernels.empirical.calls.recording import record
from ntkbench.kernels.empirical.calls.weights import Known
from ntkbench.kernels.empirical.costs import Way
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.inputs import Inputs, alone, number, some
from ntkbench.kernels.empirical.provider import Contraction
from ntkbench.kernels.empirical.shares import Factors, Order

Function = Callable[[list[torch.Tensor], Inputs], torch.Tensor]
"""Of a list of parameters and rows of inputs: (n, O)."""


@dataclass(frozen=True)
class CallDerivatives:
    """The provider of a function of torch; `names` are those of its parameters."""

    function: Function
    parameters: list[torch.Tensor]
    plan: Plan
    outputs: int
    names: list[str]
    transforms: Transforms

    @property
    def note(self) -> str:
        """The parameters whose Jacobian is formed."""
        rest = [self.names[k] for k in self.plan.rest]
        if not rest:
            return ""
        more = f" and {len(rest) - 3} more" if len(rest) > 3 else ""
        return f"contraction for {', '.join(rest[:3])}{more}"

    def costs(self, n1: int, n2: int | None, form: Form) -> Mapping[Way, int]:
        """Multiply-adds of each way."""
        return costs.counted(self.plan.layers, self.outputs, n1, n2, form)

    def room(self, way: Way, n1: int, n2: int | None, form: Form) -> tuple[int, int]:
        """Numbers held at once for each input and for each pair of inputs, roughly."""
        return costs.room(self.plan.layers, self.outputs, way, n1, n2, form)

    def contraction(self, n1: int, n2: int | None, form: Form) -> Contraction:
        """The functions that give blocks."""
        outputs = form.left(self.outputs)
        orders = costs.orders_of(self.plan.shares, n1, n2, outputs, form)
        known: dict[str, Any] = {"shares": self.plan.shares, "orders": orders, "form": form, "outputs": outputs}
        return Contraction(partial(self._factors, orders=orders, form=form), partial(shares.contract, **known))

    def _factors(self, x: Inputs, *, orders: tuple[Order, ...], form: Form) -> Factors:
        like = self.parameters[0]
        each_output = form.cotangents(like, self.outputs)
        rest = [self.parameters[k] for k in self.plan.rest]

        def one(row: Inputs) -> Any:
            back, seen = self.transforms.vjp(partial(self._probed, row), (self._probes, rest))
            return seen, self.transforms.vmap(back, 0)(each_output)

        seen, (given, jacobians) = self.transforms.vmap(one, 0)(x)
        empty = like.new_zeros((number(x), each_output.shape[0], 0))
        return self.plan.factors(seen, given, jacobians, empty, orders, form)

    def _probed(self, row: Inputs, at: tuple[tuple[torch.Tensor, ...], list[torch.Tensor]]) -> Any:
        probes, rest = at
        parameters = list(self.parameters)
        for k, own in zip(self.plan.rest, rest, strict=True):
            parameters[k] = own
        by_rule = {k: self.parameters[k] for k in self.plan.ruled}
        probing = Probing(Known(by_rule), self.plan.calls, probes)
        with probing:
            outputs = self.function(parameters, alone(row))[0]
        return outputs, probing.seen()

    @cached_property
    def _probes(self) -> tuple[torch.Tensor, ...]:
        like = self.parameters[0]
        return tuple(torch.zeros(call.given, dtype=like.dtype, device=like.device) for call in self.plan.calls)


def derivatives_of(
    function: Function, trained: list[torch.Tensor], names: list[str], x: Inputs, outputs: int, transforms: Transforms
) -> CallDerivatives:
    """The provider of a function, from one run with the first row of the inputs.

    Args:
        function: of a list of parameters and inputs.
        trained: the parameters, each of which counts as one of its own.
        names: theirs.
        x: inputs, at least one row.
        outputs: how many the function has.
        transforms: torch's.

    Returns:
        A provider for inputs like x.
    """
    # Tensors of their own, which tell the parameters apart.
    parameters = [parameter.detach() for parameter in trained]
    found = record(function, parameters, some(x, slice(0, 1)))
    sizes = [math.prod(parameter.shape) for parameter in parameters]
    return CallDerivatives(function, parameters, planned(found, sizes), outputs, names, transforms)
