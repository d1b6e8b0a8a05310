"""The session for machines with a card: elsewhere it says so at once, and installs nothing."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
import warnings
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


class Session:
    """Stands in for nox's own: notes the commands, of which none is run."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, ...]] = []

    def log(self, text: str) -> None:
        pass

    def run(self, *words: str, **options: object) -> None:
        self.commands.append(words)


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("name", ["ntk[v2]", "50%20 #1? größe"])
def test_a_checkout_in_a_folder_of_any_name_can_be_installed(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for file in ("README.md", "LICENSE"):
        shutil.copy(ROOT / file, checkout)
    for shared in ("tasks", "results", "report"):
        (checkout / shared).symlink_to(ROOT / shared)
    folder = checkout.rename(checkout.with_name(name))
    (folder / ".nox" / "suite").mkdir(parents=True)
    session = Session()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # its sessions are known already, from another test
        install = runpy.run_path(str(folder / "noxfile.py"))["install"]
    monkeypatch.chdir(folder)  # as nox does
    for extras in (set(), {"all"}):
        install(session, extras)
        _, *words = session.commands[-1]
        command = [sys.executable, *words, "--dry-run", "--no-deps"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
