"""Environments are made once, made again when their list changes, and say why they cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntkbench.peers import virtualenvs
from ntkbench.peers.entries import ENTRIES
from ntkbench.peers.rounds import compare
from ntkbench.peers.virtualenvs import SetupError, prepare


@pytest.fixture
def requirements(tmp_path) -> Path:
    folder = tmp_path / "requirements"
    folder.mkdir()
    return folder


@pytest.mark.slow
def test_an_environment_is_reused_until_its_list_changes(tmp_path, requirements) -> None:
    said: list[str] = []
    (requirements / "a.txt").write_text("# nothing\n")
    python = prepare("a", tmp_path, said.append, requirements)
    mark = tmp_path / "peer-a" / "mark"
    mark.touch()
    assert prepare("a", tmp_path, said.append, requirements) == python
    assert mark.exists()
    assert said == ["making the environment peer-a; this is done once"]
    (requirements / "a.txt").write_text("./no-such-wheel-1.0-py3-none-any.whl\n")
    with pytest.raises(SetupError, match=r"'a' could not be made: .*no-such-wheel"):
        prepare("a", tmp_path, said.append, requirements)
    assert not mark.exists()
    # What is left does not look whole.
    (requirements / "a.txt").write_text("# nothing\n")
    prepare("a", tmp_path, said.append, requirements)
    assert (tmp_path / "peer-a" / "installed").exists()


def test_a_folder_that_cannot_be_written_is_a_reason(tmp_path, requirements) -> None:
    (requirements / "a.txt").write_text("")
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="'a' could not be made"):
        prepare("a", tmp_path / "file", print, requirements)


@pytest.mark.parametrize("name", sorted({e.environment for e in ENTRIES if e.environment}))
def test_each_environment_has_a_list_that_pins_what_is_compared(name) -> None:
    text = (Path(virtualenvs.__file__).parent / "requirements" / f"{name}.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    assert all("==" in line or line == "numpy<2" for line in lines)


@pytest.mark.network
@pytest.mark.slow
def test_a_peer_runs_in_its_own_environment_without_ntkbench(tmp_path, requirements, work, fake) -> None:
    (requirements / "a.txt").write_text("numpy\n")
    python = prepare("a", tmp_path, print, requirements)
    (outcome,) = compare(work, [fake("a")], lambda entry: python, rounds=1, progress=lambda text: None)
    assert outcome.comparable, outcome.reason
