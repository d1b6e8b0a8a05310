"""Runs one peer's script in that peer's own Python, which need not have ntkbench: standard library and NumPy alone.

`python -P child.py SCRIPT [WORD...]` reads requests and writes replies, a line of JSON each. A request is an object
with "do": "load" (workload, inputs), "call" (seconds, most), "save" (path); the end of the requests is the end of the
process. A reply is an object with "status": "ok", or "error", "out_of_memory" or "not_applicable" with a reason and a
traceback.

A script is a file of entrants/. It has NAME; KINDS, the kinds of work that it does; PACKAGES, the distributions whose
versions matter; and `prepare(workload, arrays)`, which gives a function without arguments. A call of it does the work,
waits for it, and returns an array or a tuple of arrays. A script may have `implementation()`, a text, and
`refuses(workload, arrays)`, why it does not do this work here, or "". It finds the words behind it in `sys.argv`. What
it needs is imported inside these functions: our own process reads the names, and does not have the libraries.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
import time
import traceback
from pathlib import Path
from typing import Any

_TRACEBACK_LINES = 12


class NotApplicableError(Exception):
    """A script does not do a kind of work here, for a reason that it gives."""


class Session:
    """The script, the work that is loaded, and its last result."""

    def __init__(self, script: str) -> None:
        spec = importlib.util.spec_from_file_location("script", script)
        assert spec is not None
        assert spec.loader is not None
        self._script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self._script)
        self._call: Any = None
        self._result: Any = None

    def load(self, workload: dict[str, Any], inputs: str) -> dict[str, Any]:
        """Get ready for the work: import the libraries, hand them the arrays."""
        import numpy as np

        with np.load(inputs) as file:
            arrays = {name: file[name] for name in file.files}
        refuses = getattr(self._script, "refuses", None)
        reason = refuses(workload, arrays) if refuses is not None else ""
        if reason:
            raise NotApplicableError(reason)
        self._call = self._script.prepare(workload, arrays)
        packages = {name: importlib.metadata.version(name) for name in self._script.PACKAGES}
        return {"packages": packages, "python": platform.python_version()}

    def call(self, seconds: float, most: int) -> dict[str, Any]:
        """Do the work until `seconds` are spent, at least once and at most `most` times.

        "working" is by how many bytes the resident memory rose above what it was before, None where that is not known.
        """
        self._result = None
        before = _resident("VmRSS") if _reset_peak() else None
        times: list[float] = []
        while not times or (sum(times) < seconds and len(times) < most):
            self._result = None  # two results at once would double the memory
            start = time.perf_counter()
            self._result = self._call()
            times.append(time.perf_counter() - start)
        peak = _resident("VmHWM")
        working = max(peak - before, 0) if peak is not None and before is not None else None
        return {"times": times, "peak": peak, "working": working}

    def save(self, path: str) -> dict[str, Any]:
        """Write the last result, its arrays stacked."""
        import numpy as np

        parts = self._result if isinstance(self._result, tuple) else (self._result,)
        arrays = [np.asarray(part) for part in parts]
        if not arrays or any(array.dtype.kind not in "fiu" for array in arrays):
            raise TypeError(
                f"its result is {type(self._result).__name__}, not an array of real numbers or a tuple of them"
            )
        if len({array.shape for array in arrays}) > 1:
            raise ValueError(f"its arrays are of shapes {', '.join(str(array.shape) for array in arrays)}, not of one")
        np.save(path, np.stack(arrays))
        named = getattr(self._script, "implementation", None)
        return {"implementation": named() if named is not None else ""}


def main(script: str) -> None:
    """Answer requests until there are no more."""
    # What libraries print must not get among the replies.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    session: Session | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            session = session or Session(script)
            reply = {"status": "ok", **getattr(session, request.pop("do"))(**request)}
        except (Exception, SystemExit) as error:
            reply = _failure(error)
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _failure(error: BaseException) -> dict[str, Any]:
    if isinstance(error, NotApplicableError):
        return {"status": "not_applicable", "reason": str(error), "traceback": ""}
    memory = isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)
    first = str(error).strip().partition("\n")[0][:500]
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return {
        "status": "out_of_memory" if memory else "error",
        "reason": f"{type(error).__name__}: {first}",
        "traceback": "\n".join(line[:500] for line in lines[-_TRACEBACK_LINES:]),
    }


def _reset_peak() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _resident(field: str) -> int | None:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return None


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    main(sys.argv[0])
