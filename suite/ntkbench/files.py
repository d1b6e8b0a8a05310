"""Files that are whole or not there, and files that can be appended to."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ntkbench.errors import InputError

_TEMPORARY = "tmp"


@contextmanager
def whole(target: Path, *, durable: bool = True, replace: bool = True) -> Iterator[Path]:
    """A path to write to; when the block ends well, that file takes the place of `target`, else nothing of it is left.

    Any number of processes may do so at once: each has a path of its own, and one of their files is there in the end.

    Args:
        target: The file to be; its folder exists.
        durable: Whether the content is on the disk before it has its name, so that a power cut leaves no empty file.
            That takes milliseconds: not worth it for thousands of files that can be made again.
        replace: Whether a file that is there gives way; else the new one goes.

    Yields:
        A path in the same folder, where nothing is.

    Raises:
        OSError: When the system refuses.
    """
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.{_TEMPORARY}")
    try:
        yield temporary
        if durable:
            with temporary.open("rb+") as file:
                sync(file)
        if replace:
            temporary.replace(target)
        else:
            _add(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `target` when the block ends well, as `whole` says."""
    with whole(target) as temporary, temporary.open("xb") as file:
        yield file


def write(target: Path, content: bytes | str, *, durable: bool = True) -> None:
    """Write a file, whole or not at all, as `whole` says; text in UTF-8."""
    with whole(target, durable=durable) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def remove_unfinished(target: Path) -> None:
    """Remove what killed processes left of this file. The caller sees to it that nobody is writing it."""
    prefix, suffix = f".{target.name}.", f".{_TEMPORARY}"
    for file in target.parent.iterdir():
        if file.name.startswith(prefix) and file.name.endswith(suffix):
            file.unlink(missing_ok=True)


def real(path: Path) -> Path:
    """Where a path leads, through symbolic links, whether or not something is there; one to itself stays."""
    return Path(os.path.realpath(path))


def require_appendable(path: Path) -> None:
    """Find out whether a file can be appended to, or made, and leave everything as it is.

    Raises:
        InputError: When it cannot, in one line that names it.
    """
    file = real(path)
    try:
        fresh = not file.exists()
        with file.open("ab"):
            pass
        if fresh:
            file.unlink()
    except OSError as error:
        raise InputError(f"cannot write to {path}: {error.strerror}") from error


def sync(file: IO[bytes]) -> None:
    """Force what was written to the disk, so that a rename cannot outrun the content."""
    file.flush()
    os.fsync(file.fileno())


def _add(temporary: Path, target: Path) -> None:
    """Give the finished file its name, unless another has it."""
    try:
        # A link fails where there is a file; a rename would replace it.
        os.link(temporary, target)
    except FileExistsError:
        pass
    except OSError:
        # A file system without hard links: there, a lock keeps others from naming theirs meanwhile.
        from filelock import FileLock

        with FileLock(target.with_name(f".{target.name}.lock")):
            if not target.exists():
                temporary.rename(target)
