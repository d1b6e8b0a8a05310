"""Selections of positions: NumPy's own."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend
from ntkbench.networks import Index
from ntkbench.networks.layers.layer import Units

X = np.random.default_rng(0).standard_normal((2, 5, 4, 3))


@pytest.mark.parametrize(
    "index",
    [
        np.s_[1:4],
        np.s_[:, ::-1],
        np.s_[::-2, 3:0:-2],
        np.s_[-3:, :],
        np.s_[..., 1:],
        np.s_[2:3, ...],
        np.s_[...],
        np.s_[0],
        np.s_[:, -1],
        np.s_[..., 2],
        np.s_[-5, 3],
    ],
)
def test_positions_are_selected_as_numpy_does(backend: Backend, index: Any) -> None:
    layer = Index(index)
    y = backend.to_numpy(layer.forward(backend.asarray(X, "float64"), lambda h: h))
    entries = index if isinstance(index, tuple) else (index,)
    expected = np.stack([channel[(slice(None), *entries)] for channel in np.moveaxis(X, -1, 0)], axis=-1)
    np.testing.assert_array_equal(y, expected)
    assert layer.output_shape(X.shape[1:], Units(1, 1)) == expected.shape[1:]


def test_an_index_is_a_key_and_travels() -> None:
    layer = Index(np.s_[1:, ..., 0])
    assert layer == Index(((1, None, None), ..., 0)) == pickle.loads(pickle.dumps(layer))
    assert hash(layer) == hash(Index(layer.index))
    assert layer != Index(np.s_[1:, ..., 1])


@pytest.mark.parametrize("index", [None, "0", 1.0, True, (1, 2.0), [0, 1], (None,), (0, 1, "a"), np.s_[::0]])
def test_what_is_no_index_is_refused(index: Any) -> None:
    with pytest.raises(ValueError, match="index must hold slices and whole numbers, not "):
        Index(index)


def test_an_ellipsis_comes_once() -> None:
    with pytest.raises(ValueError, match="one ellipsis at most"):
        Index((..., 0, ...))
