"""Empirical kernels of any function, by whole Jacobians or by products with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.transforms import Transforms
from ntkbench.arrays.trees import leaves
from ntkbench.kernels.empirical.inputs import Inputs, alone, number
from ntkbench.networks.parameters import merge

Apply = Callable[[Any, Inputs], Array]


def evaluate(apply: Apply, trained: Any, fixed: Any, x: Inputs) -> Array:
    """The function of its trained parameters, with the fixed ones, if any, put in between them."""
    return apply(trained if fixed is None else merge(trained, fixed), x)


def factors(
    trained: Any, fixed: Any, x: Inputs, *, apply: Apply, trace: bool, transforms: Transforms
) -> tuple[Array, ...]:
    """The Jacobian of the inputs x, a matrix for each array of parameters: (n O, .), with `trace` (n, O .)."""

    def one(parameters: Any, x: Inputs) -> Array:
        return evaluate(apply, parameters, fixed, alone(x))[0]

    jacobian = leaves(transforms.vmap(transforms.jacobian(one), (None, 0))(trained, x))
    xp = array_api_compat.array_namespace(*jacobian)
    return tuple(xp.reshape(j, (j.shape[0] * (1 if trace else j.shape[1]), -1)) for j in jacobian)


def contract(left: tuple[Array, ...], right: tuple[Array, ...], *, divisor: int) -> Array:
    """The kernel of two sets of inputs from their Jacobians, over `divisor`."""
    shares = [one @ other.T for one, other in zip(left, right, strict=True)]
    return sum(shares[1:], shares[0]) / divisor


def products(
    trained: Any, fixed: Any, x1: Inputs, x2: Inputs, *, apply: Apply, outputs: int, trace: bool, transforms: Transforms
) -> Array:
    """The kernel column by column, J1 (J2' e): a derivative at x1 in the direction of a gradient at x2.

    (n1 O, n2 O), or with `trace` (n1, n2), the mean over outputs.
    """
    like = leaves(trained)[0]
    xp = array_api_compat.array_namespace(like)

    def column(x: Inputs, cotangent: Array) -> Array:
        direction = pull(trained, fixed, alone(x), cotangent[None], apply=apply, transforms=transforms)
        return push(trained, fixed, x1, direction, apply=apply, transforms=transforms)

    each_output = xp.eye(outputs, dtype=like.dtype, device=array_api_compat.device(like))
    columns = transforms.vmap(transforms.vmap(column, (None, 0)), (0, None))(x2, each_output)
    if trace:  # (n2, O, n1, O)
        diagonal = xp.linalg.diagonal(xp.permute_dims(columns, (2, 0, 1, 3)))
        return xp.mean(diagonal, axis=-1)
    return xp.reshape(xp.permute_dims(columns, (2, 3, 0, 1)), (number(x1) * outputs, number(x2) * outputs))


def pull(trained: Any, fixed: Any, x: Inputs, cotangent: Array, *, apply: Apply, transforms: Transforms) -> Any:
    """J' v: the gradient of sum(v * outputs), v (n, O)."""
    back, _ = transforms.vjp(lambda parameters: (evaluate(apply, parameters, fixed, x), ()), trained)
    return back(cotangent)


def push(trained: Any, fixed: Any, x: Inputs, direction: Any, *, apply: Apply, transforms: Transforms) -> Array:
    """J d: the derivative of the outputs (n, O) in a direction of parameters."""
    return transforms.jvp(lambda parameters: evaluate(apply, parameters, fixed, x), trained, direction)
