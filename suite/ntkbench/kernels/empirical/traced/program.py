"""The traced program of one input: where its parameters meet what is made of inputs, and what that costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var

from ntkbench.kernels.empirical import costs
from ntkbench.kernels.empirical.shares import Direct, Share
from ntkbench.kernels.empirical.traced.links import Link, Links, linked
from ntkbench.kernels.empirical.traced.products import Product, multiply_adds, product_of

# Here a parameter's own Jacobian costs no more than the derivatives by what it is added to or multiplied with.
_ELEMENTWISE = frozenset({"add", "add_any", "sub", "mul", "div", "max", "min", "pow", "select_n"})


@dataclass(frozen=True)
class Use:
    """An equation, by its number, that is linear in a parameter; `scales` as in a link."""

    equation: int
    product: Product
    scales: tuple[tuple[Any, int], ...]


@dataclass(frozen=True)
class Layer:
    """Uses of the same entries of one parameter, in the same arrangement: their positions are those of one layer."""

    parameter: int
    uses: tuple[Use, ...]

    @property
    def share(self) -> Share:
        """Its sizes: the positions of all uses."""
        one, positions = self.uses[0].product, sum(use.product.positions for use in self.uses)
        return Share(positions, one.fan_in, one.units, one.groups, lookup=one.lookup)


@dataclass(frozen=True, eq=False)
class Program:
    """A function of one input, in equations. Parameters are the first operands, by number."""

    closed: ClosedJaxpr
    outputs: int
    parameters: int
    """How many arrays of trained ones there are."""
    layers: tuple[Layer, ...]
    alone: tuple[int, ...]
    """Parameters whose shares are products of their own Jacobians."""
    reasons: tuple[tuple[int, str], ...]
    """Of `alone`, those that have no rule, with what they enter."""
    shares: tuple[Share | Direct, ...]
    """Of the layers, then of what is alone."""
    steps: tuple[costs.Layer, ...]
    """The equations, counted."""

    @property
    def uses(self) -> tuple[Use, ...]:
        """Of all layers, one layer after another."""
        return tuple(use for layer in self.layers for use in layer.uses)


@dataclass
class _Found:
    """What is found of the parameters while a program is read."""

    uses: list[list[tuple[Use, Link]]]
    reasons: list[list[tuple[int, str]]]
    """The numbers and names of equations that have no rule for a parameter."""
    steps: list[tuple[int, int]] = field(default_factory=list)
    """Of each equation the multiply-adds, and the numbers that go into products and come out of them."""
    links: dict[Any, Links] = field(default_factory=dict)
    spread: dict[Any, Any] = field(default_factory=dict)
    inputs: set[Any] = field(default_factory=set)
    """Variables that are made of inputs."""


def read(closed: ClosedJaxpr, parameters: int, fixed: int) -> Program:
    """Read a program whose operands are trained parameters, fixed ones, and the input, so many of the former.

    Its one result is of shape (O,).
    """
    jaxpr = closed.jaxpr
    trained = jaxpr.invars[:parameters]
    found = _Found([[] for _ in trained], [[] for _ in trained])
    found.links.update({w: {k: Link(w.aval.shape)} for k, w in enumerate(trained)})
    found.inputs.update(jaxpr.invars[parameters + fixed :])
    for number, equation in enumerate(jaxpr.eqns):
        if any(atom in found.inputs for atom in _variables(equation)) or _meets_constants(found, equation):
            _meet(found, number, equation)
            found.steps.append(_counted(found, equation))
        else:
            found.steps.append((0, 0))
            _follow(found, equation)
    (result,) = jaxpr.outvars
    if not isinstance(result, Literal):
        for number in found.links.get(result, {}):
            found.reasons[number].append((len(jaxpr.eqns) - 1, "the outputs"))
    layers, alone, reasons = list[Layer](), list[int](), list[tuple[int, str]]()
    for number, (uses, why) in enumerate(zip(found.uses, found.reasons, strict=True)):
        own = [] if why else _layers(number, uses)
        if own is None:
            why += [(use.equation, "uses of it in several arrangements") for use, _ in uses]
        layers += own or []
        if why:
            alone.append(number)
            lacking = [name for name in dict.fromkeys(name for _, name in why) if name not in _ELEMENTWISE]
            reasons += [(number, ", ".join(lacking))] if lacking else []
    if not layers and not alone:
        # Where nothing else is left, parameters that are not used tell that their share is zero.
        alone = list(range(parameters))
    shares: list[Share | Direct] = [layer.share for layer in layers]
    first = [layer.uses[0].equation for layer in layers]
    for number in alone:
        entered = [*(place for place, _ in found.reasons[number]), *(use.equation for use, _ in found.uses[number])]
        cost = sum(found.steps[place][0] for place in dict.fromkeys(entered))
        shares.append(Direct(math.prod(trained[number].aval.shape), cost))
        first.append(min(entered, default=0))
    steps = tuple(
        costs.Layer(*counts, tuple(share for share, place in zip(shares, first, strict=True) if place == number))
        for number, counts in enumerate(found.steps)
    )
    outputs = result.aval.shape[0]
    return Program(closed, outputs, parameters, tuple(layers), tuple(alone), tuple(reasons), tuple(shares), steps)


def _variables(equation: JaxprEqn) -> Iterator[Var]:
    return (atom for atom in equation.invars if not isinstance(atom, Literal))


def _follow(found: _Found, equation: JaxprEqn) -> None:
    """An equation without inputs."""
    if equation.primitive.name == "stop_gradient":
        return
    if equation.primitive.name == "broadcast_in_dim" and math.prod(equation.invars[0].aval.shape) == 1:
        (spread,) = equation.outvars
        found.spread[spread] = equation.invars[0]
    if len(equation.outvars) == 1:
        links = linked(equation, found.links, found.spread)
    else:
        links = {number: None for atom in _variables(equation) for number in found.links.get(atom, {})}
    if links:
        found.links.update(dict.fromkeys(equation.outvars, links))


def _meets_constants(found: _Found, equation: JaxprEqn) -> bool:
    """Whether it is a product of a parameter with what is the same for all inputs, as a state that begins with zero."""
    places = [place for place, atom in enumerate(equation.invars) if _has(found.links, atom)]
    if len(places) != 1 or product_of(equation, places[0]) is None:
        return False
    return all(link is not None for link in found.links[equation.invars[places[0]]].values())


def _meet(found: _Found, number: int, equation: JaxprEqn) -> None:
    """An equation of inputs."""
    for place, atom in enumerate(equation.invars):
        for parameter, link in found.links[atom].items() if _has(found.links, atom) else ():
            product = None if link is None else product_of(equation, place)
            if product is None or link is None or _has(found.links, equation.invars[product.other]):
                found.reasons[parameter].append((number, equation.primitive.name))
            else:
                found.uses[parameter].append((Use(number, product, link.scales), link))
    found.inputs.update(equation.outvars)


def _counted(found: _Found, equation: JaxprEqn) -> tuple[int, int]:
    """The multiply-adds of an equation, what is no product as much as it gives, and the numbers in and out."""
    result = sum(math.prod(variable.aval.shape) for variable in equation.outvars)
    products = _cost(equation)
    given = sum(math.prod(atom.aval.shape) for atom in _variables(equation) if atom in found.inputs)
    return max(products, result), given + result if products else 0


def _has(variables: Any, atom: Any) -> bool:
    return not isinstance(atom, Literal) and atom in variables


def _cost(equation: JaxprEqn) -> int:
    """Multiply-adds of an equation, those of programs in it included."""
    held = [each for value in equation.params.values() for each in (value if isinstance(value, tuple) else (value,))]
    inner = sum(_cost(each) for value in held if isinstance(value, ClosedJaxpr | Jaxpr) for each in value.eqns)
    return multiply_adds(equation) + inner * int(equation.params.get("length", 1))


def _layers(parameter: int, uses: Sequence[tuple[Use, Link]]) -> list[Layer] | None:
    """The uses of one parameter, as layers; None where two meet in entries that they arrange in different ways."""
    if len(uses) == 1:
        return [Layer(parameter, (uses[0][0],))]
    together: list[tuple[np.ndarray, bool, list[Use]]] = []
    for use, link in uses:
        entries, lookup = use.product.weights(link.entries()), use.product.lookup
        for known, same, others in together:
            if same == lookup and np.array_equal(known, entries):
                others.append(use)
                break
        else:
            together.append((entries, lookup, [use]))
    if len(together) > 1:
        taken = np.concatenate([np.ravel(entries) for entries, _, _ in together])
        if len(np.unique(taken)) < len(taken):
            return None
    return [Layer(parameter, tuple(each)) for _, _, each in together]
