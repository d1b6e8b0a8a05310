"""The works as somebody's function sees them: plain names, sizes, and what goes in and comes out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ntkbench.errors import InputError, unknown
from ntkbench.experiment.spec import Scalar
from ntkbench.peers.workloads import WORKLOADS, Workload, inputs

PARAMETERS: Mapping[str, tuple[str, ...]] = {"fc": ("depth",), "cntk": ("depth", "pooling"), "regression": ("ridge",)}
"""By kind, what a function may take by name behind the arrays."""

_RESULTS = {
    "fc": "NTK (n, n), or NNGP and NTK: `depth` layers with weights, ReLU between them, w_std^2 = 2, no biases",
    "cntk": "NTK (n, n), or NNGP and NTK: `depth` - 1 convolutions 3x3 with ReLU, padded with zeros, then `pooling` "
    "and a dense layer, w_std^2 = 2, no biases",
    "empirical": "NTK (n, n), the mean over outputs, of dense layers with ReLU between them and weights times "
    "sqrt(2 / fan-in)",
    "regression": "predictions (n_test, 1): k_test (k_train + ridge I)^-1 y_train, in float64",
}
_SHOWN = 6  # arrays of a work with many
COLUMNS = ("work", "function", "arrays", "result")


def work(name: str) -> Workload:
    """The work of a name: its own, with "-" for "_", or the first one whose name begins so.

    Raises InputError for a name that is none.
    """
    known = {plain(one): one for one in WORKLOADS if one.timed}
    word = name.replace("_", "-")
    found = [one for each, one in known.items() if each == word or each.startswith(f"{word}-")]
    if not found:
        raise unknown("work", name, known)
    return known.get(word, found[0])


def plain(workload: Workload) -> str:
    """Its name as it is typed."""
    return workload.name.replace("_", "-")


def sized(workload: Workload, settings: Iterable[str]) -> Workload:
    """The work with other sizes.

    Args:
        workload: The work.
        settings: Texts "name=value".

    Raises:
        InputError: For a name that is no size of it, or a value that is none.
    """
    params: dict[str, Scalar] = dict(workload.params)
    sizes = {name for name, value in params.items() if type(value) in (int, float)}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set {text!r} is not name=value")
        if name not in sizes:
            raise unknown(f"size of {plain(workload)}:", name, sizes)
        params[name] = _size(name, value, type(params[name]))
    return replace(workload, params=params)


def rows() -> list[tuple[str, ...]]:
    """A row of COLUMNS for each work."""
    return [_row(one) for one in WORKLOADS if one.timed]


def _size(name: str, text: str, kind: type) -> Scalar:
    try:
        value: int | float = kind(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(f"--set {name}={text}: {name} must be a positive {'whole ' if kind is int else ''}number")
    return value


def _row(workload: Workload) -> tuple[str, ...]:
    arrays = inputs(workload)
    named = PARAMETERS.get(workload.kind, ())
    few = list(arrays) if len(arrays) <= _SHOWN else [*list(arrays)[: _SHOWN - 1], "..."]
    shapes = ", ".join(f"{name} {arrays[name].shape}" if name in arrays else name for name in few)
    call = f"f({', '.join([*few, *(['*', *named] if named else [])])})"
    dtype = next(iter(arrays.values())).dtype
    return plain(workload), call, f"{shapes}, {dtype}", _RESULTS.get(workload.kind, workload.title)
