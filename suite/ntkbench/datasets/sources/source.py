"""Where a data set can come from: anything that builds its arrays or says in one line why it could not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from ntkbench.datasets.identity import Content
from ntkbench.datasets.progress import Progress

Reader = Callable[[Path, Progress], Content]
"""Reads a data set out of a file, or a folder, that was downloaded; raises SourceError when that is not possible."""

Content_co = TypeVar("Content_co", covariant=True)


class SourceError(Exception):
    """This source cannot give the data; the message is a short reason, and the next source is tried."""


class Source(Protocol[Content_co]):
    """One way to have a data set."""

    @property
    def label(self) -> str:
        """What people call it, such as a host or a package."""

    def build(self, scratch: Path, progress: Progress) -> Content_co:
        """The arrays, built in memory; files go into `scratch`, an existing folder that this process has locked.

        `scratch` outlives a failure, so that a later attempt can resume. Raises SourceError; raises SystemFault when
        `scratch` cannot be written.
        """
