"""Gram matrices that do not fit are refused before anything is computed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.memory import available, check_room, gibibytes
from ntkbench.kernels import fc_kernels
from ntkbench.kernels.gram.tiles import gram


def never(rows: slice, columns: slice, diagonal: bool) -> tuple[Any, ...]:
    raise AssertionError("nothing may be computed")


@pytest.fixture
def one_mebibyte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=2**20))


def test_a_gram_matrix_that_does_not_fit_is_refused_with_its_size_and_what_to_do(
    backend: Any, one_mebibyte: None
) -> None:
    like = backend.asarray(np.zeros(1), "float64")
    message = (
        r"^2 Gram matrices of 1000 x 500 float64 numbers take 0\.00745 GiB, and 0\.000977 GiB are free: "
        r"use fewer inputs, float32, or some rows at a time \(x1\[:1000\]\)$"
    )
    with pytest.raises(MemoryError, match=message):
        gram(execution_for(like), like, (1000, 500), never, outputs=2, size=10, symmetric=False)


@pytest.mark.parametrize(("n", "fits"), [(362, True), (363, False)])
def test_the_limit_is_what_is_free(n: int, fits: bool, one_mebibyte: None) -> None:
    like = np.zeros(1)  # 362^2 doubles are just below 1 MiB
    if fits:
        check_room(like, (n, n), outputs=1)
    else:
        with pytest.raises(MemoryError, match=r"^a Gram matrix of 363 x 363 float64"):
            check_room(like, (n, n), outputs=1)


def test_float32_is_no_advice_to_those_who_use_it(one_mebibyte: None) -> None:
    with pytest.raises(MemoryError, match="use fewer inputs, or some rows at a time"):
        fc_kernels(np.ones((1000, 2), dtype=np.float32), depth=3)


def test_what_is_free_on_the_cpu_is_known_for_every_library(backend: Any, one_mebibyte: None) -> None:
    assert available(backend.asarray(np.zeros(1), "float32")) == 2**20


@pytest.mark.parametrize(
    ("count", "words"), [(2**29, "0.5 GiB"), (3 * 2**30, "3 GiB"), (596 * 2**30, "596 GiB"), (381 * 2**40, "381 TiB")]
)
def test_sizes_are_written_for_people(count: int, words: str) -> None:
    assert gibibytes(count) == words
