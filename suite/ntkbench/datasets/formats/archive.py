"""Reading members out of a gzipped tar file in one pass, one member in memory at a time."""

from __future__ import annotations

import tarfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ntkbench.datasets.progress import Progress
from ntkbench.datasets.sources.source import SourceError

MEMBER_LIMIT = 64 * 2**20
"""The bytes that a member may have; the largest real one has 47 MB."""


def members(archive: Path, wanted: Collection[str], progress: Progress) -> Iterator[tuple[str, bytes]]:
    """Pairs (file name, content) of the `wanted` files, in the archive's own order; nothing is written to disk.

    Folders inside the archive are ignored. Raises SourceError when the archive cannot be read, and at the end when a
    wanted file was not in it.
    """
    missing = set(wanted)
    total = archive.stat().st_size
    with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r|gz") as tar:
        for member in tar:
            name = PurePosixPath(member.name).name
            if name not in missing or not member.isfile():
                continue
            content = tar.extractfile(member)
            if content is None or member.size > MEMBER_LIMIT:
                raise SourceError(f"{name} in {archive.name} is too large ({member.size} bytes)")
            missing.discard(name)
            yield name, content.read()
            progress(f"unpacking {archive.name}", file.tell(), total)
    if missing:
        raise SourceError(f"{archive.name} lacks {', '.join(sorted(missing))}")


@contextmanager
def unpacking(archive: Path) -> Iterator[None]:
    """Turn whatever a damaged archive makes the decoders raise into a SourceError."""
    try:
        yield
    except SourceError:
        raise
    # All of them: the decoders of tar, gzip, PNG, JSON and NumPy raise what they stumble over, even TypeError,
    # IndexError and SyntaxError.
    except Exception as error:
        raise SourceError(f"cannot read {archive.name} ({str(error) or type(error).__name__})") from error
