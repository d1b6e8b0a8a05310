"""The suite's own kernels on one of its backends, as the suite itself opens it: what the entrants ours_* share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from ntkbench import kernels, networks, solvers
from ntkbench.backends import open_backend

_WEIGHT = math.sqrt(2.0)
_used: set[str] = set()


def prepare(name: str, workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Any]:
    """The work on the backend of this name; otherwise as in every entrant."""
    backend = open_backend(name, "cpu")
    precision = "float64" if workload["kind"] == "regression" else "float32"
    x = {name: backend.asarray(array, precision) for name, array in arrays.items()}
    compute = {"fc": _fc, "cntk": _cntk, "empirical": _empirical, "regression": _regression}[workload["kind"]](
        workload, x
    )

    # The first call compiles, and is no part of what is compared; left alone, torch would not compile for so little.
    compiled = kernels.prefer if name == "torch" else nullcontext

    def call() -> Any:
        with kernels.implementations() as used, compiled("inductor"):
            result = compute()
            backend.synchronize(result)
        _used.update(used)
        return result

    return call


def implementation() -> str:
    """The paths that the kernels took."""
    return ", ".join(sorted(_used))


def _fc(workload: Mapping[str, Any], x: Mapping[str, Any]) -> Callable[[], Any]:
    return lambda: tuple(kernels.fc_kernels(x["x1"], x.get("x2"), depth=workload["depth"]))


def _cntk(workload: Mapping[str, Any], x: Mapping[str, Any]) -> Callable[[], Any]:
    depth, pooling = workload["depth"], workload["pooling"]
    return lambda: tuple(kernels.conv_kernels(x["x1"], x.get("x2"), depth=depth, pooling=pooling))


def _empirical(workload: Mapping[str, Any], x: Mapping[str, Any]) -> Callable[[], Any]:
    dense, relu = networks.Dense(w_std=_WEIGHT), networks.Activation("relu")
    network = networks.finite(
        networks.serial(dense, relu, dense, relu, dense),
        (workload["features"],),
        width=workload["width"],
        outputs=workload["outputs"],
    )
    params = tuple({"weight": x[f"w{k}"]} for k in range(3))
    return lambda: kernels.empirical_ntk(network, params, x["x1"], trace=True)


def _regression(workload: Mapping[str, Any], x: Mapping[str, Any]) -> Callable[[], Any]:
    ridge = workload["ridge"]
    return lambda: solvers.cholesky_regression(x["k_train"], x["y_train"], x["k_test"], ridge).prediction
