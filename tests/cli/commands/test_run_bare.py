"""On a machine whose Python holds NumPy and one framework, with what these need themselves, and nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import ntkbench as package
from ntkbench.backends import installed
from ntkbench.results.record import RunRecord

ABSENT = (
    "altair", "array_api_compat", "duckdb", "numba", "platformdirs", "polars", "psutil", "requests", "rich", "sklearn",
)  # fmt: skip
FRAMEWORKS = [name for name in installed() if name != "numba"]
TASK = ["rademacher_ball", "--tier", "smoke", "--set", "n_max=50", "--set", "draws=10"]

pytestmark = pytest.mark.slow

Bare = Callable[..., subprocess.CompletedProcess[str]]


def needed(name: str, found: dict[str, Distribution]) -> None:
    """Add a distribution to `found`, and those that it requires, and so on."""
    if name.lower() in found:
        return
    try:
        found[name.lower()] = distribution(name)
    except PackageNotFoundError:  # a requirement of another platform's
        return
    for requirement in map(Requirement, found[name.lower()].requires or []):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed(requirement.name, found)


def site(backend: str, folder: Path) -> Path:
    """A folder of links to NumPy, the framework and what they require: the site-packages of another machine."""
    folder.mkdir()
    found: dict[str, Distribution] = {}
    for name in ("numpy", backend):
        needed(name, found)
    for each in found.values():
        for top in {file.parts[0] for file in each.files or []} - {"..", "__pycache__"}:
            if not (folder / top).is_symlink():
                (folder / top).symlink_to(Path(str(each.locate_file(top))))
    return folder


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sites")
    return {name: site(name, folder / name) for name in FRAMEWORKS}


@pytest.fixture
def bare(sites: dict[str, Path], tmp_path: Path) -> Bare:
    """Python there, from a checkout: `bare("-m", "ntkbench", ..., backend="torch")`."""

    def call(*words: object, backend: str = FRAMEWORKS[-1]) -> subprocess.CompletedProcess[str]:
        path = [str(sites[backend]), str(Path(package.__file__).parents[1])]
        # -S: without the packages installed here.
        command = [sys.executable, "-S", *map(str, words)]
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
        return subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    return call


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_the_machine_is_as_bare_as_it_says(bare: Bare, backend: str) -> None:
    code = f"from importlib.util import find_spec as f; print([n for n in {ABSENT} if f(n)])"
    done = bare("-c", code, backend=backend)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_a_task_runs_there_goes_on_there_and_is_judged_elsewhere(
    backend: str, bare: Bare, ntkbench, database: Path, tmp_path: Path
) -> None:
    file = tmp_path / "out.jsonl"
    run = ["-m", "ntkbench", "run", *TASK, "--records", file]
    first = bare(*run, backend=backend)
    assert first.returncode == 0, first.stderr
    assert f"`ntkbench import {file}` judges them where DuckDB is installed" in first.stdout
    content = file.read_text()
    records = [RunRecord.from_json(line) for line in content.splitlines()]
    assert [(r.status, r.backend, r.reason) for r in records] == [("ok", backend, "")] * len(records)
    assert {"machine", "memory", f"version {backend}"} <= set(records[0].environment)
    assert "version duckdb" not in records[0].environment

    again = bare(*run, backend=backend)
    assert again.returncode == 0, again.stderr
    assert f"{len(records)} of {len(records)} runs are done already" in again.stdout
    assert file.read_text() == content
    assert not database.exists()

    assert ntkbench("import", file).out.startswith(f"{len(records)} added")
    answer = ntkbench("sql", "select sum(runs) as runs from verdict where task = 'rademacher_ball'", "--format", "json")
    assert json.loads(answer.out)[0]["runs"] >= len(records)


def test_what_a_task_lacks_there_is_a_failed_record_with_its_reason(bare: Bare, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    done = bare("-m", "ntkbench", "run", "cifar_cntk", "--tier", "smoke", "--set", "depth=3", "--records", file)
    assert done.returncode == 3, done.stderr
    records = [RunRecord.from_json(line) for line in file.read_text().splitlines()]
    reason = "data set 'digits' comes with scikit-learn, which is not installed here; use another data set"
    assert {(r.status, r.reason) for r in records} == {("error", reason)}
    assert done.stderr.count(reason) == len(records)


@pytest.mark.parametrize("more", [[], ["--records", "out.jsonl", "--db", "results.duckdb"]], ids=["none", "both"])
def test_without_duckdb_a_file_of_records_is_asked_for_in_one_line(bare: Bare, tmp_path: Path, more: list[str]) -> None:
    done = bare("-m", "ntkbench", "run", *TASK, *more)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "ntkbench: DuckDB is not installed here: keep the records in a file with --records FILE, without --db, and "
        "import it where DuckDB is\n"
    )
    assert not list(tmp_path.glob("*.jsonl"))


def test_commands_that_need_what_is_not_there_say_so_in_one_line(bare: Bare) -> None:
    done = bare("-m", "ntkbench", "sql", "select 1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "ntkbench: this needs duckdb, which is not installed here\n"


def test_tables_are_shown_plainly_there(bare: Bare) -> None:
    assert "rademacher_ball" in bare("-m", "ntkbench", "list").stdout
    lines = bare("-m", "ntkbench", "doctor").stdout.splitlines()
    assert any(re.fullmatch(f"backend {FRAMEWORKS[-1]} {{2,}}installed", line) for line in lines)
    assert not any(len(line) != len(line.rstrip()) for line in lines)
