"""The session for machines with a card: elsewhere it says so at once, and installs nothing."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from ntkbench.machine.cuda import driver

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("words", [["gpu"], ["reproduce", "--", "--device", "cuda", "--tier", "paper"]])
def test_without_a_card_the_session_fails_in_one_line_and_installs_nothing(checkout: Path, words: list[str]) -> None:
    fault = driver().fault
    if not fault:
        pytest.skip("there is a card")
    done = subprocess.run(
        [sys.executable, "-m", "nox", "-s", *words], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "no CUDA card to run on: " + fault in line]
    assert "Traceback" not in done.stderr
    assert not (checkout / ".nox" / "suite").exists()


def test_the_question_for_a_card_needs_nothing_that_is_not_python_s_own() -> None:
    question = runpy.run_path(str(ROOT / "noxfile.py"))["CARD_FAULT"]
    command = [sys.executable, "-I", "-S", "-c", question, str(ROOT / "suite")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, driver().fault + "\n", "")
