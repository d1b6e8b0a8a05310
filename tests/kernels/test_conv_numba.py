"""What is peculiar to the numba kernels: lanes, rows between reports, and any layout of NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import cntk
from ntkbench.kernels.conv_lanes import LANES

OPTIONS: dict[str, Any] = {"depth": 3, "pooling": "flatten"}


def images(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, 4, 3, 2))


@pytest.mark.parametrize("pooling", ["flatten", "gap"])
@pytest.mark.parametrize("n", [1, LANES - 1, LANES, LANES + 1, 2 * LANES + 3])
def test_any_number_of_images_fills_the_lanes(n: int, pooling: str) -> None:
    x, z = images(3), images(n, seed=1)
    together = cntk(x, z, depth=3, pooling=pooling)
    one_by_one = [cntk(x, z[j : j + 1], depth=3, pooling=pooling)[:, 0] for j in range(n)]
    np.testing.assert_allclose(together, np.transpose(one_by_one), rtol=1e-12)


@pytest.mark.parametrize("pooling", ["flatten", "gap"])
def test_a_triangle_of_many_rows_is_the_whole_matrix(pooling: str) -> None:
    x = images(70)  # more rows than are computed between two reports
    calls: list[tuple[int, int]] = []
    triangle = cntk(x, depth=3, pooling=pooling, progress=lambda done, total: calls.append((done, total)))
    whole = cntk(x, x, depth=3, pooling=pooling)
    apart = ~np.eye(70, dtype=bool)
    np.testing.assert_array_equal(triangle, triangle.T)
    np.testing.assert_allclose(triangle[apart], whole[apart], rtol=1e-12)
    # On the diagonal the cross matrix has half the digits; an image alone has them all.
    alone = [cntk(x[i : i + 1], depth=3, pooling=pooling)[0, 0] for i in range(70)]
    np.testing.assert_allclose(np.diag(triangle), alone, rtol=1e-13)
    assert len(calls) > 1
    assert calls[-1] == (70 * 71 // 2, 70 * 71 // 2)


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=2)[:, :, ::2],
        lambda x: x[::-1].copy()[::-1],
        lambda x: np.broadcast_to(x[None], (2, *x.shape))[1],
    ],
    ids=["Fortran", "strided", "backwards", "read-only"],
)
def test_any_layout_gives_the_same_numbers(layout: Any) -> None:
    x, z = images(3), images(3, seed=1)
    odd = layout(x)
    np.testing.assert_array_equal(odd, x)
    np.testing.assert_allclose(cntk(odd, **OPTIONS), cntk(x, **OPTIONS), rtol=1e-12)
    np.testing.assert_allclose(cntk(z, odd, **OPTIONS), cntk(z, x, **OPTIONS), rtol=1e-12)


def test_inputs_are_left_as_they_were() -> None:
    x = images(3)
    before = x.copy()
    cntk(x, x, **OPTIONS)
    np.testing.assert_array_equal(x, before)
