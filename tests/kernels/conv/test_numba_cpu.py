"""What is peculiar to the numba kernels: lanes of images or displacements, threads, memory, and layouts of NumPy."""

from __future__ import annotations

import threading
import tracemalloc
from typing import Any

import numba
import numpy as np
import pytest

from ntkbench.kernels import cntk, conv_kernels
from ntkbench.kernels.conv import array_api, numba_cpu
from ntkbench.kernels.conv.numba_arrangement import working_arrays
from ntkbench.kernels.conv.numba_cpu import _in_threads
from ntkbench.kernels.conv.numba_lanes import LANES
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.relu.network import Network

OPTIONS: dict[str, Any] = {"depth": 3, "pooling": "flatten"}
POOLINGS = ["flatten", "gap"]


def images(n: int, seed: int = 0, size: tuple[int, ...] = (4, 3, 2)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, *size))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("n", [1, LANES - 1, LANES, LANES + 1, 2 * LANES + 3])
def test_any_number_of_images_fills_the_lanes(n: int, pooling: str) -> None:
    x, z = images(3), images(n, seed=1)
    together = cntk(x, z, depth=3, pooling=pooling)
    one_by_one = [cntk(x, z[j : j + 1], depth=3, pooling=pooling)[:, 0] for j in range(n)]
    np.testing.assert_allclose(together, np.transpose(one_by_one), rtol=1e-12)


# Even and odd heights, of which one half is mirrored where an image meets itself; widths about whole groups of lanes.
@pytest.mark.parametrize("height", [1, 2, 3, 6])
@pytest.mark.parametrize("width", [1, LANES - 1, LANES, LANES + 1, 2 * LANES + 3])
@pytest.mark.parametrize("first_trained", [True, False])
def test_all_displacements_are_summed_whatever_the_size(height: int, width: int, first_trained: bool) -> None:
    x, z = images(2, size=(height, width, 1)), images(3, seed=1, size=(height, width, 1))
    network = Network(4, 1.3, 0.4, first_trained=first_trained)
    for other in (None, z):
        problem = ConvProblem(x, other, network, "gap")
        for k, exact in zip(numba_cpu.compute(problem), array_api.compute(problem), strict=True):
            np.testing.assert_allclose(k, exact, rtol=1e-12)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_triangle_of_many_rows_is_the_whole_matrix(pooling: str) -> None:
    x = images(70)  # more rows than are computed between two reports
    calls: list[tuple[int, int]] = []
    triangle = cntk(x, depth=3, pooling=pooling, progress=lambda done, total: calls.append((done, total)))
    np.testing.assert_array_equal(triangle, triangle.T)
    np.testing.assert_allclose(triangle, cntk(x, x, depth=3, pooling=pooling), rtol=1e-12)
    alone = [cntk(x[i : i + 1], depth=3, pooling=pooling)[0, 0] for i in range(0, 70, 9)]
    np.testing.assert_allclose(np.diag(triangle)[::9], alone, rtol=1e-13)
    assert len(calls) > 1
    assert calls[-1] == (70 * 71 // 2, 70 * 71 // 2)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("value", "dtype"), [(np.nan, "float64"), (-np.inf, "float64"), (np.inf, "float32")])
def test_lanes_do_not_mix_whatever_is_in_them(value: float, dtype: str, pooling: str) -> None:
    x, z = images(LANES + 2).astype(dtype), images(2 * LANES, seed=1).astype(dtype)
    bad_x, bad_z = x.copy(), z.copy()
    bad_x[5, 1, 1, 1] = bad_z[LANES + 3, 0, 0, 0] = value
    spoilt = np.zeros((len(x), len(z)), bool)
    spoilt[5] = spoilt[:, LANES + 3] = True
    k, right = (cntk(*sides, depth=5, pooling=pooling) for sides in ((bad_x, bad_z), (x, z)))
    np.testing.assert_array_equal(np.isnan(k), spoilt)
    np.testing.assert_array_equal(k[~spoilt], right[~spoilt])


@pytest.mark.parametrize("pooling", POOLINGS)
def test_an_image_whose_square_float32_cannot_hold_meets_others_as_in_float64(pooling: str) -> None:
    x, z = images(LANES + 2).astype(np.float32), images(2 * LANES, seed=1).astype(np.float32)
    x[5, 1, 1, 1] = z[LANES + 3, 0, 0, 0] = 1e30
    k, exact = (cntk(*sides, depth=5, pooling=pooling) for sides in ((x, z), (x.astype(float), z.astype(float))))
    held = np.abs(exact) < np.finfo(np.float32).max
    assert np.count_nonzero(~held) == 1
    np.testing.assert_allclose(k[held], exact[held], rtol=1e-6)
    assert np.isinf(k[~held]).all()


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=2)[:, :, ::2],
        lambda x: x[::-1].copy()[::-1],
        lambda x: np.broadcast_to(x[None], (2, *x.shape))[1],
        lambda x: x.astype(x.dtype.newbyteorder()),
    ],
    ids=["Fortran", "strided", "backwards", "read-only", "foreign byte order"],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_layout_gives_the_same_numbers(layout: Any, dtype: str) -> None:
    x, z = images(3).astype(dtype), images(3, seed=1).astype(dtype)
    odd = layout(x)
    np.testing.assert_array_equal(odd, x)
    for before, after in ((cntk(x, **OPTIONS), cntk(odd, **OPTIONS)), (cntk(z, x, **OPTIONS), cntk(z, odd, **OPTIONS))):
        np.testing.assert_array_equal(after, before)
        assert after.dtype == np.dtype(dtype)  # in the machine's own order


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_number_of_threads_changes_no_bit(pooling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = images(9, size=(5, 17, 1)).astype(np.float32)
    results = []
    for threads in (1, 3):
        monkeypatch.setattr(numba, "get_num_threads", lambda count=threads: count)
        results.append(conv_kernels(x, depth=4, pooling=pooling))
    np.testing.assert_array_equal(results[0], results[1])


def test_a_fault_in_one_thread_ends_them_all_and_is_raised() -> None:
    done = []
    started = threading.Event()

    def compute(begin: int, end: int, buffer: np.ndarray) -> None:
        if begin == 0:
            started.set()
            raise KeyboardInterrupt
        started.wait()
        done.append((begin, end))

    with pytest.raises(KeyboardInterrupt):
        _in_threads(compute, 10_000, np.zeros((1, 1)))
    assert done == []


def test_a_thread_works_on_less_than_a_mebibyte() -> None:
    """GAP 32 x 32, depth 11; the covariances of all pairs of positions would take four for a pair of images."""
    x = images(2, size=(32, 32, 3)).astype(np.float32)
    assert working_arrays(x, threads=1).nbytes < 2**20
    threads = numba.get_num_threads()
    cntk(x[:, :4, :4], depth=11, pooling="gap")  # compiles
    tracemalloc.start()
    cntk(x, depth=11, pooling="gap")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    norms = 2 * LANES * 10 * 32 * 32 * x.itemsize  # of as many images as there are lanes, and their inverses
    assert peak < threads * 2**20 + 2 * norms
