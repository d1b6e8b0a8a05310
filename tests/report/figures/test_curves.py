"""The figures of a page: what is drawn together, on which axes, and that the picture holds the points."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ntkbench.canonical import canonical_json
from ntkbench.errors import InputError
from ntkbench.experiment.spec import Curve, Metric, Task, Tier
from ntkbench.report.figures import curves
from ntkbench.report.figures.figure import TaskFigure, points_table
from ntkbench.report.rows.claims import Claim
from ntkbench.report.rows.curves import CurvePoint
from ntkbench.report.vega import library_name, static_svg, write_library


def line(
    name: str,
    points: list[tuple[float, float]],
    backend: str = "jax",
    device: str = "cpu",
    theory_of: str | None = None,
    **params: Any,
) -> list[CurvePoint]:
    return [
        CurvePoint(
            task="t", name=name, setting=canonical_json(params), backend=backend, device=device, precision="float32",
            point=k, x=float(x), y=float(y), runs=1, run_ids=[f"{backend} {params}"], x_name="width", y_name="error",
            x_unit="1", y_unit="%", theory_of=theory_of,
        )
        for k, (x, y) in enumerate(points)
    ]  # fmt: skip


def slope(metric: str, value: float, **params: Any) -> Claim:
    return Claim(
        task="t", claim=metric, metric=metric, unit=None, backend=None, device=None, precision=None, published=value,
        tolerance=0.1, side="within", measured=None, low=None, high=None, runs=0, seeds=0, verdict="not run",
        finding=None, outcome="not run", verified=True, source="table 1", setting=canonical_json(params), run_ids=[],
        number=1,
    )  # fmt: skip


def figures(points: list[CurvePoint], task: Task | None = None, claims: Sequence[Claim] = ()) -> list[TaskFigure]:
    """The figures of these points, as the database would give them."""
    return curves.figures(pl.DataFrame(points, orient="row", schema_overrides={"theory_of": pl.String}), task, claims)


def task(*curves: Curve) -> Task:
    def run(ctx: Any, depth: int) -> None:
        pass

    return Task("t", "T", "s", "about", run, (Metric("slope", "1"),), (Tier("smoke", depth=1),), curves=curves)


def values(figure: Any) -> list[dict]:
    content = json.loads(figure.specification)
    (data,) = content["datasets"].values() if "datasets" in content else [content["data"]["values"]]
    return data


def scales(figure: Any) -> set[str]:
    found = re.findall(r'"scale": {[^}]*}', figure.specification)
    return {("log" if '"log"' in scale else "linear") for scale in found if "domain" not in scale}


def test_a_figure_says_what_it_shows_and_which_runs_it_is_of() -> None:
    (figure,) = figures(line("error", [(1, 3), (2, 6)]) + line("error", [(1, 4)], backend="torch"))
    assert figure.title == "error"
    assert "error (%) against width, measured, on jax, torch; x from 1.000 to 2.000, y from 3.000" in figure.description
    assert figure.run_ids == {"jax {}", "torch {}"}


def test_devices_are_not_averaged_with_each_other() -> None:
    (figure,) = figures(line("error", [(1, 2)]) + line("error", [(1, 4)], device="cuda"))
    assert {(p["backend"], p["y"]) for p in values(figure)} == {("jax on cpu", 2), ("jax on cuda", 4)}


def test_series_are_in_the_order_of_their_numbers() -> None:
    rows = [row for depth in (10, 2, 1) for row in line("error", [(1, 2), (2, 4)], depth=depth)]
    (figure,) = figures(rows)
    assert list(dict.fromkeys(p["series"] for p in values(figure))) == ["depth=1", "depth=2", "depth=10"]


def test_theory_is_drawn_with_what_it_predicts() -> None:
    rows = line("limit", [(1, 1), (2, 2)], theory_of="error") + line("error", [(1, 2), (2, 4)])
    (figure,) = figures(rows)
    assert {(p["kind"], p["y"]) for p in values(figure)} == {
        ("measured", 2),
        ("measured", 4),
        ("theory", 1),
        ("theory", 2),
    }


def test_a_prediction_of_nothing_measured_stands_alone() -> None:
    (figure,) = figures(line("limit", [(1, 1), (2, 2)], theory_of="error"))
    assert figure.name == "limit"


@pytest.mark.parametrize(
    ("points", "kinds"),
    [
        ([(1, 1), (100, 1000)], {"log"}),
        ([(1, 1), (2, 2)], {"linear"}),
        ([(1, 1), (100, 2)], {"log", "linear"}),
        ([(1, -1), (2, 1000)], {"linear"}),
    ],
)
def test_wide_positive_ranges_are_logarithmic(points: list[tuple[float, float]], kinds: set[str]) -> None:
    (figure,) = figures(line("error", points))
    assert scales(figure) == kinds


def test_the_claimed_slope_of_an_exponent_goes_through_the_first_point() -> None:
    rows = line("error", [(4, 8), (16, 3)], depth=2)
    claims = [slope("slope", -0.5, depth=2), slope("other", 9.0)]
    (figure,) = figures(rows, task(Curve("error", x="width", y="error", exponent="slope")), claims)
    claimed = [(p["x"], p["y"]) for p in values(figure) if p["kind"] == "claimed slope"]
    assert claimed == [(4, 8), (16, pytest.approx(4.0))]
    assert scales(figure) == {"log"}


def test_no_slope_is_drawn_for_other_parameters() -> None:
    claims = [slope("slope", -0.5, depth=3)]
    curve = Curve("error", x="width", y="error", exponent="slope")
    (figure,) = figures(line("error", [(4, 8), (16, 3)], depth=2), task(curve), claims)
    assert {p["kind"] for p in values(figure)} == {"measured"}


def test_what_is_no_picture_is_not_drawn() -> None:
    assert figures(line("error", [(1, 1), (2, 2)]), task(Curve("error", x="width", y="error", drawn=False))) == []


def test_many_series_are_spread_over_figures() -> None:
    rows = [row for a in (1, 2) for b in range(6) for row in line("error", [(1, b), (2, b)], a=a, b=b)]
    found = figures(rows)
    assert [figure.title for figure in found] == ["error, a = 1", "error, a = 2"]
    assert {p["series"] for p in values(found[0])} == {f"b={b}" for b in range(6)}


def test_long_series_are_thinned_out() -> None:
    (figure,) = figures(line("error", [(k, k) for k in range(1000)]))
    assert [p["x"] for p in values(figure)] == list(range(0, 1000, 3))


def test_the_table_has_every_point() -> None:
    (figure,) = figures(line("error", [(1, 2), (2, 4)], depth=3))
    first, *rows = csv.reader(io.StringIO(points_table(figure)))
    assert first == ["curve", "parameters", "backend", "seeds", "width", "error"]
    assert rows == [["error", "depth=3", "jax", "1", "1.0", "2.0"], ["error", "depth=3", "jax", "1", "2.0", "4.0"]]


def test_an_exponent_must_be_a_metric() -> None:
    with pytest.raises(InputError, match="exponent of curve 'error' of task 't'"):
        task(Curve("error", x="width", y="error", exponent="slop"))


def test_a_picture_is_the_same_each_time_and_its_names_begin_with_the_prefix() -> None:
    (figure,) = figures(line("error", [(1, 2), (2, 4)]))
    one, two = static_svg(figure.specification, "f1"), static_svg(figure.specification, "f1")
    assert one == two
    assert "width" in one
    assert all(name.startswith("f1-") for name in re.findall(r'id="([^"]+)"', one))
    assert set(re.findall(r"url\(#([^)]+)\)", one)) <= set(re.findall(r'id="([^"]+)"', one))


def test_hostile_texts_stay_texts_in_a_picture() -> None:
    rows = line("error", [(1, 2), (2, 4)], depth="<script>alert(1)</script>") + line(
        "error", [(1, 3), (2, 5)], depth="b"
    )
    (figure,) = figures(rows)
    assert "<script" not in static_svg(figure.specification, "f1")


@pytest.mark.slow
def test_the_library_is_one_script_without_a_network(tmp_path: Path) -> None:
    write_library(tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.name == library_name()
    text = file.read_text()
    assert "window.drawFigure=" in text
    assert "import(" not in text
    before = file.stat().st_mtime_ns
    write_library(tmp_path)
    assert file.stat().st_mtime_ns == before
