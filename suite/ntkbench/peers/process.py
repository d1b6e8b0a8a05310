"""Our end of a peer's process: ask, and wait for the answer no longer than agreed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ntkbench.peers.entries import Entry

_CHILD = Path(__file__).with_name("child.py")
# Threads that spin while they wait would take time from whoever's turn it is; no peer needs to look for a GPU.
_SETTINGS = {"GOMP_SPINCOUNT": "1000", "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}


class PeerError(RuntimeError):
    """What went wrong with a peer, as the fields of a record: status, reason, traceback."""

    def __init__(self, status: str, reason: str, traceback: str = "") -> None:
        super().__init__(reason)
        self.status, self.reason, self.traceback = status, reason, traceback


class Peer:
    """An entry's running process. What its libraries print goes to `log`; `double` lets JAX compute in float64."""

    def __init__(self, entry: Entry, python: Path, log: IO[bytes], *, double: bool = False) -> None:
        self.entry = entry
        try:
            self._process = subprocess.Popen(
                # -P: nothing beside the script may pass for a library of its name.
                [str(python), "-P", str(_CHILD), str(entry.script), *entry.words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **_SETTINGS, **({"JAX_ENABLE_X64": "1"} if double else {})},
            )
        except OSError as error:
            raise PeerError("error", f"no process could be started: {error}") from error

    def ask(self, do: str, timeout: float, **request: Any) -> Mapping[str, Any]:
        """The reply to a request. Raises PeerError for a bad one, or none in `timeout` seconds."""
        self.send(do, **request)
        return self.answer(timeout)

    def send(self, do: str, **request: Any) -> None:
        """Send a request; `answer` waits for its reply."""
        assert self._process.stdin is not None
        # A process that has gone is noticed when its answer does not come.
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self._process.stdin.flush()

    def answer(self, timeout: float) -> Mapping[str, Any]:
        """The reply to the oldest request without one. Raises PeerError as `ask` does."""
        assert self._process.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(timeout, give_up)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if late.is_set():
            raise PeerError("timeout", f"no answer in {timeout:g} s")
        if not line.endswith("\n"):
            code = self._process.wait()
            how = f"signal {-code}" if code < 0 else f"exit status {code}"
            memory = "; the system may have run out of memory" if code == -9 else ""
            raise PeerError("killed", f"its process ended with {how}{memory}")
        reply: dict[str, Any] = json.loads(line)
        if reply["status"] != "ok":
            raise PeerError(reply["status"], reply["reason"], reply["traceback"])
        return reply

    def stop(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                # What it did not read any more cannot be flushed.
                with contextlib.suppress(OSError):
                    pipe.close()
