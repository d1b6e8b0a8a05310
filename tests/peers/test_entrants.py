"""What the entrants of other libraries compute, where that can be had in passing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.peers.entries import entries
from ntkbench.peers.rounds import compare
from ntkbench.peers.workloads import WORKLOADS


@pytest.mark.network
@pytest.mark.slow
def test_scikit_ntk_computes_the_ntk_of_ours(tmp_path, monkeypatch) -> None:
    (entry,) = (entry for entry in entries() if entry.name == "scikit-ntk")
    (wanted, *_) = entry.requirements.read_text().splitlines()
    # All that it needs is here.
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path), wanted]
    subprocess.run(pip, check=True, capture_output=True)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (work,) = (w.shrunk() for w in WORKLOADS if w.name == "fc")
    for cross in (False, True):
        work = replace(work, params={**work.params, "depth": 4, "cross": cross})
        (found,) = compare(work, [entry], lambda _: Path(sys.executable), rounds=1, progress=lambda text: None)
        assert found.comparable, found.reason or found.fault
        assert found.errors.elsewhere < 1e-5
        assert found.packages["scikit-ntk"] == "1.2.1"
