"""What is known of a data set without having it: its name, where it comes from, and the hash of its arrays."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy.typing as npt

Content = TypeVar("Content")
"""The arrays of a data set, such as `dataset.Arrays` or `collection.Tables`."""


@dataclass(frozen=True, kw_only=True)
class Identity(ABC, Generic[Content]):
    """A data set's name and origin.

    `sources` says, for people, where it comes from, in the order tried. The version changes when the arrays do. Where
    an `optional` data set cannot be had, runs that need it are not applicable; else they fail. Raises ValueError when a
    field makes no sense.
    """

    name: str
    version: str
    title: str
    licence: str
    sources: tuple[str, ...]
    needs_network: bool
    optional: bool = False

    def __post_init__(self) -> None:
        """Check the fields; the name and the version become a folder's name, so they are plain."""
        for field in ("name", "version"):
            if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", getattr(self, field)):
                raise ValueError(f"{field} {getattr(self, field)!r}: use a-z, 0-9, '.', '_' and '-'")
        if not (self.title and self.licence and self.sources):
            raise ValueError(f"{self.name}: title, licence note and sources are needed")

    @property
    @abstractmethod
    def sha256(self) -> str:
        """The one canonical hash over all arrays."""

    @property
    @abstractmethod
    def array_names(self) -> tuple[str, ...]:
        """The names of the arrays, which are the fields of the content."""

    @abstractmethod
    def made_of(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Content:
        """The content with these arrays. Raises InputError when they do not fit together."""

    @abstractmethod
    def mismatch(self, content: Content) -> str | None:
        """What in `content` is not this data set, in words; None when it is."""
