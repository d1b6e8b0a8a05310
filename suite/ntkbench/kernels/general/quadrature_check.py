"""Whether the quadrature of activations without a name is good enough at the variances that given inputs have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.arrays.execution import execution_for
from ntkbench.duals.covariance import Covariance, itself
from ntkbench.duals.quadrature import relative_hermite_error
from ntkbench.errors import warn_caller
from ntkbench.kernels.general.structure import leaves
from ntkbench.kernels.general.walk import Walk, of_itself
from ntkbench.networks.layers import Activation, Layer, Serial

_REFUSED = 1e-1
_WARNED = {"float32": 1e-4, "float64": 1e-6}
_LOOKED_AT = 8  # inputs, from the least norm to the largest: variances follow the norm


def check_quadrature(architecture: Serial, x1: Array, x2: Array | None) -> None:
    """Warn of activations without a name whose quadrature loses digits, and refuse those that lose everything.

    It looks at the variances of at most eight inputs of each array (two, where means over positions are taken), in
    float64 and NumPy, and at the error at the least and at the largest variance of each such activation. Inputs that
    JAX traces have no values to look at.

    Args:
        architecture: layers that fit the inputs.
        x1: vectors (n1, d) or (n1, *positions, C), of any library.
        x2: inputs (n2, ...) likewise, or None.

    Raises:
        ValueError: the bound of the error is more than a tenth of E[phi^2] or of E[phi'^2].

    Warns:
        UserWarning: it is more than 1e-6 of them, or 1e-4 in float32.
    """
    if not any(_by_quadrature(leaf) for leaf in leaves(architecture)) or not _have_values(x1, x2):
        return
    dtype = str(x1.dtype).rpartition(".")[2]
    names = list(_places(architecture, ""))
    for number, seen in sorted(_variances(architecture, x1, x2).items()):
        worst, what, variance = max(
            (error, what, variance)
            for variance in {seen.least, seen.largest}
            for error, what in zip(seen.errors(variance), ("phi", "its derivative"), strict=True)
            if what == "phi" or seen.trained
        )
        message = (
            f"{names[number]}: the quadrature of an activation without a name is off by up to {worst:.1g} of the mean "
            f"square of {what} at inputs of variance {variance:.3g}"
        )
        if worst > _REFUSED:
            raise ValueError(f"{message}; use one with a name, or inputs of a smaller norm")
        if worst > _WARNED[dtype]:
            warn_caller(message)


@dataclass
class _Seen:
    """What one activation has met."""

    errors: Callable[[float], tuple[float, float]]
    least: float
    largest: float
    trained: bool
    """Whether a trained layer comes before it, so that its derivative counts."""


@dataclass(frozen=True)
class _Observed(Walk):
    """A walk in NumPy that notes the variances before every activation without a name, by its number among leaves."""

    like: Array | None = None
    """An array of the library and device whose arrays the functions may want."""
    seen: dict[int, _Seen] = field(default_factory=dict)
    visited: list[Layer] = field(default_factory=list)

    def chain(self, layers: tuple[Layer, ...], before: Covariance) -> Covariance:
        """Layer by layer, since each of a repeated block has variances of its own."""
        return self._each(layers, before)

    def after(self, layer: Layer, before: Covariance) -> Covariance:
        if not layer.inside():
            self.visited.append(layer)
        if not _by_quadrature(layer):
            return super().after(layer, before)
        assert isinstance(layer, Activation)
        assert callable(layer.function)
        function = _in_numpy(layer.function, self.like)
        variances = before.own_variance(self.xp)
        least, largest = float(variances.min()), float(variances.max())
        number = len(self.visited) - 1
        known = self.seen.get(number)
        if known is None:
            self.seen[number] = _Seen(
                lambda variance: relative_hermite_error(function, variance), least, largest, before.ntk is not None
            )
        else:
            known.least, known.largest = min(known.least, least), max(known.largest, largest)
        return super().after(replace(layer, function=function), before)


def _variances(architecture: Serial, x1: Array, x2: Array | None) -> dict[int, _Seen]:
    all_pairs = architecture.all_pairs_before(False)
    seen: dict[int, _Seen] = {}
    for x in (x1,) if x2 is None else (x1, x2):
        chosen = _chosen(x, 2 if all_pairs else _LOOKED_AT)
        # All pairs of positions of several inputs would take too much memory.
        for some in np.split(chosen, len(chosen)) if all_pairs else [chosen]:
            if len(some):
                with np.errstate(all="ignore"), execution_for(x).double():
                    walk = _Observed(execution_for(some), of_itself, like=x, seen=seen)
                    walk.after(architecture, itself(array_api_compat.array_namespace(some), some, all_pairs))
    return seen


def _have_values(*inputs: Array | None) -> bool:
    try:
        for x in inputs:
            if x is not None:
                host(x[:0])
    except TypeError:  # JAX's, of arrays that it traces
        return False
    return True


def _chosen(x: Array, count: int) -> np.ndarray:
    """At most `count` of the inputs, from the least norm to the largest, in float64."""
    n = int(x.shape[0])
    if n <= count:
        return host(x)
    xp = array_api_compat.array_namespace(x)
    order = np.argsort(host(xp.sum(x * x, axis=tuple(range(1, x.ndim)))))
    places = order[np.linspace(0, n - 1, count).round().astype(int)]
    return np.concatenate([host(x[i : i + 1]) for i in places.tolist()])


def _in_numpy(function: Callable[[Array], Array], like: Array) -> Callable[[Array], Array]:
    """The function of NumPy arrays, whatever library it is of."""
    xp, device = array_api_compat.array_namespace(like), array_api_compat.device(like)

    def called(x: Array) -> Array:
        native = xp.asarray(x, device=device)
        return host(execution_for(native).call(function, native))

    return called


def _by_quadrature(layer: Layer) -> bool:
    return isinstance(layer, Activation) and layer.nonlinearity.by_quadrature


def _places(layer: Layer, place: str) -> Iterator[str]:
    """The name of each leaf, as errors about an architecture give it, in the order of computation."""
    inside = layer.inside()
    if not inside:
        yield place
    for number, inner in enumerate(inside, start=1):
        name = f"layer {number} ({type(inner).__name__})"
        yield from _places(inner, (f"{place}, {name}" if place else name) if isinstance(layer, Serial) else place)
