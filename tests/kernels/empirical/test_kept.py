"""Factors that are kept: computed once where they fit, and again where they do not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from ntkbench.kernels import empirical_ntk
from ntkbench.kernels.empirical.kept import Kept


def numbered(calls: list[int]) -> Any:
    def function(key: int) -> tuple[np.ndarray, ...]:
        calls.append(key)
        return np.full(10, key), np.full(10, -key)

    return function


@pytest.mark.parametrize(
    ("room", "computed"), [(80, [0, 1, 2, 3]), (60, [0, 1, 2, 3, 1, 2, 3]), (0, [0, 1, 2, 3, 1, 2, 3])]
)
def test_what_fits_is_computed_once(room: int, computed: list[int]) -> None:
    calls: list[int] = []
    kept = Kept(numbered(calls), room)
    for key in (0, 1, 0, 2, 0, 3, 0, 1, 2, 3):
        first, second = kept.of(key)
        assert (first == key).all()
        assert (second == -key).all()
    # The key that is asked for again and again stays.
    assert calls[: len(computed)] == computed
    assert calls.count(0) == 1


def test_threads_may_ask_at_once() -> None:
    kept = Kept(numbered([]), 40)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: int(kept.of(k % 5)[0][0]), range(500)))
    assert found == [k % 5 for k in range(500)]


def test_a_kernel_in_tiles_differentiates_each_input_once() -> None:
    evaluated: list[int] = []

    def function(params: Any, x: torch.Tensor) -> torch.Tensor:
        evaluated.append(x.shape[0])
        return torch.tanh(x @ params[0])

    x = torch.from_numpy(np.random.default_rng(0).standard_normal((20, 1)))
    params = (torch.ones(1, 100, dtype=torch.float64),)
    # One input takes 100 outputs by 100 parameters; tiles are of a few of the twenty.
    done: list[tuple[int, int]] = []
    whole = empirical_ntk(function, params, x, method="contraction", trace=True)
    evaluated.clear()
    tiled = empirical_ntk(
        function, params, x, method="contraction", trace=True, memory=2**21, progress=lambda *d: done.append(d)
    )
    assert len(done) > 3
    torch.testing.assert_close(tiled, whole, rtol=1e-12, atol=1e-12)
    # One evaluation tells the outputs, and each row of tiles takes one.
    assert (len(evaluated) - 1) * (len(evaluated)) // 2 == len(done)
