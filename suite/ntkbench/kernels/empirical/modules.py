"""Modules of torch, Flax and Equinox as functions of parameters: what their library trains, the rest left alone."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.trees import mapped
from ntkbench.kernels.empirical.inputs import Inputs


@dataclass(frozen=True)
class Model:
    """A module: `apply` of the merged `trained` and `fixed` parameters (None: there are no fixed ones) and inputs."""

    apply: Callable[[Any, Inputs], Array]
    trained: Any
    fixed: Any = None


def holds_parameters(first: Any) -> bool:
    """Whether it is a module of a library whose modules hold their parameters: torch, Equinox, Flax NNX."""
    return _is(first, "torch.nn", "Module") or _is(first, "equinox", "Module") or _is(first, "flax.nnx", "Module")


def model_of(module: Any, params: Any) -> Model | None:
    """A module as a function; None for what is none. `params` are the variables of a Flax linen module."""
    if _is(module, "torch.nn", "Module"):
        return _of_torch(module)
    if _is(module, "equinox", "Module"):
        return _of_equinox(module)
    if _is(module, "flax.nnx", "Module"):
        return _of_nnx(module)
    if _is(module, "flax.linen", "Module"):
        return _of_linen(module, params)
    return None


def _is(value: Any, library: str, name: str) -> bool:
    """Whether it is of a class of a library, which is not imported for that."""
    found = getattr(sys.modules.get(library), name, None)
    return found is not None and isinstance(value, found)


def _called(module: Callable[..., Any], x: Inputs) -> Array:
    """The module of its inputs: those of a tuple one after another, those of a dict by name."""
    if isinstance(x, dict):
        given = module(**x)
    elif isinstance(x, tuple | list):
        given = module(*x)
    else:
        given = module(x)
    require_array(given, "the module")
    found: Array = given
    return found


def require_array(given: Any, name: str) -> None:
    """Raise ValueError where what something of this name gives is no array."""
    if not hasattr(given, "shape"):
        held = f"{type(given).__name__} of {len(given)}" if hasattr(given, "__len__") else type(given).__name__
        raise ValueError(f"{name} gives a {held}, not one array (n, O): wrap it in one that gives the array meant")


def _of_torch(module: Any) -> Model:
    import torch

    from ntkbench.kernels.empirical.calls.plain import plain

    module = getattr(module, "_orig_mod", module)  # what torch.compile has compiled
    for path, part in module.named_modules():
        if isinstance(part, torch.nn.RNNBase):
            name = type(part).__name__
            raise ValueError(f"{path or name}: torch does not map a whole {name} over inputs; loop over a {name}Cell")
    named = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    for name, parameter in named.items():
        if isinstance(parameter, torch.nn.parameter.UninitializedParameter):
            raise ValueError(f"{name} has no shape yet: call the module with inputs once before")

    def apply(trained: Any, x: Inputs) -> Array:
        # In copies, whatever the module's own code writes into them.
        state = {name: buffer.clone() for name, buffer in module.named_buffers()} | trained
        with _evaluating(module):
            return _called(lambda *args, **named: torch.func.functional_call(module, state, args, named), x)

    return Model(plain(apply), {name: parameter.detach() for name, parameter in named.items()})


@contextlib.contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """A block in which all of a module is in eval mode; afterwards each part is in the mode that it was in."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    training = [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        # Attention has derivatives of all kinds as plain products alone.
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for part in training:
            part.training = True


def _of_equinox(module: Any) -> Model:
    import equinox
    import jax

    trained, rest = equinox.partition(equinox.nn.inference_mode(module), equinox.is_inexact_array)
    arrays, structure = jax.tree_util.tree_flatten(trained)

    def apply(arrays: Any, x: Inputs) -> Array:
        one = equinox.combine(jax.tree_util.tree_unflatten(structure, list(arrays)), rest)
        # Its layers are for one input at a time.
        given: Array = jax.vmap(lambda row: _called(one, row))(x)
        return given

    return Model(apply, tuple(arrays))


def _of_nnx(module: Any) -> Model:
    import jax
    from flax import nnx

    graph, trained, rest = nnx.split(module, nnx.Param, ...)
    arrays, structure = jax.tree_util.tree_flatten(trained)

    def apply(arrays: Any, x: Inputs) -> Array:
        copy = nnx.merge(graph, jax.tree_util.tree_unflatten(structure, list(arrays)), rest)
        copy.eval()
        return _called(copy, x)

    return Model(apply, tuple(arrays))


def _of_linen(module: Any, variables: Any) -> Model:
    if not (hasattr(variables, "items") and "params" in variables):
        raise ValueError(
            "a Flax linen module needs its variables, {'params': ...}, as init gives them: (module, variables, x1)"
        )
    plain = {name: _plain(value) for name, value in variables.items()}
    params = plain.pop("params")
    return Model(_Linen(module), ({"params": params},), (plain,))


@dataclass(frozen=True)
class _Linen:
    """A value, such that what is compiled for a module is compiled for all that equal it."""

    module: Any

    def __call__(self, params: Any, x: Inputs) -> Array:
        (variables,) = params
        return _called(lambda *args, **named: self.module.apply(variables, *args, **named), x)


def _plain(tree: Any) -> Any:
    """Mappings of Flax's own as dicts."""
    return (
        {name: _plain(value) for name, value in tree.items()} if hasattr(tree, "items") else mapped(lambda a: a, tree)
    )
