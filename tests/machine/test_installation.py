"""The name of an installation."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ntkbench import paths
from ntkbench.machine import hardware
from ntkbench.machine.installation import installation


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's data folder, not there yet."""
    monkeypatch.delenv("NTKBENCH_MACHINE")
    monkeypatch.setattr(paths, "data_folder", lambda: tmp_path / "data/ntkbench")
    return tmp_path / "data/ntkbench"


def test_it_is_drawn_once_and_kept(folder: Path) -> None:
    first = installation()
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert installation() == first
    assert [file.name for file in folder.iterdir()] == ["machine"]


def test_another_folder_is_another_machine_on_the_same_hardware(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, kind = hardware.machine_id.__wrapped__(), hardware.hardware_id()
    monkeypatch.setattr(paths, "data_folder", lambda: folder.with_name("other"))
    assert hardware.machine_id.__wrapped__() != one
    assert hardware.hardware_id() == kind


def test_a_variable_takes_its_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTKBENCH_MACHINE", "node 7")
    assert installation() == "node 7"
    assert not folder.exists()


def test_processes_that_ask_first_at_once_get_one_name(tmp_path: Path) -> None:
    code = "import sys; from ntkbench.machine.installation import installation as i; sys.stdin.read(); print(i())"
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "NTKBENCH_MACHINE": ""}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    processes = [subprocess.Popen([sys.executable, "-c", code], **pipes) for _ in range(6)]
    for process in processes:
        process.stdin.close()  # all begin now
        process.stdin = None
    names = {process.communicate()[0].strip() for process in processes}
    assert len(names) == 1
    assert re.fullmatch("[0-9a-f]{32}", names.pop())


def test_where_nothing_can_be_kept_the_host_has_to_do(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("a file where the folder should be")
    assert installation() == platform.node()
