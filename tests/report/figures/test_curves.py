"""The figures of a page: what is drawn together, on which axes, and that the picture holds the points."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ntkbench.errors import InputError
from ntkbench.experiment.spec import Curve, Metric, Task, Tier
from ntkbench.report.figures.curves import figures, points_table
from ntkbench.report.vega import library_name, static_svg, write_library


def line(
    name: str,
    points: list[tuple[float, float]],
    seed: int = 0,
    backend: str = "jax",
    device: str = "cpu",
    theory_of: str | None = None,
    **params: Any,
) -> list[dict]:
    common = {"run_id": f"{backend}{seed}{params}", "name": name, "params": params, "backend": backend, "seed": seed}
    common |= {"device": device, "precision": "float32", "theory_of": theory_of}
    common |= {"x_name": "width", "y_name": "error", "x_unit": "1", "y_unit": "%"}
    return [{**common, "point": k, "x": x, "y": y} for k, (x, y) in enumerate(points)]


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


def test_seeds_are_averaged() -> None:
    (figure,) = figures(line("error", [(1, 2), (2, 4)]) + line("error", [(1, 4), (2, 8)], seed=1), None, [])
    assert [(p["x"], p["y"]) for p in values(figure)] == [(1, 3), (2, 6)]
    assert figure.title == "error"
    assert "error (%) against width, measured, on jax" in figure.description


def test_devices_are_not_averaged_with_each_other() -> None:
    (figure,) = figures(line("error", [(1, 2)]) + line("error", [(1, 4)], device="cuda"), None, [])
    assert {(p["backend"], p["y"]) for p in values(figure)} == {("jax on cpu", 2), ("jax on cuda", 4)}


def test_series_are_in_the_order_of_their_numbers() -> None:
    rows = [row for depth in (10, 2, 1) for row in line("error", [(1, 2), (2, 4)], depth=depth)]
    (figure,) = figures(rows, None, [])
    assert list(dict.fromkeys(p["series"] for p in values(figure))) == ["depth=1", "depth=2", "depth=10"]


def test_theory_is_drawn_with_what_it_predicts() -> None:
    rows = line("limit", [(1, 1), (2, 2)], theory_of="error") + line("error", [(1, 2), (2, 4)])
    (figure,) = figures(rows, None, [])
    assert {(p["kind"], p["y"]) for p in values(figure)} == {
        ("measured", 2),
        ("measured", 4),
        ("theory", 1),
        ("theory", 2),
    }


def test_a_prediction_of_nothing_measured_stands_alone() -> None:
    (figure,) = figures(line("limit", [(1, 1), (2, 2)], theory_of="error"), None, [])
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
    (figure,) = figures(line("error", points), None, [])
    assert scales(figure) == kinds


def test_the_claimed_slope_of_an_exponent_goes_through_the_first_point() -> None:
    rows = line("error", [(4, 8), (16, 3)], depth=2)
    claims = [
        {"metric": "slope", "published": -0.5, "params": {"depth": 2}},
        {"metric": "other", "published": 9, "params": {}},
    ]
    (figure,) = figures(rows, task(Curve("error", x="width", y="error", exponent="slope")), claims)
    claimed = [(p["x"], p["y"]) for p in values(figure) if p["kind"] == "claimed slope"]
    assert claimed == [(4, 8), (16, pytest.approx(4.0))]
    assert scales(figure) == {"log"}


def test_no_slope_is_drawn_for_other_parameters() -> None:
    claims = [{"metric": "slope", "published": -0.5, "params": {"depth": 3}}]
    curve = Curve("error", x="width", y="error", exponent="slope")
    (figure,) = figures(line("error", [(4, 8), (16, 3)], depth=2), task(curve), claims)
    assert {p["kind"] for p in values(figure)} == {"measured"}


def test_what_is_no_picture_is_not_drawn() -> None:
    assert figures(line("error", [(1, 1), (2, 2)]), task(Curve("error", x="width", y="error", drawn=False)), []) == []


def test_many_series_are_spread_over_figures() -> None:
    rows = [row for a in (1, 2) for b in range(6) for row in line("error", [(1, b), (2, b)], a=a, b=b)]
    found = figures(rows, None, [])
    assert [figure.title for figure in found] == ["error, a = 1", "error, a = 2"]
    assert {p["series"] for p in values(found[0])} == {f"b={b}" for b in range(6)}


def test_long_series_are_thinned_out() -> None:
    (figure,) = figures(line("error", [(k, k) for k in range(1000)]), None, [])
    assert [p["x"] for p in values(figure)] == list(range(0, 1000, 3))


def test_the_table_has_every_point() -> None:
    (figure,) = figures(line("error", [(1, 2), (2, 4)], depth=3), None, [])
    first, *rows = csv.reader(io.StringIO(points_table(figure.rows)))
    assert first == ["curve", "parameters", "backend", "seeds", "width", "error"]
    assert rows == [["error", "depth=3", "jax", "1", "1.0", "2.0"], ["error", "depth=3", "jax", "1", "2.0", "4.0"]]


def test_an_exponent_must_be_a_metric() -> None:
    with pytest.raises(InputError, match="exponent of curve 'error' of task 't'"):
        task(Curve("error", x="width", y="error", exponent="slop"))


def test_a_picture_is_the_same_each_time_and_its_names_begin_with_the_prefix() -> None:
    (figure,) = figures(line("error", [(1, 2), (2, 4)]), None, [])
    one, two = static_svg(figure.specification, "f1"), static_svg(figure.specification, "f1")
    assert one == two
    assert "width" in one
    assert all(name.startswith("f1-") for name in re.findall(r'id="([^"]+)"', one))
    assert set(re.findall(r"url\(#([^)]+)\)", one)) <= set(re.findall(r'id="([^"]+)"', one))


def test_hostile_texts_stay_texts_in_a_picture() -> None:
    rows = line("error", [(1, 2), (2, 4)], depth="<script>alert(1)</script>") + line(
        "error", [(1, 3), (2, 5)], depth="b"
    )
    (figure,) = figures(rows, None, [])
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
