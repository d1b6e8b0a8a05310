"""Kernels of described architectures as one function that JAX traces: what depends on the size of matrices."""

from __future__ import annotations

import numpy as np
import pytest

from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.kernels import architecture_kernels
from ntkbench.kernels.general import differentiable
from ntkbench.networks import Activation, AvgPool, Conv, Dense, GlobalAvgPool, serial

jax = pytest.importorskip("jax")
VECTORS = serial(Dense(1.4, 0.1), Activation("erf"), Dense())
IMAGES = serial(Conv(), Activation("relu"), AvgPool(), Conv(), Activation("relu"), GlobalAvgPool(), Dense())


@pytest.mark.parametrize(("network", "shape"), [(VECTORS, (5,)), (IMAGES, (4, 4, 2))], ids=["vectors", "images"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_large_matrices_are_computed_in_blocks(
    network: object, shape: tuple[int, ...], symmetric: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differentiable, "_IN_BLOCKS", 20)
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((n, *shape)) for n in ((7,) if symmetric else (7, 4))]
    execution: Execution = execution_for(jax.numpy.ones(1))
    with execution.double():
        traced = jax.jit(lambda *inputs: architecture_kernels(network, *inputs))(*map(jax.numpy.asarray, arrays))
        kernels = [np.asarray(kernel) for kernel in traced]
    for kernel, expected in zip(kernels, architecture_kernels(network, *arrays), strict=True):
        np.testing.assert_allclose(kernel, expected, rtol=1e-12)
        if symmetric:
            np.testing.assert_array_equal(kernel, kernel.T)


def test_a_traced_function_is_compiled_once_for_a_shape() -> None:
    count = 0

    @jax.jit
    def ntk(x: object) -> object:
        nonlocal count
        count += 1
        return architecture_kernels(VECTORS, x).ntk

    for seed in range(3):
        ntk(jax.numpy.asarray(np.random.default_rng(seed).standard_normal((3, 5))))
    assert count == 1
