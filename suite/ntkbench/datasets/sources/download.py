"""One file over HTTP: resumed where it stopped, checked against its hash, in place only when whole.

The caller holds a lock on the target's folder, so one process at a time works on a file.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ntkbench.datasets.cache import writing_into
from ntkbench.datasets.progress import Progress
from ntkbench.datasets.sources.source import SourceError
from ntkbench.errors import SystemFault
from ntkbench.files import sync

if TYPE_CHECKING:
    from requests import Response, Session

# Bytes. Of a request that breaks off, what came of its last chunk is lost, so chunks are small.
_CHUNK = 2**14


@dataclass(frozen=True)
class Policy:
    """How patient a download is; times in seconds.

    `idle_attempts`: how many requests in a row may bring nothing before it gives up (2: an unreachable server is tried
    twice). `requests`: how many requests one file may take in all, however much each brings.
    """

    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    idle_attempts: int = 2
    requests: int = 20
    backoff: float = 0.5


DEFAULT_POLICY = Policy()


class _Interruption(Exception):  # noqa: N818  (not yet an error: it is retried)
    """This request failed in a way that another one may mend."""


def download(
    url: str, target: Path, *, digest: str | None, progress: Progress, policy: Policy = DEFAULT_POLICY
) -> None:
    """Put the file at `url`, whose hash is `digest` ("md5:..." or "sha256:..." in hex), at `target`.

    What an earlier call left in the .part file is taken up. Content with another hash is deleted and asked for once
    more from the start. Where `digest` is None, nothing tells whether what is left is of this file, so all is fetched.
    Raises SourceError when the server cannot give the file; raises SystemFault when the folder cannot be written.
    """
    part = target.with_name(target.name + ".part")
    if digest is None:
        with writing_into(part.parent):
            part.unlink(missing_ok=True)
            _complete(url, part, progress, policy)
            part.replace(target)
        return
    if target.exists() and file_digest(target, digest) == digest:
        return
    found = ""
    for _ in range(2):
        _complete(url, part, progress, policy)
        found = file_digest(part, digest)
        with writing_into(part.parent):
            if found == digest:
                part.replace(target)
                return
            part.unlink()
    raise SourceError(f"the file has {found}, not {digest}")


def host(url: str) -> str:
    """The host of an address, or the whole address when it has none."""
    # Not netloc: that may carry a password, and this text is printed.
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def file_digest(path: Path, like: str) -> str:
    """The hash of a file in the form of `like`, such as "md5:0123..."."""
    algorithm = like.partition(":")[0]
    with path.open("rb") as file:
        # Integrity, not security: the arrays have SHA-256 hashes of their own.
        found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return f"{algorithm}:{found.hexdigest()}"


def _complete(url: str, part: Path, progress: Progress, policy: Policy) -> None:
    """Ask for the rest of `part` until the server has sent all of it."""
    import requests

    idle, reason = 0, ""
    with requests.Session() as session:
        for attempt in range(policy.requests):
            if attempt:
                time.sleep(policy.backoff * 2**idle)
            before = _size(part)
            try:
                _receive(session, url, part, progress, policy)
                return
            except _Interruption as error:
                reason = str(error)
            idle = 0 if _size(part) > before else idle + 1
            if idle >= policy.idle_attempts:
                break
    raise SourceError(reason)


def _receive(session: Session, url: str, part: Path, progress: Progress, policy: Policy) -> None:
    """One request: append what is missing of `part`. Raises _Interruption or SourceError."""
    import requests

    have = _size(part)
    # Identity: a server may otherwise label a .tar.gz as an encoding, to be undone on the way.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    timeout = (policy.connect_timeout, policy.read_timeout)
    try:
        with session.get(url, headers=headers, stream=True, timeout=timeout) as response:
            _store(response, url, part, have, progress)
    except SystemFault:
        raise
    # Not RequestException alone: a bad host name or a missing certificate file comes as urllib3's or Python's error.
    except (OSError, ValueError) as error:
        kind = _Interruption if isinstance(error, requests.ConnectionError | requests.Timeout) else SourceError
        raise kind(_reason(error)) from error


def _store(response: Response, url: str, part: Path, have: int, progress: Progress) -> None:
    """Write a response's body to `part`, of which there are `have` bytes already."""
    import requests

    status = response.status_code
    if status == 416 and have:
        return  # nothing is left to send: the part is whole, or not this file, and its hash will tell
    if status >= 500 or status == 429:
        raise _Interruption(f"HTTP {status} {response.reason}")
    if status not in (200, 206):
        raise SourceError(f"HTTP {status} {response.reason}")
    if status == 200:
        have = 0  # the server does not resume
    length = response.headers.get("Content-Length", "")
    total = have + int(length) if length.isdigit() else None
    what = f"downloading {part.name.removesuffix('.part')} from {host(url)}"
    done = have
    with writing_into(part.parent), part.open("ab" if have else "wb") as file:
        progress(what, done, total)
        try:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                progress(what, done, total)
        except requests.RequestException as error:
            raise _Interruption(_reason(error)) from error
        finally:
            sync(file)
    if total is not None and done < total:
        raise _Interruption(f"the connection closed after {done} of {total} bytes")


def _reason(error: BaseException) -> str:
    """The innermost cause of a failed request, in a few words: requests wraps urllib3 wraps the socket's error."""
    import requests

    if isinstance(error, requests.Timeout):
        return "timed out"
    while True:
        inner = error.__cause__ or error.__context__ or getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            break
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
