"""Structured derivatives of a function of JAX: the provider, and what inputs contribute to the shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution
from ntkbench.kernels.empirical import costs, shares
from ntkbench.kernels.empirical.costs import Way
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.inputs import Inputs, alone
from ntkbench.kernels.empirical.jacobians import Apply, evaluate
from ntkbench.kernels.empirical.provider import Contraction
from ntkbench.kernels.empirical.shares import Factors, Order, Share
from ntkbench.kernels.empirical.traced.inlined import CONSTANT, INPUT, PARAMETER, applied, inlined
from ntkbench.kernels.empirical.traced.program import Program, Use, read

_KEPT = 8  # programs; each holds the constants of its function


@dataclass(frozen=True)
class TracedDerivatives:
    """The provider of a function of JAX with its parameters."""

    program: Program
    trained: Any
    fixed: Any
    execution: Execution

    @property
    def note(self) -> str:
        """The parameters that have no rule, whose Jacobians are formed, and what they enter."""
        paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(self.trained)]
        named = [jax.tree_util.keystr(path, simple=True, separator=".") for path in paths]
        lacking = [f"{named[number]} in {why}".lstrip() for number, why in self.program.reasons]
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        return f"contraction for {', '.join(lacking[:3])}{more}" if lacking else ""

    def costs(self, n1: int, n2: int | None, form: Form) -> Mapping[Way, int]:
        """Multiply-adds of each way."""
        return costs.counted(self.program.steps, self.program.outputs, n1, n2, form)

    def room(self, way: Way, n1: int, n2: int | None, form: Form) -> tuple[int, int]:
        """Numbers held at once for each input and for each pair of inputs, roughly."""
        return costs.room(self.program.steps, self.program.outputs, way, n1, n2, form)

    def contraction(self, n1: int, n2: int | None, form: Form) -> Contraction:
        """The functions that give blocks."""
        known: dict[str, Any] = {"program": self.program, "orders": self._orders(n1, n2, form), "form": form}
        # Convolutions of few positions: on processors XLA's own take four times as long.
        options = known | {"as_matrices": self.execution.on_cpu(jax.tree.leaves(self.trained)[0])}
        found = self.execution.compiled(factors, tuple(options))
        joined = self.execution.compiled(contract, tuple(known))
        return Contraction(
            lambda x: found(self.trained, self.fixed, x, **options), lambda one, other: joined(one, other, **known)
        )

    def _orders(self, n1: int, n2: int | None, form: Form) -> tuple[Order, ...]:
        return costs.orders_of(self.program.shares, n1, n2, form.left(self.program.outputs), form)


def derivatives_of(apply: Apply, trained: Any, fixed: Any, x: Inputs, execution: Execution) -> TracedDerivatives:
    """The provider of `apply` of parameters, all of them or the trained and the fixed ones, at inputs like x."""
    row = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape[1:], array.dtype), x)
    kinds = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype), (trained, fixed))
    leaves, structure = jax.tree.flatten((*kinds, row))
    program = _known(apply, structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves))
    return TracedDerivatives(program, trained, fixed, execution)


@lru_cache(_KEPT)
def _known(apply: Apply, structure: Any, kinds: tuple[Any, ...]) -> Program:
    """The program of one input. What is compiled for it is found again, as it is the same."""
    leaves = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in kinds]
    trained, fixed, row = jax.tree.unflatten(structure, leaves)

    def one(trained: Any, fixed: Any, row: Any) -> Array:
        return evaluate(apply, trained, fixed, alone(row))[0]

    closed = inlined(one, [(trained, PARAMETER), (fixed, CONSTANT), (row, INPUT)])
    return read(closed, len(jax.tree.leaves(trained)), len(jax.tree.leaves(fixed)))


def factors(
    trained: Any,
    fixed: Any,
    x: Inputs,
    *,
    program: Program,
    orders: tuple[Order, ...],
    form: Form,
    as_matrices: bool = False,
) -> Factors:
    """What the inputs x contribute to the shares of all parameters, in the order of `program.shares`.

    With `as_matrices` convolutions are computed as products of what units see with weights.
    """
    parameters, count = jax.tree.leaves((trained, fixed)), program.parameters
    apart = [parameters[number] for number in program.alone]
    results = [program.closed.jaxpr.eqns[use.equation].outvars[0].aval for use in program.uses]

    def each(row: Inputs) -> Any:
        operands = [*parameters, *jax.tree.leaves(row)]

        def probed(probes: Any, apart: Any) -> Any:
            moved = dict(zip(program.alone, apart, strict=True))
            now = [moved.get(k, value) if k < count else value for k, value in enumerate(operands)]
            return _run(program, now, probes, as_matrices)

        zeros = [jnp.zeros(result.shape, result.dtype) for result in results]
        output, back, seen = jax.vjp(probed, zeros, apart, has_aux=True)
        slopes, jacobians = jax.vmap(back)(form.cotangents(output, program.outputs))
        return _joined(program, seen, slopes), [jnp.reshape(j, (j.shape[0], -1)) for j in jacobians]

    joined, jacobians = jax.vmap(each)(x)
    sizes = [share for share in program.shares if isinstance(share, Share)]
    return tuple(
        shares.factor(share, order, h, b, form)
        for share, order, (h, b) in zip(sizes, orders[: len(sizes)], joined, strict=True)
    ) + tuple((shares.direct(jacobian, form),) for jacobian in jacobians)


def contract(left: Factors, right: Factors, *, program: Program, orders: tuple[Order, ...], form: Form) -> Array:
    """The kernel of two sets of inputs from their factors, as `shares.contract` gives it."""
    outputs = form.left(program.outputs)
    return shares.contract(left, right, shares=program.shares, orders=orders, form=form, outputs=outputs)


def _run(program: Program, operands: list[Any], probes: Any, as_matrices: bool) -> tuple[Array, list[Any]]:
    """The outputs, each use's result moved by its probe; of each use what units see, and what scales the weight."""
    closed = program.closed
    known = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
    known |= dict(zip(closed.jaxpr.invars, operands, strict=True))

    def value(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else known[atom]

    met: dict[int, list[int]] = {}
    for place, use in enumerate(program.uses):
        met.setdefault(use.equation, []).append(place)
    seen: list[Any] = [None] * len(program.uses)
    for number, equation in enumerate(closed.jaxpr.eqns):
        values = [value(atom) for atom in equation.invars]
        here = [(place, program.uses[place].product) for place in met.get(number, ())]
        for place, product in here:
            seen[place] = product.seen(values[product.other]), _scale(program.uses[place], value)
        given = here[0][1].given if as_matrices and here else None
        if given is None:
            results = applied(equation, closed, values)
        else:
            (place, product), *_ = here
            results = [given(seen[place][0], values[1 - product.other])]
        for place, _ in here:
            results = [results[0] + probes[place]]
        known.update(zip(equation.outvars, results, strict=True))
    return value(closed.jaxpr.outvars[0]), seen


def _scale(use: Use, value: Any) -> Any:
    """What the weight is multiplied by before it is used."""
    each = [(s if isinstance(s, float) else jnp.reshape(value(s), ()), power) for s, power in use.scales]
    return math.prod(number if power == 1 else 1.0 / number for number, power in each)


def _joined(program: Program, seen: list[Any], slopes: list[Array]) -> list[tuple[Array, Array]]:
    """For each layer what units see, (g, p, k), and the derivatives by what they give, (O, g, p, u), of all uses."""
    uses = iter(zip(program.uses, seen, slopes, strict=True))
    found = []
    for layer in program.layers:
        each = [next(uses) for _ in layer.uses]
        # Numbers of rows cannot be scaled.
        h = [h if use.product.lookup or not use.scales else h * scale for use, (h, scale), _ in each]
        b = [use.product.slopes(by) * (scale if use.product.lookup else 1) for use, (_, scale), by in each]
        found.append((jnp.concatenate(h, axis=1), jnp.concatenate(b, axis=2)))
    return found
