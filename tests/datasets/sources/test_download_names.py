"""What is said of a download: the host of its address, and the hash of its file."""

import hashlib

import pytest

from ntkbench.datasets.sources.download import file_digest, host


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:secret@files.example.org:8443/a.tar.gz", "files.example.org"),
        ("http://127.0.0.1:80/a", "127.0.0.1"),
        ("nothing", "nothing"),
        ("http://[", "http://["),
    ],
)
def test_the_host_of_an_address(url, expected):
    assert host(url) == expected


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_digest_is_that_of_the_bytes(tmp_path, algorithm):
    (tmp_path / "file").write_bytes(b"content")
    expected = f"{algorithm}:{hashlib.new(algorithm, b'content').hexdigest()}"
    assert file_digest(tmp_path / "file", f"{algorithm}:00") == expected
