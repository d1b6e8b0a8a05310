"""What a worker says of a run that fails: a status, a reason of one line, and the end of the traceback."""

from __future__ import annotations

import threading

import pytest

from ntkbench.backends import open_backend
from ntkbench.errors import InputError
from ntkbench.running import worker
from ntkbench.running.messages import Finished, decode, encode


class Unspeakable(Exception):
    def __init__(self) -> None:
        super().__init__()
        self.handle = threading.Lock()  # cannot be pickled

    def __str__(self) -> str:
        raise RuntimeError("no message")


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ValueError("it went wrong"), "error", "ValueError: it went wrong"),
        (ValueError(), "error", "ValueError"),
        (InputError("one clear line"), "error", "one clear line"),
        (MemoryError("no room"), "out_of_memory", "MemoryError: no room"),
        (Unspeakable(), "error", "Unspeakable"),
        (SystemExit(0), "error", "SystemExit: 0"),
        (KeyboardInterrupt(), "error", "KeyboardInterrupt"),
    ],
)
def test_a_failure_has_a_status_and_a_reason_of_one_line(error: BaseException, status: str, reason: str) -> None:
    failure = worker._failure(raised(error), open_backend("numba"))
    assert (failure.status, failure.reason) == (status, reason)
    assert "raise error" in failure.traceback
    assert decode(encode(Finished(failure))) == Finished(failure)


def test_a_failure_before_there_is_a_backend_has_a_status_too() -> None:
    assert worker._failure(raised(MemoryError()), None).status == "out_of_memory"
    assert worker._failure(raised(ValueError()), None).status == "error"


def test_what_a_backend_calls_out_of_memory_is_that() -> None:
    class Device:
        def is_out_of_memory(self, error: BaseException) -> bool:
            return "RESOURCE_EXHAUSTED" in str(error)

    assert worker._failure(raised(RuntimeError("RESOURCE_EXHAUSTED: 8 GiB")), Device()).status == "out_of_memory"
    assert worker._failure(raised(Unspeakable()), Device()).status == "error"


def test_the_traceback_is_its_last_lines_and_these_are_cut() -> None:
    def deep(n: int) -> None:
        if n % 2:
            deep(n - 1)
        if n:  # in two places, so that frames are not folded
            deep(n - 1)
        raise ValueError("x" * 1_000_000)

    try:
        deep(20)
    except ValueError as error:
        failure = worker._failure(error, None)
    lines = failure.traceback.splitlines()
    assert len(lines) == 12
    assert lines[-1].startswith("ValueError: xxx")
    assert len(failure.traceback) < 10_000
    assert len(failure.reason) < 1_000
