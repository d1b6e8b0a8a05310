"""Inputs in half precision, on all libraries: computed in float32 and given back in their own type."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ntkbench._vendor import array_api_compat
from ntkbench.kernels import (
    Kernels,
    architecture_kernels,
    cntk,
    conv_kernels,
    fc_kernels,
    random_features_kernel,
    spline_kernel,
    tree_kernels,
)
from ntkbench.networks import Activation, Conv, Dense, GlobalAvgPool, serial

VECTORS, IMAGES = (5, 7), (5, 4, 3, 2)
SMOOTH = serial(Dense(), Activation("erf"), Dense())
POOLED = serial(Conv(), Activation("relu"), GlobalAvgPool(), Dense())
KERNELS: dict[str, tuple[tuple[int, ...], Callable[..., Any]]] = {
    "fc": (VECTORS, lambda *x: fc_kernels(*x, depth=3)),
    "conv": (IMAGES, lambda *x: conv_kernels(*x, depth=3, pooling="gap")),
    "cntk": (IMAGES, lambda *x: cntk(*x, depth=3, pooling="flatten")),
    "smooth": (VECTORS, lambda *x: architecture_kernels(SMOOTH, *x)),
    "pooled": (IMAGES, lambda *x: architecture_kernels(POOLED, *x)),
    "trees": (VECTORS, lambda *x: tree_kernels(*x, depth=2, alpha=1.0)),
    "splines": (VECTORS, lambda *x: spline_kernel(*x, degree=2, intervals=5, low=-2.0, high=2.0)),
}
BOUNDED = {"smooth", "trees", "splines"}
homogeneous = pytest.mark.parametrize("name", [name for name in KERNELS if name not in BOUNDED])
every_kernel = pytest.mark.parametrize("name", KERNELS)
every_half = pytest.mark.parametrize("dtype", ["float16", "bfloat16"])


def half(backend: Any, x: np.ndarray, dtype: str) -> Any:
    own = backend.asarray(x, "float32")
    xp = array_api_compat.array_namespace(own)
    if hasattr(xp, dtype):
        return xp.astype(own, getattr(xp, dtype))
    return own.astype(pytest.importorskip("ml_dtypes").bfloat16)  # NumPy's, by a package that comes with JAX


def single(x: Any) -> np.ndarray:
    xp = array_api_compat.array_namespace(x)
    return np.asarray(xp.astype(x, xp.float32))


def results(kernels: Any) -> tuple[Any, ...]:
    return tuple(kernels) if isinstance(kernels, Kernels) else (kernels,)


@every_kernel
@every_half
@pytest.mark.parametrize("sides", [1, 2])
def test_half_precision_is_computed_in_float32_and_given_back_in_its_type(
    backend: Any, name: str, dtype: str, sides: int
) -> None:
    shape, kernel = KERNELS[name]
    own = [half(backend, np.random.default_rng(k).standard_normal(shape), dtype) for k in range(sides)]
    wide = [backend.asarray(single(x), "float32") for x in own]
    found, expected = kernel(*own), kernel(*wide)
    assert type(found) is type(expected)
    for actual, exact in zip(results(found), results(expected), strict=True):
        assert actual.dtype == own[0].dtype
        assert tuple(actual.shape) == (5, 5)
        rounding = {"float16": 2.0**-11, "bfloat16": 2.0**-8}[dtype]
        np.testing.assert_allclose(single(actual), single(exact), rtol=rounding, atol=1e-7)


@every_kernel
@pytest.mark.parametrize("other", ["float32", "float64"])
def test_half_precision_meets_its_own_kind_alone(backend: Any, name: str, other: str) -> None:
    shape, kernel = KERNELS[name]
    own, wide = half(backend, np.ones(shape), "float16"), backend.asarray(np.ones(shape), other)
    for pair, kinds in (((own, wide), f"float16.*{other}"), ((wide, own), f"{other}.*float16")):
        with pytest.raises(ValueError, match=f"^x1 and x2 must agree in all but their number: .*{kinds}$"):
            kernel(*pair)


@homogeneous
def test_entries_beyond_float16_are_infinite_with_one_warning(backend: Any, name: str) -> None:
    shape, kernel = KERNELS[name]
    x = half(backend, np.full(shape, 3e4), "float16")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = kernel(x)
    (warning,) = caught
    assert str(warning.message) == "entries beyond the largest float16 are infinite: give inputs in float32"
    assert warning.filename == __file__
    assert np.isinf(single(results(found)[0])).all()


def test_torch_differentiates_through_half_precision() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, z = (torch.tensor(rng.standard_normal((3, 4))).to(torch.bfloat16) for _ in range(2))
    x.requires_grad_()
    fc_kernels(x, z, depth=3).ntk.sum().backward()
    assert x.grad.dtype == torch.bfloat16
    assert torch.isfinite(x.grad).all()


def test_other_kernels_say_that_they_take_no_half_precision(backend: Any) -> None:
    x = half(backend, np.ones((3, 4)), "float16")
    with pytest.raises(ValueError, match=r"^x1 must be float32 or float64, not float16: give x1\.[^\n]*$"):
        random_features_kernel(x, x, x, abs)
