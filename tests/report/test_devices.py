"""A machine with a card: its CPU and its GPU stand side by side, in ranks, ratios and claims."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.report.site import write_site
from ntkbench.results.record import RunRecord, TimingRow
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data/record.json").read_text())
SECONDS = {("jax", "cpu"): 8.0, ("torch", "cpu"): 9.0, ("jax", "cuda"): 1.0, ("torch", "cuda"): 2.0}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a task that ran on both devices with both frameworks."""
    store = Store(tmp_path_factory.mktemp("devices") / "results.duckdb")
    runs = []
    for number, ((backend, device), seconds) in enumerate(SECONDS.items(), 1):
        samples = [TimingRow("kernel", "steady", k, seconds * (1 + k / 1000)) for k in range(6)]
        ids = {"run_id": f"{number:032x}", "experiment_id": f"{number:032x}"}
        runs.append(replace(RECORD, **ids, backend=backend, device=device, timings=samples))
    store.add(runs)
    index = write_site(store, {}, store.path.parent / "site")
    return (index.parent / "task-images.html").read_text()


def plain(html: str) -> str:
    """The text that is read, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_all_entries_are_ranked_in_one_table(page: str) -> None:
    ranked = re.findall(r"kernel (\w+) on (\w+), float32 (\d)", plain(page))
    assert ranked == [("jax", "cuda", "1"), ("torch", "cuda", "2"), ("jax", "cpu", "3"), ("torch", "cpu", "4")]


def test_each_is_told_against_each(page: str) -> None:
    ratios = re.findall(r"kernel (\w+ on \w+) (\w+ on \w+) ([\d.]+) \[", plain(page))
    found = {(entry, against): float(ratio) for entry, against, ratio in ratios}
    assert found == {
        ("jax on cpu", "jax on cuda"): 0.125,
        ("jax on cpu", "torch on cpu"): 1.13,
        ("jax on cpu", "torch on cuda"): 0.25,
        ("jax on cuda", "torch on cpu"): 9.0,
        ("jax on cuda", "torch on cuda"): 2.0,
        ("torch on cpu", "torch on cuda"): 0.222,
    }


def test_claims_are_judged_on_each_device(page: str) -> None:
    entries = re.findall(r"\] (\w+) on (\w+), float32", plain(page).partition("Figures")[0])
    assert entries == sorted(SECONDS)
