"""Which implementation computes kernels of torch tensors, and what takes its place where it is not to be had."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from ntkbench.arrays import inductor
from ntkbench.arrays.execution import prefer
from ntkbench.arrays.unavailable import availability
from ntkbench.kernels import cntk, conv_kernels, fc_kernels, implementations
from ntkbench.kernels.conv import dispatch

GAP: dict[str, Any] = {"depth": 3, "pooling": "gap"}
KERNELS = [lambda x, *z: cntk(x, *z, **GAP), lambda x, *z: fc_kernels(x.flatten(1), depth=3).ntk]


def images(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((3, 4, 3, 2))).to(dtype)


@pytest.mark.parametrize(
    ("execution", "names"),
    [("numpy", ["numba"]), ("aten", ["triton", "inductor"]), ("xla", ["pallas"]), ("another", [])],
)
def test_the_table_names_the_faster_ways_of_a_library_in_order(execution: str, names: list[str]) -> None:
    assert [faster.name for faster in dispatch.implementations(execution)] == names


@pytest.fixture
def without_compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine where torch.compile finds nothing to compile with."""

    def fails(function: Callable[..., None], **options: Any) -> Callable[..., None]:
        def call(*arrays: Any) -> None:
            raise RuntimeError("backend='inductor' raised:\nInvalidCxxCompiler: No working C++ compiler\n\nSet this")

        return call

    monkeypatch.setattr(torch, "compile", fails)
    inductor.compiled.cache_clear()
    yield
    inductor.compiled.cache_clear()


@pytest.mark.parametrize("kernel", KERNELS)
def test_small_work_is_not_worth_compiling(kernel: Any) -> None:
    with implementations() as used:
        kernel(images())
    assert used == {"aten"}


def test_work_is_worth_compiling_for_where_eager_operations_take_longer() -> None:
    x = images()
    assert inductor.applies(1e12, x)
    assert not inductor.applies(1e6, x)
    with prefer("inductor"):
        assert inductor.applies(1, x)
    with prefer("aten"):
        assert not inductor.applies(1e12, x)


def test_float64_and_gradients_are_left_to_eager_operations() -> None:
    x, double = images(), images(torch.float64)
    followed = images().requires_grad_()
    with prefer("inductor"):
        assert not inductor.applies(1e12, double)
        assert not inductor.applies(1e12, x, double)
        assert not inductor.applies(1e12, x, followed)
    with torch.no_grad():
        assert inductor.applies(1e12, x, followed)


def test_a_kernel_can_be_differentiated_whatever_is_preferred() -> None:
    with prefer("inductor"):
        x = images().requires_grad_()
        cntk(x, images() + 1, **GAP).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


@pytest.mark.usefixtures("without_compiler")
@pytest.mark.parametrize("kernel", KERNELS)
def test_without_a_compiler_eager_operations_take_over_with_a_warning(kernel: Any) -> None:
    with prefer("aten"):
        expected = kernel(images())
    with (
        prefer("inductor"),
        implementations() as used,
        pytest.warns(RuntimeWarning, match="No working C\\+\\+") as said,
    ):
        result = kernel(images())
    assert used == {"aten"}
    assert torch.equal(result, expected)
    assert len(said) == 1
    assert "Set this" not in str(said[0].message)


def without_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "ntkbench.kernels.conv.triton_compiled", raising=False)


def without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)


@pytest.mark.parametrize("missing", [without_triton, without_a_gpu])
def test_where_triton_fails_eager_operations_take_over_with_a_warning(
    missing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing(monkeypatch)
    expected = cntk(images(), **GAP)
    with prefer("triton"), implementations() as used, pytest.warns(RuntimeWarning, match="triton is not to be had"):
        result = cntk(images(), **GAP)
    assert used == {"aten"}
    assert torch.equal(result, expected)


@pytest.mark.parametrize("error", [MemoryError("a"), torch.OutOfMemoryError("b")])
def test_lack_of_memory_is_no_reason_for_another_implementation(error: Exception) -> None:
    with pytest.raises(type(error)), availability():
        raise error


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("kernel", [cntk, conv_kernels])
def test_an_error_of_the_callers_progress_is_the_callers(kernel: Any) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyError("stop")

    with prefer("inductor"), pytest.raises(KeyError):
        kernel(images(), **GAP, progress=stop)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("n", [10, 40])
def test_progress_of_compiled_work_counts_every_pair(n: int) -> None:
    x = images().repeat(n // 2, 1, 1, 1)[:n]
    calls: list[tuple[int, int]] = []
    with prefer("inductor"):
        result = cntk(x, depth=3, pooling="flatten", progress=lambda *done: calls.append(done))
    assert calls[-1] == (n * (n + 1) // 2,) * 2
    assert result.shape == (n, n)
