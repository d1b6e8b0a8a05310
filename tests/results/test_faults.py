"""Which refusals are the machine's, and which what was asked."""

from __future__ import annotations

import errno
import os

import duckdb
import pytest

from ntkbench.errors import InputError, SystemFault
from ntkbench.results.faults import refusal

KINDS = [
    (errno.ENOSPC, SystemFault),
    (errno.EDQUOT, SystemFault),
    (errno.EFBIG, SystemFault),
    (errno.EIO, SystemFault),
    (errno.EACCES, InputError),
    (errno.ENOENT, InputError),
    (errno.EISDIR, InputError),
    (errno.EROFS, InputError),
]


@pytest.mark.parametrize(("number", "kind"), KINDS, ids=[errno.errorcode[number] for number, _ in KINDS])
def test_a_full_disk_is_the_machines_fault_and_a_path_that_cannot_be_is_not(number: int, kind: type) -> None:
    text = os.strerror(number)
    for error in (OSError(number, text), duckdb.IOException(f'IO Error: Could not write file "a": {text}\nmore')):
        found = refusal("cannot write to a", error)
        assert type(found) is kind
        assert str(found).startswith("cannot write to a: ")
        assert text in str(found)
        assert "\n" not in str(found)


def test_what_the_system_says_without_a_number_is_kept() -> None:
    assert str(refusal("cannot read a", OSError("odd"))) == "cannot read a: odd"
