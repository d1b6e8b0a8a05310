"""A source that is a file on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from ntkbench.datasets.identity import Content
from ntkbench.datasets.progress import Progress
from ntkbench.datasets.sources.source import Reader, SourceError


@dataclass(frozen=True)
class LocalFile(Generic[Content]):
    """The file at `path`, read by `read`; its arrays tell whether it is the right one."""

    path: Path
    read: Reader[Content]

    @property
    def label(self) -> str:
        """The path."""
        return str(self.path)

    def build(self, scratch: Path, progress: Progress) -> Content:
        """Read the file."""
        try:
            with self.path.open("rb"):
                pass
        except OSError as error:
            raise SourceError(error.strerror or str(error)) from error
        return self.read(self.path, progress)
