"""The traced program of one input: where its parameters meet what is made of inputs, and what that costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn, Literal, Var, jaxprs_in_params

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


@dataclass(frozen=True)
class Counts:
    """Multiply-adds for one input: evaluating, derivatives by what is made of inputs (one output), and by weights.

    What is no product of matrices counts as much as it gives.
    """

    forward: int
    back: int
    weights: int
    values: int
    """The numbers that go into products, and where parameters enter, and come out of them."""


@dataclass(frozen=True, eq=False)
class Program:
    """A function of one input, in equations. Parameters are the first operands, by number."""

    closed: ClosedJaxpr
    outputs: int
    shapes: tuple[tuple[int, ...], ...]
    """Of the trained parameters."""
    layers: tuple[Layer, ...]
    alone: tuple[int, ...]
    """Parameters whose shares are products of their own Jacobians."""
    reasons: tuple[tuple[int, str], ...]
    """Of `alone`, those that have no rule, with what they enter."""
    counts: Counts

    @property
    def shares(self) -> tuple[Share | Direct, ...]:
        """Of the layers, then of what is alone."""
        apart = (Direct(math.prod(self.shapes[number])) for number in self.alone)
        return (*(layer.share for layer in self.layers), *apart)

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        return sum(map(math.prod, self.shapes))

    @property
    def uses(self) -> tuple[Use, ...]:
        """Of all layers, one layer after another."""
        return tuple(use for layer in self.layers for use in layer.uses)


@dataclass
class _Found:
    """What is found of the parameters while a program is read."""

    uses: list[list[tuple[Use, Link]]]
    reasons: list[list[str]]
    links: dict[Any, Links] = field(default_factory=dict)
    spread: dict[Any, Any] = field(default_factory=dict)
    inputs: set[Any] = field(default_factory=set)
    """Variables that are made of inputs."""
    moved: set[Any] = field(default_factory=set)
    """Those of them that parameters move, too."""


def read(closed: ClosedJaxpr, parameters: int, fixed: int) -> Program:
    """Read a program whose operands are trained parameters, fixed ones, and the input, so many of the former.

    Its one result is of shape (O,).
    """
    jaxpr = closed.jaxpr
    trained = jaxpr.invars[:parameters]
    found = _Found([[] for _ in trained], [[] for _ in trained])
    found.links.update({w: {k: Link(w.aval.shape)} for k, w in enumerate(trained)})
    found.inputs.update(jaxpr.invars[parameters + fixed :])
    counts = [0, 0, 0, 0]
    for number, equation in enumerate(jaxpr.eqns):
        if any(atom in found.inputs for atom in _variables(equation)) or _meets_constants(found, equation):
            _meet(found, number, equation, counts)
        else:
            _follow(found, equation)
    (result,) = jaxpr.outvars
    if not isinstance(result, Literal):
        for number in found.links.get(result, {}):
            found.reasons[number].append("the outputs")
    layers, alone, reasons = list[Layer](), list[int](), list[tuple[int, str]]()
    for number, (uses, why) in enumerate(zip(found.uses, found.reasons, strict=True)):
        own = [] if why else _layers(number, uses)
        if own is None:
            why.append("uses of it in several arrangements")
        layers += own or []
        if why:
            alone.append(number)
            lacking = [name for name in dict.fromkeys(why) if name not in _ELEMENTWISE]
            reasons += [(number, ", ".join(lacking))] if lacking else []
    if not layers and not alone:
        # Where nothing else is left, parameters that are not used tell that their share is zero.
        alone = list(range(parameters))
    shapes = tuple(w.aval.shape for w in trained)
    outputs = result.aval.shape[0]
    return Program(closed, outputs, shapes, tuple(layers), tuple(alone), tuple(reasons), Counts(*counts))


def _variables(equation: JaxprEqn) -> Iterator[Var]:
    return (atom for atom in equation.invars if not isinstance(atom, Literal))


def _follow(found: _Found, equation: JaxprEqn) -> None:
    """An equation without inputs."""
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


def _meet(found: _Found, number: int, equation: JaxprEqn, counts: list[int]) -> None:
    """An equation of inputs."""
    # What is no product costs at least what it gives.
    result = sum(math.prod(variable.aval.shape) for variable in equation.outvars)
    products = _cost(equation)
    cost = max(products, result)
    parameters = [(place, atom) for place, atom in enumerate(equation.invars) if _has(found.links, atom)]
    moved = sum(_has(found.moved, atom) for atom in equation.invars)
    for place, atom in parameters:
        for parameter, link in found.links[atom].items():
            product = None if link is None else product_of(equation, place)
            if product is None or link is None or _has(found.links, equation.invars[product.other]):
                found.reasons[parameter].append(equation.primitive.name)
            else:
                found.uses[parameter].append((Use(number, product, link.scales), link))
    found.inputs.update(equation.outvars)
    if moved or parameters:
        found.moved.update(equation.outvars)
    counts[0] += cost
    counts[1] += cost * min(moved, 2)
    counts[2] += max([cost, *(math.prod(atom.aval.shape) for _, atom in parameters)]) if parameters else 0
    if products or parameters:
        counts[3] += sum(
            math.prod(v.aval.shape) for v in (*_variables(equation), *equation.outvars) if v in found.inputs
        )


def _has(variables: Any, atom: Any) -> bool:
    return not isinstance(atom, Literal) and atom in variables


def _cost(equation: JaxprEqn) -> int:
    """Multiply-adds of an equation, those of programs in it included."""
    inner = sum(_cost(each) for jaxpr in jaxprs_in_params(equation.params) for each in jaxpr.eqns)
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
