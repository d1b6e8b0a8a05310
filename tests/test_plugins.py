"""What other distributions add by entry points, as CONTRIBUTING.md shows it; what cannot be used is said in a line."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ntkbench import backends, datasets, plugins
from ntkbench.peers import entries as peers
from ntkbench.peers.rounds import compare
from ntkbench.peers.workloads import WORKLOADS
from ntkbench.results.store import Store

SECTION = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text().split("## A distribution of your own")[1]
SECTION = SECTION.split("\n## ")[0]
PROJECT = tomllib.loads(re.findall(r"```toml\n(.*?)```", SECTION, flags=re.DOTALL)[0])["project"]
MODULES = dict(re.findall(r"`more_ntk/(\w+)\.py`.*?```python\n(.*?)```", SECTION, flags=re.DOTALL))
POINTS = PROJECT["entry-points"]

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install the distribution, for this test alone, in the processes that it starts too."""
    before = set(sys.modules)

    def do(points: dict[str, dict[str, str]], modules: dict[str, str]) -> Path:
        site = tmp_path / "site"
        info, package = site / "more_ntk-1.0.dist-info", site / "more_ntk"
        info.mkdir(parents=True)
        package.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PROJECT['name']}\nVersion: 1.0\n")
        lines = [f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in own.items()) for group, own in points.items()]
        (info / "entry_points.txt").write_text("\n".join(lines))
        for name, text in {"__init__": "", **modules}.items():
            (package / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(str(site))
        there = os.environ.get("PYTHONPATH")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), there])))
        return package

    yield do
    plugins.left_out()
    for name in set(sys.modules) - before:
        if name.split(".")[0] == "more_ntk":
            del sys.modules[name]


@pytest.fixture
def shown(install: Install) -> Path:
    """The example of CONTRIBUTING.md, installed."""
    assert set(MODULES) == {"inverse", "numba_1", "chess"}
    return install(POINTS, MODULES)


def test_the_peer_that_the_documents_show_takes_part_and_is_right(shown: Path) -> None:
    (entry,) = (entry for entry in peers.entries() if entry.name == "inverse")
    assert (entry.standing, entry.installed, entry.requirements) == ("peer", True, None)
    (work,) = (w.shrunk() for w in WORKLOADS if w.name == "regression")
    (found,) = compare(work, [entry], lambda _: Path(sys.executable), rounds=1, progress=lambda text: None)
    assert found.comparable, found.reason
    (shown / "inverse.txt").write_text("numpy==2.4.6\n")
    assert [e.requirements for e in peers.entries() if e.name == "inverse"] == [shown / "inverse.txt"]


def test_the_backend_that_the_documents_show_runs_a_task(
    shown: Path, ntkbench: Callable, small_tasks: Path, database: Path
) -> None:
    assert "numba-1" in backends.names()
    done = ntkbench("run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba-1", "--set", "x=3")
    assert (done.code, done.err) == (0, "")
    assert Store(database).query("SELECT backend, status FROM run")[1] == [("numba-1", "ok")]


def test_the_data_set_that_the_documents_show_is_loaded_and_its_hashes_hold(shown: Path) -> None:
    assert "chess" in datasets.names()
    arrays = datasets.load("chess")
    np.testing.assert_array_equal(arrays.x_train[0] + arrays.x_train[1], np.ones((8, 8, 1)))
    assert datasets.path("chess") == shown


BROKEN = [
    ("peers", "more_ntk.absent", "it cannot be loaded: ModuleNotFoundError: No module named"),
    ("peers", "more_ntk.broken", "it cannot be loaded: ZeroDivisionError: division by zero"),
    ("peers", "more_ntk.empty", "it is no module with NAME, KINDS, PACKAGES, prepare"),
    ("peers", "more_ntk.peer", "its KINDS ('cooking',) are not some of fc, "),
    ("peers", "more_ntk.taken", "there is another entry 'numba' for the same work"),
    ("backends", "more_ntk.empty:x", "it cannot be loaded: AttributeError"),
    ("backends", "more_ntk.backend:Nothing", "it is no class of a backend, which states its"),
    ("backends", "more_ntk.backend:Twin", "there is another backend 'numba'"),
    ("datasets", "more_ntk.empty", "it provides no data set"),
    ("datasets", "more_ntk.data:TWIN", "there is another data set 'digits'"),
    ("tasks", "more_ntk.exits", "it cannot be loaded: SystemExit: 3"),
]
FAULTS = {
    "broken": "1 / 0",
    "empty": "",
    "peer": "NAME, KINDS, PACKAGES = 'cook', ('cooking',), ()\ndef prepare(workload, arrays): ...",
    "taken": "NAME, KINDS, PACKAGES = 'numba', ('fc',), ()\ndef prepare(workload, arrays): ...",
    "backend": "from ntkbench.backends.numba import Numba\nclass Nothing: ...\nclass Twin(Numba): ...",
    "data": "from ntkbench.datasets.digits import DIGITS as TWIN",
    "exits": "raise SystemExit(3)",
}
NOUNS = {"peers": "peer", "backends": "backend", "datasets": "data set", "tasks": "tasks"}


@pytest.mark.parametrize(("group", "value", "fault"), BROKEN, ids=[f"{group} {value}" for group, value, _ in BROKEN])
def test_what_cannot_be_used_is_left_out_and_said_in_a_line(
    install: Install, group: str, value: str, fault: str
) -> None:
    install({f"ntkbench.{group}": {"bad": value}}, FAULTS)
    if group == "peers":
        assert {entry.name for entry in peers.entries()} >= {"numba", "scikit-learn"}
    elif group == "backends":
        assert backends.names() == ["jax", "numba", "torch"]
    elif group == "datasets":
        assert {"cifar10", "digits"} <= set(datasets.names())
    else:
        from ntkbench.experiment.registry import load_tasks

        assert load_tasks()
    (line,) = plugins.left_out()
    assert line.startswith(f"left out: {NOUNS[group]} 'bad' of more-ntk 1.0 ({value}): {fault}")
    assert "\n" not in line


def test_every_command_goes_on_and_says_each_fault_once(install: Install, ntkbench: Callable) -> None:
    broken = {"bad": "more_ntk.broken"}
    install({f"ntkbench.{group}": broken for group in ("peers", "backends", "datasets", "tasks")}, FAULTS)
    for group, words in {"tasks": ["list"], "datasets": ["data", "list"]}.items():
        done = ntkbench(*words)
        assert done.code == 0
        said = [line for line in done.err.splitlines() if f"{NOUNS[group]} 'bad' of more-ntk 1.0 (" in line]
        assert len(said) == 1
        assert said[0].startswith("ntkbench: left out: ")
        assert "cifar" in done.out
