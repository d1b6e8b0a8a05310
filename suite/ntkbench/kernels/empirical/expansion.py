"""Networks, functions and modules replaced by their Taylor polynomials in the parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.transforms import Transforms, transforms_for
from ntkbench.arrays.trees import leaves, mapped
from ntkbench.kernels.empirical.inputs import Inputs
from ntkbench.kernels.empirical.jacobians import evaluate
from ntkbench.kernels.empirical.modules import model_of
from ntkbench.networks.finite import Finite

# The kept value and the derivatives so far, all at one point of the line.
_Terms = tuple[Array, ...]


def linearize(apply: Any, params: Any = None) -> Expansion:
    """A model that is linear in its parameters: f(x; p0) + df(x; p0)/dp (p - p0). Its empirical NTK never changes.

    Args:
        apply: a network from `networks.finite`, a function of parameters and inputs, or a module of torch, Flax or
            Equinox, as for `empirical_ntk`.
        params: p0, arrays of JAX or torch; left out for a module that holds its own, the variables of a Flax linen
            module.

    Returns:
        A function of parameters p, nested as p0, and inputs. For a module p is another of its kind, or in torch a dict
        of the trained parameters by name; for Flax linen, variables. In torch p0 is copied: training may move it.

    Raises:
        ValueError: where there are no parameters, or those given do not fit.
        TypeError: for arrays that have no derivatives.

    References:
        Lee et al. 2019 (arXiv:1902.06720), equation 5.
    """
    return taylor_expand(apply, params, degree=1)


def taylor_expand(apply: Any, params: Any = None, degree: int = 1) -> Expansion:
    """The Taylor polynomial of a model in its parameters, about p0.

    It costs about 2^degree evaluations, by derivatives forwards of one another.

    Args:
        apply: a network, a function or a module, as for `linearize`.
        params: p0, as for `linearize`.
        degree: of the polynomial, from 0.

    Returns:
        A function of parameters p and inputs, as of `linearize`.

    Raises:
        ValueError: where there are no parameters, those given do not fit, or the degree is none.
        TypeError: for arrays that have no derivatives.

    References:
        Bai & Lee 2020 (arXiv:1910.01619), section 2.
    """
    if type(degree) is not int or degree < 0:
        raise ValueError(f"degree must be a whole number from 0, not {degree!r}")
    model = model_of(apply, params)
    if model is not None and params is not None and model.fixed is None:
        raise ValueError(f"{type(apply).__name__} holds its parameters: leave params out")
    at, fixed = (params, None) if model is None else (model.trained, model.fixed)
    if at is None or not leaves(at):
        raise ValueError("there are no parameters to expand in: give params, arrays of JAX or torch")
    function = apply.apply if isinstance(apply, Finite) else apply if model is None else model.apply
    transforms = transforms_for(leaves(at)[0])
    return Expansion(function, mapped(_kept, at), fixed, degree, transforms, None if model is None else apply)


@dataclass(frozen=True, eq=False)
class Expansion:
    """A Taylor polynomial of `apply` in its parameters, about `at`. Made by `linearize` and `taylor_expand`."""

    apply: Callable[[Any, Inputs], Array]
    at: Any
    fixed: Any
    degree: int
    transforms: Transforms
    module: Any = None

    def __call__(self, params: Any, x: Inputs) -> Array:
        """Of parameters and inputs. Raises ValueError where the parameters do not fit."""
        given = self._given(params)
        try:
            direction = mapped(_difference, self.at, given)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            raise ValueError(f"params must be nested as those at which it was expanded: {_shapes(self.at)}") from None
        line = self._along(direction, x)
        zero = _zero(leaves(self.at)[0])
        for _ in range(self.degree):
            line = self._derived(line)
        value, *derivatives = line(zero)
        terms = (term / math.factorial(k) for k, term in enumerate(derivatives, start=1))
        return sum(terms, start=value)

    def _given(self, params: Any) -> Any:
        """The trained parameters among those given, a module perhaps."""
        if self.module is None:
            return params
        if hasattr(params, "named_parameters"):
            # Those of torch themselves, for their gradients.
            return dict(getattr(params, "_orig_mod", params).named_parameters())
        linen = self.fixed is not None
        model = model_of(self.module, params) if linen else model_of(params, None)
        return params if model is None else model.trained

    def _along(self, direction: Any, x: Inputs) -> Callable[[Array], _Terms]:
        """The model on the line from `at`, with the direction, as a function of one number."""

        def value(s: Array) -> _Terms:
            return (evaluate(self.apply, mapped(lambda p, d: p + s * d, self.at, direction), self.fixed, x),)

        return value

    def _derived(self, line: Callable[[Array], _Terms]) -> Callable[[Array], _Terms]:
        """What a function gives, and the derivative of its last entry."""

        def terms(s: Array) -> _Terms:
            one = array_api_compat.array_namespace(s).ones_like(s)
            return *line(s), self.transforms.jvp(lambda at: line(at)[-1], s, one)

        return terms


def _kept(p: Array) -> Array:
    """The parameter as it is now: torch's would move with what trains it in place."""
    return execution_for(p).constant(p).clone() if array_api_compat.is_torch_array(p) else p


def _difference(at: Array, p: Array) -> Array:
    if tuple(p.shape) != tuple(at.shape):
        raise ValueError
    return p - at


def _zero(like: Array) -> Array:
    xp = array_api_compat.array_namespace(like)
    return xp.zeros((), dtype=like.dtype, device=array_api_compat.device(like))


def _shapes(tree: Any) -> str:
    return ", ".join(str(tuple(p.shape)) for p in leaves(tree))
