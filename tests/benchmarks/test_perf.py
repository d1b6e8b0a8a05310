"""Which commits `nox -s perf -- --since REV` times."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks import perf


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "me")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "me@example.org")
    monkeypatch.setattr(perf, "ROOT", tmp_path)
    git(tmp_path, "init", "-q", "-b", "main")
    return tmp_path


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, file: str) -> str:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(len(git(folder, "rev-list", "--all").splitlines())))
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", f"Change {file}")
    return git(folder, "rev-parse", "HEAD")


def test_commits_that_changed_what_is_timed_newest_first(repository: Path) -> None:
    base = commit(repository, "suite/ntkbench/a.py")
    code = commit(repository, "suite/ntkbench/a.py")
    commit(repository, "README.md")
    commit(repository, "suite/benchmarks/bench_a.py")  # the working tree's are run on every commit
    task = commit(repository, "tasks/a.py")
    assert perf.since(base) == [task, code]
    assert perf.since(task) == []


def test_of_a_branch_its_merge(repository: Path) -> None:
    base = commit(repository, "suite/ntkbench/a.py")
    git(repository, "checkout", "-q", "-b", "branch")
    commit(repository, "suite/ntkbench/b.py")
    commit(repository, "suite/ntkbench/b.py")
    git(repository, "checkout", "-q", "main")
    here = commit(repository, "suite/ntkbench/c.py")
    git(repository, "merge", "-q", "--no-edit", "branch")
    assert perf.since(base) == [git(repository, "rev-parse", "HEAD"), here]


def test_an_unknown_commit_is_told_in_one_line(repository: Path, capfd: pytest.CaptureFixture[str]) -> None:
    commit(repository, "a")
    with pytest.raises(SystemExit) as ended:
        perf.commit("nowhere")
    assert ended.value.code == 2
    assert capfd.readouterr().err == "perf: there is no commit 'nowhere'\n"
