"""Empirical kernels of any function, by whole Jacobians or by products with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.transforms import Transforms
from ntkbench.arrays.trees import leaves
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.inputs import Inputs, alone, number
from ntkbench.kernels.empirical.shares import direct
from ntkbench.networks.parameters import merge

Apply = Callable[[Any, Inputs], Array]


def evaluate(apply: Apply, trained: Any, fixed: Any, x: Inputs) -> Array:
    """The function of its trained parameters, with the fixed ones, if any, put in between them."""
    return apply(trained if fixed is None else merge(trained, fixed), x)


@dataclass(frozen=True)
class Chosen:
    """A function, some of its outputs left; a value, such that what is compiled for it is compiled for its equals."""

    apply: Apply
    outputs: tuple[int, ...]

    def __call__(self, params: Any, x: Inputs) -> Array:
        """(n, as many as are chosen)."""
        found = self.apply(params, x)
        return array_api_compat.array_namespace(found).stack([found[:, output] for output in self.outputs], axis=1)


def chosen(apply: Apply, form: Form) -> Apply:
    """The function, its chosen outputs alone."""
    return apply if form.chosen is None else Chosen(apply, form.chosen)


def factors(
    trained: Any, fixed: Any, x: Inputs, *, apply: Apply, form: Form, transforms: Transforms
) -> tuple[Array, ...]:
    """The Jacobian of the inputs x, a matrix for each array of parameters, as `shares.direct` lays it out."""

    def one(parameters: Any, x: Inputs) -> Array:
        return evaluate(chosen(apply, form), parameters, fixed, alone(x))[0]

    jacobian = leaves(transforms.vmap(transforms.jacobian(one), (None, 0))(trained, x))
    xp = array_api_compat.array_namespace(*jacobian)
    return tuple(direct(xp.reshape(j, (*j.shape[:2], math.prod(j.shape[2:]))), form) for j in jacobian)


def contract(left: tuple[Array, ...], right: tuple[Array, ...], *, divisor: int) -> Array:
    """The kernel of two sets of inputs from their Jacobians, over `divisor`."""
    xp = array_api_compat.array_namespace(*left)
    found = [one @ xp.matrix_transpose(other) for one, other in zip(left, right, strict=True)]
    return sum(found[1:], found[0]) / divisor


def products(
    trained: Any, fixed: Any, x1: Inputs, x2: Inputs, *, apply: Apply, outputs: int, form: Form, transforms: Transforms
) -> Array:
    """The kernel column by column, J1 (J2' e): a derivative at x1 in the direction of a gradient at x2.

    A block as `shares.contract` gives it; `outputs` are those that are left.
    """
    like = leaves(trained)[0]
    xp = array_api_compat.array_namespace(like)
    options: dict[str, Any] = {"apply": chosen(apply, form), "transforms": transforms}

    def column(x1: Inputs, x2: Inputs, cotangent: Array) -> Array:
        direction = pull(trained, fixed, alone(x2), cotangent[None], **options)
        found = push(trained, fixed, x1, direction, **options)
        return found if form.crossed else found @ cotangent

    each_output = xp.eye(outputs, dtype=like.dtype, device=array_api_compat.device(like))
    if form.paired:
        by_output = transforms.vmap(lambda one, other, e: column(alone(one), other, e)[0], (None, None, 0))
        columns = transforms.vmap(by_output, (0, 0, None))(x1, x2, each_output)
        return xp.matrix_transpose(columns) if form.crossed else xp.mean(columns, axis=1)[:, None, None]
    by_output = transforms.vmap(column, (None, None, 0))
    columns = transforms.vmap(by_output, (None, 0, None))(x1, x2, each_output)
    if form.crossed:  # (n2, O, n1, O)
        return xp.reshape(xp.permute_dims(columns, (2, 3, 0, 1)), (number(x1) * outputs, number(x2) * outputs))
    columns = xp.permute_dims(columns, (1, 2, 0))
    return xp.mean(columns, axis=0) if form.trace else columns


def pull(trained: Any, fixed: Any, x: Inputs, cotangent: Array, *, apply: Apply, transforms: Transforms) -> Any:
    """J' v: the gradient of sum(v * outputs), v (n, O)."""
    back, _ = transforms.vjp(lambda parameters: (evaluate(apply, parameters, fixed, x), ()), trained)
    return back(cotangent)


def push(trained: Any, fixed: Any, x: Inputs, direction: Any, *, apply: Apply, transforms: Transforms) -> Array:
    """J d: the derivative of the outputs (n, O) in a direction of parameters."""
    return transforms.jvp(lambda parameters: evaluate(apply, parameters, fixed, x), trained, direction)
