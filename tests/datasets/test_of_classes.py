"""Some classes of a data set: their images in order, their labels counted anew, and hashes of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkbench import datasets
from ntkbench.datasets.cifar10 import CIFAR2, CIFAR10
from ntkbench.datasets.dataset import ARRAY_NAMES, Arrays, Dataset, Hashes, array_sha256
from ntkbench.datasets.of_classes import OfClasses
from ntkbench.errors import SystemFault


def arrays(labels: list[int], seed: int = 0) -> Arrays:
    x = np.random.default_rng(seed).integers(0, 256, (len(labels), 2, 2, 1)).astype(np.uint8)
    y = np.array(labels, dtype=np.uint8)
    return Arrays(x, y, x[:3].copy(), y[:3].copy())


def about(content: Arrays, n_classes: int) -> Dataset:
    hashes = Hashes(**{name: array_sha256(getattr(content, name)) for name in ARRAY_NAMES})
    counts = {"n_train": len(content.y_train), "n_test": len(content.y_test), "n_classes": n_classes}
    return replace(CIFAR10.dataset, name="part", hashes=hashes, image_shape=(2, 2, 1), **counts)


@dataclass
class Whole:
    content: Arrays
    dataset: Dataset = CIFAR10.dataset
    forced: bool = False

    def path(self) -> Path:
        return Path("whole")

    def is_cached(self) -> bool:
        return True

    def fetch(self, *, force: bool, progress: Any) -> Path:
        self.forced = force
        return self.path()

    def load(self, progress: Any) -> Arrays:
        return self.content


def test_images_keep_their_order_and_labels_are_counted_anew() -> None:
    whole = arrays([3, 1, 2, 3, 0, 1, 3])
    expected = Arrays(
        whole.x_train[[0, 1, 3, 5, 6]], np.array([0, 1, 0, 1, 0], np.uint8),
        whole.x_test[[0, 1]], np.array([0, 1], np.uint8),
    )  # fmt: skip
    found = OfClasses(about(expected, 2), Whole(whole), classes=(3, 1)).load(None)
    for name in ARRAY_NAMES:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.y_train.dtype == np.uint8


def test_classes_that_are_not_as_pinned_are_refused() -> None:
    with pytest.raises(SystemFault, match="part: these classes of cifar10 are not as pinned: x_train has shape"):
        OfClasses(about(arrays([0, 1, 0, 1]), 2), Whole(arrays([0, 1, 2, 1])), (0, 1)).load(None)


def test_it_lives_where_the_whole_does() -> None:
    whole = Whole(arrays([0, 1]))
    part = OfClasses(about(arrays([0, 1]), 2), whole, (0, 1))
    assert part.path() == whole.path()
    assert part.is_cached()
    assert part.fetch(force=True, progress=None) == whole.path()
    assert whole.forced


def test_cifar2_is_the_first_two_classes_of_cifar10_and_needs_no_other_download() -> None:
    known = datasets.get("cifar2")
    assert (known.n_train, known.n_test, known.n_classes) == (10_000, 2_000, 2)
    assert known.sources == datasets.get("cifar10").sources
    assert known.sha256 != datasets.get("cifar10").sha256
    assert CIFAR2.classes == (0, 1)
    assert datasets.path("cifar2") == datasets.path("cifar10")
