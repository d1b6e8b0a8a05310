"""The function whose empirical kernel is wanted: checked, its parameters divided into trained and fixed ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.transforms import Transforms, transforms_for
from ntkbench.arrays.trees import leaves, mapped
from ntkbench.kernels.empirical import costs, inputs
from ntkbench.kernels.empirical.inputs import Inputs
from ntkbench.kernels.empirical.modules import holds_parameters, model_of, require_array
from ntkbench.networks.finite import Finite
from ntkbench.networks.parameters import merge


@dataclass(frozen=True)
class Subject:
    """`apply` of `params`, the merged `trained` and `fixed` ones (None: all are trained); `network` where it is one."""

    apply: Callable[[Any, Inputs], Array]
    network: Finite | None
    params: Any
    trained: Any
    fixed: Any
    outputs: int
    like: Array
    """An array of the dtype and on the device of the kernel."""
    execution: Execution
    transforms: Transforms

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        return sum(math.prod(array.shape) for array in leaves(self.trained))

    def activations(self, x: Inputs) -> int:
        """Numbers that an evaluation holds for each of the inputs x, roughly."""
        if self.network is not None:
            return costs.activations(costs.layers_of(self.network))
        return costs.unknown_activations(self.parameters, inputs.size(x))


def given(apply: Any, rest: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments (params, x1, ...) that follow `apply`, whichever way they were given: None, x1, ... of a module.

    Raises ValueError where there are no inputs.
    """
    if holds_parameters(apply) and rest[0] is not None:
        # What has no name stands one place early: x1 in the place of params.
        x1, *middle, last = rest
        named = [] if last is None else [value for value in middle if value is not None]
        if len(named) == len(middle):
            raise ValueError(f"{type(apply).__name__} holds its parameters: leave params out, (module, x1, ...)")
        rest = (
            (None, x1, *middle) if last is None else (None, x1, *named, *[None] * (len(middle) - 1 - len(named)), last)
        )
    if rest[1] is None:
        raise ValueError(
            "inputs x1 are missing: give (function, params, x1), or (module, x1) for one that holds its own"
        )
    return rest


def first(x: Inputs) -> Any:
    """An array of the inputs."""
    return next(iter(leaves(x)), None)


def subject_of(apply: Any, params: Any, x1: Inputs, x2: Inputs | None) -> Subject:
    """What `apply`, a network, its method of that name, a module or any function, is to be differentiated by.

    Raises ValueError for shapes and dtypes that do not fit, TypeError for arrays that have no derivatives.
    """
    network = apply if isinstance(apply, Finite) else _owner(apply)
    model = model_of(apply, params)
    trained, fixed = (params, None) if model is None else (model.trained, model.fixed)
    given = [x1] if x2 is None else [x1, x2]
    arrays = [*leaves(given), *leaves(trained)]
    if network is None and model is None and any(map(array_api_compat.is_torch_array, arrays)):
        from ntkbench.kernels.empirical.calls.plain import plain

        apply = plain(apply)
    execution = execution_for(*arrays)
    transforms = transforms_for(arrays[0])
    inputs.check(given)
    _check_dtypes(arrays)
    like = next(array for array in arrays if not inputs.whole(array.dtype))
    if network is not None:
        network.check(params, x1)
        trained, fixed = network.split(params)
        return Subject(network.apply, network, params, trained, fixed, network.output_size, like, execution, transforms)
    function = apply if model is None else model.apply
    whole = trained if fixed is None else merge(trained, fixed)
    # The same function each time: what JAX traces of it is found again.
    output = transforms.outline(function, whole, mapped(lambda x: x[:1], x1))
    require_array(output, "apply")
    shape = tuple(output.shape)
    if len(shape) != 2 or shape[0] != min(1, inputs.number(x1)):
        name = "apply" if model is None else "the module"
        raise ValueError(f"{name} must give (n, O) for n inputs, not {shape} for one")
    return Subject(function, None, params, trained, fixed, shape[1], like, execution, transforms)


def _owner(apply: Any) -> Finite | None:
    owner = getattr(apply, "__self__", None)
    return owner if isinstance(owner, Finite) and apply.__name__ == "apply" else None


def _check_dtypes(arrays: list[Array]) -> None:
    dtypes = sorted({str(a.dtype).rpartition(".")[2] for a in arrays if not inputs.whole(a.dtype)})
    if len(dtypes) != 1 or dtypes[0] not in ("float32", "float64"):
        found = ", ".join(dtypes) or "whole numbers alone"
        raise ValueError(f"inputs and parameters must all be float32 or all float64, not {found}")
