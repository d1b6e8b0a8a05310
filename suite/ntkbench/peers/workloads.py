"""The work that is compared: sizes, inputs, and how many times as fast as the baseline each of ours is to be."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from ntkbench.canonical import canonical_json
from ntkbench.experiment.spec import Scalar
from ntkbench.peers import networks

Kind = Literal["fc", "cntk", "empirical", "regression", "network"]
Arrays = Mapping[str, np.ndarray]

_BASELINE = "neural-tangents"


@dataclass(frozen=True)
class Workload:
    """One kind of work at one size; `quick` replaces some of the sizes for a trial run.

    `goals`: by entry, how many times as fast as `baseline` it is to be; `also`: the same beside others than that, by
    their names; `rounds`: the turns that each entry gets, more of them where calls are short. Without `timed` only
    errors are of interest.
    """

    name: str
    kind: Kind
    params: Mapping[str, Scalar]
    quick: Mapping[str, Scalar]
    baseline: str = _BASELINE
    goals: Mapping[str, float] = field(default_factory=dict)
    also: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    rounds: int = 5
    timed: bool = True

    @property
    def title(self) -> str:
        """The work and its sizes, for people."""
        p = self.params
        if self.kind == "cntk":
            inputs = f"N = {p['n']} x {p['n']}, two sets" if p["cross"] else f"N = {p['n']}"
            return f"CNTK {p['pooling']} {p['side']}x{p['side']}, depth {p['depth']}, {inputs}"
        if self.kind == "fc":
            return f"FC ReLU, depth {p['depth']}, {p['n']:,} x {p['n']:,}, d = {p['features']:,}"
        if self.kind == "empirical":
            layers = "-".join(str(p[name]) for name in ("features", "width", "width", "outputs"))
            return f"empirical NTK {layers}, {p['n']} x {p['n']}, mean over outputs"
        if self.kind == "network":
            sides = "-".join(str(p[name]) for name in ("features", *["width"] * 3) if name in p)
            name = f"ResNet-18 {p['side']}x{p['side']}" if "side" in p else f"FCN {sides}"
            return f"empirical NTK, {name}, N = {p['n']}, all pairs of {p['outputs']} outputs"
        return f"regression, {p['n']:,} training and {p['n_test']:,} test inputs, ridge {p['ridge']}"

    @property
    def pair_layers(self) -> int | None:
        """Entries of the Gram matrix times layers with weights; None where a kernel has no such recursion.

        A symmetric matrix of N inputs counts N * N pairs for everybody, those too who compute one triangle.
        """
        if self.kind not in ("fc", "cntk"):
            return None
        return int(self.params["n"]) ** 2 * int(self.params["depth"])

    @property
    def symmetric(self) -> bool:
        """Whether it is the Gram matrix of inputs with themselves."""
        return self.kind in ("empirical", "network") or (self.kind in ("fc", "cntk") and not self.params["cross"])

    @property
    def precision(self) -> str:
        """Kernels are in float32, solves in float64."""
        return "float64" if self.kind == "regression" else "float32"

    def shrunk(self) -> Workload:
        """The same in the sizes for a trial, two rounds of it."""
        return replace(self, params={**self.params, **self.quick}, quick={}, rounds=2)


def _cntk(
    name: str, pooling: str, n: int, depth: int, goals: Mapping[str, float], *, cross: bool = False, timed: bool = True
) -> Workload:
    params: dict[str, Scalar] = {"n": n, "side": 32, "depth": depth, "pooling": pooling, "cross": cross}
    return Workload(name, "cntk", params, {"n": 3, "side": 6, "depth": 3}, goals=goals, timed=timed)


def _empirical(outputs: int) -> Workload:
    params: dict[str, Scalar] = {"n": 128, "features": 784, "width": 512, "outputs": outputs}
    quick = {"n": 5, "features": 7, "width": 16}
    return Workload(f"empirical_{outputs}", "empirical", params, quick, goals={"jax": 1.0, "torch": 0.7}, rounds=15)


def _network(network: str, outputs: int, sizes: Mapping[str, Scalar], quick: Mapping[str, Scalar]) -> Workload:
    params: dict[str, Scalar] = {"network": network, "n": 8, "outputs": outputs, **sizes}
    counted = networks.multiply_adds(params)
    # Half of what is counted: no two libraries reach the same share of what a machine can do.
    also = {
        f"torch.func {way.replace('_', ' ')}": dict.fromkeys(("jax", "torch"), counted[way] / counted["structured"] / 2)
        for way in ("contraction", "vector_products")
    }
    return Workload(
        f"{network}_{outputs}", "network", params, {"n": 3, **quick}, goals={"jax": 1.0, "torch": 1.0}, also=also
    )


_FCN: Mapping[str, Scalar] = {"features": 3072, "width": 2048}
_RESNET: Mapping[str, Scalar] = {"side": 32, "width": 64}
_FLATTEN = {"numba": 10.0, "torch": 3.0, "jax": 2.0}
_GAP = {"numba": 120.0, "torch": 20.0, "jax": 15.0}

WORKLOADS: tuple[Workload, ...] = (
    _cntk("cntk_flatten", "flatten", 128, 11, _FLATTEN),
    _cntk("cntk_flatten_cross", "flatten", 128, 11, {}, cross=True),
    _cntk("cntk_gap_2", "gap", 2, 11, _GAP),
    _cntk("cntk_gap_4", "gap", 4, 11, _GAP),
    Workload(
        "fc",
        "fc",
        {"n": 2000, "features": 3072, "depth": 10, "cross": False},
        {"n": 20, "features": 30, "depth": 3},
        goals={"jax": 3.0, "torch": 3.0},
        rounds=7,
    ),
    _empirical(1),
    _empirical(10),
    *(_network("fcn", outputs, _FCN, {"features": 12, "width": 16}) for outputs in (10, 100)),
    *(_network("resnet18", outputs, _RESNET, {"side": 9, "width": 4}) for outputs in (10, 100)),
    Workload(
        "regression",
        "regression",
        {"n": 2000, "n_test": 500, "ridge": 0.1},
        {"n": 20, "n_test": 5},
        baseline="scikit-learn",
        rounds=15,
    ),
    _cntk("cntk_flatten_10", "flatten", 16, 10, {}, timed=False),
)


def inputs(workload: Workload) -> dict[str, np.ndarray]:
    """What every entry gets, bit for bit: standard normal inputs and parameters that depend on the sizes alone."""
    identity = canonical_json([workload.kind, dict(workload.params)]).encode()
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(identity).digest()[:8], "big"))
    p = workload.params

    def normal(*shape: Any) -> np.ndarray:
        return rng.standard_normal(tuple(map(int, shape))).astype(np.float32)

    if workload.kind == "regression":
        return _regression_inputs(rng, int(p["n"]), int(p["n_test"]))
    if workload.kind == "network":
        return networks.drawn(p, rng)
    if workload.kind == "empirical":
        sides = [p["features"], p["width"], p["width"], p["outputs"]]
        weights = {f"w{k}": normal(*pair) for k, pair in enumerate(pairwise(sides))}
        return {"x1": normal(p["n"], p["features"]), **weights}
    shape = (p["n"], p["features"]) if workload.kind == "fc" else (p["n"], p["side"], p["side"], 3)
    return {"x1": normal(*shape), **({"x2": normal(*shape)} if p["cross"] else {})}


def _regression_inputs(rng: np.random.Generator, n: int, n_test: int) -> dict[str, np.ndarray]:
    """A Gram matrix in float64, of the arc-cosine kernel of degree one on points of a sphere, and noisy targets."""
    x = rng.standard_normal((n + n_test, 16))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    cosine = np.clip(x @ x[:n].T, -1.0, 1.0)
    angle = np.arccos(cosine)
    k = (np.sqrt(1.0 - cosine**2) + (math.pi - angle) * cosine) / math.pi
    k[:n] = (k[:n] + k[:n].T) / 2
    y = np.sin(3 * x[:n, :1]) + 0.1 * rng.standard_normal((n, 1))
    return {"k_train": k[:n].copy(), "k_test": k[n:].copy(), "y_train": y}
