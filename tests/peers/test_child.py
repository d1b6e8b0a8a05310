"""The protocol: a line of JSON each way, whatever the libraries print, in a process that needs no ntkbench."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ntkbench.peers import child
from ntkbench.peers.entries import entries
from ntkbench.peers.workloads import inputs


def talk(entry, *requests: dict[str, object]) -> list[dict[str, object]]:
    """The replies to the requests; the process ends by itself when they do."""
    text = "".join(json.dumps(r) + "\n" for r in requests)
    command = [sys.executable, "-P", child.__file__, str(entry.script)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=600, check=True)
    assert "chatter of a library" in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def load(work, fake, tmp_path) -> dict[str, object]:
    np.savez(tmp_path / "inputs.npz", **inputs(work))
    request = {"workload": {"kind": work.kind, **work.params}, "inputs": str(tmp_path / "inputs.npz")}
    return {"do": "load", **request}


def test_load_call_save(load, work, fake, tmp_path) -> None:
    path = tmp_path / "result.npy"
    call = {"do": "call", "seconds": 10.0, "most": 3}
    loaded, called, saved = talk(fake("a", factor=2.0), load, call, {"do": "save", "path": str(path)})
    assert loaded == {"status": "ok", "packages": {"numpy": np.__version__}, "python": child.platform.python_version()}
    assert called["status"] == "ok"
    assert len(called["times"]) == 3
    assert all(0 < seconds < 10 for seconds in called["times"])
    assert saved == {"status": "ok", "implementation": "LU"}
    x = inputs(work)
    k = x["k_train"] + work.params["ridge"] * np.eye(len(x["k_train"]))
    np.testing.assert_allclose(np.load(path)[0], 2 * x["k_test"] @ np.linalg.inv(k) @ x["y_train"], rtol=1e-10)


def test_calls_stop_when_the_time_is_spent(load, fake) -> None:
    assert len(talk(fake("a"), load, {"do": "call", "seconds": 0.0, "most": 50})[1]["times"]) == 1


def test_a_script_may_refuse_work(load, fake) -> None:
    (reply,) = talk(fake("a", how="refuse"), load)
    assert reply == {"status": "not_applicable", "reason": "too large for this", "traceback": ""}


def test_an_error_is_a_reply_and_the_process_goes_on(load, fake) -> None:
    replies = talk(fake("a", how="memory"), load, {"do": "call", "seconds": 0.0, "most": 1}, load)
    assert [r["status"] for r in replies] == ["ok", "out_of_memory", "ok"]
    assert replies[1]["reason"] == "MemoryError: no room"
    assert "raise MemoryError" in replies[1]["traceback"]


ELSEWHERE = [entry.script for entry in entries() if entry.requirements is not None]


@pytest.mark.parametrize("file", [Path(child.__file__), *ELSEWHERE], ids=lambda path: path.stem)
def test_what_runs_in_a_peers_environment_needs_no_ntkbench(file) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        assert not [name for name in names if name.split(".")[0] == "ntkbench"], file
