"""What was published against a parameter: when there is a figure, and what it holds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ntkbench.canonical import canonical_json
from ntkbench.report.entry_names import Entry
from ntkbench.report.figures.figure import Figure
from ntkbench.report.figures.published import Measured, Value, published_figures, unpublished
from ntkbench.report.rows.claims import Claim, Mean
from ntkbench.report.vega import static_svg


def claim(published: float, measured: float | None = None, half: float | None = None, **params: Any) -> Claim:
    run = measured is not None
    bounded = run and half is not None
    return Claim(
        task="t", claim="table 1", metric="test_accuracy", unit="%" if run else None, backend="jax" if run else None,
        device="cpu" if run else None, precision="float32" if run else None, published=published, tolerance=1.5,
        side="within", measured=measured, low=measured - half if bounded else measured,
        high=measured + half if bounded else measured, runs=3 * run, seeds=3 * run,
        verdict="reproduced" if run else "not run",
        finding=None, outcome="reproduced" if run else "not run", verified=True, source="table 1",
        setting=canonical_json(params), run_ids=[f"run {params}"] if run else [], number=1,
    )  # fmt: skip


def mean(value: float, half: float = 0.0, **params: Any) -> Mean:
    return Mean(
        task="t", setting=canonical_json(params), metric="test_accuracy", unit="%", backend="numba", device="cpu",
        precision="float32", mean=value, low=value - half, high=value + half, seeds=1, run_ids=[f"{value:g}"],
    )  # fmt: skip


DEPTHS = [claim(40.0, 41.0, 0.5, depth=3, pooling="gap"), claim(50.0, depth=6, pooling="gap"),
          claim(60.0, 61.0, depth=11, pooling="gap")]  # fmt: skip


def points(figure: Figure) -> list[dict]:
    return json.loads(figure.specification)["data"]["values"]


def test_published_and_measured_are_drawn_against_the_parameter() -> None:
    (figure,) = published_figures(DEPTHS)
    assert figure.title == "test accuracy against depth"
    assert "test_accuracy (%) against depth: published with its tolerance, measured on jax" in figure.description
    found = [(p["x"], p["y"], p["kind"], p["low"], p["high"]) for p in points(figure)]
    assert found == [
        (3, 40.0, "published", 38.5, 41.5), (6, 50.0, "published", 48.5, 51.5), (11, 60.0, "published", 58.5, 61.5),
        (3, 41.0, "measured", 40.5, 41.5), (11, 61.0, "measured", None, None),
    ]  # fmt: skip
    assert [(p.backend, p.seeds, p.x, p.y) for p in figure.points] == [
        ("published", 0, 3, 40.0), ("published", 0, 6, 50.0), ("published", 0, 11, 60.0), ("jax", 3, 3, 41.0),
        ("jax", 3, 11, 61.0),
    ]  # fmt: skip
    assert figure.run_ids == {"run {'depth': 3, 'pooling': 'gap'}", "run {'depth': 11, 'pooling': 'gap'}"}
    assert "<path" in static_svg(figure.specification, "f")


def test_each_setting_is_a_series_and_what_was_measured_comes_first() -> None:
    other = [claim(10.0 + depth, depth=depth, pooling="flatten") for depth in (3, 6, 11)]
    (figure,) = published_figures([*other, *DEPTHS])
    assert list(dict.fromkeys(p["series"] for p in points(figure))) == ["pooling=gap", "pooling=flatten"]


def test_there_is_no_figure_of_a_claim_that_does_not_change_of_two_values_or_of_nothing_measured() -> None:
    assert published_figures([claim(40.0, 41.0, depth=depth) for depth in (3, 6, 11)]) == []
    assert published_figures([claim(40.0 + depth, 41.0, depth=depth) for depth in (3, 6)]) == []
    assert published_figures([claim(40.0 + depth, depth=depth) for depth in (3, 6, 11)]) == []
    assert published_figures([claim(40.0 + k, 41.0, kind=kind) for k, kind in enumerate("abc")]) == []
    # What was measured is of a setting that no figure holds.
    alone = claim(99.0, 41.0, depth=3, pooling="flatten")
    assert published_figures([alone, *(claim(40.0 + d, depth=d, pooling="gap") for d in (3, 6, 11))]) == []
    # Depth and width change together: neither is what the value is a function of.
    assert published_figures([claim(40.0 + k, 41.0, depth=k, width=k) for k in (1, 2, 3)]) == []


# What is published grows with the size n, too.
TABLE = [
    claim(40.0 + depth + n / 1000, 41.0 if (n, depth) == (2_000, 3) else None, 0.5, n=n, depth=depth, pool=1)
    for n in (2_000, 50_000)
    for depth in (3, 6, 11)
] + [claim(114.0, n=50_000, depth=3, pool=2), claim(67.0, n=2_000, depth=3, pool=2)]


def test_a_learning_curve_is_drawn_where_sizes_between_the_published_were_measured() -> None:
    taken = [mean(50.0, 0.98, n=10_000, depth=3, pool=1), mean(99.0, n=10_000, depth=3, pool=7),
             mean(98.0, n=10_000, depth=3), mean(41.0, n=2_000, depth=3, pool=1)]  # fmt: skip
    by_depth, by_size = published_figures(TABLE, taken)
    assert by_depth.title == "test accuracy against depth"
    assert by_size.title == "test accuracy against n, depth=3 pool=1"
    found = [(p["x"], p["y"], p["kind"], p["interval"]) for p in points(by_size)]
    assert found == [
        (2_000, 45.0, "published", "43.50 to 46.50"), (50_000, 93.0, "published", "91.50 to 94.50"),
        (2_000, 41.0, "measured", "40.50 to 41.50"), (10_000, 50.0, "measured", "49.02 to 50.98"),
    ]  # fmt: skip
    assert json.loads(by_size.specification)["layer"][0]["encoding"]["x"]["scale"]["type"] == "log"
    assert "<path" in static_svg(by_size.specification, "f")


def test_without_sizes_between_there_is_the_figure_of_depths_alone() -> None:
    (figure,) = published_figures(TABLE, [mean(50.0, n=10_000, depth=4, pool=1)])
    assert figure.title == "test accuracy against depth"


STATED = [Value({"n": n, "depth": 3}, (40.0, 1.0), None) for n in (2, 50)]
TAKEN = Value({"n": 10, "depth": 3}, None, Measured(Entry("jax", "cpu", "float32"), 50.0, 49.0, 51.0, "%", 2, ["a"]))


def test_a_measured_setting_that_differs_in_the_parameter_alone_is_found() -> None:
    assert unpublished(STATED, [TAKEN], "n") == [TAKEN]


@pytest.mark.parametrize(
    "params", [{"n": 2, "depth": 3}, {"n": 10, "depth": 4}, {"n": 10}, {"depth": 3}, {"n": 10, "depth": 3, "pool": 1}]
)
def test_what_is_published_or_differs_in_more_is_not_found(params: dict) -> None:
    assert unpublished(STATED, [replace(TAKEN, params=params)], "n") == []
