"""A data set that is fetched once into the cache folder: verified, whole or not there, one process at a time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

import numpy as np

from ntkbench import paths
from ntkbench.datasets.cache import writing_into
from ntkbench.datasets.identity import Content, Identity
from ntkbench.datasets.progress import Progress, reporting
from ntkbench.datasets.sources.source import Source, SourceError
from ntkbench.datasets.unavailable import DatasetUnavailable
from ntkbench.errors import SystemFault
from ntkbench.files import remove_unfinished, replacing


@dataclass(frozen=True)
class Fetched(Generic[Content]):
    """A data set and its `sources`, which are asked for when they are tried, in their order, until one gives it."""

    dataset: Identity[Content]
    sources: Callable[[], Sequence[Source[Content]]]

    def path(self) -> Path:
        """The folder in the cache that holds, or will hold, one .npy file for each array."""
        return paths.cache_folder() / "datasets" / f"{self.dataset.name}-{self.dataset.version}"

    def is_cached(self) -> bool:
        """Whether all arrays are there; their content is checked when they are loaded."""
        return all(self._file(name).is_file() for name in self.dataset.array_names)

    def load(self, progress: Progress | None) -> Content:
        """The arrays, memory-mapped; fetched when missing, and fetched again when the cached copy is damaged.

        Raises DatasetUnavailable when no source gives them, SystemFault when the cache folder cannot be written.
        """
        arrays = self._read()
        if arrays is None:
            self.fetch(force=False, progress=progress)
            arrays = self._read()
        if arrays is None:
            raise SystemFault(f"{self.dataset.name}: the arrays under {self.path()} cannot be read back")
        return arrays

    def fetch(self, *, force: bool, progress: Progress | None) -> Path:
        """Make sure of the arrays in the cache and return their folder. Raises as `load` does."""
        from filelock import FileLock

        folder = self.path()
        with writing_into(folder.parent):
            folder.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            with writing_into(folder.parent):
                # The lock is released by the kernel when its holder dies, so a killed process leaves nothing locked.
                stack.enter_context(FileLock(folder.with_name(folder.name + ".lock")))
            if force or self._read() is None:
                scratch = folder.with_name(folder.name + ".partial")
                with writing_into(folder.parent):
                    scratch.mkdir(exist_ok=True)
                self._write(self._build(scratch, stack.enter_context(reporting(progress))))
                shutil.rmtree(scratch, ignore_errors=True)
        return folder

    def _build(self, scratch: Path, progress: Progress) -> Content:
        tried = []
        for source in self.sources():
            try:
                content = source.build(scratch, progress)
                fault = self.dataset.mismatch(content)
                if fault is not None:
                    raise SourceError(fault)
                return content
            except SourceError as error:
                tried.append(f"{source.label}: {error}")
        raise DatasetUnavailable(self.dataset.name, tried, self.dataset.optional)

    def _write(self, content: Content) -> None:
        with writing_into(self.path()):
            self.path().mkdir(exist_ok=True)
            for name in self.dataset.array_names:
                remove_unfinished(self._file(name))  # nobody else writes here: the caller holds the lock
                with replacing(self._file(name)) as file:
                    np.save(file, getattr(content, name))

    def _read(self) -> Content | None:
        """The cached arrays when they are there and are the pinned ones, else None."""
        try:
            # Not np.load, which takes a damaged file for a zip or a pickle.
            content = self.dataset.made_of(
                {name: np.lib.format.open_memmap(self._file(name), mode="r") for name in self.dataset.array_names}
            )
            return content if self.dataset.mismatch(content) is None else None
        # All of them: NumPy parses the header as Python, and damage makes it raise whatever the parser does.
        except Exception:
            return None

    def _file(self, name: str) -> Path:
        return self.path() / f"{name}.npy"
