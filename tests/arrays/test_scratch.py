"""Arrays on disk."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from ntkbench.arrays.scratch import check_scratch, scratch


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_scratch_array_holds_numbers_and_leaves_no_file(here: Path) -> None:
    array = scratch((300, 70), np.float32)
    assert (array == 0).all()
    expected = np.random.default_rng(0).standard_normal(array.shape).astype(np.float32)
    array[...] = expected
    np.testing.assert_array_equal(array, expected)
    assert list(here.iterdir()) == []


def test_a_scratch_array_may_be_empty() -> None:
    assert scratch((0, 3), np.float64).shape == (0, 3)


def test_a_disk_without_room_is_told_of_before_anything_is_written(here: Path) -> None:
    with pytest.raises(MemoryError, match=f"^memory is short, and {here} has no room for 512 TiB .*set TMPDIR"):
        scratch((2**24, 2**22), np.float64)
    with pytest.raises(MemoryError, match="no room for"):
        check_scratch(2**50)


def test_a_disk_that_fills_meanwhile_is_told_of_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(MemoryError, match="has no room for"):
        scratch((10, 10), np.float64)
