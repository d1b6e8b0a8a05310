import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from ntkbench.datasets.formats.cifar10 import read_binary
from ntkbench.datasets.sources.http import HttpArchive, HttpFiles
from ntkbench.datasets.sources.source import SourceError


@pytest.fixture
def source(server, images, binary_files, packed, impatient) -> HttpArchive:
    """A source whose archive the local server has."""
    server.content = packed(binary_files(images))
    digest = "md5:" + hashlib.md5(server.content).hexdigest()
    return HttpArchive(url=server.url, digest=digest, read=read_binary, policy=impatient)


@pytest.fixture
def unknown(source) -> HttpArchive:
    """The same, of which nobody knows the hash."""
    return dataclasses.replace(source, digest=None)


def quiet(*_: object) -> None:
    pass


def test_it_gives_the_arrays_and_calls_the_file_what_the_server_does(source, images, tmp_path):
    np.testing.assert_array_equal(source.build(tmp_path, quiet).x_train, images.x_train)
    assert [p.name for p in tmp_path.iterdir()] == ["archive.tar.gz"]


@pytest.mark.parametrize("path", ["", "/"])
def test_an_address_without_a_file_name_will_do(unknown, server, images, tmp_path, path):
    short = dataclasses.replace(unknown, url=server.url.removesuffix("/files/archive.tar.gz") + path)
    np.testing.assert_array_equal(short.build(tmp_path, quiet).x_test, images.x_test)


@pytest.mark.parametrize("url", ["http://[", "nothing"])
def test_what_is_no_address_is_a_failure(source, tmp_path, url):
    with pytest.raises(SourceError):
        dataclasses.replace(source, url=url).build(tmp_path, quiet)


def test_an_archive_that_is_there_needs_no_server(source, server, images, tmp_path):
    (tmp_path / "archive.tar.gz").write_bytes(server.content)
    np.testing.assert_array_equal(source.build(tmp_path, quiet).y_test, images.y_test)
    assert server.ranges == []


@pytest.mark.parametrize("left", ["archive.tar.gz", "archive.tar.gz.part"])
def test_without_a_hash_nothing_that_is_left_is_trusted(unknown, server, images, tmp_path, left):
    (tmp_path / left).write_bytes(server.content[:1000])
    np.testing.assert_array_equal(unknown.build(tmp_path, quiet).x_train, images.x_train)
    assert server.ranges == [None]
    assert [p.name for p in tmp_path.iterdir()] == ["archive.tar.gz"]


def test_without_a_hash_a_truncated_download_resumes_all_the_same(unknown, server, images, tmp_path):
    server.next(cut=40_000)
    np.testing.assert_array_equal(unknown.build(tmp_path, quiet).x_train, images.x_train)
    assert server.ranges[0] is None
    assert server.ranges[1].startswith("bytes=")


@pytest.mark.parametrize("trouble", [{"content": b"another file"}, {"cut": 40_000, "sized": False}])
def test_without_a_hash_a_file_that_cannot_be_read_is_a_failure(unknown, server, tmp_path, trouble):
    server.always(**trouble)
    with pytest.raises(SourceError, match=r"^cannot read archive.tar.gz \("):
        unknown.build(tmp_path, quiet)


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("https://files.example.org/a.tar.gz", "files.example.org"),
        ("https://someone:secret@files.example.org:8443/a.tar.gz", "files.example.org"),
        ("http://[", "http://["),
        ("here.tar.gz", "here.tar.gz"),
    ],
)
def test_it_is_called_by_its_host_and_shows_no_password(source, address, label):
    assert dataclasses.replace(source, url=address).label == label
    assert HttpFiles(address, {}, read_binary).label == label


def test_progress_tells_of_the_download_and_of_the_unpacking(source, tmp_path: Path):
    told: list[str] = []
    source.build(tmp_path, lambda what, done, total: told.append(what))
    assert list(dict.fromkeys(told)) == ["downloading archive.tar.gz from 127.0.0.1", "unpacking archive.tar.gz"]


def texts(folder: Path, progress) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


FILES = {"a": b"the first" * 10_000, "b": b"the second" * 10_000}


@pytest.fixture
def folder(server, impatient) -> HttpFiles:
    """Two files that the local server has."""
    server.files = FILES
    digests = {name: "md5:" + hashlib.md5(content).hexdigest() for name, content in FILES.items()}
    return HttpFiles(server.folder, digests, texts, policy=impatient)


@pytest.mark.parametrize("slash", ["/", ""])
def test_the_files_of_a_folder_are_read_together(folder, server, tmp_path, slash):
    source = dataclasses.replace(folder, url=server.folder.rstrip("/") + slash)
    assert source.build(tmp_path, quiet) == FILES
    assert server.ranges == [None, None]


def test_a_file_of_a_folder_that_is_there_is_not_asked_for(folder, server, tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a").write_bytes(FILES["a"])
    assert folder.build(tmp_path, quiet) == FILES
    assert len(server.ranges) == 1


def test_a_fault_in_a_folder_names_the_file(folder, server, tmp_path):
    server.files = {"a": FILES["a"]}
    with pytest.raises(SourceError, match=r"^b: HTTP 404 Not Found$"):
        folder.build(tmp_path, quiet)
