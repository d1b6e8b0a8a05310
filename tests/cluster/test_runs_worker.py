"""What a Dask worker leaves to the processes of its runs."""

from __future__ import annotations

import os

import psutil
import pytest

from ntkbench.cluster.runs_worker import let_processes_start

pytest.importorskip("distributed")

# What the worker has, what its user had set, and what its runs get.
CASES = [
    ("1", None, None),  # set by the nanny alone
    ("1", "1", "1"),
    ("4", None, "4"),  # set by whoever started the nanny from within Python
    (None, None, None),
]


@pytest.mark.parametrize(("here", "given", "left"), CASES)
def test_runs_get_the_threads_that_the_user_lets_them_have(
    here: str | None, given: str | None, left: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
        if here is not None:
            monkeypatch.setenv(name, here)
    user = {} if given is None else dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), given)
    monkeypatch.setattr(psutil.Process, "environ", lambda self: user)
    let_processes_start()
    assert {os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")} == {left}
