"""Sources on a web server: one archive, or several files of one folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Generic
from urllib.parse import urlsplit

from ntkbench.datasets.cache import writing_into
from ntkbench.datasets.identity import Content
from ntkbench.datasets.progress import Progress
from ntkbench.datasets.sources.download import DEFAULT_POLICY, Policy, download, host
from ntkbench.datasets.sources.source import Reader, SourceError


@dataclass(frozen=True)
class HttpArchive(Generic[Content]):
    """The archive at `url`, read by `read`.

    Its content has the hash `digest` ("md5:..." or "sha256:..."); None where only the arrays can tell, as they do of a
    copy that somebody else packed.
    """

    url: str
    digest: str | None
    read: Reader[Content]
    policy: Policy = DEFAULT_POLICY

    @property
    def label(self) -> str:
        """The host, or the whole address when it has none."""
        return host(self.url)

    def build(self, scratch: Path, progress: Progress) -> Content:
        """Download the archive into `scratch`, or take up a download where it stopped, and read it."""
        target = scratch / (PurePosixPath(_path(self.url)).name or "archive")
        download(self.url, target, digest=self.digest, progress=progress, policy=self.policy)
        return self.read(target, progress)


@dataclass(frozen=True)
class HttpFiles(Generic[Content]):
    """Files in the folder at `url`, read together by `read`, which gets the folder that they were put into.

    `digests` has the hash of each file by its name, None as for `HttpArchive`.
    """

    url: str
    digests: Mapping[str, str | None]
    read: Reader[Content]
    policy: Policy = DEFAULT_POLICY

    @property
    def label(self) -> str:
        """The host, or the whole address when it has none."""
        return host(self.url)

    def build(self, scratch: Path, progress: Progress) -> Content:
        """Download the files into `scratch`, or take up downloads where they stopped, and read them."""
        folder = scratch / "files"
        with writing_into(folder):
            folder.mkdir(exist_ok=True)
        for name, digest in self.digests.items():
            address = f"{self.url.rstrip('/')}/{name}"
            try:
                download(address, folder / name, digest=digest, progress=progress, policy=self.policy)
            except SourceError as error:
                raise SourceError(f"{name}: {error}") from error
        return self.read(folder, progress)


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:  # download says what is wrong with it
        return ""
