from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench import Claim, Context, Metric, Tier, task
from ntkbench.errors import InputError, brief
from ntkbench.experiment.plan import plan
from ntkbench.results.record import (
    STATUSES,
    ClaimRow,
    CurveRow,
    MetricRow,
    RunRecord,
    TimingRow,
    claim_rows,
    planned_fields,
)
from ntkbench.results.record_checks import checkable

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "squares.json").read_text())


def values() -> dict[str, Any]:
    return json.loads(RECORD.to_json())


def refusal(line: str) -> str:
    with pytest.raises(InputError) as caught:
        RunRecord.from_json(line)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


texts = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60)
positive = st.floats(0, 1e300)
counts = st.integers(0, 2**31 - 1)
scalars = st.booleans() | numbers | texts
series = st.lists(st.tuples(numbers, numbers), max_size=3)


def rows(kind: st.SearchStrategy[Any], key=lambda row: row.name) -> st.SearchStrategy[list[Any]]:
    return st.lists(kind, max_size=3, unique_by=key)


timings = st.builds(TimingRow, texts, st.sampled_from(["first", "steady"]), counts, positive)
metrics = st.builds(
    MetricRow,
    texts,
    numbers,
    texts,
    st.none() | positive,
    st.sampled_from(["higher", "lower", None]),
    st.none() | positive,
    st.sampled_from(["gram error", "peak memory", "bandwidth", None]),
)
curves = st.builds(
    lambda xy, **more: CurveRow(x=[x for x, _ in xy], y=[y for _, y in xy], **more),
    series, name=texts, x_name=texts, y_name=texts, x_unit=texts, y_unit=texts, share=st.none() | positive,
    tolerance=positive, theory_of=st.none() | texts,
)  # fmt: skip
claims = st.builds(
    ClaimRow, texts, texts, numbers, positive, texts, st.dictionaries(texts, scalars, max_size=3), st.booleans(),
    counts, st.sampled_from(["mean", "worst"]), st.sampled_from(["within", "at least", "at most"]),
)  # fmt: skip
identifiers = st.text("0123456789abcdef", min_size=32, max_size=32)
moments = st.datetimes(timezones=st.just(UTC)).map(lambda t: t.isoformat())
records = st.builds(
    RunRecord, identifiers, identifiers, texts, counts, texts, st.dictionaries(texts, scalars, max_size=3), texts,
    texts, texts, texts, counts, st.none() | texts, st.none() | texts, st.sampled_from(STATUSES), texts, texts,
    st.lists(texts, max_size=2), moments, moments, texts, st.dictionaries(texts, texts, max_size=3),
    rows(timings, lambda t: (t.stage, t.phase, t.sample)), rows(metrics), rows(curves), rows(claims),
    st.booleans(),
)  # fmt: skip


@given(records)
@settings(max_examples=50, deadline=None)
def test_a_record_survives_a_line_of_json(record: RunRecord) -> None:
    line = record.to_json()
    assert "\n" not in line
    assert RunRecord.from_json(line) == record
    assert RunRecord.from_json(line).to_json() == line


def test_a_line_is_plain_json_with_its_format() -> None:
    found = values()
    assert found["format"] == 4
    assert found["metrics"] == [
        {
            "name": "square",
            "value": 9.0,
            "unit": "1",
            "stderr": 0.5,
            "better": "higher",
            "tolerance": None,
            "role": None,
            "stage": None,
        }
    ]
    assert found["params"] == {"x": 3, "how": "well"}


@pytest.mark.parametrize("line", ["", "{", "nonsense", '{"a": 1} {"b": 2}', RECORD.to_json()[:-20]])
def test_a_line_that_is_no_json_is_refused(line: str) -> None:
    assert refusal(line).startswith("not JSON (")


@pytest.mark.parametrize("line", ["[" * 100_000, '{"seed": ' + "9" * 10_000 + "}"], ids=["too deep", "too long"])
def test_json_that_cannot_be_read_is_refused(line: str) -> None:
    assert refusal(line).startswith("not JSON of ours (")


@pytest.mark.parametrize("line", ["[]", "3", '"text"', "null"])
def test_json_that_is_no_object_is_refused(line: str) -> None:
    assert refusal(line).startswith("a record must be a JSON object, not ")


def test_a_field_of_a_kind_that_is_not_known_is_an_error_when_its_module_is_imported() -> None:
    @dataclass(frozen=True)
    class Odd:
        size: set[int]

    with pytest.raises(KeyError):
        checkable(Odd)


@pytest.mark.parametrize("name", [name for name in values() if name != "format"])
def test_a_record_without_one_of_its_fields_is_refused(name: str) -> None:
    found = values()
    del found[name]
    assert refusal(json.dumps(found)) == f"record lacks the field {name!r}"


ROWS = {"timings": "timing", "metrics": "metric", "curves": "curve", "claims": "claim"}


@pytest.mark.parametrize(("rows", "what", "name"), [(r, w, n) for r, w in ROWS.items() for n in values()[r][0]])
def test_a_row_without_one_of_its_fields_is_refused(rows: str, what: str, name: str) -> None:
    found = values()
    del found[rows][0][name]
    assert refusal(json.dumps(found)) == f"{what} lacks the field {name!r}"


def test_an_unknown_field_is_answered_with_the_nearest() -> None:
    assert refusal(json.dumps({**values(), "sede": 1})) == "unknown field of record: 'sede'; did you mean 'seed'?"
    found = values()
    found["metrics"][0]["valeu"] = 1
    assert refusal(json.dumps(found)) == "unknown field of metric: 'valeu'; did you mean 'value'?"


def changed(path: str, value: Any) -> str:
    """A line with the value at `path`, such as "metrics.0.value", replaced."""
    found = values()
    *way, last = path.split(".")
    place: Any = found
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    place[int(last) if last.isdigit() else last] = value
    return json.dumps(found)


NAN, INF = float("nan"), float("inf")
MALFORMED = [
    ("run_id", "xyz", "record: run_id 'xyz' is not 32 hex digits"),
    ("run_id", 5, "record: run_id must be text, not 5"),
    ("experiment_id", "A" * 32, "is not 32 hex digits"),
    ("experiment_id", "a" * 32 + "\n", "is not 32 hex digits"),
    ("task", 5, "record: task must be text, not 5"),
    ("task", "\ud800", "record: task must be text"),
    ("task_version", "1", "record: task_version must be a whole number from 0 to 2^31 - 1, not '1'"),
    ("task_version", 1.0, "record: task_version must be a whole number"),
    ("seed", True, "record: seed must be a whole number"),
    ("seed", -1, "record: seed must be a whole number"),
    ("seed", 2**31, "record: seed must be a whole number"),
    ("params", [], "record: params must be numbers, texts and truth values by name, not []"),
    ("params", {"x": None}, "record: params must be"),
    ("params", {"x": [1]}, "record: params must be"),
    ("params", {"x": NAN}, "record: params must be"),
    ("dataset", 3, "record: dataset must be text or null, not 3"),
    ("status", "good", "record: status 'good' is none of ok, error, out_of_memory, timeout, killed, not_applicable"),
    ("status", None, "record: status must be text, not None"),
    ("reason", None, "record: reason must be text, not None"),
    ("warnings", "one", "record: warnings must be a list of texts, not 'one'"),
    ("warnings", [1], "record: warnings must be a list of texts, not [1]"),
    ("started", "yesterday", "record: started 'yesterday' is not a time in ISO 8601"),
    ("finished", "0001-01-01T00:00:00+23:00", "is not a time in ISO 8601"),
    ("environment", {"cpu": 3}, "record: environment must be texts by name, not {'cpu': 3}"),
    ("environment", None, "record: environment must be texts by name, not None"),
    ("timings", 5, "record: timings must be a list of timing rows"),
    ("timings", None, "record: timings must be a list of timing rows"),
    ("timings", {}, "record: timings must be a list of timing rows"),
    ("timings.0", 5, "timing must be an object, not 5"),
    ("timings.0.stage", None, "timing of stage None: stage must be text, not None"),
    ("timings.0.phase", "last", "timing of stage 'kernel': phase 'last' is none of first, steady"),
    ("timings.0.sample", 0.5, "timing of stage 'kernel': sample must be a whole number"),
    ("timings.0.seconds", -0.1, "timing of stage 'kernel': seconds must not be negative, not -0.1"),
    ("timings.0.seconds", "fast", "timing of stage 'kernel': seconds must be a finite number, not 'fast'"),
    ("timings.0.seconds", NAN, "timing of stage 'kernel': seconds must be a finite number, not nan"),
    ("timings.0.phase", "steady", "record: timing ('kernel', 'steady', 0) occurs twice"),
    ("metrics", "abc", "record: metrics must be a list of metric rows"),
    ("metrics.0", ["square"], "metric must be an object, not ['square']"),
    ("metrics.0.value", "high", "metric 'square': value must be a finite number, not 'high'"),
    ("metrics.0.value", None, "metric 'square': value must be a finite number, not None"),
    ("metrics.0.value", True, "metric 'square': value must be a finite number, not True"),
    ("metrics.0.value", NAN, "metric 'square': value must be a finite number, not nan"),
    ("metrics.0.value", INF, "metric 'square': value must be a finite number, not inf"),
    ("metrics.0.value", 10**400, "metric 'square': value must be a finite number, not 1000"),
    ("metrics.0.unit", None, "metric 'square': unit must be text, not None"),
    ("metrics.0.stderr", -1, "metric 'square': stderr must not be negative, not -1"),
    ("metrics.0.stderr", "0", "metric 'square': stderr must be a finite number or null, not '0'"),
    ("metrics.0.better", "more", "metric 'square': better 'more' is none of higher, lower, None"),
    ("metrics.0.role", "memory", "unknown role of metric 'square': 'memory'; did you mean 'peak memory'?"),
    ("metrics.0.role", 3, "metric 'square': role must be text or null, not 3"),
    ("metrics.0.role", "bytes", "metric 'square': role 'bytes' needs a stage, the one that takes them"),
    ("metrics.0.stage", "kernel", "metric 'square': only the roles 'operations' and 'bytes' have a stage, not None"),
    ("measures_machine", "no", "record: measures_machine must be true or false, not 'no'"),
    ("metrics.0.tolerance", -1, "metric 'square': tolerance must not be negative, not -1"),
    ("curves.0.x", [0.0], "curve 'powers': x has 1 points and y 2"),
    ("curves.0.x", ["a", "b"], "curve 'powers': x must be a list of finite numbers, not ['a', 'b']"),
    ("curves.0.y", [1.0, INF], "curve 'powers': y must be a list of finite numbers, not [1.0, inf]"),
    ("curves.0.y", 3, "curve 'powers': y must be a list of finite numbers, not 3"),
    ("curves.0.share", "all", "curve 'powers': share must be a finite number or null, not 'all'"),
    ("curves.0.tolerance", None, "curve 'powers': tolerance must be a finite number, not None"),
    ("claims.0.value", "nine", "claim 'three squared': value must be a finite number, not 'nine'"),
    ("claims.0.params", {"x": {}}, "claim 'three squared': params must be numbers, texts and truth values by name"),
    ("claims.0.verified", 1, "claim 'three squared': verified must be true or false, not 1"),
    ("claims.0.repeats", "3", "claim 'three squared': repeats must be a whole number"),
    ("claims.0.over", "best", "claim 'three squared': over 'best' is none of mean, worst"),
    ("claims.0.finding", 1, "claim 'three squared': finding must be text or null, not 1"),
    ("claims.0.side", "over", "claim 'three squared': side 'over' is none of within, at least, at most"),
]


@pytest.mark.parametrize(("path", "value", "message"), MALFORMED, ids=[f"{p} {brief(v)}" for p, v, _ in MALFORMED])
def test_a_malformed_value_is_refused_in_one_line(path: str, value: Any, message: str) -> None:
    assert message in refusal(changed(path, value))


@pytest.mark.parametrize(("rows", "what"), ROWS.items())
def test_a_row_that_occurs_twice_is_refused(rows: str, what: str) -> None:
    found = values()
    found[rows].append(found[rows][0])
    message = refusal(json.dumps(found))
    assert message.startswith(f"record: {what} ")
    assert message.endswith("occurs twice")


def test_a_whole_number_may_stand_for_a_fractional_one() -> None:
    assert RunRecord.from_json(changed("metrics.0.value", 9)).metrics[0].value == 9.0


def test_a_record_cannot_be_made_malformed_either() -> None:
    with pytest.raises(InputError, match="status 'good'"):
        replace(RECORD, status="good")
    with pytest.raises(InputError, match="metrics must be a list of metric rows"):
        replace(RECORD, metrics=[{"name": "square"}])


def sample(ctx: Context, *, dataset: str, x: float) -> None: ...


def test_the_plan_and_the_claims_of_a_task_fill_a_record() -> None:
    claim = Claim(
        "one", metric="m", value=1, tolerance=0.5, source="s", where={"x": 2}, repeats=3, over="worst", side="at most",
        finding="rounded, since 2026-11-28",
    )  # fmt: skip
    made = task(
        title="T", source="s", metrics=[Metric("m", "1")], claims=[claim], tiers=[Tier("smoke", dataset="digits", x=2)]
    )(sample)
    row = ClaimRow("one", "m", 1, 0.5, "s", {"x": 2.0}, False, 3, "worst", "at most", "rounded, since 2026-11-28")
    assert claim_rows(made) == [row]
    (run,) = plan([made], tier="smoke", backends=["jax"], precision="float64")
    record = replace(RECORD, **planned_fields(run), claims=claim_rows(made))
    assert RunRecord.from_json(record.to_json()) == record
    assert (record.experiment_id, record.params) == (run.experiment_id, {"dataset": "digits", "x": 2.0})
    assert (record.task, record.backend, record.precision, record.dataset) == ("sample", "jax", "float64", "digits")
