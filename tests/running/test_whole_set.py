"""Statistics of a whole training set: those of its images, computed once a process."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ntkbench import datasets
from ntkbench.errors import InputError
from ntkbench.running import whole_set


@pytest.fixture(autouse=True)
def _afresh() -> None:
    whole_set._statistics.cache_clear()


@pytest.mark.parametrize("pool", [1, 2])
def test_they_are_the_means_over_all_images(pool: int) -> None:
    x = datasets.load("digits").x_train.astype(np.float64).reshape(-1, 8 // pool, pool, 8 // pool, pool, 1).mean((2, 4))
    mean, std = whole_set.channel_statistics("digits", pool)
    np.testing.assert_allclose(mean, [x.mean()], rtol=1e-12)
    np.testing.assert_allclose(std, [x.std()], rtol=1e-12)


def test_the_images_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    load = datasets.load
    monkeypatch.setattr(datasets, "load", lambda name: (read.append(name), load(name))[1])
    for pool in (1, 2, 1, 2):
        whole_set.channel_statistics("digits", pool)
    assert len(read) == 2


def test_other_images_of_the_same_name_have_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    before, _ = whole_set.channel_statistics("digits", 1)
    arrays = datasets.load("digits")
    doubled = dataclasses.replace(arrays, x_train=arrays.x_train * 2)
    hashes = dataclasses.replace(datasets.images("digits").hashes, x_train="0" * 64)
    other = dataclasses.replace(datasets.images("digits"), hashes=hashes)
    monkeypatch.setattr(datasets, "load", lambda name: doubled)
    monkeypatch.setattr(datasets, "images", lambda name: other)
    after, _ = whole_set.channel_statistics("digits", 1)
    np.testing.assert_allclose(after, 2 * before, rtol=1e-12)


def test_a_side_that_is_not_divided_is_refused() -> None:
    with pytest.raises(InputError, match="cannot pool 8x8 images by 3"):
        whole_set.channel_statistics("digits", 3)
