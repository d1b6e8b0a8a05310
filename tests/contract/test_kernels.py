"""What every backend's kernels have in common: the same numbers, the same shapes and kinds, the same refusals."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from ntkbench import datasets
from ntkbench.backends import Backend, installed, open_backend
from ntkbench.kernels import cntk, conv_kernels, fc_kernels, train_test
from ntkbench.solvers import kernel_regression

POOLINGS = ["flatten", "gap"]


@pytest.fixture(scope="session", params=installed())
def backend(request: pytest.FixtureRequest) -> Backend:
    return open_backend(request.param)


def images(n: int, *size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, *size))


def every_backend(function: Any, dtype: str, *x: np.ndarray, **options: Any) -> dict[str, np.ndarray]:
    results = {}
    for name in installed():
        backend = open_backend(name)
        results[name] = backend.to_numpy(function(*(backend.asarray(v, dtype) for v in x), **options))
        assert results[name].dtype == dtype
    return results


# Forty images: more than one block of lanes, and, with the cross matrix, no square.
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_all_backends_compute_one_cross_gram_matrix(pooling: str, dtype: str, tolerance: float) -> None:
    x, z = images(40, 5, 4, 3), images(17, 5, 4, 3, seed=1)
    results = every_backend(cntk, dtype, x, z, depth=3, pooling=pooling)
    first = results.pop(installed()[0])
    assert first.shape == (40, 17)
    for name, other in results.items():
        np.testing.assert_allclose(other, first, rtol=tolerance, err_msg=name)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_all_backends_compute_one_symmetric_gram_matrix(pooling: str) -> None:
    results = every_backend(cntk, "float32", images(40, 5, 4, 3), depth=3, pooling=pooling)
    first = results.pop(installed()[0])
    for name, other in results.items():
        np.testing.assert_array_equal(other, other.T)
        np.testing.assert_allclose(other, first, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_all_backends_compute_one_fully_connected_kernel(dtype: str, tolerance: float) -> None:
    x = np.abs(images(40, 9))  # positive: no entry of the Gram matrix is a difference of large numbers
    results = every_backend(lambda x: fc_kernels(x, depth=4, b_std=0.2).ntk, dtype, x)
    first = results.pop(installed()[0])
    for name, other in results.items():
        np.testing.assert_allclose(other, first, rtol=tolerance, err_msg=name)


def test_all_backends_predict_the_same_classes_from_float32_matrices() -> None:
    arrays = datasets.load("digits")
    mean, std = datasets.channel_statistics(arrays.x_train)
    x_train, x_test = (datasets.standardise(x, mean, std) for x in (arrays.x_train[:100], arrays.x_train[100:1100]))
    one_hot = np.eye(10)[arrays.y_train[:100]] - 0.1
    classes = {}
    for name in installed():
        backend = open_backend(name)
        own = (backend.asarray(x, "float32") for x in (x_train, x_test))
        k_train, k_test = train_test(cntk, *own, depth=3, pooling="flatten")
        result = kernel_regression(k_train, backend.asarray(one_hot, "float64"), k_test)
        classes[name] = backend.to_numpy(result.prediction).argmax(axis=1)
    first = classes.pop(installed()[0])
    assert np.mean(first == arrays.y_train[100:1100]) > 0.8
    for name, other in classes.items():
        assert np.mean(other == first) >= 0.999, name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_are_of_the_library_and_precision_of_the_inputs(backend: Any, dtype: str) -> None:
    x = backend.asarray(images(4, 4, 3, 2), dtype)
    v = backend.asarray(images(4, 3), dtype)
    results = [
        *conv_kernels(x, depth=3, pooling="gap"),
        *conv_kernels(x, x, depth=3, pooling="flatten"),
        *fc_kernels(v, depth=3),
    ]
    for result in results:
        assert type(result) is type(x)
        assert result.dtype == x.dtype
        assert result.shape == (4, 4)


IMAGE_KERNELS = [cntk, conv_kernels]
ALL_KERNELS = [*IMAGE_KERNELS, fc_kernels]


def call(kernel: Any, *x: Any, **options: Any) -> Any:
    defaults = {"depth": 3} if kernel is fc_kernels else {"depth": 3, "pooling": "flatten"}
    return kernel(*x, **{**defaults, **options})


def good(kernel: Any) -> tuple[int, ...]:
    return (3, 5) if kernel is fc_kernels else (3, 4, 3, 2)


@pytest.mark.parametrize("kernel", ALL_KERNELS)
@pytest.mark.parametrize("shape", [(), (3,), (3, 4, 3), (1, 3, 4, 3, 2), (0, 4, 3, 2), (3, 0, 3, 2), (0, 5), (3, 0)])
def test_inputs_of_the_wrong_rank_or_without_content_are_refused(backend: Any, kernel: Any, shape: Any) -> None:
    what = r"vectors \(N, d\)" if kernel is fc_kernels else r"images \(N, H, W, C\)"
    x = backend.asarray(np.zeros(shape), "float64")
    with pytest.raises(ValueError, match=f"x1 must be {what}, not of shape"):
        call(kernel, x)
    fine = backend.asarray(np.ones(good(kernel)), "float64")
    with pytest.raises(ValueError, match=f"x2 must be {what}, not of shape"):
        call(kernel, fine, x)


@pytest.mark.parametrize("kernel", ALL_KERNELS)
@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "complex64"])
def test_inputs_of_another_kind_of_number_are_refused(backend: Any, kernel: Any, dtype: str) -> None:
    x = backend.asarray(np.ones(good(kernel)), dtype)
    with pytest.raises(ValueError, match=rf"^x1 must be floating-point numbers, not {dtype}: give x1\.[^\n]*$"):
        call(kernel, x)
    fine = backend.asarray(np.ones(good(kernel)), "float32")
    with pytest.raises(ValueError, match=rf"^x2 must be floating-point numbers, not {dtype}: give x2\.[^\n]*$"):
        call(kernel, fine, x)


@pytest.mark.parametrize("kernel", ALL_KERNELS)
def test_a_list_is_refused_in_one_line_that_says_what_to_give(kernel: Any) -> None:
    line = r'^x1 must be an array of NumPy, torch or JAX, not list: give numpy\.asarray\(x1, dtype="float32"\)$'
    with pytest.raises(TypeError, match=line):
        call(kernel, [[1.0, 2.0]])


@pytest.mark.parametrize("kernel", IMAGE_KERNELS)
@pytest.mark.parametrize("shape", [(2, 4, 3, 1), (2, 3, 4, 2), (2, 4, 4, 2)])
def test_images_of_another_size_or_number_of_channels_are_refused(backend: Any, kernel: Any, shape: Any) -> None:
    x, z = (backend.asarray(np.ones(s), "float64") for s in (good(kernel), shape))
    with pytest.raises(ValueError, match="x1 and x2 must agree in all but their number"):
        call(kernel, x, z)


@pytest.mark.parametrize("kernel", ALL_KERNELS)
def test_inputs_of_two_precisions_are_refused(backend: Any, kernel: Any) -> None:
    x, z = (backend.asarray(np.ones(good(kernel)), dtype) for dtype in ("float32", "float64"))
    with pytest.raises(ValueError, match=r"x1 and x2 must agree .*float32.*float64"):
        call(kernel, x, z)


def test_vectors_of_another_length_are_refused(backend: Any) -> None:
    with pytest.raises(ValueError, match="x1 and x2 must agree in all but their number"):
        fc_kernels(*(backend.asarray(np.ones(shape), "float64") for shape in ((3, 5), (3, 4))), depth=3)


@pytest.mark.parametrize("kernel", ALL_KERNELS)
@pytest.mark.parametrize("depth", [1, 0, -1])
def test_a_depth_without_a_hidden_layer_is_refused(backend: Any, kernel: Any, depth: int) -> None:
    with pytest.raises(ValueError, match=f"depth must be a whole number from 2 .* not {depth}"):
        call(kernel, backend.asarray(np.ones(good(kernel)), "float64"), depth=depth)


@pytest.mark.parametrize("kernel", IMAGE_KERNELS)
@pytest.mark.parametrize("pooling", ["max", "GAP", "", None])
def test_an_unknown_pooling_is_refused(backend: Any, kernel: Any, pooling: Any) -> None:
    with pytest.raises(ValueError, match=f"pooling must be one of flatten, gap, not {pooling!r}"):
        call(kernel, backend.asarray(np.ones(good(kernel)), "float64"), pooling=pooling)


@pytest.mark.parametrize("kernel", ALL_KERNELS)
@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(installed(), 2)))
def test_inputs_of_two_libraries_are_refused(kernel: Any, one: str, other: str) -> None:
    x, z = (open_backend(name).asarray(np.ones(good(kernel)), "float64") for name in (one, other))
    with pytest.raises((TypeError, ValueError), match="must"):
        call(kernel, x, z)
