from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench import Context, Metric, Task, Tier, datasets, task
from ntkbench.canonical import canonical_json
from ntkbench.errors import InputError
from ntkbench.experiment.plan import PlannedRun, missing, plan


def grids(ctx: Context, *, n: int, rate: float) -> None: ...
def images(ctx: Context, *, dataset: str, n: int) -> None: ...


TIER = Tier("smoke", n=[30, 10, 20], rate=0.5)


def make(function=grids, tiers=(TIER,), cost=lambda n, **_: n) -> Task:
    return task(title="T", source="none", metrics=[Metric("m", "1")], tiers=tiers, cost=cost)(function)


def runs(*tasks: Task, tier: str = "smoke", backends=("torch", "jax"), **options: Any) -> list[PlannedRun]:
    return plan(tasks or [make()], tier=tier, backends=backends, **options)


RUN = PlannedRun(
    task="grids", task_version=1, tier="smoke", params={"n": 1, "rate": 0.5}, backend="jax", device="cpu",
    precision="float32", seed=0, dataset=None, dataset_sha256=None, cost=1.0,
)  # fmt: skip


def test_the_cheapest_runs_come_first_and_backends_keep_their_order() -> None:
    found = [(r.params["n"], r.backend) for r in runs()]
    assert found == [(n, b) for n in (10, 20, 30) for b in ("torch", "jax")]


def test_without_costs_runs_keep_the_order_of_the_grid() -> None:
    assert [r.params["n"] for r in runs(make(cost=None), backends=["jax"])] == [30, 10, 20]


def test_cheap_runs_of_one_task_come_before_dear_ones_of_another() -> None:
    dear = make(images, [Tier("smoke", dataset="digits", n=15)])
    assert [r.cost for r in runs(make(), dear, backends=["jax"])] == [10, 15, 20, 30]


def test_seeds_count_from_zero_and_the_tiers_number_can_be_replaced() -> None:
    seeded = make(tiers=[Tier("smoke", n=1, rate=0.5, seeds=3)])
    assert [r.seed for r in runs(seeded, backends=["jax"])] == [0, 1, 2]
    assert [r.seed for r in runs(seeded, backends=["jax"], seeds=2)] == [0, 1]
    assert [r.seed for r in runs(seeded, backends=["jax"], seed=7)] == [7]


def test_a_tier_may_be_for_some_backends_alone() -> None:
    tiers = [Tier("smoke", n=1, rate=0.5, backends=["numba"]), Tier("smoke", n=2, rate=0.5)]
    found = [(r.params["n"], r.backend) for r in runs(make(tiers=tiers), backends=["jax", "numba"])]
    assert found == [(1, "numba"), (2, "jax"), (2, "numba")]


def test_a_run_that_two_grids_share_is_planned_once() -> None:
    tiers = [Tier("smoke", n=[1, 2, 1], rate=0.5), Tier("smoke", n=[2, 3], rate=0.5)]
    assert [r.params["n"] for r in runs(make(tiers=tiers), backends=["jax", "jax"])] == [1, 2, 3]


def test_one_override_stands_for_all_values_of_its_parameter() -> None:
    found = runs(backends=["jax"], overrides={"n": "7", "rate": "2"})
    assert [dict(r.params) for r in found] == [{"n": 7, "rate": 2.0}]
    assert type(found[0].params["rate"]) is float


def test_commas_separate_several_values() -> None:
    found = runs(backends=["jax"], overrides={"n": "3,1", "rate": "0.5,0.25"})
    assert {(r.params["n"], r.params["rate"]) for r in found} == {(1, 0.5), (1, 0.25), (3, 0.5), (3, 0.25)}


def test_an_override_applies_to_the_tasks_that_have_the_parameter() -> None:
    other = make(images, [Tier("smoke", dataset="digits", n=2)])
    found = runs(make(), other, backends=["jax"], overrides={"rate": "9"})
    assert {r.params.get("rate") for r in found} == {9.0, None}


def test_tasks_without_the_tier_are_left_out() -> None:
    other = make(images, [Tier("paper", dataset="digits", n=2)])
    assert {r.task for r in runs(make(), other)} == {"grids"}


def test_a_runs_dataset_is_pinned_by_its_hash() -> None:
    (run,) = runs(make(images, [Tier("smoke", dataset="digits", n=2)]), backends=["jax"])
    assert (run.dataset, run.dataset_sha256) == ("digits", datasets.get("digits").sha256)


BAD = [
    ({"tier": "smok"}, "unknown tier 'smok'; did you mean 'smoke'?"),
    ({"overrides": {"raet": "1"}}, "unknown parameter 'raet'; did you mean 'rate'?"),
    ({"overrides": {"n": "many"}}, "parameter 'n' of task 'grids' must be int, not 'many'"),
    ({"overrides": {"n": "1,,2"}}, "parameter 'n' of task 'grids' must be int, not ''"),
    ({"overrides": {"rate": "inf"}}, "parameter 'rate' of task 'grids' must be float, not inf"),
    ({"seeds": 0}, "seeds must be at least 1, not 0"),
    ({"seed": -1}, "seed must not be negative, not -1"),
    ({"backends": []}, "tier 'smoke' has nothing for backend "),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_what_cannot_be_planned_is_refused_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        runs(**options)
    assert str(caught.value) == message


def test_an_unknown_dataset_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown dataset 'cifr10'; did you mean 'cifar10'"):
        runs(make(images, [Tier("smoke", dataset="digits", n=2)]), overrides={"dataset": "cifr10"})


def test_a_tier_for_other_backends_alone_is_refused() -> None:
    only = make(tiers=[Tier("smoke", n=1, rate=0.5, backends=["numba"])])
    with pytest.raises(InputError, match="tier 'smoke' has nothing for backend torch, jax"):
        runs(only)


@pytest.mark.parametrize(
    ("cost", "why"),
    [
        (lambda n, rate: 1 // (n - 10), "ZeroDivisionError"),
        (lambda n, rate: float("nan"), "it is nan"),
        (lambda n, rate: -n, "it is -"),
        (lambda depth: depth, "TypeError"),
    ],
)
def test_a_cost_that_cannot_be_had_is_refused_naming_the_values(cost, why: str) -> None:
    with pytest.raises(InputError, match=rf"task 'grids' has no cost for n=\d+ rate=0.5 \({why}"):
        runs(make(cost=cost))


def test_missing_are_the_runs_that_are_not_done() -> None:
    planned = runs()
    done = {planned[0].experiment_id, planned[3].experiment_id, "another"}
    assert missing(planned, done) == [planned[1], planned[2], *planned[4:]]
    assert missing(planned, set()) == planned


def test_an_experiment_is_named_by_the_hash_of_what_is_run() -> None:
    text = '["grids",1,{"n":1,"rate":0.5},"jax","cpu","float32",0,null]'
    assert RUN.experiment_id == hashlib.sha256(text.encode()).hexdigest()[:32]


CHANGES: list[dict[str, Any]] = [
    {"task": "other"}, {"task_version": 2}, {"params": {"n": 2, "rate": 0.5}}, {"params": {"n": 1}},
    {"backend": "torch"}, {"device": "cuda"}, {"precision": "float64"}, {"seed": 1}, {"dataset_sha256": "00"},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_another_experiment_has_another_name(change: dict[str, Any]) -> None:
    assert replace(RUN, **change).experiment_id != RUN.experiment_id


@pytest.mark.parametrize("change", [{"tier": "paper"}, {"cost": 9.0}, {"params": {"rate": 0.5, "n": 1}}], ids=str)
def test_tier_cost_and_order_of_parameters_are_no_part_of_the_name(change: dict[str, Any]) -> None:
    assert replace(RUN, **change).experiment_id == RUN.experiment_id


def test_an_experiments_name_is_the_same_in_another_process() -> None:
    code = f"from ntkbench.experiment.plan import PlannedRun; print(PlannedRun(**{asdict(RUN)!r}).experiment_id)"
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == RUN.experiment_id


def test_a_planned_run_travels_between_processes() -> None:
    (run, *_) = runs()
    assert pickle.loads(pickle.dumps(run)) == run
    assert pickle.loads(pickle.dumps(run)).experiment_id == run.experiment_id


def test_the_run_that_a_record_is_of_has_the_cost_that_its_task_sees_now() -> None:
    for run in runs():
        record = SimpleNamespace(**asdict(run), status="ok", metrics=[])
        record.cost = -1.0
        assert PlannedRun.from_record(record, make()) == run
    with pytest.raises(InputError, match="has no cost for n="):
        PlannedRun.from_record(record, make(cost=lambda depth: depth))


def test_the_label_names_the_run_in_one_line() -> None:
    assert RUN.label == "grids n=1 rate=0.5 seed=0 [jax/cpu/float32]"


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(v) for v in value] if isinstance(value, list) else value


@given(values)
@settings(max_examples=60, deadline=None)
def test_canonical_json_is_json_whatever_the_order_of_keys(value: Any) -> None:
    text = canonical_json(value)
    assert canonical_json(reordered(value)) == text
    assert json.loads(text) == value
    assert "\n" not in text


def test_canonical_json_refuses_what_is_no_json() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"x": float("nan")})
