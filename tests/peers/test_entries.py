"""Entries are found by their files, and say of themselves what the judge needs to know."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from ntkbench.peers.entries import entries, taking_part
from ntkbench.peers.workloads import WORKLOADS, Kind

KINDS = set(get_args(Kind))


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.script.stem)
def test_each_file_says_who_takes_part_in_what(entry) -> None:
    assert entry.name
    assert entry.kinds
    assert entry.kinds <= KINDS
    assert any(entry.covers(work) for work in WORKLOADS)


def test_no_two_do_the_same_work_under_one_name() -> None:
    work = [(entry.name, kind) for entry in entries() for kind in entry.kinds]
    assert len(work) == len(set(work))


@pytest.mark.parametrize("work", WORKLOADS, ids=lambda work: work.name)
def test_each_work_has_its_baseline_first_and_a_goal_for_none_that_is_not_there(work) -> None:
    names = [entry.name for entry in taking_part(work, entries())]
    assert names[0] == work.baseline
    assert set(work.goals) <= set(names)
    assert set(work.also) | {name for goals in work.also.values() for name in goals} <= set(names)


def test_scripts_of_one_library_share_an_environment() -> None:
    lists = {entry.script.stem: entry.requirements for entry in entries()}
    assert lists["neural_tangents_contraction"] == lists["neural_tangents_empirical"]
    assert lists["neural_tangents_contraction"].exists()
    assert lists["torch_func_products"] is None


def test_to_know_who_takes_part_imports_none_of_their_libraries() -> None:
    code = (
        "import sys; from ntkbench.peers.entries import entries; assert len(entries()) >= 8\n"
        "print(sorted({'jax', 'torch', 'numba', 'sklearn', 'gpytorch', 'neural_tangents'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
