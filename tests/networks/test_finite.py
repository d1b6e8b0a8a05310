"""Networks of finite width: what they compute, against loops and formulas, and the same on every library."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, installed, open_backend
from ntkbench.networks import (
    Activation,
    AvgPool,
    Conv,
    Dense,
    Finite,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    Residual,
    finite,
    merge,
    serial,
    to_backend,
)

RELU = Activation("relu")
TANH = Activation("tanh")
IMAGES = {
    "same": serial(Conv(b_std=0.3), TANH, Conv(w_std=1.5), RELU, Flatten(), Dense(b_std=0.1)),
    "stride": serial(Conv((3, 2), (2, 1)), TANH, Conv((2, 3), (2, 2)), RELU, GlobalAvgPool(), Dense()),
    "circular": serial(Conv((3, 3), (2, 2), "circular"), TANH, Conv((5, 5), padding="circular"), Flatten(), Dense()),
    "valid": serial(Conv(padding="valid", b_std=0.2), AvgPool((2, 3), (1, 2)), RELU, Flatten(), Dense()),
    "dilated": serial(
        Conv((3, 2), (2, 1), dilation=(1, 3)),
        TANH,
        Conv((2, 3), (1, 1), "circular", dilation=(3, 2)),
        Flatten(),
        Dense(),
    ),
    "dilated, valid": serial(Conv((2, 3), padding="valid", dilation=(2, 1)), RELU, Flatten(), Dense()),
    "residual": serial(
        Conv(), Residual(serial(LayerNorm(), RELU, Conv(stride=(2, 2))), Conv((1, 1), (2, 2))), Dense(), GlobalAvgPool()
    ),
}
VECTORS = {
    "dense": serial(Dense(2.0, 0.5), RELU, Dense(1.5, 0.1)),
    "layernorm": serial(Dense(b_std=0.1), LayerNorm(0.01), Activation("erf"), Dense(), LayerNorm(), RELU, Dense()),
    "residual": serial(Dense(), Residual(serial(RELU, Dense(b_std=0.1))), RELU, Dense()),
}


@pytest.fixture(scope="module", params=installed())
def backend(request: pytest.FixtureRequest) -> Backend:
    return open_backend(request.param)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def outputs(network: Finite, params: Any, x: np.ndarray, backend: Backend) -> np.ndarray:
    apply = network.apply
    if backend.name == "jax":
        import jax

        apply = jax.jit(apply)
    return backend.to_numpy(apply(to_backend(params, backend), backend.asarray(x, "float64")))


def convolved(x: np.ndarray, weight: np.ndarray, layer: Conv) -> np.ndarray:
    """The convolution as a loop over every output position and every place in the window."""
    size, step, window, apart = x.shape[1:3], layer.stride, layer.window, layer.dilation
    reach = [(w - 1) * d + 1 for w, d in zip(window, apart, strict=True)]
    if layer.padding == "valid":
        shape, low = tuple((n - w) // s + 1 for n, w, s in zip(size, reach, step, strict=True)), (0, 0)
    else:
        shape = tuple(math.ceil(n / s) for n, s in zip(size, step, strict=True))
        low = tuple(max((m - 1) * s + w - n, 0) // 2 for m, n, w, s in zip(shape, size, reach, step, strict=True))
    y = np.zeros((len(x), *shape, weight.shape[-1]))
    for p, q, i, j in itertools.product(*map(range, (*shape, *window))):
        a, b = p * step[0] - low[0] + i * apart[0], q * step[1] - low[1] + j * apart[1]
        if layer.padding == "circular":
            a, b = a % size[0], b % size[1]
        if 0 <= a < size[0] and 0 <= b < size[1]:
            y[:, p, q] += x[:, a, b] @ weight[i, j]
    return y


@pytest.mark.parametrize("padding", ["same", "valid", "circular"])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
@pytest.mark.parametrize(("window", "stride"), [((3, 3), (1, 1)), ((3, 2), (2, 2)), ((2, 5), (1, 3)), ((1, 1), (2, 2))])
def test_a_convolution_is_the_loop_over_positions(
    backend: Backend, padding: Any, window: Any, stride: Any, dilation: Any
) -> None:
    layer = Conv(window, stride, padding, w_std=1.3, b_std=0.4, dilation=dilation)
    network = finite(serial(layer, Flatten()), (6, 7, 3), width=1, outputs=2)
    params, x = network.init(rng()), rng(1).standard_normal((2, 6, 7, 3))
    y = 1.3 / math.sqrt(math.prod(window) * 3) * convolved(x, params[0]["weight"], layer) + 0.4 * params[0]["bias"]
    np.testing.assert_allclose(outputs(network, params, x, backend), y.reshape(2, -1), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("padding", ["same", "circular"])
def test_with_stride_two_an_even_image_is_padded_at_its_end_alone(backend: Backend, padding: Any) -> None:
    network = finite(serial(Conv((3, 3), (2, 2), padding), Flatten()), (4, 4, 1), width=1, parameterization="standard")
    corner = np.zeros((3, 3, 1, 1))
    corner[0, 0] = 1.0
    x = np.arange(16.0).reshape(1, 4, 4, 1)
    assert outputs(network, ({"weight": corner},), x, backend).tolist() == [[0.0, 2.0, 8.0, 10.0]]


def test_a_circular_convolution_wraps_as_often_as_its_window_is_long(backend: Backend) -> None:
    network = finite(
        serial(Conv((1, 7), padding="circular"), Flatten()), (1, 2, 1), width=1, parameterization="standard"
    )
    params = ({"weight": np.ones((1, 7, 1, 1))},)
    # Seven neighbours of the first pixel, three to each side: four times the other one.
    assert outputs(network, params, np.array([[[[1.0], [10.0]]]]), backend).tolist() == [[43.0, 34.0]]


def test_dense_layers_scale_by_the_root_of_the_fan_in(backend: Backend) -> None:
    network = finite(VECTORS["dense"], (4,), width=8, outputs=2)
    first, second = params = network.init(rng())
    x = rng(1).standard_normal((3, 4))
    h = np.maximum(2.0 / 2.0 * x @ first["weight"] + 0.5 * first["bias"], 0.0)
    y = 1.5 / math.sqrt(8) * h @ second["weight"] + 0.1 * second["bias"]
    np.testing.assert_allclose(outputs(network, params, x, backend), y, rtol=1e-12)


def test_average_pooling_leaves_out_what_does_not_fill_a_window(backend: Backend) -> None:
    network = finite(serial(Conv((1, 1)), AvgPool((2, 2)), Flatten()), (5, 4, 1), width=1, parameterization="standard")
    x = rng().standard_normal((1, 5, 4, 1))
    means = x[0, :4, :, 0].reshape(2, 2, 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(
        outputs(network, ({"weight": np.ones((1, 1, 1, 1))},), x, backend), means.reshape(1, 4), rtol=1e-12
    )


def test_layer_norm_centres_and_scales_the_channels_of_each_position(backend: Backend) -> None:
    network = finite(serial(Conv(b_std=0.5), LayerNorm(), Flatten()), (3, 3, 2), width=1, outputs=6)
    y = outputs(network, network.init(rng()), rng(1).standard_normal((2, 3, 3, 2)), backend).reshape(2, 9, 6)
    np.testing.assert_allclose(y.mean(axis=-1), 0.0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=-1), 1.0, rtol=1e-8)


def test_a_residual_adds_its_input(backend: Backend) -> None:
    network = finite(serial(Dense(), Residual(serial(RELU, Dense()))), (3,), width=4, outputs=4)
    (first, second), x = network.init(rng()), rng(1).standard_normal((5, 3))
    h = x @ first["weight"] / math.sqrt(3)
    y = h + np.maximum(h, 0.0) @ second["weight"] / 2.0
    np.testing.assert_allclose(outputs(network, (first, second), x, backend), y, rtol=1e-12)


@pytest.mark.parametrize("name", [*IMAGES, *(f"{v} of vectors" for v in VECTORS)])
def test_every_library_computes_the_same_numbers(name: str) -> None:
    vectors = name.endswith(" of vectors")
    architecture = VECTORS[name.split()[0]] if vectors else IMAGES[name]
    network = finite(architecture, (6,) if vectors else (6, 7, 2), width=5, outputs=3)
    params, x = network.init(rng()), rng(1).standard_normal((4, *network.input_shape))
    expected = network.apply(params, x)
    assert expected.shape == (4, 3)
    assert expected.dtype == np.float64
    for library in installed():
        np.testing.assert_allclose(
            outputs(network, params, x, open_backend(library)), expected, rtol=1e-11, atol=1e-13, err_msg=library
        )


@pytest.mark.parametrize("architecture", [IMAGES["same"], IMAGES["residual"]])
def test_both_parametrisations_start_from_the_same_function(architecture: Any) -> None:
    ntk, standard = (
        finite(architecture, (5, 5, 2), width=4, outputs=2, parameterization=p) for p in ("ntk", "standard")
    )
    x = rng(1).standard_normal((3, 5, 5, 2))
    np.testing.assert_allclose(
        standard.apply(standard.init(rng(7)), x), ntk.apply(ntk.init(rng(7)), x), rtol=1e-11, atol=1e-13
    )


def test_weights_are_normal_with_the_stated_deviations() -> None:
    layers = serial(Dense(3.0, 0.5), RELU, Dense(2.0, 0.25), RELU, Dense())
    for parameterization, deviations in {"ntk": (1.0, 1.0), "standard": (2.0 / math.sqrt(400), 0.25)}.items():
        params = finite(layers, (5,), width=400, parameterization=parameterization).init(rng())  # type: ignore[arg-type]
        for name, deviation, tolerance in zip(("weight", "bias"), deviations, (0.01, 0.15), strict=True):
            drawn = params[1][name] / deviation
            assert abs(drawn.std() - 1.0) < tolerance
            assert abs(drawn.mean()) < tolerance


def test_parameters_are_the_same_bits_in_every_library(backend: Backend) -> None:
    network = finite(IMAGES["same"], (4, 4, 1), width=3)
    plain = network.init(rng(3))
    drawn = network.init(rng(3), lambda array: backend.asarray(array, "float64"))
    for here, there in zip(plain, drawn, strict=True):
        assert here.keys() == there.keys()
        assert all(np.array_equal(here[name], backend.to_numpy(there[name])) for name in here)


def test_the_last_linear_layer_has_the_outputs_and_all_others_the_width() -> None:
    network = finite(IMAGES["same"], (4, 4, 1), width=3, outputs=7)
    assert [linear.units for linear in network.linear_layers] == [3, 3, 7]
    assert network.output_size == 7


def test_both_parts_of_a_last_residual_are_last() -> None:
    network = finite(serial(Dense(), Residual(serial(RELU, Dense()), Dense()), TANH), (4,), width=3, outputs=2)
    assert [linear.units for linear in network.linear_layers] == [3, 2, 2]


def test_without_b_std_there_are_no_biases() -> None:
    params = finite(VECTORS["residual"], (4,), width=3).init(rng())
    assert [sorted(p) for p in params] == [["weight"], ["bias", "weight"], ["weight"]]


def test_untrained_layers_are_split_off_and_merged_again() -> None:
    network = finite(serial(Dense(trained=False), RELU, Dense(b_std=1.0), RELU, Dense(trained=False)), (4,), width=3)
    params = network.init(rng())
    trained, fixed = network.split(params)
    assert [sorted(p) for p in trained] == [[], ["bias", "weight"], []]
    assert [sorted(p) for p in fixed] == [["weight"], [], ["weight"]]
    assert merge(trained, fixed) == params


@pytest.mark.parametrize("library", ["jax", "torch"])
def test_gradients_are_what_finite_differences_give(library: str) -> None:
    network = finite(IMAGES["residual"], (4, 4, 1), width=2)
    params, x = network.init(rng()), rng(1).standard_normal((2, 4, 4, 1))
    backend = open_backend(library)
    given, inputs = to_backend(params, backend), backend.asarray(x, "float64")
    if library == "jax":
        import jax

        gradient = jax.jit(jax.grad(lambda p: network.apply(p, inputs).sum()))(given)[1]["weight"]
    else:
        given[1]["weight"].requires_grad_()
        network.apply(given, inputs).sum().backward()
        gradient = given[1]["weight"].grad
    for index in [(0, 0, 0, 0), (1, 1, 1, 0), (2, 1, 0, 1)]:
        ends = []
        for step in (1e-6, -1e-6):
            moved = params[1]["weight"].copy()
            moved[index] += step
            ends.append(network.apply((params[0], {"weight": moved}, *params[2:]), x).sum())
        assert float(gradient[index]) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    ("layers", "shape", "options", "message"),
    [
        ((Dense(),), (3,), {"width": 0}, "width must be a positive whole number, not 0"),
        ((Dense(),), (3,), {"outputs": 1.0}, "outputs must be a positive whole number, not 1.0"),
        ((Dense(),), (), {}, r"input_shape must be \(d,\), \(T, C\), \(H, W, C\) or \(D, H, W, C\), not \(\)"),
        ((Dense(),), (1, 2, 3, 4, 5), {}, r"\(T, C\), \(H, W, C\) or \(D, H, W, C\), not \(1, 2, 3, 4, 5\)"),
        ((Dense(),), (3, 4), {}, r"the output must be a vector, not \(3, 1\); add Flatten or GlobalAvgPool"),
        ((Conv(), Flatten(), Dense()), (4, 2), {}, r"a window of \(3, 3\) is for images \(N, H, W, C\), not for seq"),
        ((Dense(),), (0,), {}, r"input_shape\[0\] must be a positive whole number"),
        ((Dense(),), (3,), {"parameterization": "mup"}, "one of ntk, standard, not 'mup'"),
        ((RELU,), (3,), {}, "nothing to train"),
        ((Conv(), RELU), (3, 3, 1), {}, "add Flatten or GlobalAvgPool"),
        ((Conv(), Flatten(), Dense()), (3,), {}, r"Conv needs sequences .* not vectors of shape \(3,\)"),
        ((Flatten(), GlobalAvgPool(), Dense()), (3, 3, 1), {}, "GlobalAvgPool needs sequences "),
        ((Conv((4, 4), padding="valid"), Flatten()), (3, 3, 1), {}, "does not fit"),
        ((Residual(serial(Dense())), Dense()), (3,), {}, r"branch of shape \(5,\) to a shortcut of shape \(3,\)"),
    ],
)
def test_what_is_no_network_is_refused(layers: Any, shape: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        finite(serial(*layers), shape, **{"width": 5, **options})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda params, x: (params, x[:, :3]), r"inputs must be \(n, 4\), not of shape \(2, 3\)"),
        (lambda params, x: (params[:1], x), "params must be for 2 linear layers, not for 1"),
        (lambda params, x: (params, x.astype(np.float32)), "inputs are float32, but params.0..'weight'. is float64"),
        (
            lambda params, x: (({"weight": params[0]["weight"]}, params[1]), x),
            "'bias'. must be of shape .3,., not missing",
        ),
        (lambda params, x: (({**params[0], "bias": x}, params[1]), x), "'bias'. must be of shape .3,., not .2, 4."),
    ],
)
def test_parameters_and_inputs_that_do_not_fit_are_refused(change: Any, message: str) -> None:
    network = finite(VECTORS["dense"], (4,), width=3)
    params, x = change(network.init(rng()), rng(1).standard_normal((2, 4)))
    with pytest.raises(ValueError, match=message):
        network.apply(params, x)
