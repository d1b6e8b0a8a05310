import gzip
import io
import tarfile
from pathlib import Path

import pytest

from ntkbench.datasets.formats import archive
from ntkbench.datasets.formats.archive import members, unpacking
from ntkbench.datasets.sources.source import SourceError

FILES = {"b": b"second letter", "a": b"first letter" * 1000, "other": b"not asked for"}


@pytest.fixture
def read(tmp_path: Path):
    """The wanted members of an archive with this content; the calls of the progress callback go into `told`."""

    def call(content: bytes, wanted: list[str], told: list | None = None) -> list[tuple[str, bytes]]:
        file = tmp_path / "files.tar.gz"
        file.write_bytes(content)
        with unpacking(file):
            return list(members(file, wanted, lambda *a: told.append(a) if told is not None else None))

    return call


def test_wanted_members_come_in_the_archives_order_whatever_their_folder(read, packed):
    assert read(packed(FILES), ["a", "b"]) == [("b", FILES["b"]), ("a", FILES["a"])]


def test_nothing_is_written_even_when_a_member_names_a_place_outside(read, packed, tmp_path):
    assert read(packed({"../../escaped": b"x", "/tmp/absolute": b"y"}), ["escaped", "absolute"]) == [
        ("escaped", b"x"),
        ("absolute", b"y"),
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["files.tar.gz"]
    assert not (tmp_path.parent / "escaped").exists()


def test_missing_members_are_all_named(read, packed):
    with pytest.raises(SourceError) as caught:
        read(packed(FILES), ["z", "a", "y"])
    assert str(caught.value) == "files.tar.gz lacks y, z"


def test_a_link_in_the_place_of_a_member_does_not_count(read):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        link = tarfile.TarInfo("folder/a")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(SourceError, match=r"lacks a$"):
        read(buffer.getvalue(), ["a"])


def test_a_member_beyond_the_limit_is_refused(read, packed, monkeypatch):
    monkeypatch.setattr(archive, "MEMBER_LIMIT", 100)
    with pytest.raises(SourceError, match=r"^a in files\.tar\.gz is too large \(12000 bytes\)$"):
        read(packed(FILES), ["a"])


def test_progress_counts_the_archives_bytes(read, packed):
    told: list = []
    content = packed({str(i): bytes(1000) for i in range(3)})
    read(content, ["0", "1", "2"], told)
    assert [what for what, _, _ in told] == ["unpacking files.tar.gz"] * 3
    assert {total for _, _, total in told} == {len(content)}
    assert all(0 < done <= len(content) for _, done, _ in told)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x1f",
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
        b"<html>this is not the file you asked for</html>" * 100,
        gzip.compress(b"", mtime=0),
        gzip.compress(b"not a tar file" * 100, mtime=0),
    ],
)
def test_what_is_no_archive_is_a_failure_of_the_source(read, content):
    with pytest.raises(SourceError, match=r"files\.tar\.gz"):
        read(content, ["a"])


def test_an_archive_truncated_anywhere_is_a_failure_of_the_source(read, packed):
    whole = packed({"a": bytes(range(256)), "b": b"last"})
    for size in range(len(whole)):
        try:
            found = read(whole[:size], ["a", "b"])
        except SourceError:
            continue
        # Only the padding after the last member may be missing.
        assert found == [("a", bytes(range(256))), ("b", b"last")]


def test_an_interrupt_passes_through(tmp_path):
    with pytest.raises(KeyboardInterrupt), unpacking(tmp_path / "x"):
        raise KeyboardInterrupt


def test_a_decoders_error_without_words_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"^cannot read x\.tgz \(EOFError\)$"), unpacking(tmp_path / "x.tgz"):
        raise EOFError
