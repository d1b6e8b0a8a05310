"""Environments are made once, made again when their list changes, and say why they cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntkbench.peers.entries import entries
from ntkbench.peers.rounds import compare
from ntkbench.peers.virtualenvs import SetupError, prepare


@pytest.fixture
def requirements(tmp_path) -> Path:
    """A list of packages."""
    return tmp_path / "a.txt"


@pytest.mark.slow
def test_an_environment_is_reused_until_its_list_changes(tmp_path, requirements) -> None:
    said: list[str] = []
    requirements.write_text("# nothing\n")
    python = prepare(requirements, tmp_path, said.append)
    mark = tmp_path / "peer-a" / "mark"
    mark.touch()
    assert prepare(requirements, tmp_path, said.append) == python
    assert mark.exists()
    assert said == ["making the environment peer-a; this is done once"]
    requirements.write_text("./no-such-wheel-1.0-py3-none-any.whl\n")
    with pytest.raises(SetupError, match=r"'a' could not be made: .*no-such-wheel"):
        prepare(requirements, tmp_path, said.append)
    assert not mark.exists()
    # What is left does not look whole.
    requirements.write_text("# nothing\n")
    prepare(requirements, tmp_path, said.append)
    assert (tmp_path / "peer-a" / "installed").exists()


def test_a_folder_of_something_else_stays(tmp_path, requirements) -> None:
    requirements.write_text("")
    (tmp_path / "peer-a").mkdir()
    (tmp_path / "peer-a" / "notes.md").write_text("mine")
    with pytest.raises(SetupError, match="peer-a holds something else"):
        prepare(requirements, tmp_path, print)
    assert (tmp_path / "peer-a" / "notes.md").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_a_reason(tmp_path, requirements) -> None:
    requirements.write_text("")
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="'a' could not be made"):
        prepare(requirements, tmp_path / "file", print)


@pytest.mark.parametrize("file", [e.requirements for e in entries() if e.requirements], ids=lambda file: file.stem)
def test_each_list_pins_what_is_compared(file) -> None:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    assert all("==" in line or line == "numpy<2" for line in lines)


@pytest.mark.network
@pytest.mark.slow
def test_a_peer_runs_in_its_own_environment_without_ntkbench(tmp_path, requirements, work, fake) -> None:
    requirements.write_text("numpy\n")
    python = prepare(requirements, tmp_path, print)
    (outcome,) = compare(work, [fake("a")], lambda entry: python, rounds=1, progress=lambda text: None)
    assert outcome.comparable, outcome.reason
