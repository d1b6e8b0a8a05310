"""A source that is one file on a web server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from ntkbench.datasets.dataset import Arrays
from ntkbench.datasets.progress import Progress
from ntkbench.datasets.sources.download import DEFAULT_POLICY, Policy, download, host
from ntkbench.datasets.sources.source import Reader


@dataclass(frozen=True)
class HttpArchive:
    """The archive at `url`, whose content has the hash `digest` ("md5:..." or "sha256:..."), read by `read`.

    `url_variable` names an environment variable that, when set, gives another address for the same file.
    """

    url: str
    digest: str
    read: Reader
    url_variable: str | None = None
    policy: Policy = DEFAULT_POLICY

    @property
    def address(self) -> str:
        """The address in use: the environment variable's, else `url`."""
        return (os.environ.get(self.url_variable) if self.url_variable else None) or self.url

    @property
    def label(self) -> str:
        """The host, or the whole address when it has none."""
        return host(self.address)

    def build(self, scratch: Path, progress: Progress) -> Arrays:
        """Download the archive into `scratch`, or take up a download where it stopped, and read it."""
        target = scratch / PurePosixPath(urlsplit(self.url).path).name
        download(self.address, target, digest=self.digest, progress=progress, policy=self.policy)
        return self.read(target, progress)
