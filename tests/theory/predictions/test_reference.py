"""Posteriors, ensembles and training against an independent implementation (tests/data/reference/README.md)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import Kernels
from ntkbench.theory import ensemble, gradient_flow, loss_flow, posterior

FOLDER = Path(__file__).parents[2] / "data" / "reference" / "predict"
NAMES = sorted(path.stem for path in FOLDER.glob("*.npz"))


class Case:
    """A reference case on a backend's arrays; a ridge is a share of the mean of the diagonal there."""

    def __init__(self, name: str, backend: Any) -> None:
        self.facts = json.loads((FOLDER / f"{name}.json").read_text())
        self.expected = dict(np.load(FOLDER / f"{name}.npz"))
        self.backend = backend
        self.arrays = {key: backend.asarray(a, "float64") for key, a in self.expected.items()}
        # The loss there is a mean over points and outputs.
        self.rate = self.facts["learning_rate"] / self.expected["y_train"].size
        self.start = {"f0_train": self.arrays["f0_train"], "f0_test": self.arrays["f0_test"]}

    def ridge(self, kernel: str, name: str) -> float:
        k = self.expected[f"{kernel}_train"]
        return float(self.facts[name] * np.trace(k) / len(k))

    def kernels(self, kind: str, which: str) -> Kernels:
        """Both kernels; of "nngp" ensembles, where the readout alone is trained, the NNGP twice."""
        nngp = self.arrays[f"nngp_{which}"]
        return Kernels(nngp, self.arrays[f"{kind}_{which}"])

    def ensemble(self, kind: str, name: str, times: list[float]) -> Any:
        ridge = self.ridge(kind, name)
        places = (self.kernels(kind, "train"), self.arrays["y_train"], self.kernels(kind, "test_train"))
        noise = ridge if kind == "nngp" else 0.0
        prior = self.arrays["nngp_test"]
        return ensemble(*places, prior, times, rate=self.rate, ridge=ridge, noise=noise)

    def check(self, found: Any, name: str, rtol: float) -> None:
        expected = self.expected[name]
        atol = rtol * float(np.abs(expected).max())
        np.testing.assert_allclose(self.backend.to_numpy(found), expected, rtol=rtol, atol=atol)


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest, backend: Any) -> Case:
    return Case(request.param, backend)


def test_the_reference_has_both_networks_with_and_without_a_ridge() -> None:
    assert NAMES == ["fc_erf_800", "fc_erf_801", "fc_relu_800", "fc_relu_801"]


def test_training_in_closed_form(case: Case) -> None:
    k = case.expected["ntk_train"] + case.ridge("ntk", "diag_reg") * np.eye(8)
    places = (case.backend.asarray(k, "float64"), case.arrays["y_train"], case.arrays["ntk_test_train"])
    found = gradient_flow(*places, [*case.facts["times"], math.inf], rate=case.rate, **case.start)
    for i, at in enumerate([*range(len(case.facts["times"])), "inf"]):
        case.check(found.train[i], f"mse_{at}_train", 1e-9)
        case.check(found.test[i], f"mse_{at}_test", 1e-9)


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
def test_ensembles(case: Case, kind: str) -> None:
    times = [math.inf if t == "infinity" else t for t in case.facts["ensemble_times"]]
    found = case.ensemble(kind, "diag_reg", times)
    assert found.times == tuple(times)
    for i in range(len(times)):
        case.check(found.mean[i], f"ensemble_{kind}_{i}_mean", 1e-9)
        case.check(found.covariance[i], f"ensemble_{kind}_{i}_cov", 1e-9)


def test_inference_with_the_nngp(case: Case) -> None:
    places = (case.arrays["nngp_train"], case.arrays["y_train"], case.arrays["nngp_test_train"])
    found = posterior(*places, case.arrays["nngp_test"], ridge=case.ridge("nngp", "diag_reg_gp"))
    case.check(found.mean, "gp_nngp_mean", 1e-9)
    case.check(found.covariance, "gp_nngp_cov", 1e-9)


def test_what_it_calls_inference_with_the_ntk_is_the_ensemble_at_infinity(case: Case) -> None:
    found = case.ensemble("ntk", "diag_reg_gp", [math.inf])
    case.check(found.mean[0], "gp_ntk_mean", 1e-9)
    case.check(found.covariance[0], "gp_ntk_cov", 1e-9)


@pytest.mark.parametrize(
    ("prefix", "targets", "loss"), [("momentum", "y_train", "squared"), ("xent", "onehot", "cross_entropy")]
)
def test_training_by_an_ode(case: Case, prefix: str, targets: str, loss: Any) -> None:
    places = (case.arrays["ntk_train"], case.arrays[targets], case.arrays["ntk_test_train"])
    momentum = case.facts["momentum"] if prefix == "momentum" else None
    options = {"loss": loss, "rate": case.rate, "momentum": momentum, **case.start}
    found = loss_flow(*places, [case.facts["ode_time"]], **options)
    case.check(found.train[0], f"{prefix}_train", 1e-4)
    case.check(found.test[0], f"{prefix}_test", 1e-4)
