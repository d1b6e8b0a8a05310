"""A function of JAX as one list of equations: what it calls is written out, each use of a parameter stands alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, jaxpr_as_fun

from ntkbench.arrays.array import Array

CONSTANT, PARAMETER, INPUT = 0, 1, 2
"""What a value is made of at most: constants, parameters too, inputs too."""

# Calls that mean their program alone. Functions with derivatives of their own are no such calls.
_CALLS = frozenset({"jit", "pjit", "closed_call", "core_call", "checkpoint", "remat", "remat2"})
# Loops over more steps stay loops: a program grows with each step that is written out.
_STEPS = 64

_Valued = tuple[Any, int]


def inlined(function: Callable[..., Any], arguments: Sequence[tuple[Any, int]]) -> ClosedJaxpr:
    """The program of a function of trees of arrays.

    Args:
        function: what is traced.
        arguments: trees of arrays, or of their shapes and dtypes, each with what it holds (`PARAMETER`, ...).
    """
    flat, levels = [], list[int]()
    for tree, level in arguments:
        found = jax.tree.leaves(tree)
        flat += found
        levels += [level] * len(found)
    traced = jax.make_jaxpr(function)(*(tree for tree, _ in arguments))

    def written_out(*values: Any) -> list[Any]:
        return [value for value, _ in _run(traced, list(zip(values, levels, strict=True)))]

    return jax.make_jaxpr(written_out)(*flat)


def applied(equation: JaxprEqn, closed: ClosedJaxpr, values: Sequence[Any]) -> list[Any]:
    """What an equation of a program gives for the values of its operands, one for each of its results."""
    operands = {a: v for a, v in zip(equation.invars, values, strict=True) if not isinstance(a, Literal)}
    around = closed.jaxpr.effects, closed.jaxpr.debug_info
    program = Jaxpr([], list(operands), equation.outvars, [equation], *around)
    results: list[Any] = jaxpr_as_fun(ClosedJaxpr(program, []))(*operands.values())
    return results


def _run(closed: ClosedJaxpr, given: Sequence[_Valued]) -> list[_Valued]:
    jaxpr = closed.jaxpr
    known: dict[Any, _Valued] = dict(zip(jaxpr.invars, given, strict=True))
    known |= {variable: (value, CONSTANT) for variable, value in zip(jaxpr.constvars, closed.consts, strict=True)}

    def read(atom: Any) -> _Valued:
        return (atom.val, CONSTANT) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        operands = [read(atom) for atom in equation.invars]
        level = max((level for _, level in operands), default=CONSTANT)
        if equation.primitive.name in _CALLS:
            results = _run(_program(equation), operands)
        elif _is_short_loop_with_parameters(equation, operands):
            results = _unrolled(equation, operands)
        else:
            results = [(value, level) for value in applied(equation, closed, [value for value, _ in operands])]
        known.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _program(equation: JaxprEqn) -> ClosedJaxpr:
    program = equation.params["jaxpr" if "jaxpr" in equation.params else "call_jaxpr"]
    return program if isinstance(program, ClosedJaxpr) else ClosedJaxpr(program, [])


def _is_short_loop_with_parameters(equation: JaxprEqn, operands: Sequence[_Valued]) -> bool:
    if equation.primitive.name != "scan" or not 0 < equation.params["length"] <= _STEPS:
        return False
    carried = _carried(equation)
    apart = [level for _, level in [*operands[: carried.start], *operands[carried.stop :]]]
    return PARAMETER in apart


def _carried(equation: JaxprEqn) -> slice:
    """Which operands a loop carries on: after those that it holds, before those that have a row for each step."""
    body = _program(equation).jaxpr

    def alike(outer: Sequence[Any], inner: Sequence[Any]) -> int:
        return sum(len(one.aval.shape) == len(other.aval.shape) for one, other in zip(outer, inner, strict=True))

    # Shapes tell, whatever a version of JAX calls these numbers.
    stop = alike(equation.invars, body.invars)
    return slice(stop - alike(equation.outvars, body.outvars), stop)


def _unrolled(equation: JaxprEqn, operands: Sequence[_Valued]) -> list[_Valued]:
    params, body = equation.params, _program(equation)
    carried = _carried(equation)
    fixed, carry, rows = operands[: carried.start], list(operands[carried]), operands[carried.stop :]
    steps = range(params["length"])
    given: list[list[_Valued]] = []
    for step in reversed(steps) if params["reverse"] else steps:
        parts = [(jax.lax.index_in_dim(value, step, keepdims=False), level) for value, level in rows]
        results = _run(body, [*fixed, *carry, *parts])
        carry = results[: len(carry)]
        given.append(results[len(carry) :])
    if params["reverse"]:
        given.reverse()
    return carry + [_stacked(each) for each in zip(*given, strict=True)]


def _stacked(each: Sequence[_Valued]) -> _Valued:
    stacked: Array = jnp.stack([value for value, _ in each])
    return stacked, max(level for _, level in each)
