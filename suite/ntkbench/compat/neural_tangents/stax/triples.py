"""The three functions of a layer: parameters, outputs of finite width, kernels of infinite width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from ntkbench.arrays.array import Array
from ntkbench.compat.neural_tangents.answers import Get, answer, names_of
from ntkbench.compat.neural_tangents.stax.kernel import NAMES, Kernel, kernel_of
from ntkbench.compat.neural_tangents.stax.parts import Fan, Part, Path, architecture_of, follow, weights_of
from ntkbench.kernels import architecture_kernels
from ntkbench.networks.finite import Computed

_NATIVE = {"mask_constant": "networks.Masked(layer)", "pattern": "networks.Aggregate(pattern, axis)"}


@dataclass(frozen=True, eq=False)
class InitFn:
    """Draws parameters."""

    part: Part

    def __call__(self, rng: Any, input_shape: Any, **options: Any) -> tuple[Any, Any]:
        """The shape of the outputs, the number of inputs first, and parameters drawn with a key of JAX."""
        number, *shape = input_shape
        path, params = follow(self.part, Path((), tuple(map(int, shape))), rng)
        if isinstance(path, Fan):
            return [(number, *_shape(branch)) for branch in path.branches], params
        return (number, *path.shape), params


@dataclass(frozen=True, eq=False)
class ApplyFn:
    """Computes with parameters."""

    part: Part

    def __call__(self, params: Any, inputs: Array, **options: Any) -> Array:
        """The outputs for inputs (n, ...)."""
        _check_options(options)
        x = jnp.asarray(inputs)
        path = architecture_of(self.part, tuple(x.shape[1:]))
        pairs = ({"weight": w, "bias": b} for w, b in weights_of(self.part, params))
        return path.layer.forward(
            x, Computed(lambda linear: linear.scales(False), zip(path.weights, pairs, strict=True))
        )


@dataclass(frozen=True, eq=False)
class KernelFn:
    """Computes the kernels of infinite width."""

    part: Part

    def __call__(self, x1_or_kernel: Any, x2: Any = None, get: Get | None = None, **options: Any) -> Any:
        """The kernels of inputs x1 (n1, ...) with x2 (n2, ...), or with themselves; or those behind a `Kernel`.

        `get` asks for "nngp", "ntk", "cov1" and so on, a tuple for several in a named tuple, None for a `Kernel`.
        """
        _check_options(options)
        if isinstance(x1_or_kernel, Kernel):
            behind = x1_or_kernel.behind(self.part)
            return behind if get is None else answer(lambda name: getattr(behind, name), get, "AnalyticKernel")
        x1, second = jnp.asarray(x1_or_kernel), None if x2 is None else jnp.asarray(x2)
        if get is None:
            return kernel_of(self.part, x1, second)
        if set(names_of(get, NAMES)) <= {"nngp", "ntk"}:
            layer = architecture_of(self.part, tuple(x1.shape[1:])).layer
            kernels: Any = architecture_kernels(layer, x1, second)
        else:
            kernels = kernel_of(self.part, x1, second)
        return answer(lambda name: getattr(kernels, name), get, "AnalyticKernel")


Triple = tuple[InitFn, ApplyFn, KernelFn]


def triple(part: Part) -> Triple:
    """The functions of a part."""
    return InitFn(part), ApplyFn(part), KernelFn(part)


def part_of(layer: Any) -> Part:
    """The part that a triple, its functions perhaps compiled, is of. Raises ValueError for what is no layer of stax."""
    for function in layer if isinstance(layer, tuple | list) else ():
        while function is not None and not hasattr(function, "part"):
            function = getattr(function, "__wrapped__", None)
        if function is not None:
            found: Part = function.part
            return found
    name = getattr(layer, "__name__", None)
    hint = f"stax.{name} is a function: write stax.{name}()" if name else "give what its functions return"
    raise ValueError(f"a layer of stax is a triple (init_fn, apply_fn, kernel_fn), not {type(layer).__name__}: {hint}")


def _check_options(options: dict[str, Any]) -> None:
    """Raise ValueError for those that would count; keys of random numbers and the like do not, without dropout."""
    for name, value in options.items():
        if name in _NATIVE and value is not None:
            raise ValueError(f"there is no {name} here: use ntkbench.{_NATIVE[name]}")


def _shape(branch: Path | Fan) -> tuple[int, ...]:
    return branch.stem.shape if isinstance(branch, Fan) else branch.shape
