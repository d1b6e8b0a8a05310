"""What finds structured derivatives of a function: a network's layers, calls of torch, or the primitives of JAX."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.trees import leaves, mapped, paths
from ntkbench.kernels.empirical import costs
from ntkbench.kernels.empirical.costs import WAYS, Way
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.inputs import Inputs, number, size
from ntkbench.kernels.empirical.jacobians import evaluate
from ntkbench.kernels.empirical.provider import Contraction, Provider
from ntkbench.kernels.empirical.structured import NetworkDerivatives
from ntkbench.kernels.empirical.subject import Subject


@dataclass(frozen=True)
class Unknown:
    """The provider where structured derivatives are not asked for, or there is no input to find them by."""

    parameters: int
    size: int
    """The numbers of one input."""
    outputs: int
    note: str = ""

    def costs(self, n1: int, n2: int | None, form: Form) -> Mapping[Way, int]:
        """Multiply-adds of each way."""
        return costs.unknown_costs(self.parameters, n1, n2, self.outputs, form)

    def room(self, way: Way, n1: int, n2: int | None, form: Form) -> tuple[int, int]:
        """Numbers held at once for each input and for each pair of inputs, roughly."""
        return costs.unknown_room(self.parameters, self.size, way, self.outputs, form)

    def contraction(self, n1: int, n2: int | None, form: Form) -> Contraction:
        """Raise ValueError: there is no way to get here by `provider_of`."""
        raise ValueError("structured derivatives were not looked for")


def provider_of(subject: Subject, x: Inputs, method: str) -> Provider:
    """What finds structured derivatives of the subject at inputs like x, where the method may ask for them."""
    if subject.network is not None:
        return NetworkDerivatives(subject.network, subject.params, subject.execution, subject.transforms)
    if method in ("auto", "structured") and number(x):
        if array_api_compat.is_torch_array(subject.like):
            return _by_calls(subject, x)
        if array_api_compat.is_jax_array(subject.like):
            return _by_program(subject, x)
    return Unknown(subject.parameters, size(x), subject.outputs)


def _by_calls(subject: Subject, x: Inputs) -> Provider:
    from ntkbench.kernels.empirical.calls.derivatives import derivatives_of

    def function(parameters: list[Array], x: Inputs) -> Array:
        left = iter(parameters)
        return evaluate(subject.apply, mapped(lambda _: next(left), subject.trained), subject.fixed, x)

    named = paths(subject.trained)
    return derivatives_of(function, leaves(subject.trained), named, x, subject.outputs, subject.transforms)


def _by_program(subject: Subject, x: Inputs) -> Provider:
    from ntkbench.kernels.empirical.traced.derivatives import derivatives_of

    return derivatives_of(subject.apply, subject.trained, subject.fixed, x, subject.execution)


def way_of(provider: Provider, method: str, n1: int, n2: int | None, form: Form, budget: int) -> Way:
    """The method asked for; with "auto" the one with the fewest multiply-adds, of those whose arrays fit.

    Args:
        provider: tells what each costs.
        method: "auto" or a way.
        n1: the number of inputs.
        n2: the number of other inputs; None: the kernel of the inputs with themselves.
        form: which part of the kernel is wanted.
        budget: the numbers that may be held at once.

    Returns:
        The way; of "auto", where none fits, the one that takes the least room.

    Raises:
        ValueError: for a method that there is not.
    """
    known: dict[str, Way] = {way: way for way in WAYS}
    if method in known:
        return known[method]
    if method != "auto":
        close = difflib.get_close_matches(str(method), ["auto", *known], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"method must be one of auto, {', '.join(known)}, not {method!r}{hint}")
    counted = provider.costs(n1, n2, form)
    rooms = {way: provider.room(way, n1, n2, form) for way in counted}
    least = {way: 2 * each + pair for way, (each, pair) in rooms.items()}
    fit = [way for way in counted if least[way] <= budget]
    return min(fit, key=lambda way: counted[way]) if fit else min(least, key=lambda way: least[way])
