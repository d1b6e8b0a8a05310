"""Fully connected kernels inside JAX's transforms that ask for no derivative."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from ntkbench.kernels import fc_kernels

jax = pytest.importorskip("jax")


@pytest.fixture(params=[False, True], ids=["float32 by default", "jax_enable_x64"])
def default(request: pytest.FixtureRequest) -> Iterator[None]:
    before = jax.config.values["jax_enable_x64"]
    jax.config.update("jax_enable_x64", request.param)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture
def x() -> np.ndarray:
    inputs = np.random.default_rng(0).standard_normal((2, 5, 7)).astype("float32")
    inputs[1, 1] = inputs[1, 0] * (1 + 1e-3)  # nearly parallel: float64 computes them
    return inputs


def test_a_batch_has_the_kernels_of_each(default: None, x: np.ndarray) -> None:
    batch = jax.vmap(lambda inputs: fc_kernels(inputs, depth=3, b_std=0.1))(jax.numpy.asarray(x))
    for k, inputs in enumerate(x):
        for kernels, alone in zip(batch, fc_kernels(inputs.astype("float64"), depth=3, b_std=0.1), strict=True):
            assert kernels.dtype == "float32"
            np.testing.assert_allclose(kernels[k], alone, rtol=1e-5)


def test_scales_may_be_traced(default: None, x: np.ndarray) -> None:
    def ntk(w_std: object, b_std: object) -> object:
        return fc_kernels(jax.numpy.asarray(x[0]), depth=3, w_std=w_std, b_std=b_std).ntk

    expected = fc_kernels(x[0].astype("float64"), depth=3, w_std=1.3, b_std=0.2).ntk
    np.testing.assert_allclose(jax.jit(ntk)(1.3, 0.2), expected, rtol=1e-5)
    batch = jax.vmap(ntk)(jax.numpy.asarray([1.0, 1.3]), jax.numpy.asarray([0.2, 0.2]))
    np.testing.assert_allclose(batch[1], expected, rtol=1e-5)
