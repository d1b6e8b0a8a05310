"""The suite's own kernels on one of its backends, as the suite itself opens it: what the entrants ours_* share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from ntkbench import kernels, networks, solvers
from ntkbench.backends import Backend, open_backend

_WEIGHT = math.sqrt(2.0)
_used: set[str] = set()


def prepare(name: str, workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Any]:
    """The work on the backend of this name; otherwise as in every entrant."""
    backend = open_backend(name, "cpu")
    if workload["kind"] == "network" and name == "torch":
        return _module(backend, arrays, workload)
    precision = "float64" if workload["kind"] == "regression" else "float32"
    x = {name: backend.asarray(array, precision) for name, array in arrays.items()}
    compute = {"fc": _fc, "cntk": _cntk, "empirical": _empirical, "regression": _regression, "network": _network}[
        workload["kind"]
    ](workload, x)
    # The first call compiles, and is no part of what is compared; left alone, torch would not compile for so little.
    return _timed(backend, compute, kernels.prefer if name == "torch" else nullcontext)


def _timed(backend: Backend, compute: Callable[[], Any], compiled: Callable[[str], Any]) -> Callable[[], Any]:
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


def _network(workload: Mapping[str, Any], x: Mapping[str, Any]) -> Callable[[], Any]:
    from ntkbench.peers.entrants._jax_networks import function_of

    function, inputs = function_of(workload["network"]), x["x1"]
    params = {name: array for name, array in x.items() if name != "x1"}
    return lambda: kernels.empirical_ntk(function, params, inputs)


def _module(backend: Backend, arrays: Mapping[str, Any], workload: Mapping[str, Any]) -> Callable[[], Any]:
    """The same of a module of torch, which is used as it is and not compiled."""
    from ntkbench.peers.torch_networks import inputs_of, module_of

    given = {name: backend.asarray(array, array.dtype.name) for name, array in arrays.items()}
    module, inputs = module_of(workload, given), inputs_of(given)
    return _timed(backend, lambda: kernels.empirical_ntk(module, inputs), nullcontext)


def _regression(workload: Mapping[str, Any], x: Mapping[str, Any]) -> Callable[[], Any]:
    ridge = workload["ridge"]
    return lambda: solvers.cholesky_regression(x["k_train"], x["y_train"], x["k_test"], ridge).prediction
