"""Parts of empirical kernels that are computed without the rest: each is cut out of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import costs, empirical_ntk
from ntkbench.kernels.empirical.forms import Form
from ntkbench.networks import (
    Activation,
    Conv,
    Dense,
    Finite,
    Flatten,
    GlobalAvgPool,
    LocalConv,
    finite,
    serial,
    to_backend,
)

TANH = Activation("tanh")
METHODS = ("contraction", "vector_products", "structured")
DENSE = finite(serial(Dense(2.0, 0.5), TANH, Dense(1.5)), (4,), width=5, outputs=3)
NETWORKS = {
    "dense": DENSE,
    "wide convolution": finite(
        serial(Conv((2,), b_std=0.3), TANH, LocalConv((2,), b_std=0.2), TANH, Flatten(), Dense()),
        (3, 2),
        width=6,
        outputs=3,
    ),
    "narrow convolution": finite(
        serial(Conv((2,), b_std=0.3), TANH, GlobalAvgPool(), Dense()), (5, 2), width=2, outputs=3
    ),
}
FORMS: dict[str, dict[str, Any]] = {
    "outputs": {"diagonal": "outputs"},
    "inputs": {"diagonal": "inputs"},
    "mean on the diagonal over inputs": {"diagonal": "inputs", "trace": True},
    "chosen": {"outputs": [2, 0]},
    "mean of the chosen": {"outputs": np.array([2, 0]), "trace": True},
    "chosen on the diagonal over outputs": {"outputs": (2, 0), "diagonal": "outputs"},
    "one on the diagonal over inputs": {"outputs": [1], "diagonal": "inputs"},
}


@pytest.fixture(scope="module", params=["jax", "torch"])
def differentiating(request: pytest.FixtureRequest) -> Backend:
    return open_backend(request.param)


def given(backend: Backend, network: Finite) -> list[Any]:
    """Parameters and two sets of three inputs."""
    x = np.random.default_rng(1).standard_normal((6, *network.input_shape))
    arrays = network.init(np.random.default_rng(0)), x[:3], x[3:]
    return [to_backend(array, backend) for array in arrays]


def cut(kernel: np.ndarray, form: dict[str, Any]) -> np.ndarray:
    """The part of a whole kernel (n1, n2, O, O)."""
    chosen = list(form.get("outputs", range(kernel.shape[-1])))
    kernel = kernel[:, :, chosen][..., chosen]
    if form.get("diagonal") == "inputs":
        kernel = np.einsum("iiop->iop", kernel)
    if form.get("trace"):
        return np.einsum("...oo->...", kernel) / len(chosen)
    return np.einsum("...oo->...o", kernel) if form.get("diagonal") == "outputs" else kernel


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_part_is_that_of_the_whole(differentiating: Backend, name: str, form: str) -> None:
    network = NETWORKS[name]
    params, x1, x2 = given(differentiating, network)
    # Of contraction, which has oracles of its own.
    whole = differentiating.to_numpy(empirical_ntk(network, params, x1, x2, method="contraction"))
    want = cut(whole, FORMS[form])
    methods = METHODS if name == "dense" else ("structured",)
    for method in methods:
        found = empirical_ntk(network, params, x1, x2, method=method, **FORMS[form])  # type: ignore[arg-type]
        np.testing.assert_allclose(differentiating.to_numpy(found), want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", METHODS)
def test_of_inputs_with_themselves_it_is_symmetric_however_small_its_tiles(method: Any, form: str) -> None:
    torch = open_backend("torch")
    params, x, _ = given(torch, DENSE)
    done: list[tuple[int, int]] = []
    options = FORMS[form] | {"method": method}
    whole = cut(torch.to_numpy(empirical_ntk(DENSE, params, x, method="contraction")), FORMS[form])
    tiled = torch.to_numpy(empirical_ntk(DENSE, params, x, memory=1, progress=lambda *d: done.append(d), **options))
    np.testing.assert_allclose(tiled, whole, rtol=1e-11, atol=1e-12)
    assert len(done) > 1
    assert done[-1][0] == done[-1][1]
    if tiled.ndim > 1:  # inputs with inputs, or outputs with outputs
        pairs = tiled.transpose(1, 0, *range(2, tiled.ndim)) if "inputs" not in form else tiled.swapaxes(1, 2)
        other = pairs.swapaxes(-1, -2) if form == "chosen" else pairs
        assert np.array_equal(tiled, other)


def test_a_function_has_all_forms(differentiating: Backend) -> None:
    # f = (a . x)^2 + b: K = 4 (a.x)_o (a.x')_p x.x' delta_op + delta_op.
    def square(params: Any, x: Any) -> Any:
        return (x @ params[0]) ** 2 + params[1]

    rng = np.random.default_rng(0)
    a, b, x = rng.standard_normal((4, 3)), rng.standard_normal(3), rng.standard_normal((5, 4))
    slope = 2 * x @ a
    want = np.einsum("ij,io,jo,op->ijop", x @ x.T, slope, slope, np.eye(3)) + np.eye(3)
    params, inputs = (to_backend(array, differentiating) for array in ((a, b), x))
    for form in FORMS.values():
        found = differentiating.to_numpy(empirical_ntk(square, params, inputs, **form))
        np.testing.assert_allclose(found, cut(want, form), rtol=1e-12, atol=1e-12)


def test_no_inputs_and_nothing_trained_have_the_shapes_of_each_form() -> None:
    torch = open_backend("torch")
    frozen = finite(serial(Dense(trained=False)), (4,), width=1, outputs=3)
    for network in (DENSE, frozen):
        params, x, _ = given(torch, network)
        for form in FORMS.values():
            for n in (0, 2):
                if network is DENSE and n:
                    continue
                want = cut(np.zeros((n, n, 3, 3)), form)
                np.testing.assert_array_equal(torch.to_numpy(empirical_ntk(network, params, x[:n], **form)), want)


def test_each_form_is_counted_by_hand() -> None:
    # Layers 16-8 and 8-5; 3 inputs with 4: forward 168, back through the last one 40, weights as forward.
    network = finite(serial(Dense(), TANH, Dense()), (16,), width=8, outputs=5)
    for form, outputs, pairs, products in (
        ({"diagonal": "outputs"}, 5, 12, 5),
        ({"diagonal": "inputs"}, 5, 3, 25),
        ({"diagonal": "inputs", "trace": True}, 5, 3, 5),
        ({"outputs": [1, 2]}, 2, 12, 4),
        ({"outputs": [1, 2], "trace": True}, 2, 12, 2),
    ):
        counted = costs(network, 3, 4, **form)  # type: ignore[arg-type]
        assert counted["contraction"] == 7 * (168 + outputs * (40 + 168)) + pairs * products * 168
        assert counted["vector_products"] == 7 * 168 + 4 * outputs * 208 + pairs * outputs * 208
        share = (16 + products * 8) + (8 + products * 5)
        assert counted["structured"] == 7 * (168 + outputs * 40) + pairs * share


def test_a_form_is_a_value() -> None:
    assert Form(chosen=(1,)) == Form(chosen=(1,))
    assert hash(Form(True, "inputs")) == hash(Form(True, "inputs"))
    assert Form(trace=True) != Form(diagonal="outputs")
