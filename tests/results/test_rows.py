from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.results import rows
from ntkbench.results.record import ClaimRow, CurveRow, MetricRow, RunRecord, TimingRow
from ntkbench.results.sameness import same, sealed_content
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
number = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
tolerance = st.none() | st.floats(0, 1e300)
params = st.dictionaries(text, text | number | st.booleans(), max_size=3)
roles = st.sampled_from([(None, None), ("peak memory", None), ("bytes", "kernel")])
sides = st.sampled_from(["within", "at least", "at most"])
moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.isoformat() + "+00:00")


@st.composite
def records(draw: st.DrawFn) -> RunRecord:
    points = draw(st.lists(st.tuples(number, number), min_size=1, max_size=4))
    names = draw(st.lists(text, min_size=1, max_size=2, unique=True))
    return replace(
        RECORD,
        run_id=uuid4().hex,
        params=draw(params),
        reason=draw(text),
        warnings=draw(st.lists(text, max_size=2)),
        started=draw(moments),
        finished=draw(moments),
        dataset=draw(st.none() | text),
        environment=draw(st.dictionaries(text, text, max_size=3)),
        timings=[TimingRow(n, "first", i, s) for i, (n, s) in enumerate(zip(names, [0.0, 1e-9], strict=False))],
        metrics=[
            MetricRow(n, draw(number), draw(text), draw(tolerance), None, draw(tolerance), *draw(roles)) for n in names
        ],
        curves=[
            CurveRow(
                n,
                [x for x, _ in points],
                [y for _, y in points],
                "x",
                "y",
                "",
                "",
                draw(tolerance),
                0.5,
                draw(st.none() | text),
            )
            for n in names
        ],
        measures_machine=draw(st.booleans()),
        claims=[
            ClaimRow(n, "m", draw(number), 0.5, "s", draw(params), draw(st.booleans()), 2, "mean", draw(sides))
            for n in names
        ],
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("rows") / "results.duckdb")
    store.prepare()
    return store


@given(record=records())
@settings(max_examples=20, deadline=None)
def test_a_record_comes_out_of_the_database_as_it_went_in(store, record):
    store.add([record])
    with store.reading() as connection:
        (found,) = rows.read_records(connection, run_ids=[record.run_id])
    assert same(found, record)
    assert (found.params, found.environment, found.metrics[0].value) == (
        record.params,
        record.environment,
        next(m.value for m in record.metrics if m.name == found.metrics[0].name),
    )
    # And so it is known when it comes again.
    assert store.add([record]) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"params": {"depth": 4}},
        {"status": "error"},
        {"finished": "2026-01-01T00:00:01.501+00:00"},
        {"environment": {"machine": "m2"}},
        {"timings": RECORD.timings[:2]},
        {"metrics": [replace(RECORD.metrics[0], value=40.8), RECORD.metrics[1]]},
        {"curves": [replace(RECORD.curves[0], y=[7.0, 3.0, 0.2])]},
        {"claims": RECORD.claims[:1]},
        {"claims": [replace(RECORD.claims[0], side="at least"), RECORD.claims[1]]},
        {"claims": [replace(RECORD.claims[0], finding="rounded, since 2026-11-28"), RECORD.claims[1]]},
    ],
)
def test_records_that_differ_anywhere_are_not_the_same(change):
    assert not same(RECORD, replace(RECORD, **change))


def test_the_order_of_rows_and_the_zone_of_times_are_no_difference():
    other = replace(
        RECORD,
        finished="2026-01-01T02:00:01.500+02:00",
        timings=RECORD.timings[::-1],
        metrics=RECORD.metrics[::-1],
        claims=RECORD.claims[::-1],
        params=dict(reversed(RECORD.params.items())),
    )
    assert same(RECORD, other)


def test_a_set_of_claims_has_one_id_whatever_its_order_and_the_type_of_its_numbers():
    one, other = RECORD.claims
    name = rows.claims_id("images", 1, [one, other])
    assert name == rows.claims_id("images", 1, [other, replace(one, value=float(one.value))])
    others = [("texts", 1, [one, other]), ("images", 2, [one, other]), ("images", 1, [one]), ("images", 1, [])]
    others.append(("images", 1, [one, replace(other, side="at most")]))
    others.append(("images", 1, [one, replace(other, finding="rounded, since 2026-11-28")]))
    assert len({name, *(rows.claims_id(*content) for content in others)}) == 7


def test_equal_parameters_and_environments_are_equal_texts(store):
    backwards = {"params": dict(reversed(RECORD.params.items()))}
    facts = dict(reversed(RECORD.environment.items()))
    store.add([replace(RECORD, run_id="a" * 32, tier="order")])
    store.add([replace(RECORD, run_id="b" * 32, tier="order", environment=facts, **backwards)])
    (counts,) = store.query(
        "SELECT count(*), count(DISTINCT params), count(DISTINCT environment_id) FROM run WHERE tier = 'order'"
    )[1]
    assert counts == (2, 1, 1)


def test_a_record_without_the_file_of_its_task_has_the_seal_that_it_had() -> None:
    """Seals were made before records knew of task files."""
    assert "task_sha256" not in sealed_content(RECORD)
    assert sealed_content(replace(RECORD, task_sha256="a" * 64))["task_sha256"] == "a" * 64
