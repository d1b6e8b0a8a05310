import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# The build backend comes from the package registry.
pytestmark = [pytest.mark.slow, pytest.mark.network]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_what_people_edit(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    folders = {
        "tasks": "*.md",
        **{f"tasks/{folder.name}": "*.*" for folder in (ROOT / "tasks").iterdir() if (folder / "README.md").exists()},
        "results": "*.sql",
        "results/queries": "*.sql",
        "results/migrations": "*.sql",
        "report/templates": "*.j2",
        "report/static": "*",
    }
    wanted = {
        f"ntkbench/_share/{folder}/{file.name}"
        for folder, files in folders.items()
        for file in (ROOT / folder).glob(files)
    }
    assert len(wanted) >= 6
    assert wanted <= names
    assert not [name for name in names if name.endswith(".duckdb")]


def test_the_wheel_works_outside_a_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(wheel)], check=True
    )
    environment = {**os.environ, "PYTHONPATH": str(site), "XDG_DATA_HOME": str(tmp_path / "data")}
    del environment["NTKBENCH_DB"]

    def ntkbench(*words: str) -> str:
        command = [sys.executable, "-m", "ntkbench", *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert str(site) in ntkbench_file(site, environment, tmp_path)
    assert "cifar_cntk" in ntkbench("list")
    assert "reproduced" in ntkbench("run", "--tier", "smoke", "--backend", "numba", "--set", "n_train=20")
    index = Path(ntkbench("report").strip())
    assert index.is_relative_to(tmp_path / "data")
    assert (index.parent / "static/style.css").is_file()


def ntkbench_file(site: Path, environment: dict[str, str], folder: Path) -> str:
    command = [sys.executable, "-c", "import ntkbench; print(ntkbench.__file__)"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout
