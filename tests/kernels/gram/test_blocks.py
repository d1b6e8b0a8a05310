"""Gram matrices in blocks: the same numbers as in one piece, whoever computes which block and when."""

from __future__ import annotations

import itertools
import pickle
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.arrays.checks import to_numpy
from ntkbench.kernels import cntk
from ntkbench.kernels.gram.blocks import Block, BlockKernel, Computed, block_gram, plan_blocks


def images(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, 5, 4, 3))


def backwards(compute: BlockKernel, blocks: Iterable[Block]) -> Iterator[Computed]:
    """As workers would: all blocks drawn first, computed from a pickled copy, and returned as NumPy's in any order."""
    waiting = list(blocks)
    random.Random(0).shuffle(waiting)
    there = pickle.loads(pickle.dumps(replace(compute, progress=None)))
    for block in waiting:
        array, seconds = there(block)
        yield block, to_numpy(array), seconds


@given(n1=st.integers(1, 40), n2=st.integers(1, 40), side=st.integers(1, 50), symmetric=st.booleans())
@settings(deadline=None)
def test_blocks_cover_every_pair_once(n1: int, n2: int, side: int, symmetric: bool) -> None:
    shape = (n1, n1 if symmetric else n2)
    count = np.zeros(shape, dtype=int)
    blocks = plan_blocks(shape, side, symmetric=symmetric)
    for block in blocks:
        assert max(block.shape) <= side
        assert min(block.shape) >= 1
        count[block.rows, block.columns] += 1
        if symmetric and block.top != block.left:
            count[block.columns, block.rows] += 1
    assert (count == 1).all()
    assert sum(b.pairs(symmetric) for b in blocks) == (n1 * (n1 + 1) // 2 if symmetric else n1 * n2)


@pytest.fixture
def inputs(backend: Any) -> tuple[Any, Any]:
    """Blocks of side 4 have four shapes with them; one where each shape is compiled anew."""
    n1, n2 = (11, 7) if backend.name == "numba" else (8, 4)
    return backend.asarray(images(n1), "float32"), backend.asarray(images(n2, seed=1), "float32")


@pytest.mark.parametrize(("pooling", "cross"), [("flatten", False), ("flatten", True), ("gap", False)])
def test_blocks_make_the_matrix_that_the_kernel_makes_alone(
    backend: Any, inputs: Any, pooling: str, cross: bool
) -> None:
    x, *y = inputs if cross else inputs[:1]
    whole = backend.to_numpy(cntk(x, *y, depth=3, pooling=pooling))
    blocks = backend.to_numpy(block_gram(cntk, x, *y, side=4, depth=3, pooling=pooling))
    assert blocks.dtype == whole.dtype
    if backend.name == "numba" and pooling == "flatten":
        np.testing.assert_array_equal(blocks, whole)
    else:  # a matrix of another shape may be compiled, or its displacements be summed, in another order
        np.testing.assert_allclose(blocks, whole, rtol=2e-6)


@pytest.mark.parametrize("cross", [False, True])
def test_who_computes_which_block_changes_no_bit(backend: Any, inputs: Any, cross: bool) -> None:
    x, *y = inputs if cross else inputs[:1]
    here = backend.to_numpy(block_gram(cntk, x, *y, side=4, depth=3, pooling="flatten"))
    elsewhere = backend.to_numpy(block_gram(cntk, x, *y, side=4, mapper=backwards, depth=3, pooling="flatten"))
    np.testing.assert_array_equal(here, elsewhere)


def test_equal_images_in_different_blocks_are_known_to_be_one() -> None:
    x = images(6).astype(np.float32)
    x[5] = x[0]
    gram = block_gram(cntk, x, side=2, depth=8, pooling="flatten")
    assert gram[0, 5] == gram[0, 0] == gram[5, 5]


def test_progress_grows_within_blocks_to_the_number_of_pairs() -> None:
    calls: list[tuple[int, int]] = []
    block_gram(cntk, images(9), side=4, progress=lambda *c: calls.append(c), depth=3, pooling="flatten")
    assert calls == sorted(calls)
    assert calls[-1] == (45, 45)
    assert all(a <= b for (a, _), (b, _) in itertools.pairwise(calls))


def test_a_side_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="side of at least 1, not 0"):
        block_gram(cntk, images(3), side=0, depth=3, pooling="flatten")


@pytest.mark.parametrize(("free", "on_disk"), [(4 * 81 * 8, False), (4 * 81 * 8 - 1, True)])
def test_a_matrix_that_would_fill_the_memory_lies_in_a_file(
    free: int, on_disk: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ntkbench.kernels.gram.blocks.available", lambda like: free)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    x = images(9)
    gram = block_gram(cntk, x, side=4, depth=3, pooling="flatten")
    assert isinstance(gram, np.memmap) == on_disk
    np.testing.assert_array_equal(gram, cntk(x, depth=3, pooling="flatten"))


def test_a_matrix_that_fits_nowhere_is_refused_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("nothing may be computed")

    monkeypatch.setattr("ntkbench.kernels.gram.blocks.available", lambda like: 0)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=2**20))
    with pytest.raises(MemoryError, match="set TMPDIR to a folder on a larger disk"):
        block_gram(never, images(9), side=4)
