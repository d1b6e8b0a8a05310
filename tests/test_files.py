import errno
import os
from pathlib import Path

import pytest

from ntkbench.errors import InputError
from ntkbench.files import replacing, writing_into


def write(target: Path, content: bytes, then: type[BaseException] | None = None) -> None:
    with writing_into(target.parent), replacing(target) as file:
        file.write(content)
        if then is not None:
            raise then


@pytest.fixture
def target(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    return file


def test_a_block_that_ends_well_replaces_the_file(target):
    with replacing(target) as file:
        file.write(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_the_file_as_it_was(target, error):
    with pytest.raises(error):
        write(target, b"half of the n", then=error)
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_what_a_killed_process_left_is_overwritten(target):
    target.with_name("file.tmp").write_bytes(b"much that a killed process wrote")
    write(target, b"new")
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_a_full_disk_leaves_the_file_as_it_was(target, full_after):
    with full_after(1000), pytest.raises(InputError, match=r"^cannot write to "):
        write(target, b"x" * 2000)
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_an_error_of_the_system_becomes_one_line_that_says_what_to_do(tmp_path):
    with pytest.raises(InputError) as caught, writing_into(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "x"))
    assert str(caught.value) == (
        f"cannot write to {tmp_path} ({os.strerror(errno.ENOSPC)});"
        " make room or set NTKBENCH_CACHE to a folder that can be written"
    )


@pytest.mark.parametrize(("error", "reason"), [(OSError("2 of 3 written"), "2 of 3 written"), (OSError(), "OSError")])
def test_an_error_without_a_number_still_gives_a_reason(tmp_path, error, reason):
    with pytest.raises(InputError) as caught, writing_into(tmp_path):
        raise error
    assert f" ({reason}); " in str(caught.value)


def test_other_errors_pass_through(tmp_path):
    with pytest.raises(KeyError), writing_into(tmp_path):
        raise KeyError
