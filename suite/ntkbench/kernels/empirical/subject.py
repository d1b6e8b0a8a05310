"""The function whose empirical kernel is wanted: checked, its parameters divided into trained and fixed ones."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.derivatives import transforms_for
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.transforms import Transforms
from ntkbench.arrays.trees import leaves
from ntkbench.kernels.empirical import costs
from ntkbench.kernels.empirical.costs import WAYS, Way
from ntkbench.networks.finite import Finite


@dataclass(frozen=True)
class Subject:
    """`apply` of `params`, the merged `trained` and `fixed` ones (None: all are trained); `network` where it is one."""

    apply: Callable[[Any, Array], Array]
    network: Finite | None
    params: Any
    trained: Any
    fixed: Any
    outputs: int
    execution: Execution
    transforms: Transforms

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        return sum(math.prod(array.shape) for array in leaves(self.trained))

    def activations(self, x: Array) -> int:
        """Numbers that an evaluation holds for each of the inputs x, roughly."""
        if self.network is not None:
            return costs.activations(self.network)
        return costs.unknown_activations(self.parameters, math.prod(x.shape[1:]))

    def room(self, way: Way, x1: Array, n2: int, trace: bool) -> tuple[int, int]:
        """Numbers held at once for each input and for each pair of inputs, roughly."""
        if self.network is not None:
            return costs.room(self.network, way, x1.shape[0], n2, trace)
        return costs.unknown_room(self.parameters, math.prod(x1.shape[1:]), way, self.outputs, trace)

    def way(self, method: str, n1: int, n2: int | None, trace: bool) -> Way:
        """The method asked for, or with "auto" the one with the fewest multiply-adds."""
        known: dict[str, Way] = {way: way for way in WAYS}
        if method not in ("auto", *known):
            close = difflib.get_close_matches(str(method), ["auto", *known], n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"method must be one of auto, {', '.join(known)}, not {method!r}{hint}")
        if self.network is None and method == "structured":
            raise ValueError("structured derivatives need a network from networks.finite; use method='auto'")
        if method != "auto":
            return known[method]
        if self.network is None:
            counted = costs.unknown_costs(self.parameters, n1, n2, self.outputs, trace=trace)
        else:
            counted = costs.costs(self.network, n1, n2, trace=trace)
        return min(counted, key=lambda way: counted[way])


def subject_of(apply: Any, params: Any, x1: Array, x2: Array | None) -> Subject:
    """What `apply`, a network, its method of that name or any function, is to be differentiated by.

    Raises ValueError for shapes and dtypes that do not fit, TypeError for arrays that have no derivatives.
    """
    network = apply if isinstance(apply, Finite) else _owner(apply)
    inputs = [x1] if x2 is None else [x1, x2]
    arrays = leaves(params)
    execution = execution_for(*inputs, *arrays)
    transforms = transforms_for(x1)
    _check(inputs, arrays)
    if network is not None:
        network.check(params, x1)
        trained, fixed = network.split(params)
        return Subject(network.apply, network, params, trained, fixed, network.output_size, execution, transforms)
    given = tuple(apply(params, x1[:1]).shape)
    if len(given) != 2 or given[0] != min(1, x1.shape[0]):
        raise ValueError(f"apply must give (n, O) for n inputs, not {given} for one")
    return Subject(apply, None, params, params, None, given[1], execution, transforms)


def _owner(apply: Any) -> Finite | None:
    owner = getattr(apply, "__self__", None)
    return owner if isinstance(owner, Finite) and apply.__name__ == "apply" else None


def _check(inputs: list[Array], arrays: Sequence[Array]) -> None:
    for k, x in enumerate(inputs, start=1):
        if len(x.shape) < 2 or min(x.shape[1:]) < 1:
            raise ValueError(f"x{k} must be inputs (n, ...) with at least one number each, not {tuple(x.shape)}")
    if len({tuple(x.shape[1:]) for x in inputs}) > 1:
        raise ValueError(
            f"x1 and x2 must agree in all but their number: {', '.join(str(tuple(x.shape)) for x in inputs)}"
        )
    dtypes = sorted({str(array.dtype).rpartition(".")[2] for array in [*inputs, *arrays]})
    if len(dtypes) > 1 or dtypes[0] not in ("float32", "float64"):
        raise ValueError(f"inputs and parameters must all be float32 or all float64, not {', '.join(dtypes)}")
