import hashlib
from pathlib import Path

import numpy as np
import pytest

from ntkbench.datasets.formats.cifar10 import read_binary
from ntkbench.datasets.sources.http import HttpArchive
from ntkbench.datasets.sources.source import SourceError


@pytest.fixture
def source(server, images, binary_files, packed, impatient) -> HttpArchive:
    """A source whose archive the local server has."""
    server.content = packed(binary_files(images))
    digest = "md5:" + hashlib.md5(server.content).hexdigest()
    return HttpArchive(
        url="http://127.0.0.1:1/official/cifar.tar.gz",
        digest=digest,
        read=read_binary,
        url_variable="NTKBENCH_TEST_URL",
        policy=impatient,
    )


def quiet(*_: object) -> None:
    pass


def test_the_environment_gives_another_address_for_the_same_file(source, server, images, tmp_path, monkeypatch):
    monkeypatch.setenv("NTKBENCH_TEST_URL", server.url)
    assert source.address == server.url
    np.testing.assert_array_equal(source.build(tmp_path, quiet).x_train, images.x_train)
    # It is called what the official file is called, wherever it came from.
    assert [p.name for p in tmp_path.iterdir()] == ["cifar.tar.gz"]


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_the_official_address_is_used(source, tmp_path, monkeypatch, value):
    if value is not None:
        monkeypatch.setenv("NTKBENCH_TEST_URL", value)
    assert source.address == source.url
    with pytest.raises(SourceError, match=r"^Connection refused$"):
        source.build(tmp_path, quiet)


def test_an_archive_that_is_there_needs_no_server(source, server, images, tmp_path):
    (tmp_path / "cifar.tar.gz").write_bytes(server.content)
    np.testing.assert_array_equal(source.build(tmp_path, quiet).y_test, images.y_test)
    assert server.ranges == []


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("https://files.example.org/a.tar.gz", "files.example.org"),
        ("https://someone:secret@files.example.org:8443/a.tar.gz", "files.example.org"),
        ("http://[", "http://["),
        ("here.tar.gz", "here.tar.gz"),
    ],
)
def test_it_is_called_by_its_host_and_shows_no_password(source, monkeypatch, address, label):
    monkeypatch.setenv("NTKBENCH_TEST_URL", address)
    assert source.label == label


def test_progress_tells_of_the_download_and_of_the_unpacking(source, server, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("NTKBENCH_TEST_URL", server.url)
    told: list[str] = []
    source.build(tmp_path, lambda what, done, total: told.append(what))
    assert list(dict.fromkeys(told)) == ["downloading cifar.tar.gz from 127.0.0.1", "unpacking cifar.tar.gz"]
