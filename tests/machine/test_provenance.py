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
        provenance.commit_fault.cache_clear()
        return provenance.commit()

    yield ask
    provenance.commit.cache_clear()
    provenance.commit_fault.cache_clear()


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


def other_repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What git says to a hook of another repository."""
    repository(folder)
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "another")
    monkeypatch.setenv("GIT_DIR", str(folder / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(folder))
    monkeypatch.setenv("GIT_INDEX_FILE", str(folder / ".git/index"))


def test_a_hook_of_another_repository_does_not_give_its_commit(
    tmp_path: Path, commit: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    head = repository(tmp_path / "clone")
    other_repository(tmp_path / "other", monkeypatch)
    assert commit() == head
    assert provenance.commit_subject(head) == "first"
    (tmp_path / "clone/tasks/new.py").write_text("")
    assert commit() == f"{head}+changes"


@pytest.mark.parametrize("hidden_by", ["setting", "global ignore", "exclude", "ignore in a folder", "ignored folder"])
def test_no_setting_hides_a_new_task(
    hidden_by: str, tmp_path: Path, commit: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    head = repository(tmp_path / "clone")
    new = tmp_path / "clone/tasks/mine/new.py"
    if hidden_by == "setting":
        git(tmp_path / "clone", "config", "status.showUntrackedFiles", "no")
    elif hidden_by == "global ignore":
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        (tmp_path / "config/git").mkdir(parents=True)
        (tmp_path / "config/git/ignore").write_text("new.py\n.DS_Store\n")
    elif hidden_by == "exclude":
        (tmp_path / "clone/.git/info/exclude").write_text("*.py\n.DS_Store\n")
    elif hidden_by == "ignore in a folder":
        new.parent.mkdir()
        (new.parent / ".gitignore").write_text("*\n")
        git(tmp_path / "clone", "add", "-f", "tasks/mine/.gitignore")
        git(tmp_path / "clone", "commit", "--quiet", "-m", "second")
        head = git(tmp_path / "clone", "rev-parse", "HEAD")
    else:
        (tmp_path / "clone/.git/info/exclude").write_text("mine/\n")
    assert commit() == head
    new.parent.mkdir(exist_ok=True)
    if hidden_by != "setting":
        (new.parent / "new.pyc").write_text("")
    if hidden_by in ("ignore in a folder", "ignored folder"):
        assert commit() == head  # what Python leaves beside code is no change
    new.write_text("")
    assert commit() == f"{head}+changes"


def test_files_with_names_that_are_no_utf_8_are_changes_like_others(tmp_path: Path, commit: Callable[[], str]) -> None:
    head = repository(tmp_path / "clone")
    Path(os.fsdecode(os.fsencode(tmp_path / "clone/tasks") + b"/\xff.py")).write_text("")
    assert commit() == f"{head}+changes"
    assert provenance.commit_fault() == ""


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root gives files away")
def test_a_checkout_of_another_owner_has_its_commit(tmp_path: Path, commit: Callable[[], str]) -> None:
    head = repository(tmp_path / "clone")
    for path in (tmp_path / "clone", *(tmp_path / "clone").rglob("*")):
        os.chown(path, 54321, 54321)
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path / "clone", "status")  # git itself asks whose it is
    assert commit() == head


def test_a_linked_worktree_has_its_own_commit(tmp_path: Path, commit: Callable[[], str]) -> None:
    repository(tmp_path / "main")
    git(tmp_path / "main", "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "clone"))
    git(tmp_path / "clone", "commit", "--quiet", "--allow-empty", "-m", "on the side")
    assert commit() == git(tmp_path / "clone", "rev-parse", "HEAD")


def test_a_broken_repository_within_another_has_no_commit_and_says_why(
    tmp_path: Path, commit: Callable[[], str]
) -> None:
    repository(tmp_path)
    (tmp_path / "clone/.git").mkdir(parents=True)
    assert commit() == ""
    assert provenance.commit_fault().startswith("git: fatal: not a git repository")
    assert str(tmp_path) not in provenance.commit_fault()


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        ("no clone", "the checkout has no .git: it is no clone"),
        ("new", "the repository has no commit yet"),
        ("no git", "git cannot be run: No such file or directory"),
        ("installed", "ntkbench is installed and not run from a checkout"),
    ],
)
def test_where_the_commit_is_not_known_records_and_the_doctor_say_why(
    case: str, fault: str, tmp_path: Path, commit: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clone").mkdir()
    if case == "new":
        git(tmp_path / "clone", "init", "--quiet")
    elif case == "no git":
        (tmp_path / "clone/.git").mkdir()
        monkeypatch.setenv("PATH", str(tmp_path))
    elif case == "installed":
        monkeypatch.setattr(paths, "checkout", lambda: None)
    assert commit() == ""
    facts = provenance.environment([], [])
    assert (facts["commit"], facts["no commit"]) == ("", fault)


def test_where_it_is_known_there_is_no_word_of_it(tmp_path: Path, commit: Callable[[], str]) -> None:
    head = repository(tmp_path / "clone")
    assert commit() == head
    assert "no commit" not in provenance.environment([], [])


def test_a_commits_subject_is_text_whatever_the_settings(tmp_path: Path, commit: Callable[[], str]) -> None:
    repository(tmp_path / "clone")
    git(tmp_path / "clone", "commit", "--quiet", "--allow-empty", "-m", "Größer")
    git(tmp_path / "clone", "config", "i18n.logOutputEncoding", "ISO-8859-1")
    git(tmp_path / "clone", "config", "log.showSignature", "true")
    assert provenance.commit_subject(commit()) == "Größer"


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
