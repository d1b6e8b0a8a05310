"""Chains of Flax and Equinox: as written by hand, and computing with their own weights what they compute."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkbench.networks import (
    Activation,
    AvgPool,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    Serial,
    finite,
    from_equinox,
    from_flax,
    serial,
)

W, S2 = 4, math.sqrt(2.0)
DENSE, RELU = Dense(S2, 0.5), Activation("relu")
GELU = functools.partial(jax.nn.gelu, approximate=False)


def conv(window: Any, **options: Any) -> Conv:
    return Conv(window, w_std=S2, b_std=0.5, **options)


def computed(architecture: Serial, shape: tuple[int, ...], params: list[dict[str, Any]], x: np.ndarray) -> np.ndarray:
    network = finite(architecture, shape, width=W, outputs=3, parameterization="standard")
    return network.apply(tuple({k: np.asarray(v) for k, v in each.items()} for each in params), x)


def inputs(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((3, *shape)).astype("float32")


def test_a_linen_sequential() -> None:
    linen = pytest.importorskip("flax.linen")
    layers = [
        *(linen.Conv(W, (3, 2), strides=(2, 1), kernel_dilation=(1, 2)), linen.relu),
        *(linen.Conv(W, (3, 3), padding="CIRCULAR"), jnp.tanh),
        *(functools.partial(linen.avg_pool, window_shape=(2, 2), strides=(2, 2), padding="SAME"), linen.LayerNorm()),
        *(linen.Conv(W, (3, 1), padding=((1, 1), (0, 0)), use_bias=False), GELU),
        *(linen.Dropout(0.25, deterministic=True), linen.Sequential([linen.Dense(3)])),
    ]
    module, shape = linen.Sequential(layers), (5, 6, 2)
    want = serial(
        *(conv((3, 2), stride=(2, 1), dilation=(1, 2)), RELU, conv((3, 3), padding="circular"), Activation("tanh")),
        *(AvgPool((2, 2), padding="same"), LayerNorm(1e-6), Conv((3, 1), w_std=S2), Activation("gelu")),
        *(Dropout(0.75), DENSE),
    )
    found = from_flax(module, b_std=0.5)
    assert found == want == from_flax(module, shape, b_std=0.5)
    x = inputs(shape)
    variables = module.init(jax.random.key(0), x)["params"]
    plain = [*variables.values(), variables["layers_9"]["layers_0"]]
    own = [{n: p[k] for n, k in (("weight", "kernel"), ("bias", "bias")) if k in p} for p in plain if "kernel" in p]
    values = np.asarray(module.apply({"params": variables}, x)).mean((1, 2))
    np.testing.assert_allclose(computed(serial(found, GlobalAvgPool()), shape, own, x), values, rtol=1e-4, atol=1e-5)


def test_an_nnx_sequential() -> None:
    nnx = pytest.importorskip("flax.nnx")
    rngs = nnx.Rngs(0)
    convolution, last = nnx.Conv(2, W, (3,), padding="VALID", rngs=rngs), nnx.Linear(W, 3, rngs=rngs)
    module = nnx.Sequential(convolution, functools.partial(jax.nn.leaky_relu, negative_slope=0.2), last)
    found = from_flax(module, b_std=0.5)
    assert found == serial(conv((3,), padding="valid"), Activation("leaky_relu", slope=0.2), DENSE)
    x = inputs((6, 2))
    own = [{"weight": each.kernel[...], "bias": each.bias[...]} for each in (convolution, last)]
    values = np.asarray(module(x)).mean(1)
    np.testing.assert_allclose(computed(serial(found, GlobalAvgPool()), (6, 2), own, x), values, rtol=1e-4, atol=1e-5)


def installed(name: str) -> Any:
    """A library, or None."""
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def test_equinox_chains() -> None:
    equinox = pytest.importorskip("equinox")
    nn = equinox.nn
    keys = iter(jax.random.split(jax.random.key(0), 9))
    first, second = nn.Conv2d(2, W, 3, 2, 1, key=next(keys)), nn.Conv2d(W, W, (3, 1), padding="SAME", key=next(keys))
    mlp = nn.MLP(W, 3, W, 1, jnp.tanh, key=next(keys))
    layers = [first, nn.Lambda(jax.nn.relu), second, nn.AvgPool2d(2, 2), nn.AdaptiveAvgPool2d(1), nn.Lambda(jnp.ravel)]
    module = nn.Sequential([*layers, nn.Identity(), nn.LayerNorm(W), mlp])
    rest = (conv((3, 1)), AvgPool(), GlobalAvgPool(), LayerNorm(1e-5), DENSE, Activation("tanh"), DENSE)
    odd, even = (
        serial(conv((3, 3), stride=(2, 2)), RELU, *rest),
        serial(conv((3, 3)), AvgPool((1, 1), (2, 2)), RELU, *rest),
    )
    assert from_equinox(module, (7, 5, 2), b_std=0.5) == odd
    assert from_equinox(module, (6, 4, 2), b_std=0.5) == from_equinox(module, b_std=0.5) == even
    own = [
        {"weight": jnp.transpose(p.weight, (*range(2, p.weight.ndim), 1, 0)), "bias": jnp.ravel(p.bias)}
        for p in (first, second, *mlp.layers)
    ]
    for shape in ((7, 5, 2), (6, 4, 2)):
        x = inputs(shape).astype(first.weight.dtype)  # float64 where JAX has been told to have it
        values = np.asarray(jax.vmap(module)(jnp.moveaxis(x, -1, 1)))
        found = from_equinox(module, shape, b_std=0.5)
        np.testing.assert_allclose(computed(found, shape, own, x), values, rtol=1e-4, atol=1e-5)
    flat = nn.Sequential([nn.Conv1d(2, W, 2, key=next(keys)), nn.Lambda(jnp.ravel), nn.Linear(8, 1, key=next(keys))])
    assert from_equinox(flat) == serial(Conv((2,), padding="valid", w_std=S2), Flatten(), Dense(S2))


def test_what_flax_has_and_no_layer_describes_is_named_by_its_place() -> None:
    linen = pytest.importorskip("flax.linen")
    shared = linen.Dense(3)
    cases = {
        "Sequential.layers[0]: feature_group_count=2 is": linen.Sequential(
            [linen.Conv(4, (3,), feature_group_count=2)]
        ),
        "Sequential.layers[0]: avg_pool is not supported; the nearest is functools.partial": (
            linen.Sequential([linen.avg_pool])
        ),
        "Sequential.layers[0]: elu is not supported; the nearest is gelu": linen.Sequential([jax.nn.elu]),
        "Sequential.layers[0].layers[0]: BatchNorm is not supported; the nearest is LayerNorm": linen.Sequential(
            [linen.Sequential([linen.BatchNorm()])]
        ),
        "Sequential.layers[0]: gelu by tanh is not supported; the nearest is functools": linen.Sequential([linen.gelu]),
        "Sequential.layers[0]: <lambda> is not supported; the nearest is a chain": linen.Sequential([lambda x: x]),
        "Sequential.layers[1]: sharing weights with Sequential.layers[0]": linen.Sequential([shared, shared]),
        "Conv: padding='CAUSAL' is not supported": linen.Conv(4, (3,), padding="CAUSAL"),
    }
    for words, module in cases.items():
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            from_flax(module)
        assert str(caught.value).startswith(words)


def test_what_equinox_has_and_no_layer_describes_is_named_by_its_place() -> None:
    nn = pytest.importorskip("equinox").nn
    key = jax.random.key(0)
    cases = {
        "Sequential.layers[0]: groups=2 is not supported; the nearest is groups=1": nn.Conv1d(
            4, 4, 3, groups=2, key=key
        ),
        "Sequential.layers[0]: MaxPool2d is not supported; the nearest is AvgPool": nn.MaxPool2d(2),
        "Sequential.layers[0]: PReLU is not supported; the nearest is leaky_relu": nn.PReLU(),
        "Sequential.layers[0]: RotaryPositionalEmbedding is not supported; the nearest is a chain": (
            nn.RotaryPositionalEmbedding(4)
        ),
        "Sequential.layers[0].fn: softmax is not supported": nn.Lambda(jax.nn.softmax),
        "Sequential.layers[0]: padding=(2,) of a window that reaches over 3": nn.Conv1d(2, 2, 3, padding=2, key=key),
        "Sequential.layers[0]: use_ceil=True is": nn.AvgPool1d(2, use_ceil=True),
    }
    for words, module in cases.items():
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            from_equinox(nn.Sequential([module]))
        assert str(caught.value).startswith(words)


def test_the_channels_of_inputs_are_checked_where_a_module_knows_them() -> None:
    words = "takes 3 channels, and the inputs have 4; channels come last in input_shape$"
    key = jax.random.key(0)
    if equinox := installed("equinox"):
        nn = equinox.nn
        for layer, shape in ((nn.Linear(3, 2, key=key), (4,)), (nn.Conv1d(3, 2, 3, key=key), (8, 4))):
            relu = nn.Lambda(jax.nn.relu)
            with pytest.raises(ValueError, match=rf"^Sequential\.layers\[1\]: it {words}"):
                from_equinox(nn.Sequential([relu, layer]), shape)
            from_equinox(nn.Sequential([relu, layer]), (*shape[:-1], 3))
        scalar = nn.Linear("scalar", 2, key=key)
        assert from_equinox(scalar, (1,)) == serial(Dense(S2))
    nnx = pytest.importorskip("flax.nnx")
    for layer, shape in ((nnx.Linear(3, 2, rngs=nnx.Rngs(0)), (4,)), (nnx.Conv(3, 2, (3,), rngs=nnx.Rngs(0)), (8, 4))):
        with pytest.raises(ValueError, match=rf"^{type(layer).__name__}: it {words}"):
            from_flax(layer, shape)


def test_a_class_is_no_module() -> None:
    nnx = pytest.importorskip("flax.nnx")
    with pytest.raises(ValueError, match=r"^a module is needed, not its class: make one, Linear\(\.\.\.\)$"):
        from_flax(nnx.Linear)
