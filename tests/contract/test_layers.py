"""What every layer keeps: one shape law, one forward pass on all libraries, and the limit of wide networks.

Another layer is a row in `ROWS`.
"""

from __future__ import annotations

import inspect
import math
import pickle
from dataclasses import FrozenInstanceError, dataclass, fields
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import Kernels, architecture_kernels, empirical_ntk
from ntkbench.networks import (
    Activation,
    AvgPool,
    Concatenate,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    FanInProd,
    Flatten,
    GlobalAvgPool,
    GlobalSumPool,
    Layer,
    LayerNorm,
    LocalConv,
    Residual,
    Serial,
    SumPool,
    finite,
    serial,
    to_backend,
)
from ntkbench.networks.activations import ExpNormalized
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Shape, Units

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")
S2 = math.sqrt(2.0)
RELU = Activation("relu")
VECTOR, SEQUENCE, IMAGE, VOLUME = (5,), (6, 2), (3, 4, 2), (2, 3, 2, 2)
UNITS = Units(6, 3)


@dataclass(frozen=True)
class Row:
    """A layer, what inputs it takes, and a small architecture in which it counts: those before and after it."""

    layer: Layer
    shapes: tuple[Shape, ...]
    before: tuple[Layer, ...] = ()
    after: tuple[Layer, ...] = ()
    evaluated: Layer | None = None
    """The layer that it is in networks of finite width, where that is another one."""

    @property
    def architecture(self) -> Serial:
        return serial(*self.before, self.layer, *self.after)

    @property
    def limit(self) -> Serial:
        """The architecture whose kernels the networks of finite width have in the mean."""
        return serial(*self.before, self.evaluated or self.layer, *self.after)


READOUT = (Activation("erf"), Dense())
ROWS = [
    Row(Dense(S2, 0.5), (VECTOR, SEQUENCE, IMAGE, VOLUME), after=READOUT),
    Row(Dense(S2, 0.5, trained=False), (VECTOR,), after=READOUT),
    Row(Conv((3, 2), (1, 2), "same", S2, 0.5), (IMAGE,), after=(RELU, Flatten(), Dense())),
    Row(Conv((2, 3), (2, 1), "circular", S2), (IMAGE,), after=(RELU, GlobalAvgPool(), Dense())),
    Row(Conv((2, 2), (1, 1), "valid", b_std=0.5), (IMAGE,), after=(RELU, Flatten(), Dense())),
    Row(Conv((2, 3), (1, 2), b_std=0.5, dilation=(2, 3)), (IMAGE,), after=(RELU, Flatten(), Dense())),
    Row(Conv((2, 2), (1, 1), "valid", dilation=(1, 3)), (IMAGE,), after=(RELU, Flatten(), Dense())),
    Row(Conv((3, 3), (2, 1), "circular", dilation=(3, 2)), (IMAGE,), after=(RELU, GlobalAvgPool(), Dense())),
    Row(Conv((3,), (2,), b_std=0.5, dilation=(2,)), (SEQUENCE,), after=(RELU, Flatten(), Dense())),
    Row(Conv((2, 3, 1), (1, 2, 1), "circular", S2), (VOLUME,), after=(RELU, GlobalSumPool(), Dense())),
    Row(LocalConv((2,), (2,), b_std=0.5), (SEQUENCE,), after=(RELU, Flatten(), Dense())),
    Row(LocalConv((2, 3), (1, 2), b_std=0.5), (IMAGE,), after=(RELU, Flatten(), Dense())),
    Row(LocalConv((2, 3), (1, 1), "valid", S2, 0.5), (IMAGE,), after=(RELU, Conv(), RELU, GlobalAvgPool(), Dense())),
    Row(LocalConv((3, 3), (1, 1), "circular"), (IMAGE,), (Conv(), RELU), (RELU, AvgPool(), Flatten(), Dense())),
    Row(ConvTranspose((3, 2), (2, 1), "same", S2, 0.5), (IMAGE,), after=(RELU, Flatten(), Dense())),
    Row(ConvTranspose((2, 3), (1, 2), "valid"), (IMAGE,), (Conv(), RELU), (RELU, GlobalAvgPool(), Dense())),
    Row(ConvTranspose((3,), (2,), "circular", b_std=0.5), (SEQUENCE,), after=(RELU, GlobalSumPool(), Dense())),
    Row(ConvTranspose((2, 1, 3), (1, 2, 1), trained=False), (VOLUME,), after=(RELU, Flatten(), Dense())),
    Row(RELU, (VECTOR, IMAGE), before=(Dense(S2, 0.1),), after=(Dense(),)),
    Row(Activation("sign"), (VECTOR,), before=(Dense(S2, 0.1),), after=(Dense(),)),
    Row(Activation(ExpNormalized(0.7, -0.5)), (VECTOR, IMAGE), before=(Dense(S2, 0.1),), after=(Dense(),)),
    Row(AvgPool((2, 2), (1, 1)), (IMAGE,), before=(Conv(),), after=(RELU, Flatten(), Dense())),
    Row(AvgPool((1, 1), (2, 2)), (IMAGE,), before=(Conv(),), after=(RELU, Flatten(), Dense())),
    Row(AvgPool((3, 2), (2, 1), "same"), (IMAGE,), before=(Conv(),), after=(RELU, Flatten(), Dense())),
    Row(AvgPool((3, 5), (1, 2), "same", True), (IMAGE,), before=(Conv(),), after=(RELU, GlobalSumPool(), Dense())),
    Row(AvgPool((2, 3), (1, 2), "circular"), (IMAGE,), before=(Conv(),), after=(RELU, Flatten(), Dense())),
    Row(AvgPool((3,), (2,), "same", True), (SEQUENCE,), before=(Conv((3,)),), after=(RELU, Flatten(), Dense())),
    Row(SumPool((2, 2, 3), (1, 2, 1), "same"), (VOLUME,), before=(Dense(),), after=(RELU, Flatten(), Dense())),
    Row(SumPool((2, 3), (1, 1)), (IMAGE,), before=(Conv(),), after=(RELU, Flatten(), Dense())),
    Row(SumPool((2, 3), (2, 2), "same"), (IMAGE,), before=(Conv(), RELU), after=(Conv(), RELU, Flatten(), Dense())),
    Row(SumPool((4, 2), (1, 2), "circular"), (IMAGE,), before=(Conv(),), after=(RELU, GlobalAvgPool(), Dense())),
    Row(GlobalSumPool(), (SEQUENCE, IMAGE, VOLUME), before=(Conv((3,)),), after=READOUT),
    Row(GlobalAvgPool(), (VOLUME, IMAGE, SEQUENCE), before=(Dense(),), after=READOUT),
    Row(Flatten(), (SEQUENCE, IMAGE, VOLUME), before=(Conv((3,)), RELU), after=(Dense(),)),
    Row(LayerNorm(), (VECTOR, IMAGE), before=(Dense(1.5, 0.5),), after=READOUT),
    Row(Dropout(0.7), (VECTOR,), before=(Dense(S2), RELU), after=(Dense(b_std=0.3), *READOUT), evaluated=Serial(())),
    Row(Dropout(0.5), (IMAGE,), (Conv(), RELU), (Conv(), LayerNorm(), RELU, GlobalAvgPool(), Dense()), Serial(())),
    Row(Concatenate((serial(RELU, Dense(b_std=0.5)), serial(RELU))), ((UNITS.last,),), (Dense(),), (Dense(), *READOUT)),
    Row(Concatenate((Flatten(), serial(Conv(), GlobalSumPool()))), (IMAGE,), (Conv(), RELU), (Dense(), *READOUT)),
    Row(FanInProd((Dense(b_std=0.5), serial(Dense(), Activation("erf")))), (VECTOR, IMAGE), after=(Dense(), *READOUT)),
    Row(Residual(serial(RELU, Dense(S2))), ((UNITS.last,),), before=(Dense(),), after=READOUT),
    Row(Residual(serial(Dense()), serial(Dense(0.5, 0.5))), (VECTOR, IMAGE), after=READOUT),
    Row(Serial((Dense(), Serial((RELU, Dense())))), (VECTOR, IMAGE), after=READOUT),
]


def name(row: Row) -> str:
    return type(row.layer).__name__


every_row = pytest.mark.parametrize("row", ROWS, ids=name)


def kinds(parent: type[Layer] = Layer) -> set[type[Layer]]:
    """All layers of the package."""
    children = {kind for kind in parent.__subclasses__() if kind.__module__.startswith("ntkbench.")}
    return {kind for kind in children if not inspect.isabstract(kind)}.union(*map(kinds, children))


def test_every_layer_has_a_row() -> None:
    assert {type(row.layer) for row in ROWS} == kinds()


@every_row
def test_a_layer_is_a_frozen_value_that_can_be_a_key_and_travel(row: Row) -> None:
    layer = row.layer
    twin: Any = type(layer)(**{f.name: getattr(layer, f.name) for f in fields(layer)})  # type: ignore[arg-type]
    assert twin == layer == pickle.loads(pickle.dumps(layer))
    assert hash(twin) == hash(layer)
    for field in fields(twin):
        with pytest.raises(FrozenInstanceError):
            setattr(twin, field.name, None)


def layer_of(row: Row, shape: Shape, backend: Backend) -> np.ndarray:
    """The layer alone, of random inputs and parameters, on a backend's arrays."""
    rng = np.random.default_rng(0)
    x = backend.asarray(rng.standard_normal((3, *shape)), "float64")
    linear_layers = iter(row.layer.linear_layers(shape, UNITS))

    def linear(h: Any) -> Any:
        layer = next(linear_layers)
        assert tuple(h.shape) == (3, *layer.input_shape)
        parameters = {
            key: backend.asarray(rng.standard_normal(s), "float64") for key, s in layer.parameter_shapes.items()
        }
        y = layer.output(parameters, h, (0.5, 2.0))
        assert tuple(y.shape) == (3, *layer.output_shape)
        assert tuple(layer.seen(h).shape) == (3, layer.positions, layer.fan_in)
        return y

    y = backend.to_numpy(row.layer.forward(x, linear))
    assert next(linear_layers, None) is None
    return y


@every_row
def test_the_forward_pass_has_the_stated_shape_and_is_one_on_all_libraries(row: Row, backend: Backend) -> None:
    for shape in row.shapes:
        y = layer_of(row, shape, backend)
        assert y.shape == (3, *row.layer.output_shape(shape, UNITS))
        np.testing.assert_allclose(y, layer_of(row, shape, open_backend("numba")), rtol=1e-12, atol=1e-13)


@every_row
def test_what_a_linear_layer_sees_times_its_weights_is_its_output(row: Row) -> None:
    rng = np.random.default_rng(0)
    for linear in row.layer.linear_layers(row.shapes[-1], UNITS):
        x, weight = (rng.standard_normal(s) for s in ((3, *linear.input_shape), linear.weight_shape))
        parameters = {"weight": weight, "bias": np.zeros(linear.units)}
        at_each = weight.reshape(-1, linear.fan_in, linear.units)
        assert len(at_each) == (1 if linear.layer.shared else linear.positions)
        y = np.einsum("npf,pfu->npu", linear.seen(x), np.broadcast_to(at_each, (linear.positions, *at_each.shape[1:])))
        expected = linear.output(parameters, x, (1.0, 1.0))
        np.testing.assert_allclose(y.reshape(expected.shape), expected, rtol=1e-12, atol=1e-13)


def inputs(row: Row, n: int = 4) -> np.ndarray:
    x = np.random.default_rng(1).standard_normal((n, *row.shapes[0]))
    x[1] += 2 * x[0]
    return x


def assert_like_the_mean(samples: np.ndarray, limit: np.ndarray) -> None:
    """Within four standard errors, which must be small, or the width's own correction."""
    error = samples.std(axis=0, ddof=1) / math.sqrt(len(samples))
    size = np.abs(limit).max()
    assert (error < 0.05 * size).all()
    assert (np.abs(samples.mean(axis=0) - limit) < 4 * error + 0.01 * size).all()


@every_row
def test_wide_networks_have_its_kernels_in_the_mean(row: Row) -> None:
    backend = open_backend("torch")
    x = backend.asarray(inputs(row), "float64")
    network = finite(row.architecture, row.shapes[0], width=192, outputs=192)
    single = finite(row.architecture, row.shapes[0], width=192)
    nngp, ntk = [], []
    for seed in range(24):
        y = backend.to_numpy(network.apply(to_backend(network.init(np.random.default_rng(seed)), backend), x))
        nngp.append(y @ y.T / y.shape[1])
        params = to_backend(single.init(np.random.default_rng(seed)), backend)
        ntk.append(backend.to_numpy(empirical_ntk(single, params, x, trace=True)))
    limit = architecture_kernels(row.limit, inputs(row))
    assert_like_the_mean(np.stack(nngp), limit.nngp)
    assert_like_the_mean(np.stack(ntk), limit.ntk)


@every_row
def test_its_kernels_are_gram_matrices_and_one_on_all_libraries(row: Row, backend: Backend) -> None:
    x = inputs(row, 6)
    expected: Kernels = architecture_kernels(row.architecture, x)
    actual = architecture_kernels(row.architecture, backend.asarray(x, "float64"))
    for kernel, same in zip(map(backend.to_numpy, actual), expected, strict=True):
        np.testing.assert_array_equal(kernel, kernel.T)
        assert np.linalg.eigvalsh(kernel).min() > -1e-12 * np.trace(kernel)
        np.testing.assert_allclose(kernel, same, rtol=1e-11)


@every_row
def test_a_block_of_inputs_has_the_kernels_of_all(row: Row) -> None:
    x = inputs(row)
    whole, block = architecture_kernels(row.architecture, x), architecture_kernels(row.architecture, x[:2], x)
    for one, other in zip(whole, block, strict=True):
        if not row.layer.draws_anew:  # where it does, an input is itself in one array alone
            np.testing.assert_allclose(other, one[:2], rtol=1e-7)
        np.testing.assert_allclose(other[0, 1:], one[0, 1:], rtol=1e-12)


@every_row
def test_shapes_at_infinite_and_finite_width_agree(row: Row) -> None:
    for shape in row.shapes:
        wide = (*shape[:-1], UNITS.last)
        positions = Features.of_inputs(shape).positions
        features = row.layer.features(Features(positions, ("width", 1), gaussian=True), "it")
        out = row.layer.output_shape(wide, UNITS)
        assert features.positions == (out[:-1] or None)
        assert out[-1] == features.channels[1] * UNITS.last


@every_row
def test_its_kernels_have_the_gradients_of_central_differences(row: Row) -> None:
    x, step = inputs(row, 3), 1e-4
    weights = np.random.default_rng(2).standard_normal((2, 3, 3))
    places = [(0, *(0,) * (x.ndim - 1)), (2, *(size - 1 for size in x.shape[1:]))]

    def loss(v: Any, weights: Any = weights) -> Any:
        nngp, ntk = architecture_kernels(row.architecture, v)
        return (nngp * weights[0] + ntk * weights[1]).sum()

    expected = []
    for place in places:
        move = np.zeros_like(x)
        move[place] = step
        expected.append(float(loss(x + move) - loss(x - move)) / (2 * step))
    tensor = open_backend("torch").asarray(x, "float64")
    with torch.enable_grad():
        tensor.requires_grad_()
        loss(tensor, torch.from_numpy(weights)).backward()
    gradients = [tensor.grad.numpy()]
    gradients.append(np.asarray(jax.jit(jax.grad(loss))(open_backend("jax").asarray(x, "float64"))))
    for gradient in gradients:
        assert np.isfinite(gradient).all()
        actual = [float(gradient[place]) for place in places]
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6 * np.abs(gradient).max())
