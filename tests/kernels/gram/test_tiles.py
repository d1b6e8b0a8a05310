"""Covering a Gram matrix with tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.execution import execution_for
from ntkbench.kernels import conv_kernels, fc_kernels
from ntkbench.kernels.gram.tiles import cover, gram, side


@given(pair_bytes=st.integers(1, 10**6), budget=st.integers(0, 10**12))
@settings(deadline=None)
def test_a_tile_is_the_largest_square_within_the_budget(pair_bytes: int, budget: int) -> None:
    size = side(pair_bytes, budget)
    assert size >= 1
    assert size == 1 or size**2 * pair_bytes <= budget
    assert (size + 1) ** 2 * pair_bytes > budget


@given(n=st.integers(0, 200), size=st.integers(1, 250))
@settings(deadline=None)
def test_slices_cover_every_index_with_one_length_and_no_more_slices_than_needed(n: int, size: int) -> None:
    slices = cover(n, size)
    assert {i for s in slices for i in range(s.start, s.stop)} == set(range(n))
    assert {s.stop - s.start for s in slices} <= {min(n, size)}
    assert len(slices) == -(-n // size)


class Recorder:
    """A tile function with known entries, 1 / (1 + i + 2 j) and i j, that remembers its calls."""

    def __init__(self, like: Any, symmetric: bool) -> None:
        self.xp = array_api_compat.array_namespace(like)
        self.like, self.symmetric = like, symmetric
        self.calls: list[tuple[slice, slice, bool]] = []

    def entries(self, i: Any, j: Any) -> tuple[Any, Any]:
        return 1 / (1 + i + (1 if self.symmetric else 2) * j), i * j

    def __call__(self, rows: slice, columns: slice, diagonal: bool) -> tuple[Any, Any]:
        self.calls.append((rows, columns, diagonal))
        i, j = (self.xp.arange(s.start, s.stop, dtype=self.like.dtype) for s in (rows, columns))
        return self.entries(i[:, None], j[None, :])


@pytest.mark.parametrize("size", [1, 3, 9])
@pytest.mark.parametrize("shape", [(5, 5), (4, 7), (7, 1)])
def test_blocks_land_where_they_belong(backend: Any, shape: tuple[int, int], size: int) -> None:
    like = backend.asarray(np.zeros(1), "float64")
    symmetric = shape[0] == shape[1]
    tile = Recorder(like, symmetric)
    matrices = gram(execution_for(like), like, shape, tile, outputs=2, size=size, symmetric=symmetric)
    expected = tile.entries(*np.ogrid[: shape[0], : shape[1]])
    for matrix, entries in zip(matrices, expected, strict=True):
        np.testing.assert_allclose(backend.to_numpy(matrix), entries, rtol=1e-15)


def test_a_symmetric_matrix_takes_one_triangle_and_knows_its_diagonal() -> None:
    like = np.zeros(1)
    tile = Recorder(like, symmetric=True)
    gram(execution_for(like), like, (10, 10), tile, outputs=2, size=2, symmetric=True)
    assert len(tile.calls) == 15
    assert [diagonal for rows, columns, diagonal in tile.calls] == [r == c for r, c, _ in tile.calls]


def test_progress_grows_to_the_number_of_pairs() -> None:
    like = np.zeros(1)
    for symmetric, total in ((True, 28), (False, 49)):
        calls: list[tuple[int, int]] = []
        tile = Recorder(like, symmetric)

        def progress(done: int, of: int) -> None:
            calls.append((done, of))  # noqa: B023

        options = {"outputs": 2, "size": 3, "symmetric": symmetric, "progress": progress}
        gram(execution_for(like), like, (7, 7), tile, **options)
        assert len(calls) == len(tile.calls)
        assert calls == sorted(calls)
        assert calls[-1] == (total, total)


@pytest.mark.parametrize("kernel", ["fc", "flatten", "gap"])
def test_the_tile_size_changes_no_entry(backend: Any, kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x = backend.asarray(rng.standard_normal((4, 3) if kernel == "fc" else (4, 4, 3, 2)), "float64")

    def matrices() -> list[np.ndarray]:
        if kernel == "fc":
            results = (fc_kernels(x, depth=3), fc_kernels(x, x, depth=3))
        else:
            results = (conv_kernels(x, depth=3, pooling=kernel), conv_kernels(x, x, depth=3, pooling=kernel))
        return [backend.to_numpy(r.ntk) for r in results]

    whole = matrices()
    # Sides of three, so that the two tiles of a row overlap: doubles, live at once at each position.
    nine_pairs = 9 * 8 * (18 if kernel == "fc" else 16 * 4 * 3)
    monkeypatch.setattr(type(execution_for(x)), "budget", lambda self, x: nine_pairs)
    symmetric, cross = matrices()
    np.testing.assert_allclose(symmetric, whole[0], rtol=1e-13)
    # Off the diagonal: there correlations are one, and formed by division good to half the digits.
    apart = ~np.eye(4, dtype=bool)
    np.testing.assert_allclose(cross[apart], whole[1][apart], rtol=1e-13)
