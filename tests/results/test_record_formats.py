"""Records of earlier formats: what they lacked is filled in, what names meant becomes a role."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ntkbench.errors import InputError
from ntkbench.results.record import (
    ClaimRow,
    CurveRow,
    MetricRow,
    RunRecord,
    TimingRow,
)

RECORD = RunRecord(
    run_id="0" * 32, experiment_id="a" * 32, task="squares", task_version=1, tier="smoke",
    params={"x": 3, "how": "well"}, backend="numba", implementation="numba", device="cpu", precision="float32", seed=0,
    dataset=None, dataset_sha256=None, status="ok", reason="", traceback="", warnings=["UserWarning: one"],
    started="2026-01-02T03:04:05.678+00:00", finished="2026-01-02T03:04:06+00:00", command="ntkbench run",
    environment={"cpu": "fast"}, timings=[TimingRow("kernel", "first", 0, 0.5), TimingRow("kernel", "steady", 0, 0.1)],
    metrics=[MetricRow("square", 9.0, "1", 0.5, "higher", None)],
    curves=[CurveRow("powers", [0.0, 1.0], [1.0, 3.0], "exponent", "power", "1", "1", 0.9, 0.0)],
    claims=[ClaimRow("three squared", "square", 9.0, 0.1, "exact", {"x": 3}, True, 1, "mean")],
)  # fmt: skip


def values() -> dict[str, Any]:
    return json.loads(RECORD.to_json())


def refusal(line: str) -> str:
    with pytest.raises(InputError) as caught:
        RunRecord.from_json(line)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (5, "record format 5 is newer than this ntkbench reads (4)"),
        (0, "record format 0 is none from 1 to 4"),
        ("1", "record format '1' is none from 1 to 4"),
        (True, "record format True is none from 1 to 4"),
        (None, "record format None is none from 1 to 4"),
    ],
)
def test_another_format_is_refused(version: Any, message: str) -> None:
    assert refusal(json.dumps({**values(), "format": version})) == message


def changed(path: str, value: Any) -> str:
    """A line with the value at `path`, such as "metrics.0.value", replaced."""
    found = values()
    *way, last = path.split(".")
    place: Any = found
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    place[int(last) if last.isdigit() else last] = value
    return json.dumps(found)


def older(version: int) -> dict[str, Any]:
    """The fields of RECORD as an earlier format had them."""
    found = {**values(), "format": version}
    del found["task_sha256"]
    if version == 3:
        return found
    del found["measures_machine"]
    for row in found["metrics"]:
        del row["role"], row["stage"]
    for row in found["curves"]:
        del row["theory_of"]
    for row in found["claims"] if version == 1 else ():
        del row["side"]
    for row in found["claims"]:
        del row["finding"]
    return found


@pytest.mark.parametrize("version", [1, 2, 3])
def test_fields_that_an_earlier_format_lacked_are_filled_in(version: int) -> None:
    assert RunRecord.from_json(json.dumps(older(version))) == RECORD
    assert [claim.side for claim in RECORD.claims] == ["within"]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("task", "name", "unit", "role", "stage"),
    [
        ("squares", "gram_error", "1", "gram error", None),
        ("squares", "peak_memory", "B", "peak memory", None),
        ("squares", "kernel_operations", "op", "operations", "kernel"),
        ("squares", "gram_test_bytes", "B", "bytes", "gram_test"),
        ("squares", "kernel_operations", "1", None, None),
        ("squares", "kernel_bytes", "op", None, None),
        ("squares", "_bytes", "B", None, None),
        ("squares", "bandwidth", "B/s", None, None),
        ("machine_limits", "bandwidth", "B/s", "bandwidth", None),
        ("machine_limits", "product_float32", "op/s", "float32 operation rate", None),
        ("machine_limits", "product_float64", "op/s", "float64 operation rate", None),
    ],
)
def test_what_the_names_of_metrics_meant_is_their_role(
    version: int, task: str, name: str, unit: str, role: str | None, stage: str | None
) -> None:
    found = {**older(version), "task": task}
    found["metrics"][0].update(name=name, unit=unit)
    record = RunRecord.from_json(json.dumps(found))
    assert (record.metrics[0].role, record.metrics[0].stage) == (role, stage)
    assert record.measures_machine == (task == "machine_limits")
    assert RunRecord.from_json(record.to_json()) == record


def test_what_predicted_a_curve_of_the_run_is_its_theory() -> None:
    found = older(2)
    curve = found["curves"][0]
    found["curves"] += [{**curve, "name": name} for name in ("predicted_powers", "predicted_none", "predictedpowers")]
    theories = [c.theory_of for c in RunRecord.from_json(json.dumps(found)).curves]
    assert theories == [None, "powers", None, None]
    # A curve without points is no row of the database.
    curve.update(x=[], y=[])
    assert [c.theory_of for c in RunRecord.from_json(json.dumps(found)).curves] == [None] * 4


def test_names_mean_nothing_in_the_present_format() -> None:
    line = changed("metrics.0.name", "peak_memory")
    assert RunRecord.from_json(line).metrics[0].role is None
