"""What was published against a parameter: when there is a figure, and what it holds."""

from __future__ import annotations

import json
from typing import Any

from ntkbench.drawing import static_svg
from ntkbench.published_figures import published_figures


def verdict(published: float, measured: float | None = None, half: float | None = None, **params: Any) -> dict:
    bounded = measured is not None and half is not None
    return {
        "metric": "test_accuracy", "unit": None if measured is None else "%", "side": "within", "params": params,
        "published": published, "tolerance": 1.5, "measured": measured, "backend": measured and "jax",
        "device": measured and "cpu", "precision": measured and "float32", "seeds": 0 if measured is None else 3,
        "low": measured - half if bounded else measured, "high": measured + half if bounded else measured,
        "sources": [{"run_id": f"run {params}"}] if measured else [],
    }  # fmt: skip


DEPTHS = [verdict(40.0, 41.0, 0.5, depth=3, pooling="gap"), verdict(50.0, depth=6, pooling="gap"),
          verdict(60.0, 61.0, depth=11, pooling="gap")]  # fmt: skip


def points(figure: Any) -> list[dict]:
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
    assert [row["sources"] for row in figure.rows if row["sources"]] == [
        ["run {'depth': 3, 'pooling': 'gap'}"],
        ["run {'depth': 11, 'pooling': 'gap'}"],
    ]
    assert "<path" in static_svg(figure.specification, "f")


def test_each_setting_is_a_series_and_what_was_measured_comes_first() -> None:
    other = [verdict(10.0 + depth, depth=depth, pooling="flatten") for depth in (3, 6, 11)]
    (figure,) = published_figures([*other, *DEPTHS])
    assert list(dict.fromkeys(p["series"] for p in points(figure))) == ["pooling=gap", "pooling=flatten"]


def test_there_is_no_figure_of_a_claim_that_does_not_change_of_two_values_or_of_nothing_measured() -> None:
    assert published_figures([verdict(40.0, 41.0, depth=depth) for depth in (3, 6, 11)]) == []
    assert published_figures([verdict(40.0 + depth, 41.0, depth=depth) for depth in (3, 6)]) == []
    assert published_figures([verdict(40.0 + depth, depth=depth) for depth in (3, 6, 11)]) == []
    assert published_figures([verdict(40.0 + k, 41.0, kind=kind) for k, kind in enumerate("abc")]) == []
    # Depth and width change together: neither is what the value is a function of.
    assert published_figures([verdict(40.0 + k, 41.0, depth=k, width=k) for k in (1, 2, 3)]) == []
