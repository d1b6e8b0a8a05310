"""Activations without a name: a warning where their quadrature loses digits, a refusal where it loses everything.

sqrt(2) sin(sqrt(2) u + pi / 4) = sin(sqrt(2) u) + cos(sqrt(2) u) has the Gaussian kernel as its dual activation:
E[phi(u) phi(v)] = exp(-(q11 + q22 - 2 q12)) and E[phi'(u) phi'(v)] = 2 exp(-(q11 + q22 - 2 q12)).
"""

from __future__ import annotations

import importlib
import math
import re
import warnings
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.kernels import architecture_kernels
from ntkbench.kernels.general.quadrature_check import _places, check_quadrature
from ntkbench.kernels.general.structure import leaves
from ntkbench.networks import Activation, Conv, Dense, Flatten, GlobalAvgPool, Residual, Serial, serial

LIBRARIES = {"numba": "numpy", "jax": "jax.numpy", "torch": "torch"}


def wave(u: Any) -> Any:
    return math.sqrt(2) * np.sin(math.sqrt(2) * u + math.pi / 4)


def two_layers(function: Any) -> Serial:
    return serial(Dense(), Activation(function), Dense())


def inputs(norm: float, n: int = 6, d: int = 2) -> np.ndarray:
    """Points on an arc: near enough for their kernel to be a number."""
    angle = np.linspace(0, 1 / norm, n)
    x = np.zeros((n, d))
    x[:, 0], x[:, 1] = norm * np.cos(angle), norm * np.sin(angle)
    return x


def by_hand(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    q12 = x @ x.T / x.shape[1]
    nngp = np.exp(-np.sum((x[:, None] - x[None, :]) ** 2, axis=-1) / x.shape[1])
    return nngp, nngp + 2 * q12 * nngp


@pytest.mark.parametrize("norm", [1.0, 10.0, 20.0])
def test_at_small_norms_the_sine_is_right_without_a_word(norm: float) -> None:
    x = inputs(norm)
    found = architecture_kernels(two_layers(wave), x)
    for actual, expected in zip(found, by_hand(x), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_at_a_norm_of_thirty_in_two_dimensions_it_is_refused(name: str, precision: str) -> None:
    backend = open_backend(name)
    sine = importlib.import_module(LIBRARIES[name]).sin

    def native(u: Any) -> Any:
        return math.sqrt(2) * sine(math.sqrt(2) * u + math.pi / 4)

    for function in (native, wave):
        with pytest.raises(ValueError, match=r"layer 2 \(Activation\): the quadrature .* at inputs of variance 450"):
            architecture_kernels(two_layers(function), backend.asarray(inputs(30.0), precision))


def test_what_was_refused_would_have_been_wrong() -> None:
    from ntkbench.kernels.general.recursion import general_kernels

    x = inputs(30.0)[:, :1]  # of variance 900, in one dimension
    found, expected = general_kernels(two_layers(wave), x, None).ntk, by_hand(x)[1]
    assert np.abs(found / expected - 1).max() > 0.5


@pytest.mark.parametrize(
    ("precision", "norm", "warned"),
    [("float64", 4.0, False), ("float64", 9.0, True), ("float32", 5.0, False), ("float32", 9.0, True)],
)
def test_a_warning_names_the_layer_and_the_bound(precision: str, norm: float, warned: bool) -> None:
    # tanh without a name: at a variance of 8 good to 1e-8, at 40 off by 3e-3 at most.
    network, x = two_layers(np.tanh), open_backend("torch").asarray(inputs(norm), precision)
    if not warned:
        architecture_kernels(network, x)
        return
    with pytest.warns(
        UserWarning, match=r"layer 2 \(Activation\): .* off by up to 0\.00\d of .* its derivative"
    ) as caught:
        found = architecture_kernels(network, x)
    assert {warning.filename for warning in caught} == {__file__}
    expected = architecture_kernels(two_layers("tanh"), x)
    assert float(abs(found.ntk / expected.ntk - 1).max()) < 0.01


def test_a_jump_has_no_derivative_and_is_refused() -> None:
    with pytest.raises(ValueError, match="its derivative"):
        architecture_kernels(two_layers(lambda u: 1.0 * (u > 0)), inputs(1.0))


def test_a_kink_is_warned_of_and_values_that_overflow_are_refused() -> None:
    with pytest.warns(UserWarning, match=r"off by up to 0\.04 of the mean square of its derivative"):
        architecture_kernels(two_layers(lambda u: np.maximum(u, 0)), inputs(1.0))
    with pytest.raises(ValueError, match="off by up to inf"):
        architecture_kernels(two_layers(np.exp), inputs(60.0))


def test_constant_functions_and_inputs_of_zero_pass() -> None:
    for function in (np.tanh, lambda u: 0 * u, lambda u: 0 * u + 3):
        architecture_kernels(two_layers(function), np.zeros((3, 2)))


def test_the_second_inputs_count_too() -> None:
    near, far = inputs(1.0), inputs(30.0)
    architecture_kernels(two_layers(wave), near, near)
    with pytest.raises(ValueError, match="variance 450"):
        architecture_kernels(two_layers(wave), near, far)


def test_the_largest_norm_of_many_is_found() -> None:
    x = np.tile(inputs(1.0), (20, 1))
    x[57] = inputs(30.0)[0]
    with pytest.raises(ValueError, match="variance 450"):
        architecture_kernels(two_layers(wave), x)


def test_a_later_layer_is_found_by_its_own_variance() -> None:
    network = serial(Dense(), Activation("relu"), Dense(w_std=30.0), Activation(wave), Dense())
    with pytest.raises(ValueError, match=r"layer 4 \(Activation\): .* at inputs of variance 450"):
        architecture_kernels(network, inputs(math.sqrt(2)))


def test_layers_of_repeated_blocks_have_variances_of_their_own() -> None:
    block = serial(Dense(w_std=3.0), Activation("relu"))
    network = serial(block, block, block, block, Dense(), Activation(wave), Dense())
    # 1/2 after the inputs' division by d; each block times 9/2; ends beyond what the quadrature sees.
    variance = inputs(4.0)[0] @ inputs(4.0)[0] / 2 * 4.5**4
    with pytest.raises(ValueError, match=rf"layer 10 \(Activation\): .* variance {re.escape(f'{variance:.3g}')}"):
        architecture_kernels(network, inputs(4.0))


def test_places_are_those_of_the_leaves_inside_blocks_as_well() -> None:
    network = serial(Dense(), Residual(serial(Activation(wave), Dense())), Activation("relu"), Dense())
    names = list(_places(network, ""))
    assert len(names) == len(leaves(network))
    assert names[1] == "layer 2 (Residual), layer 1 (Activation)"
    with pytest.raises(ValueError, match=r"layer 2 \(Residual\), layer 1 \(Activation\): the quadrature"):
        architecture_kernels(network, inputs(30.0))


@pytest.mark.parametrize("end", [Flatten(), GlobalAvgPool()])
def test_images_are_looked_at_position_by_position(end: Any) -> None:
    x = np.ones((2, 3, 3, 2))
    network = serial(Dense(), Activation(wave), end, Dense())
    architecture_kernels(network, x)
    x[1, 1, 1] = 30.0 / math.sqrt(2)
    with pytest.raises(ValueError, match="variance 450"):
        architecture_kernels(network, x)


def test_only_what_comes_behind_trained_layers_needs_a_derivative() -> None:
    fixed = serial(Dense(trained=False), Activation(lambda u: 1.0 * (u > 0)), Dense())
    with pytest.warns(UserWarning, match="mean square of phi"):
        architecture_kernels(fixed, inputs(1.0))


def test_no_inputs_and_named_activations_are_not_looked_at() -> None:
    architecture_kernels(two_layers(wave), np.zeros((0, 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        architecture_kernels(serial(Dense(), Activation("sin"), Dense()), inputs(30.0))
        architecture_kernels(serial(Conv((3, 3)), Activation("sin"), Flatten(), Dense()), np.ones((1, 3, 3, 1)))


@pytest.mark.parametrize("traced", ["jit", "grad"])
def test_inputs_that_jax_traces_have_no_values_to_look_at(traced: str) -> None:
    import jax

    def total(x: Any) -> Any:
        check_quadrature(two_layers(wave), x, None)
        return x.sum()

    x = jax.numpy.asarray(inputs(30.0), dtype="float32")
    getattr(jax, traced)(total)(x)
    with pytest.raises(ValueError, match="variance 450"):
        total(x)
