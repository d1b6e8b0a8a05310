"""Layers and predictions by the expressions of neural-tangents 0.6.5, against its numbers (tests/data/reference)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from ntkbench.backends import open_backend
from ntkbench.compat import neural_tangents as nt
from ntkbench.compat.neural_tangents import stax
from ntkbench.compat.neural_tangents.stax.parts import architecture_of
from ntkbench.compat.neural_tangents.stax.triples import part_of
from ntkbench.kernels import architecture_kernels

FOLDER = Path(__file__).parents[2] / "data" / "reference"
FILES = {path.stem: path for path in sorted(FOLDER.rglob("*.npz"))}
ACTIVATIONS = [name for name in FILES if name.startswith("act_")]
DENSE = ["fc_relu_L1_b0", "fc_relu_L2_b0.1", "fc_gelu_L1_b0.1", "fc_lrelu_L1_b0", "fc_layernorm", "fc_residual"]
LAYERS = [
    "avgpool_circular_gap",
    "avgpool_same_flat",
    "conv1d_gap",
    "conv3d_flat",
    "conv_erf_8x8_n3_flat",
    "conv_local_flat",
    "conv_relu_avgpool_8x8_flat",
    "conv_relu_stride2_8x8_n2_gap",
    "conv_transpose_flat",
    "dense_none_bias",
    "fan_in_prod",
    "layernorm_all_flat",
    "standard_parameterization",
    "standard_parameterization_conv",
    "sumpool_gsp",
]
PREDICTED = ["fc_erf_800", "fc_relu_801"]


@pytest.fixture(autouse=True)
def double() -> None:
    """JAX in float64, as the reference is."""
    open_backend("jax")


def read(name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    facts = json.loads(FILES[name].with_suffix(".json").read_text())
    return facts, dict(np.load(FILES[name]))


def built(facts: dict[str, Any]) -> Any:
    return eval(facts["stax_expression"], {"stax": stax, "S2": math.sqrt(2)})


def check(facts: dict[str, Any], arrays: dict[str, np.ndarray], cross: Any, own: Any) -> None:
    # Roughest where inputs are collinear (tests/data/reference/README.md); two signs in a row take the root of that.
    rtol = 2e-4 if facts["name"] == "act_sign" else 3e-8
    for matrix, want in [(cross.nngp, "nngp_12"), (cross.ntk, "ntk_12"), (own.nngp, "nngp_11"), (own.ntk, "ntk_11")]:
        np.testing.assert_allclose(matrix, arrays[want], rtol=rtol, atol=rtol, err_msg=want)


@pytest.mark.parametrize("name", [*ACTIVATIONS, *DENSE, *LAYERS])
def test_its_expression_says_the_same_network(name: str) -> None:
    facts, arrays = read(name)
    x1, x2 = arrays["x1"], arrays["x2"]
    # On NumPy's arrays, where nothing is compiled.
    network = architecture_of(part_of(built(facts)), x1.shape[1:]).layer
    check(facts, arrays, architecture_kernels(network, x1, x2), architecture_kernels(network, x1))


@pytest.mark.parametrize("name", ["fc_residual", "conv1d_gap", "standard_parameterization"])
def test_its_kernel_functions(name: str) -> None:
    facts, arrays = read(name)
    _, _, kernel_fn = built(facts)
    own = kernel_fn(arrays["x1"], None, get=("ntk", "nngp"))
    assert own._fields == ("ntk", "nngp")
    check(facts, arrays, kernel_fn(arrays["x1"], arrays["x2"], ("nngp", "ntk")), own)
    np.testing.assert_array_equal(kernel_fn(arrays["x1"], get="ntk"), own.ntk)
    some = kernel_fn(arrays["x1"], get=("cov1", "cov2", "x1_is_x2"))
    np.testing.assert_array_equal(some.cov1, np.diag(own.nngp))
    assert (some.cov2, some.x1_is_x2) == (None, True)
    kernel = kernel_fn(arrays["x1"], arrays["x2"])
    assert (kernel.shape1, kernel.shape2, kernel.x1_is_x2) == ((len(arrays["x1"]), 1), (len(arrays["x2"]), 1), False)
    check(facts, arrays, kernel, kernel_fn(arrays["x1"]))
    np.testing.assert_allclose(kernel.cov1, np.diag(arrays["nngp_11"]), rtol=1e-11)
    np.testing.assert_allclose(kernel.cov2[0], arrays["nngp_11"][0, 0], rtol=1e-11)


class Case:
    """One of the reference's predictions, with the kernels of its expression."""

    def __init__(self, name: str) -> None:
        self.facts, self.arrays = read(name)
        self.kernel_fn = built(self.facts)[2]
        self.train = self.kernel_fn(self.arrays["x_train"], None, ("nngp", "ntk"))
        self.test = self.kernel_fn(self.arrays["x_test"], self.arrays["x_train"])
        self.start = self.arrays["f0_train"], self.arrays["f0_test"], self.test.ntk

    def check(self, found: Any, name: str, rtol: float = 1e-9) -> None:
        want = self.arrays[name]
        np.testing.assert_allclose(found, want, rtol=rtol, atol=rtol * np.abs(want).max(), err_msg=name)


@pytest.fixture(params=PREDICTED)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def test_its_training_by_the_squared_loss(case: Case) -> None:
    ntk, y, rate = case.train.ntk, case.arrays["y_train"], case.facts["learning_rate"]
    predict_fn = nt.predict.gradient_descent_mse(ntk, y, rate, diag_reg=case.facts["diag_reg"])
    train, test = predict_fn(np.asarray(case.facts["times"]), *case.start)
    for i, (one, other) in enumerate(zip(train, test, strict=True)):
        case.check(one, f"mse_{i}_train")
        case.check(other, f"mse_{i}_test")
    one, other = predict_fn(None, *case.start)
    case.check(one, "mse_inf_train")
    case.check(other, "mse_inf_test")
    case.check(predict_fn(0.5, case.start[0]), "mse_1_train")
    case.check(predict_fn(0.5, None, 0.0, case.test.ntk), "ensemble_ntk_0_mean")


def test_its_training_by_other_means(case: Case) -> None:
    ntk, rate, t = case.train.ntk, case.facts["learning_rate"], case.facts["ode_time"]
    momentum = nt.predict.gradient_descent(
        lambda f, y: 0.5 * jnp.mean((f - y) ** 2), ntk, case.arrays["y_train"], rate, case.facts["momentum"]
    )
    train, test = momentum(t, *case.start)
    case.check(train, "momentum_train", 1e-4)
    case.check(test, "momentum_test", 1e-4)
    entropy = nt.predict.gradient_descent(
        lambda f, y: -jnp.mean(jax.nn.log_softmax(f) * y), ntk, case.arrays["onehot"], rate
    )
    state = entropy([t], nt.predict.ODEState(case.start[0], case.start[1]), k_test_train=case.test.ntk)
    case.check(state.fx_train[0], "xent_train", 1e-4)
    case.check(state.fx_test[0], "xent_test", 1e-4)


def test_its_ensembles(case: Case) -> None:
    options = {"learning_rate": case.facts["learning_rate"], "diag_reg": case.facts["diag_reg"]}
    predict_fn = nt.predict.gradient_descent_mse_ensemble(
        case.kernel_fn, case.arrays["x_train"], case.arrays["y_train"], **options
    )
    *times, last = case.facts["ensemble_times"]
    assert last == "infinity"
    x_test = case.arrays["x_test"]
    found = predict_fn(np.asarray(times), x_test, None, compute_cov=True)
    end = predict_fn(None, x_test, get=("nngp", "ntk"), compute_cov=True)
    for kind in ("nngp", "ntk"):
        mean, covariance = getattr(found, kind)
        for i in range(len(times)):
            case.check(mean[i], f"ensemble_{kind}_{i}_mean")
            case.check(covariance[i], f"ensemble_{kind}_{i}_cov")
        case.check(getattr(end, kind).mean, f"ensemble_{kind}_{len(times)}_mean")
        case.check(getattr(end, kind).covariance, f"ensemble_{kind}_{len(times)}_cov")
        case.check(predict_fn(times[0], x_test, kind), f"ensemble_{kind}_0_mean")


def test_its_inference(case: Case) -> None:
    predict_fn = nt.predict.gp_inference(case.train, case.arrays["y_train"], diag_reg=case.facts["diag_reg_gp"])
    prior = case.kernel_fn(case.arrays["x_test"])
    found = predict_fn(None, case.test, prior)
    for kind in ("nngp", "ntk"):
        case.check(getattr(found, kind).mean, f"gp_{kind}_mean")
        case.check(getattr(found, kind).covariance, f"gp_{kind}_cov")
        case.check(predict_fn(kind, case.test), f"gp_{kind}_mean")
