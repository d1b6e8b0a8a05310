"""A layer and a nonlinearity that the suite has never seen work everywhere: nothing else has to know them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.array import Array
from ntkbench.backends import Backend, open_backend
from ntkbench.duals.covariance import Covariance
from ntkbench.duals.gaussians import Gaussians
from ntkbench.kernels import architecture_kernels, empirical_ntk
from ntkbench.networks import (
    Activation,
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    Residual,
    finite,
    serial,
    to_backend,
)
from ntkbench.networks.activations import Nonlinearity
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import LinearFunction, Recursion, Shape, Units


@dataclass(frozen=True)
class Scale(Layer):
    """Features times a number."""

    factor: float

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        return shape

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        return self.factor * x

    def features(self, before: Features, place: str) -> Features:
        return before

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        return before.map(lambda field: field * self.factor**2, lambda v: v * self.factor**2)


@dataclass(frozen=True)
class MeanEverywhere(Layer):
    """The mean over all positions, at each of them: it mixes positions and leaves as many."""

    @property
    def mixes_positions(self) -> bool:
        return True

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        return shape

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        return 0.0 * x + x.mean(axis=(1, 2))[:, None, None]

    def features(self, before: Features, place: str) -> Features:
        return before

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        def mean(field: Array) -> Array:
            means = recursion.xp.mean(field, axis=(0, 1, 2, 3))
            return recursion.xp.broadcast_to(means, field.shape)

        return before.without_variances().map(mean)


@dataclass(frozen=True)
class Concatenated(Layer):
    """Two paths beside each other, their channels one after another: of equal width, at infinite width."""

    first: Layer
    second: Layer

    def inside(self) -> tuple[Layer, ...]:
        return self.first, self.second

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        first, second = (path.output_shape(shape, units) for path in self.inside())
        return (*first[:-1], first[-1] + second[-1])

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        first, second = (path.forward(x, linear) for path in self.inside())
        if isinstance(first, np.ndarray):
            return np.concatenate([first, second], axis=-1)
        import torch

        return torch.cat([first, second], dim=-1)

    def features(self, before: Features, place: str) -> Features:
        first, _ = (path.features(before, place) for path in self.inside())
        return replace(first, gaussian=False)

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        first, second = (recursion.inner(path, before) for path in self.inside())
        return replace(first, nngp=0.5 * (first.nngp + second.nngp), ntk=0.5 * (first.ntk + second.ntk), variances=None)


@dataclass(frozen=True)
class Square(Nonlinearity):
    """x^2."""

    def apply(self, xp: Any, x: Array) -> Array:
        return x * x

    def dual(self, g: Gaussians) -> tuple[Array, Array]:
        return g.q11 * g.q22 + 2.0 * g.q12 * g.q12, 4.0 * g.q12


X, IMAGES = np.random.default_rng(0).standard_normal((4, 5)), np.random.default_rng(1).standard_normal((3, 4, 4, 2))


@pytest.mark.parametrize("repeats", [1, 4])
def test_a_scale_behind_a_layer_is_its_own_at_infinite_width(backend: Backend, repeats: int) -> None:
    x = backend.asarray(X, "float64")
    erf = Activation("erf")
    ours = architecture_kernels(serial(*(Dense(1.0), Scale(2.0), erf) * repeats, Dense()), x)
    known = architecture_kernels(serial(*(Dense(2.0), erf) * repeats, Dense()), x)
    for actual, expected in zip(ours, known, strict=True):
        np.testing.assert_allclose(backend.to_numpy(actual), backend.to_numpy(expected), rtol=1e-12)


def test_a_scale_is_part_of_finite_networks_and_of_their_kernels() -> None:
    torch = open_backend("torch")
    x = torch.asarray(X, "float64")
    ours = finite(serial(Dense(), Residual(serial(Scale(2.0), Dense())), Dense()), (5,), width=7)
    known = finite(serial(Dense(), Residual(serial(Dense(2.0))), Dense()), (5,), width=7)
    params = to_backend(ours.init(np.random.default_rng(0)), torch)
    for function in (lambda network: network.apply(params, x), lambda network: empirical_ntk(network, params, x)):
        np.testing.assert_allclose(torch.to_numpy(function(ours)), torch.to_numpy(function(known)), rtol=1e-12)


@pytest.mark.parametrize("path", [Flatten(), GlobalAvgPool(), serial(AvgPool(), Flatten())], ids=str)
def test_paths_beside_one_another_get_what_each_needs(path: Layer) -> None:
    before = (Conv(b_std=0.2), Activation("relu"))
    ours = architecture_kernels(
        serial(*before, Concatenated(serial(path, Dense()), serial(Flatten(), Dense()))), IMAGES
    )
    alone = [architecture_kernels(serial(*before, each, Dense()), IMAGES) for each in (path, Flatten())]
    for actual, first, second in zip(ours, *alone, strict=True):
        np.testing.assert_allclose(actual, (first + second) / 2, rtol=1e-7)
        np.testing.assert_allclose(actual[0, 1:], ((first + second) / 2)[0, 1:], rtol=1e-12)


@pytest.mark.parametrize("times", [1, 4])
def test_a_layer_may_mix_positions_and_leave_as_many(backend: Backend, times: int) -> None:
    # Behind means all positions are alike, and a convolution around the border is a dense layer.
    x, erf = backend.asarray(IMAGES, "float64"), Activation("erf")
    ours = serial(*(Conv(padding="circular", b_std=0.2), MeanEverywhere(), erf) * times, Flatten(), Dense())
    first = (Conv(padding="circular", b_std=0.2), GlobalAvgPool(), erf)
    known = serial(*first, *(Dense(b_std=0.2), erf) * (times - 1), Dense())
    for other in (None, x[:2]):
        for actual, expected in zip(
            architecture_kernels(ours, x, other), architecture_kernels(known, x, other), strict=True
        ):
            np.testing.assert_allclose(backend.to_numpy(actual), backend.to_numpy(expected), rtol=1e-7)


def test_the_linear_layers_of_paths_come_in_the_order_of_computation() -> None:
    layer = Concatenated(serial(Dense(2.0), Dense()), Dense(3.0))
    network = finite(serial(layer, Dense()), (5,), width=7)
    assert [linear.layer.w_std for linear in network.linear_layers] == [2.0, 1.0, 3.0, 1.0]
    assert [linear.input_shape for linear in network.linear_layers] == [(5,), (7,), (5,), (14,)]
    assert network.apply(network.init(np.random.default_rng(0)), X).shape == (4, 1)


def test_a_nonlinearity_is_one_value() -> None:
    ours = architecture_kernels(serial(Dense(b_std=0.1), Activation(Square()), Dense()), X)
    known = architecture_kernels(serial(Dense(b_std=0.1), Activation("monomial", degree=2), Dense()), X)
    for actual, expected in zip(ours, known, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-12)
