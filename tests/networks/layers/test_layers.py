"""Layers are values: equal when they say the same, and refused when they say nothing that makes sense."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkbench.networks import (
    Activation,
    Aggregate,
    AvgPool,
    Concatenate,
    Conv,
    ConvTranspose,
    Dense,
    DotGeneral,
    Dropout,
    FanInProd,
    Flatten,
    GlobalAvgPool,
    GlobalSumPool,
    Index,
    Layer,
    LayerNorm,
    LocalConv,
    Residual,
    Resize,
    Serial,
    SumPool,
    serial,
)
from ntkbench.networks.layers.layer import Units

LAYERS: list[Layer] = [
    Dense(2.0, 0.1, trained=False),
    Conv((3, 2), (1, 2), "circular"),
    Conv((3, 2), (1, 2), "circular", dilation=(1, 2)),
    LocalConv((3, 2), (1, 2), "circular"),
    ConvTranspose((3, 2), (1, 2), "circular"),
    Activation("leaky_relu", slope=0.2),
    Activation(np.tanh),
    AvgPool((2, 2), (1, 1)),
    AvgPool((2, 2), (1, 1), normalize_edges=True),
    SumPool((2, 2), (1, 1)),
    Flatten(),
    GlobalAvgPool(),
    GlobalSumPool(),
    LayerNorm(),
    LayerNorm(axis=(1, 2, 3)),
    Dense(2.0, 0.1, trained=False, parameterization="standard"),
    Conv((3, 2), (1, 2), "circular", parameterization="standard", channels=3),
    Aggregate(np.eye(2)),
    DotGeneral(np.ones(2), "h,hw->hw"),
    Index(np.s_[1:, 0]),
    Resize((2, None)),
    Dropout(0.5),
    Residual(serial(Dense())),
    Concatenate((serial(), Dense())),
    FanInProd((serial(), Dense())),
    serial(Dense(), Activation("relu")),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_layers_that_say_the_same_are_one_key_and_none_can_change(layer: Any) -> None:
    fields = {f.name: getattr(layer, f.name) for f in dataclasses.fields(layer)}
    twin = type(layer)(**fields)
    assert twin == layer
    assert hash(twin) == hash(layer)
    for name, value in fields.items():
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(layer, name, value)


def test_layers_that_differ_are_not_equal() -> None:
    assert len(set(LAYERS)) == len(LAYERS)


@pytest.mark.parametrize("kind", [Dense, Conv, ConvTranspose])
@pytest.mark.parametrize("name", ["w_std", "b_std"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_scales_that_are_none_are_refused(kind: Any, name: str, value: float) -> None:
    with pytest.raises(ValueError, match="w_std must be positive and b_std not negative"):
        kind(**{name: value})


def test_a_layer_without_weights_is_refused_and_one_without_biases_is_not() -> None:
    with pytest.raises(ValueError, match="w_std must be positive"):
        Dense(w_std=0.0)
    assert Dense().b_std == 0.0


@pytest.mark.parametrize("kind", [Conv, LocalConv, ConvTranspose, AvgPool, SumPool])
@pytest.mark.parametrize("window", [3, None, (), (0, 1), (3, 3, 3, 3), (1.5,), [3, 3], (True, 2), (-1, 2)])
def test_a_window_is_one_to_three_positive_whole_numbers(kind: Any, window: Any) -> None:
    with pytest.raises(ValueError, match=r"^window must be a tuple of one to three positive whole numbers, not "):
        kind(window)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *itertools.product([Conv, LocalConv, ConvTranspose, AvgPool, SumPool], ["stride"]),
        (Conv, "dilation"),
        (LocalConv, "dilation"),
    ],
)
@pytest.mark.parametrize("value", [3, (3,), (), (0, 1), (3, 3, 3), (1.5, 2), [3, 3], (True, 2), (-1, 2)])
def test_strides_and_dilations_are_as_many_numbers_as_the_window(kind: Any, name: str, value: Any) -> None:
    message = f"^{name} must be a tuple of as many positive whole numbers as the window has, 2, not "
    with pytest.raises(ValueError, match=message):
        kind(**{"window": (3, 2), name: value})
    with pytest.raises(ValueError, match="the window has, 1, not "):
        kind(**{"window": (3,), name: (2, 2)})


@pytest.mark.parametrize("kind", [Conv, LocalConv])
@pytest.mark.parametrize("window", [(3,), (3, 2), (1, 2, 3)])
def test_a_convolution_moves_by_one_unless_told_otherwise(kind: Any, window: Any) -> None:
    ones = (1,) * len(window)
    assert kind(window) == kind(window, None, dilation=None) == kind(window, ones, dilation=ones)
    assert hash(kind(window)) == hash(kind(window, ones, dilation=ones))
    assert (kind(window).steps, kind(window).apart) == (ones, ones)
    assert ConvTranspose(window) == ConvTranspose(window, ones)


@pytest.mark.parametrize("kind", [Conv, ConvTranspose, AvgPool, SumPool])
def test_a_padding_that_does_not_exist_is_refused_with_those_that_do(kind: Any) -> None:
    with pytest.raises(ValueError, match="padding must be one of same, valid, circular, not 'zeros'"):
        kind(padding="zeros")


@pytest.mark.parametrize("function", ["", None, 3])
def test_an_activation_is_a_name_or_a_function(function: Any) -> None:
    with pytest.raises(ValueError, match="an activation is a name or a function, not "):
        Activation(function)


@pytest.mark.parametrize("options", [{"slope": math.nan}, {"slope": math.inf}, {"degree": -1}])
def test_options_of_activations_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="slope must be finite and degree not negative"):
        Activation("relu", **options)


@pytest.mark.parametrize("epsilon", [-1e-12, math.nan])
def test_an_epsilon_is_not_negative(epsilon: float) -> None:
    with pytest.raises(ValueError, match="epsilon must not be negative"):
        LayerNorm(epsilon)


@pytest.mark.parametrize("rate", [0, 0.0, -0.5, 1.1, math.nan, math.inf, "0.5", None])
def test_a_rate_is_a_probability_above_zero(rate: Any) -> None:
    with pytest.raises(ValueError, match="the probability to keep a feature, must be above 0, at most 1, not "):
        Dropout(rate)


@pytest.mark.parametrize("what", ["relu", None, Dense, 3])
def test_what_is_no_layer_is_refused(what: Any) -> None:
    with pytest.raises(ValueError, match="is no layer"):
        serial(Dense(), what)
    with pytest.raises(ValueError, match="is no layer"):
        Serial((what,))


@pytest.mark.parametrize("kind", [Concatenate, FanInProd])
@pytest.mark.parametrize(
    ("branches", "message"),
    [
        ((), "branches must be a tuple of layers, not ()"),
        (Dense(), "branches must be a tuple of layers, not Dense("),
        ([Dense()], "branches must be a tuple of layers, not ["),
        ((Dense(), "relu"), "'relu' is no layer"),
    ],
)
def test_branches_are_a_tuple_of_layers(kind: Any, branches: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        kind(branches)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            Concatenate((Flatten(), serial())),
            "branches of shapes (24,) and (3, 4, 2) differ in more than their",
        ),
        (FanInProd((Dense(), serial())), "a product of branches of different shapes, (3, 4, 5) and (3, 4, 2)"),
    ],
)
def test_branches_that_do_not_fit_are_refused(layer: Layer, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        layer.output_shape((3, 4, 2), Units(5, 5))


def test_serial_takes_nested_ones_apart() -> None:
    assert serial(serial(Dense(), Flatten()), serial(), Conv()) == Serial((Dense(), Flatten(), Conv()))


def test_a_shortcut_is_the_input_itself_unless_it_is_given() -> None:
    assert Residual(serial(Dense())) == Residual(serial(Dense()), serial())
    assert Residual(serial(Dense())) != Residual(serial(Dense()), serial(Dense()))


def test_pooling_steps_by_its_window_unless_told_otherwise() -> None:
    assert AvgPool((2, 3)).steps == (2, 3)
    assert AvgPool((2, 3), (1, 1)).steps == (1, 1)


PADDINGS = st.sampled_from(["same", "circular", "valid"])
axis = st.tuples(*(st.integers(1, 6),) * 3)  # how many positions it has, window, stride


@given(axes=st.lists(axis, min_size=1, max_size=3), kind=st.sampled_from([Conv, AvgPool, SumPool]), padding=PADDINGS)
def test_a_window_stands_at_every_step_it_fits(axes: Any, kind: Any, padding: Any) -> None:
    shape, window, stride = zip(*axes, strict=True)
    layer = kind(window, stride, padding)
    if padding in ("same", "circular"):
        # Any start inside the image does: what is missing is added.
        expected = tuple(len(range(0, n, step)) for n, step in zip(shape, stride, strict=True))
    else:
        expected = tuple(
            sum(start + w <= n for start in range(0, n, step)) for n, w, step in zip(shape, window, stride, strict=True)
        )
    if 0 in expected:
        with pytest.raises(ValueError, match=r"does not fit into [ x\d]+ positions$"):
            layer.output_shape((*shape, 1), Units(1, 1))
    else:
        assert layer.output_shape((*shape, 1), Units(1, 1)) == (*expected, 1)
