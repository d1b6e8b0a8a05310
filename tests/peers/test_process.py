"""Our end of a worker: an answer in time, or the reason why there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ntkbench.peers.process import Peer, PeerError
from ntkbench.peers.workloads import inputs


@pytest.fixture
def start(work, fake, tmp_path) -> Iterator:
    np.savez(tmp_path / "inputs.npz", **inputs(work))
    started = []

    def start(**options: str) -> Peer:
        with (tmp_path / "log").open("ab") as log:
            peer = Peer(fake("a", **options), Path(sys.executable), log)
        started.append(peer)
        request = {"workload": {"kind": work.kind, **work.params}, "inputs": str(tmp_path / "inputs.npz")}
        peer.ask("load", 60.0, **request)
        return peer

    yield start
    for peer in started:
        peer.stop()


def test_a_call_is_answered(start) -> None:
    assert len(start().ask("call", 60.0, seconds=0.0, most=1)["times"]) == 1


def test_a_call_that_takes_too_long_ends_its_process(start) -> None:
    peer = start(how="hang")
    with pytest.raises(PeerError, match=r"^no answer in 0\.2 s$") as caught:
        peer.ask("call", 0.2, seconds=0.0, most=1)
    assert caught.value.status == "timeout"
    with pytest.raises(PeerError, match="signal 9") as caught:
        peer.ask("call", 60.0, seconds=0.0, most=1)
    assert caught.value.status == "killed"


def test_an_error_has_its_traceback(start) -> None:
    with pytest.raises(PeerError, match=r"^MemoryError: no room$") as caught:
        start(how="memory").ask("call", 60.0, seconds=0.0, most=1)
    assert caught.value.status == "out_of_memory"
    assert 'raise MemoryError("no room")' in caught.value.traceback


def test_a_stopped_process_can_be_stopped_again(start) -> None:
    peer = start()
    peer.stop()
    peer.stop()
