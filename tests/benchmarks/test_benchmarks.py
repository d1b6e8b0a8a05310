"""What asv finds in suite/benchmarks, and what becomes of a benchmark's history when it is renamed."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from asv_runner.discovery import disc_benchmarks

SUITE = Path(__file__).parents[2] / "suite" / "benchmarks"
RENAMED = """
from benchmarks.backends import recorded_as

class New:
    version = "1"

    @recorded_as("bench_old.Old.time_gram")
    def time_product(self):
        pass
"""


@pytest.fixture(scope="module")
def found() -> list:
    return list(disc_benchmarks(str(SUITE)))


def test_every_benchmark_states_its_version_and_its_unit(found: list) -> None:
    assert len(found) > 15
    # A version that is a hash of the code would end a history with every edit.
    assert {benchmark.name: benchmark.version for benchmark in found if len(benchmark.version) > 3} == {}
    assert {benchmark.unit for benchmark in found} == {"seconds", "bytes", "1", "s", "B"}


def test_names_are_distinct_and_name_where_they_are(found: list) -> None:
    names = [benchmark.name for benchmark in found]
    assert len(set(names)) == len(names)
    assert "bench_kernels.CntkFlatten.time_gram" in names


def test_a_renamed_benchmark_is_recorded_and_run_under_its_first_name(tmp_path: Path) -> None:
    folder = tmp_path / "renamed"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "bench_new.py").write_text(RENAMED)
    paths = [str(tmp_path), str(SUITE.parent)]
    code = (
        f"import sys; sys.path[:0] = {paths!r}\n"
        "from asv_runner.discovery import disc_benchmarks, get_benchmark_from_name\n"
        f"print([b.name for b in disc_benchmarks({str(folder)!r})])\n"
        f"print(get_benchmark_from_name({str(folder)!r}, 'bench_old.Old.time_gram').func.__name__)"
    )
    # In a process of its own: asv imports the folder by name.
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines() == ["['bench_old.Old.time_gram']", "time_product"]


def test_a_module_is_found_where_this_commit_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.backends import moved

    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lacks_a_package.py").write_text("import package_that_is_not_here")
    assert moved("json.decoder", "csv").__name__ == "json.decoder"
    for name in ("not_here", "json.not_here", "not_here.at.all"):
        assert moved(name, "csv").__name__ == "csv"
    with pytest.raises(ModuleNotFoundError, match="package_that_is_not_here"):
        moved("lacks_a_package", "csv")
    with pytest.raises(ModuleNotFoundError, match="nor_here"):
        moved("not_here", "nor_here")


def test_without_a_gpu_its_benchmarks_are_skipped(found: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    on_gpu = [benchmark for benchmark in found if "DeviceMemory" in benchmark.name or "'cuda'" in str(benchmark.params)]
    assert len(on_gpu) == 9
    for benchmark in on_gpu:
        for k, values in enumerate(itertools.product(*benchmark.params)):
            if "'cuda'" in values or "DeviceMemory" in benchmark.name:
                benchmark.set_param_idx(k)
                assert benchmark.do_setup() is True, (benchmark.name, values)
