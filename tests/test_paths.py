from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ntkbench import paths
from ntkbench.errors import InputError, SystemFault


def place(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    package.mkdir(parents=True)
    monkeypatch.setattr(paths, "_PACKAGE", package)
    monkeypatch.setattr(paths, "_ROOT", package.parents[1])


def make_project(root: Path) -> None:
    (root / "tasks").mkdir(parents=True)
    (root / "pyproject.toml").write_text("")


def test_a_checkout_is_known_by_its_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path / "clone")
    place(monkeypatch, tmp_path / "clone" / "suite" / "ntkbench")
    monkeypatch.delenv("NTKBENCH_DB")
    assert paths.checkout() == tmp_path / "clone"
    assert paths.shared("results/schema.sql") == tmp_path / "clone" / "results" / "schema.sql"
    assert paths.default_database() == tmp_path / "clone" / "results" / "ntkbench.duckdb"


@pytest.mark.parametrize("folder", ["venv/lib/python3.11/site-packages/ntkbench", "project/vendor/ntkbench"])
def test_an_installed_package_finds_its_files_inside_itself(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(tmp_path / "project")
    place(monkeypatch, tmp_path / folder)
    assert paths.checkout() is None
    assert paths.shared("tasks") == tmp_path / folder / "_share" / "tasks"


def test_an_installed_package_keeps_its_database_in_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(monkeypatch, tmp_path / "site-packages" / "ntkbench")
    monkeypatch.delenv("NTKBENCH_DB")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    database = paths.default_database()
    assert database.name == "ntkbench.duckdb"
    assert database.is_relative_to(tmp_path / "home")


def test_the_shared_files_of_this_installation_exist() -> None:
    for relative in ("tasks", "results/schema.sql", "results/views.sql", "report"):
        assert paths.shared(relative).exists(), relative


@pytest.mark.parametrize(
    ("variable", "answer"), [("NTKBENCH_CACHE", paths.cache_folder), ("NTKBENCH_DB", paths.default_database)]
)
def test_a_variable_names_the_place_and_may_start_with_the_home_folder(
    variable: str, answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    assert answer() == tmp_path / "elsewhere"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(variable, "~/there")
    assert answer() == tmp_path / "there"


def test_an_empty_variable_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("NTKBENCH_CACHE", "")
    assert paths.cache_folder().is_relative_to(tmp_path)


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the system does not know, as in a container that is given a number alone."""

    def unknown(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for variable in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "NTKBENCH_CACHE", "NTKBENCH_DB", "NTKBENCH_MACHINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("installed", [True, False])
def test_without_a_home_folder_one_line_says_what_to_set(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    if not installed:
        monkeypatch.setitem(sys.modules, "platformdirs", None)
    with pytest.raises(SystemFault, match="no home folder: set NTKBENCH_CACHE to a path of yours, or HOME"):
        paths.cache_folder()
    with pytest.raises(SystemFault, match="no home folder: set NTKBENCH_DB to"):
        paths.data_folder()
    monkeypatch.setenv("NTKBENCH_CACHE", "~/cache")
    with pytest.raises(InputError, match="no home folder is known for '~/cache'"):
        paths.cache_folder()


@pytest.mark.usefixtures("homeless")
def test_commands_that_need_no_home_folder_work_without_one(ntkbench, tmp_path: Path, small_tasks: Path) -> None:
    words = ["run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba"]
    assert ntkbench(*words, "--db", tmp_path / "here.duckdb").code == 0
    assert ntkbench("doctor").code == 0
    for words, code in ((["data", "path"], 4), (["sql", "SELECT 1", "--db=~/x"], 2)):
        outcome = ntkbench(*words)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (code, "", 1)
        assert "no home folder" in outcome.err
