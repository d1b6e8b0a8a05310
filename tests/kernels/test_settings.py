"""Kernels and solvers mean the same under every ambient setting of the libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, installed, open_backend
from ntkbench.kernels import (
    architecture_kernels,
    cntk,
    empirical_ntk,
    fc_kernels,
    prefer,
    spline_kernel,
    tree_kernels,
)
from ntkbench.networks import Activation, Dense, finite, serial
from ntkbench.solvers import kernel_regression, min_eigenvalue
from ntkbench.theory import gradient_flow

ERF = serial(Dense(1.3, 0.1), Activation("erf"), Dense())


def vectors(backend: Backend) -> Any:
    return backend.asarray(np.random.default_rng(0).standard_normal((7, 6)), "float32")


def images(backend: Backend) -> Any:
    return backend.asarray(np.random.default_rng(0).standard_normal((4, 4, 4, 3)), "float32")


def regression(backend: Backend) -> np.ndarray:
    k = fc_kernels(vectors(backend), depth=3).ntk
    return backend.to_numpy(kernel_regression(k[:5, :5], k[:5, :2], k[5:, :5]).prediction)


def flow(backend: Backend) -> np.ndarray:
    k = fc_kernels(vectors(backend), depth=3).ntk
    return backend.to_numpy(gradient_flow(k[:5, :5], k[:5, :2], k[5:, :5], [0.1, 1.0]).loss)


def empirical(backend: Backend) -> np.ndarray:
    if "autodiff" not in backend.capabilities:
        return np.zeros((0, 0))
    network = finite(ERF, (6,), width=8)
    params = network.init(np.random.default_rng(0), lambda a: backend.asarray(a, "float32"))
    return backend.to_numpy(empirical_ntk(network, params, vectors(backend), trace=True))


COMPUTED: dict[str, Callable[[Backend], np.ndarray]] = {
    "fully connected": lambda b: b.to_numpy(fc_kernels(vectors(b), depth=3).ntk),
    "flatten": lambda b: b.to_numpy(cntk(images(b), depth=3, pooling="flatten")),
    "gap": lambda b: b.to_numpy(cntk(images(b), depth=3, pooling="gap")),
    "general": lambda b: b.to_numpy(architecture_kernels(ERF, vectors(b)).ntk),
    "trees": lambda b: b.to_numpy(tree_kernels(vectors(b), depth=3, alpha=2.0).ntk),
    "splines": lambda b: b.to_numpy(spline_kernel(vectors(b), degree=2, intervals=5, low=-2.0, high=2.0)),
    "empirical": empirical,
    "regression": regression,
    "least eigenvalue": lambda b: np.asarray(min_eigenvalue(fc_kernels(vectors(b), depth=3).ntk)),
    "flow": flow,
}


@contextmanager
def changed(change: Callable[[Any], None], value: Any, back: Any) -> Iterator[None]:
    change(value)
    try:
        yield
    finally:
        change(back)


def torch_settings() -> dict[str, Callable[[], AbstractContextManager[Any]]]:
    import torch

    return {
        "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
        "short products": lambda: changed(torch.set_float32_matmul_precision, "medium", "highest"),
        "float64 by default": lambda: changed(torch.set_default_dtype, torch.float64, torch.float32),
        "bfloat16 by default": lambda: changed(torch.set_default_dtype, torch.bfloat16, torch.float32),
        "another device by default": lambda: torch.device("meta"),
        "inference mode": torch.inference_mode,
    }


def jax_settings() -> dict[str, Callable[[], AbstractContextManager[Any]]]:
    import jax

    return {
        "strict ranks": lambda: jax.numpy_rank_promotion("raise"),
        "strict dtypes": lambda: jax.numpy_dtype_promotion("strict"),
        "short products": lambda: jax.default_matmul_precision("bfloat16"),
    }


SETTINGS: dict[str, Callable[[], dict[str, Callable[[], AbstractContextManager[Any]]]]] = {
    "numba": lambda: {"errors raise": lambda: np.errstate(all="raise")},
    "torch": torch_settings,
    "jax": jax_settings,
}
CASES = [(name, setting, what) for name in installed() for setting in SETTINGS[name]() for what in COMPUTED]


@pytest.mark.parametrize(("name", "setting", "what"), CASES)
def test_the_same_numbers_come_out_under_any_setting(name: str, setting: str, what: str) -> None:
    backend = open_backend(name)
    expected = COMPUTED[what](backend)
    with SETTINGS[name]()[setting]():
        found = COMPUTED[what](backend)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("what", ["fully connected", "flatten", "gap"])
@pytest.mark.usefixtures("uncompiled")
def test_compiled_kernels_too(what: str) -> None:
    pytest.importorskip("torch")
    backend = open_backend("torch")
    with prefer("inductor"):
        expected = COMPUTED[what](backend)
        for setting, within in torch_settings().items():
            with within():
                found = COMPUTED[what](backend)
            assert found.dtype == expected.dtype, setting
            np.testing.assert_array_equal(found, expected, err_msg=setting)
