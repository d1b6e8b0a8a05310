"""The Pallas kernel, interpreted, against float64 on NumPy; its lowering for CUDA; what happens where it fails."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.unavailable import Unavailable
from ntkbench.backends import open_backend
from ntkbench.kernels import cntk, conv_kernels, implementations
from ntkbench.kernels.conv import array_api, pallas_gpu
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.relu.network import Network, Pooling

jax = pytest.importorskip("jax")


def images(n: int, *size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, *size)).astype(np.float32)


def interpreted(x: np.ndarray, z: np.ndarray | None, network: Network, pooling: Pooling) -> list[np.ndarray]:
    arrays = [None if a is None else open_backend("jax").asarray(a, "float32") for a in (x, z)]
    matrices = pallas_gpu.compute(ConvProblem(*arrays, network, pooling), interpret=True)
    return [np.asarray(matrix) for matrix in matrices]


def reference(x: np.ndarray, z: np.ndarray | None, network: Network, pooling: Pooling) -> tuple[Any, ...]:
    arrays = [None if a is None else a.astype(np.float64) for a in (x, z)]
    return array_api.compute(ConvProblem(*arrays, network, pooling))


# Sides that are odd, even, equal or not; more displacements than a program takes at once, or no multiple of that.
CASES = [
    ((3, 4, 4, 3), None, "gap", Network(3, first_trained=False, last_trained=False)),
    ((2, 3, 5, 2), 3, "gap", Network(4, w_std=1.3, b_std=0.4)),
    ((1, 4, 8, 1), 3, "flatten", Network(4, w_std=1.3, b_std=0.4, first_trained=False)),
    ((5, 2, 6, 2), None, "flatten", Network(2)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "other", "pooling", "network"), CASES)
def test_it_computes_the_float64_kernels_in_float32(shape: Any, other: Any, pooling: Any, network: Any) -> None:
    x = images(*shape)
    z = None if other is None else images(other, *shape[1:], seed=1)
    if z is not None:
        z[-1] = x[-1]  # one and the same image on both sides
    for actual, expected in zip(interpreted(x, z, network, pooling), reference(x, z, network, pooling), strict=True):
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=2e-6 * np.abs(expected).max())
        if z is None:
            np.testing.assert_array_equal(actual, actual.T)


@pytest.mark.parametrize("pooling", ["flatten", "gap"])
def test_it_lowers_for_cuda(pooling: Any) -> None:
    height, width, layers = 6, 7, 3  # no powers of two, which Triton would ask for in a block
    first, second = ([(2, 3, h, width), (2, layers, h, width), (2, layers, h, width)] for h in (height, 2 * height))
    shapes = [jax.ShapeDtypeStruct(shape, np.float32) for shape in (*first, *second, (2, 2))]
    function = functools.partial(
        pallas_gpu._sums_of_tile, network=Network(layers + 1), pooling=pooling, interpret=False
    )
    lowered = jax.jit(function).trace(*shapes).lower(lowering_platforms=("cuda",)).as_text()
    assert "triton" in lowered


@pytest.fixture
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make believe that the arrays lie on a GPU, whose warps are as they should be."""
    monkeypatch.setattr(pallas_gpu, "covers", lambda x: True)
    monkeypatch.setattr(pallas_gpu, "_probe", lambda: None)


def plant(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*arrays: Any, **options: Any) -> Any:
        raise error

    monkeypatch.setattr(pallas_gpu, "_sums", lambda: fail)


@pytest.mark.usefixtures("on_a_gpu")
def test_where_it_does_not_compile_xla_takes_its_place_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, NotImplementedError("no lowering for this device\nand a long trace"))
    x = open_backend("jax").asarray(images(2, 3, 4, 1), "float32")
    with implementations() as used, pytest.warns(RuntimeWarning, match="xla takes its place: .* no lowering for this"):
        matrix = cntk(x, depth=3, pooling="gap")
    assert used == {"xla"}
    expected = cntk(images(2, 3, 4, 1).astype(np.float64), depth=3, pooling="gap")
    np.testing.assert_allclose(np.asarray(matrix), expected, rtol=1e-5)


@pytest.mark.usefixtures("on_a_gpu")
@pytest.mark.parametrize("error", [MemoryError("out of memory"), RuntimeError("RESOURCE_EXHAUSTED: 1 TiB")])
def test_a_lack_of_memory_is_no_reason_to_fall_back(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, error)
    x = open_backend("jax").asarray(images(2, 3, 4, 1), "float32")
    smaller = pytest.warns(UserWarning, match="out of memory with tiles of side 2; side 1 takes their place")
    with smaller, pytest.raises(type(error), match=str(error)):
        conv_kernels(x, depth=3, pooling="gap")


def test_a_warp_that_keeps_vectors_in_another_order_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from jax.experimental import pallas

    def reverse(*_: Any, **__: Any) -> Any:
        return lambda x: (x[::-1], x[::-1])

    pallas_gpu._probe.cache_clear()
    monkeypatch.setattr(pallas, "pallas_call", reverse)
    with pytest.raises(Unavailable, match="one in each lane"):
        pallas_gpu._probe()


def test_on_the_cpu_and_for_what_it_does_not_cover_it_does_not_apply() -> None:
    x = open_backend("jax").asarray(images(1, 4, 4, 1), "float32")
    assert not pallas_gpu.applies(ConvProblem(x, None, Network(3), "gap"))


@pytest.mark.parametrize(
    ("shape", "dtype", "covered"),
    [((1, 32, 32, 3), "float32", True), ((1, 33, 8, 3), "float32", False), ((1, 8, 8, 3), "float64", False)],
)
def test_on_a_gpu_it_applies_to_float32_images_of_32_by_32_at_most(shape: Any, dtype: str, covered: bool) -> None:
    class Device:
        platform = "gpu"

    class Array:
        def __init__(self) -> None:
            self.shape, self.dtype = shape, np.dtype(dtype)

        def devices(self) -> set[Device]:
            return {Device()}

    assert pallas_gpu.covers(Array()) == covered
