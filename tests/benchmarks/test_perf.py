"""Which commits `nox -s perf -- --since REV` times, and how it stores what asv measured."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks import perf
from ntkbench.results.store import Store


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


def asv_results(folder: Path, *machines: str) -> Path:
    (folder / "benchmarks.json").parent.mkdir()
    (folder / "benchmarks.json").write_text(json.dumps({"time_gram": {"type": "time", "unit": "seconds"}}))
    for machine in machines:
        result = {
            "version": 2, "commit_hash": "a" * 40, "date": 1_767_225_600_000, "python": "3.11",
            "params": {"machine": machine, "cpu": "Z", "num_cpu": "2", "ram": "1024", "os": "Linux"},
            "result_columns": ["result", "params", "version"], "results": {"time_gram": [[0.25], [], "v1"]},
        }  # fmt: skip
        (folder / machine).mkdir()
        (folder / machine / "aaaaaaaa.json").write_text(json.dumps(result))
    return folder


def test_what_it_measured_is_this_machines_and_what_lies_beside_it_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, database = asv_results(tmp_path / "asv", "here", "there"), tmp_path / "new" / "results.duckdb"
    for said in ("2 added, 0 were here already", "0 added, 2 were here already"):
        assert perf.store(folder, "here", str(database)) == 0
        assert capsys.readouterr().out.strip() == said
    rows = Store(database).query("SELECT machine, origin FROM perf_history ORDER BY machine")[1]
    assert rows == [("here", "this machine"), ("there", "import")]


def test_without_results_it_says_so_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert perf.store(tmp_path / "nothing", "here", str(tmp_path / "results.duckdb")) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"perf: {tmp_path}/nothing/benchmarks.json cannot be read")
    assert said.count("\n") == 1
