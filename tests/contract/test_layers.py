"""What every layer keeps: one shape law, one forward pass on all libraries, and the limit of wide networks.

Another layer is a row of the table in `conftest.py`.
"""

from __future__ import annotations

import inspect
import math
import pickle
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import Kernels, architecture_kernels, empirical_ntk
from ntkbench.networks import Layer, finite, to_backend
from ntkbench.networks.layers import Linear
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Shape

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")


def kinds(parent: type[Layer] = Layer) -> set[type[Layer]]:
    """All layers of the package."""
    children = {kind for kind in parent.__subclasses__() if kind.__module__.startswith("ntkbench.")}
    return {kind for kind in children if not inspect.isabstract(kind)}.union(*map(kinds, children))


def test_every_layer_has_a_row(rows: list[Any]) -> None:
    assert {type(row.layer) for row in rows} == kinds()


def test_a_layer_is_a_frozen_value_that_can_be_a_key_and_travel(row: Any) -> None:
    layer = row.layer
    twin: Any = type(layer)(**{f.name: getattr(layer, f.name) for f in fields(layer)})  # type: ignore[arg-type]
    assert twin == layer == pickle.loads(pickle.dumps(layer))
    assert hash(twin) == hash(layer)
    for field in fields(twin):
        with pytest.raises(FrozenInstanceError):
            setattr(twin, field.name, None)


def layer_of(row: Any, shape: Shape, backend: Backend) -> np.ndarray:
    """The layer alone, of random inputs and parameters, on a backend's arrays."""
    rng = np.random.default_rng(0)
    x = backend.asarray(rng.standard_normal((3, *shape)), "float64")
    linear_layers = iter(row.layer.linear_layers(shape, row.units))

    class InOrder:
        present = None

        def __call__(self, h: Any) -> Any:
            layer, parameters = self.following()
            assert tuple(h.shape) == (3, *layer.input_shape)
            y = layer.output(parameters, h, (0.5, 2.0))
            assert tuple(y.shape) == (3, *layer.output_shape)
            assert tuple(layer.seen(h).shape) == (3, layer.positions, layer.fan_in)
            return y

        def by_steps(self) -> Callable[[Any], Any]:
            layer, parameters = self.following()
            return lambda h: layer.output(parameters, h, (0.5, 2.0))

        def following(self) -> tuple[Linear, dict[str, Any]]:
            layer = next(linear_layers)
            shapes = layer.parameter_shapes
            return layer, {key: backend.asarray(rng.standard_normal(s), "float64") for key, s in shapes.items()}

    y = backend.to_numpy(row.layer.forward(x, InOrder()))
    assert next(linear_layers, None) is None
    return y


def test_the_forward_pass_has_the_stated_shape_and_is_one_on_all_libraries(row: Any, backend: Backend) -> None:
    for shape in row.shapes:
        y = layer_of(row, shape, backend)
        assert y.shape == (3, *row.layer.output_shape(shape, row.units))
        np.testing.assert_allclose(y, layer_of(row, shape, open_backend("numba")), rtol=1e-12, atol=1e-13)


def test_what_a_linear_layer_sees_times_its_weights_is_its_output(row: Any) -> None:
    rng = np.random.default_rng(0)
    for linear in row.layer.linear_layers(row.shapes[-1], row.units):
        x, weight = (rng.standard_normal(s) for s in ((3, *linear.input_shape), linear.weight_shape))
        parameters = {"weight": weight, "bias": np.zeros(linear.units)}
        at_each = weight.reshape(-1, linear.fan_in, linear.units)
        assert len(at_each) == (1 if linear.layer.shared else linear.positions)
        y = np.einsum("npf,pfu->npu", linear.seen(x), np.broadcast_to(at_each, (linear.positions, *at_each.shape[1:])))
        expected = linear.output(parameters, x, (1.0, 1.0))
        np.testing.assert_allclose(y.reshape(expected.shape), expected, rtol=1e-12, atol=1e-13)


def inputs(row: Any, n: int = 4) -> np.ndarray:
    x = np.random.default_rng(1).standard_normal((n, *row.shapes[0]))
    x[1] += 2 * x[0]
    return x


def assert_like_the_mean(samples: np.ndarray, limit: np.ndarray) -> None:
    """Within four standard errors, which must be small, or the width's own correction."""
    error = samples.std(axis=0, ddof=1) / math.sqrt(len(samples))
    size = np.abs(limit).max()
    assert (error < 0.05 * size).all()
    assert (np.abs(samples.mean(axis=0) - limit) < 4 * error + 0.01 * size).all()


def test_wide_networks_have_its_kernels_in_the_mean(row: Any) -> None:
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


def test_its_kernels_are_gram_matrices_and_one_on_all_libraries(row: Any, backend: Backend) -> None:
    x = inputs(row, 6)
    expected: Kernels = architecture_kernels(row.architecture, x)
    actual = architecture_kernels(row.architecture, backend.asarray(x, "float64"))
    for kernel, same in zip(map(backend.to_numpy, actual), expected, strict=True):
        np.testing.assert_array_equal(kernel, kernel.T)
        assert np.linalg.eigvalsh(kernel).min() > -1e-12 * np.trace(kernel)
        np.testing.assert_allclose(kernel, same, rtol=1e-11)


def test_a_block_of_inputs_has_the_kernels_of_all(row: Any) -> None:
    x = inputs(row)
    whole, block = architecture_kernels(row.architecture, x), architecture_kernels(row.architecture, x[:2], x)
    for one, other in zip(whole, block, strict=True):
        if not row.layer.draws_anew:  # where it does, an input is itself in one array alone
            np.testing.assert_allclose(other, one[:2], rtol=1e-7)
        np.testing.assert_allclose(other[0, 1:], one[0, 1:], rtol=1e-12)


def test_shapes_at_infinite_and_finite_width_agree(row: Any) -> None:
    for shape in row.shapes:
        wide = (*shape[:-1], row.units.last)
        positions = Features.of_inputs(shape).positions
        before = Features(positions, ("width", 1), gaussian=True)
        features = row.layer.features(Features.of_inputs(shape) if row.first else before, "it")
        out = row.layer.output_shape(wide, row.units)
        assert features.positions == (out[:-1] or None)
        assert out[-1] == features.channels[1] * row.units.last


@pytest.fixture
def compiled_quickly() -> Iterator[None]:
    """The same program; only its machine code is less polished, and ready in half the time."""
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


def test_its_kernels_have_the_gradients_of_central_differences(row: Any, compiled_quickly: None) -> None:
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
    tensor.requires_grad_()
    loss(tensor, torch.from_numpy(weights)).backward()
    gradients = [tensor.grad.numpy()]
    gradients.append(np.asarray(jax.jit(jax.grad(loss))(open_backend("jax").asarray(x, "float64"))))
    for gradient in gradients:
        assert np.isfinite(gradient).all()
        actual = [float(gradient[place]) for place in places]
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6 * np.abs(gradient).max())


@pytest.fixture
def default_is_float32() -> Iterator[None]:
    """JAX as it is where nobody has asked for more."""
    before = jax.config.values["jax_enable_x64"]
    jax.config.update("jax_enable_x64", False)
    yield
    jax.config.update("jax_enable_x64", before)


def test_jax_differentiates_its_kernels_where_the_default_is_float32(row: Any, default_is_float32: None) -> None:
    x = jax.numpy.asarray(inputs(row, 2), "float32")
    gradient = jax.grad(lambda v: architecture_kernels(row.architecture, v).ntk.sum())
    for traced, arrays in ((gradient, x), (jax.vmap(gradient), x[None])):
        results = jax.make_jaxpr(traced)(arrays).out_avals
        assert [(each.shape, each.dtype) for each in results] == [(arrays.shape, "float32")]
