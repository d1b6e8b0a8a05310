from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench import paths
from ntkbench.backends import environment
from ntkbench.machine import provenance
from ntkbench.machine.hardware import machine_id
from ntkbench.machine.provenance import environment_id


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """The commit of a checkout in tmp_path/clone, asked anew at each call."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setattr(paths, "checkout", lambda: tmp_path / "clone")

    def ask() -> str:
        provenance.commit.cache_clear()
        return provenance.commit()

    yield ask
    provenance.commit.cache_clear()


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, "-C", folder, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(folder: Path) -> str:
    (folder / "tasks").mkdir(parents=True)
    (folder / "tasks/task.py").write_text("x = 1\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    return git(folder, "rev-parse", "HEAD")


def test_the_commit_is_that_of_the_checkout(tmp_path: Path, commit: Callable[[], str]) -> None:
    head = repository(tmp_path / "clone")
    assert re.fullmatch("[0-9a-f]{40}", head)
    assert commit() == head


def test_a_tag_does_not_take_the_commits_place(tmp_path: Path, commit: Callable[[], str]) -> None:
    head = repository(tmp_path / "clone")
    git(tmp_path / "clone", "tag", "-a", "v1", "-m", "one")
    assert commit() == head


@pytest.mark.parametrize("staged", [False, True])
def test_changed_files_show_in_the_commit(staged: bool, tmp_path: Path, commit: Callable[[], str]) -> None:
    head = repository(tmp_path / "clone")
    (tmp_path / "clone/tasks/task.py").write_text("x = 2\n")
    if staged:
        git(tmp_path / "clone", "add", ".")
    assert commit() == f"{head}+changes"


def test_a_new_task_is_a_change_and_notes_beside_the_code_are_none(tmp_path: Path, commit: Callable[[], str]) -> None:
    head = repository(tmp_path / "clone")
    (tmp_path / "clone/notes.txt").write_text("")
    assert commit() == head
    (tmp_path / "clone/tasks/new.py").write_text("")
    assert commit() == f"{head}+changes"


def test_a_file_touched_but_not_changed_is_no_change(tmp_path: Path, commit: Callable[[], str]) -> None:
    head = repository(tmp_path / "clone")
    os.utime(tmp_path / "clone/tasks/task.py", (1, 1))
    assert commit() == head


def test_a_checkout_without_a_repository_has_no_commit(tmp_path: Path, commit: Callable[[], str]) -> None:
    (tmp_path / "clone").mkdir()
    assert commit() == ""


def test_the_commit_of_a_repository_around_the_checkout_is_not_the_checkouts(
    tmp_path: Path, commit: Callable[[], str]
) -> None:
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone" / "pyproject.toml").write_text("")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "another project")
    assert commit() == ""


def test_a_repository_without_a_commit_has_none(tmp_path: Path, commit: Callable[[], str]) -> None:
    (tmp_path / "clone").mkdir()
    git(tmp_path / "clone", "init", "--quiet")
    assert commit() == ""


def test_without_git_there_is_no_commit(
    tmp_path: Path, commit: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path / "clone")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() == ""


def test_an_installed_package_has_no_commit(commit: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "checkout", lambda: None)
    assert commit() == ""


def test_the_environment_holds_the_facts_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    facts = environment()
    assert facts["python"] == platform.python_version()
    assert facts["version numpy"] == numpy.__version__
    assert facts["variable OMP_NUM_THREADS"] == "3"
    assert "variable XLA_FLAGS" not in facts
    assert facts["cores"] == str(os.cpu_count())
    assert facts["machine"] == machine_id()
    assert re.fullmatch(r"\d+ GiB", facts["memory"])
    assert all(isinstance(text, str) for text in facts.values())


def test_the_machines_name_is_told_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "host-of-a-person")
    assert not any("host-of-a-person" in text for text in environment().values())


facts = st.dictionaries(st.text(), st.text(), max_size=5)


@given(facts)
@settings(max_examples=60, deadline=None)
def test_an_environment_is_named_by_its_facts_in_any_order(found: dict[str, str]) -> None:
    name = environment_id(found)
    assert re.fullmatch("[0-9a-f]{16}", name)
    assert environment_id(dict(reversed(found.items()))) == name


@given(facts, st.text(), st.text())
@settings(max_examples=60, deadline=None)
def test_another_fact_makes_another_environment(found: dict[str, str], key: str, text: str) -> None:
    changed = {**found, key: text}
    assert (environment_id(changed) == environment_id(found)) is (changed == found)
