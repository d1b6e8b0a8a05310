"""A file is whole or not there, whatever stops the writing and whoever else writes it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ntkbench.errors import InputError
from ntkbench.files import remove_unfinished, replacing, require_appendable, whole, write


@pytest.fixture
def target(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    return file


def alone(target: Path) -> bool:
    """Whether nothing is beside the file."""
    return list(target.parent.iterdir()) == [target]


def test_a_block_that_ends_well_replaces_the_file(target):
    with replacing(target) as file:
        file.write(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert alone(target)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_the_file_as_it_was(target, error):
    def fail() -> None:
        with replacing(target) as file:
            file.write(b"half of the n")
            raise error

    with pytest.raises(error):
        fail()
    assert target.read_bytes() == b"old"
    assert alone(target)


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("content", [b"\x00new", "nü"])
def test_bytes_and_text_are_written_whole(target, content, durable):
    write(target, content, durable=durable)
    assert target.read_bytes() == (content if isinstance(content, bytes) else b"n\xc3\xbc")
    assert alone(target)


@pytest.mark.parametrize("durable", [True, False])
def test_a_full_disk_leaves_the_file_as_it_was(target, full_after, durable):
    with full_after(1000), pytest.raises(OSError, match="File too large"):
        write(target, b"x" * 2000, durable=durable)
    assert target.read_bytes() == b"old"
    assert alone(target)


def test_content_is_on_the_disk_before_it_has_its_name(target, monkeypatch):
    seen = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (seen.append("on the disk"), sync(number))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (seen.append("named"), replace(self, to))[1])
    write(target, b"new")
    assert seen == ["on the disk", "named"]


def test_who_writes_at_the_same_time_has_a_file_of_its_own(target):
    with whole(target) as first, whole(target) as second:
        first.write_bytes(b"the first")
        second.write_bytes(b"the second")
    assert target.read_bytes() == b"the first"  # whose block ended last
    assert alone(target)


def test_a_file_can_be_read_by_those_who_may_read_what_this_process_writes(target):
    mask = os.umask(0o027)
    try:
        write(target, b"new")
    finally:
        os.umask(mask)
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("refusal", [None, errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK])
def test_a_file_that_is_to_stay_stays_and_where_there_is_none_the_new_one_is(tmp_path, monkeypatch, refusal):
    def no_links(*_: object) -> None:
        raise OSError(refusal, os.strerror(refusal or 0))

    if refusal is not None:
        monkeypatch.setattr(os, "link", no_links)
    for content in (b"first", b"second"):
        with whole(tmp_path / "file", replace=False) as path:
            path.write_bytes(content)
    assert (tmp_path / "file").read_bytes() == b"first"
    assert not list(tmp_path.glob(".*.tmp"))


def test_what_killed_processes_left_of_a_file_is_removed_and_nothing_else(target):
    killed = whole(target)
    left = killed.__enter__()
    left.write_bytes(b"much that a killed process wrote")
    other = target.with_name(".file2.0.tmp")
    other.touch()
    remove_unfinished(target)
    assert sorted(target.parent.iterdir()) == [other, target]


def test_a_file_that_can_be_appended_to_is_left_as_it_is(target):
    require_appendable(target)
    assert target.read_bytes() == b"old"
    require_appendable(target.with_name("another"))
    assert alone(target)


def test_what_cannot_be_appended_to_is_named(target):
    for path in (target.parent, target / "below", target.parent / "none" / "file"):
        with pytest.raises(InputError, match=rf"^cannot write to {path}: \w+"):
            require_appendable(path)
    assert alone(target)
