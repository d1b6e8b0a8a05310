"""Records of earlier formats: what they lacked is filled in, what names meant becomes a role."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ntkbench.errors import InputError
from ntkbench.results.record import RunRecord

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "squares.json").read_text())


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
    with pytest.raises(InputError) as caught:
        RunRecord.from_json(json.dumps({**json.loads(RECORD.to_json()), "format": version}))
    assert str(caught.value) == message


def older(version: int) -> dict[str, Any]:
    """The fields of RECORD as an earlier format had them."""
    found = {**json.loads(RECORD.to_json()), "format": version}
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
    found = json.loads(RECORD.to_json())
    found["metrics"][0]["name"] = "peak_memory"
    assert RunRecord.from_json(json.dumps(found)).metrics[0].role is None
