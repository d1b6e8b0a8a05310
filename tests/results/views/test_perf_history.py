from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ntkbench.results.database import connect
from ntkbench.results.exchange import sources
from ntkbench.results.exchange.parquet import export_parquet
from ntkbench.results.origin import IMPORT, REFERENCE, Origin
from ntkbench.results.perf import steps
from ntkbench.results.perf.asv import Measurement

START = datetime(2026, 1, 1, tzinfo=UTC)


def measured(day: int, value: float | None, **changes) -> Measurement:
    """The benchmark on the commit of that day, measured a year later."""
    fields = {
        "facts": {"machine": "m1", "python": "3.11", "commit": f"c{day}"}, "benchmark": "bench.time_gram",
        "version": "v1", "params": {"depth": 3}, "committed": START + timedelta(days=day), "subject": f"day {day}",
        "measured": START + timedelta(days=365 + day), "unit": "s", "low": None, "high": None, "samples": (),
        "number": 1, "failure": "" if value is not None else "it failed", **changes,
    }  # fmt: skip
    return Measurement(value=value, **fields)


def history(results, *measurements: Measurement, columns: str = "value, baseline, ratio") -> list[tuple]:
    assert results.store.add([], measurements=[(m, "asv") for m in measurements]) == len(measurements)
    return results.select(f"SELECT {columns} FROM perf_history ORDER BY benchmark, machine, version, committed")


def test_each_commit_is_held_against_the_median_of_the_five_before(results):
    values = [1.0, 2.0, 3.0, 4.0, 100.0, 5.0, 7.0]
    found = history(results, *(measured(day, value) for day, value in enumerate(values)))
    baselines = [None, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0]  # the last: of 2, 3, 4, 100 and 5
    assert found == [(v, b, None if b is None else v / b) for v, b in zip(values, baselines, strict=True)]


def test_commits_are_in_the_order_of_their_dates_whenever_they_were_measured(results):
    late = measured(0, 1.0, measured=START + timedelta(days=999))
    assert history(results, measured(2, 4.0), late, measured(1, 2.0)) == [
        (1.0, None, None),
        (2.0, 1.0, 2.0),
        (4.0, 1.5, 4.0 / 1.5),
    ]


def test_a_failure_is_shown_and_is_no_part_of_a_baseline(results):
    found = history(results, measured(0, 2.0), measured(1, None), measured(2, 3.0), columns="value, baseline, failure")
    assert found == [(2.0, None, ""), (None, 2.0, "it failed"), (3.0, 2.0, "")]


@pytest.mark.parametrize(
    "changes",
    [
        {"facts": {"machine": "m2", "python": "3.11", "commit": "c1"}},
        {"facts": {"machine": "m1", "python": "3.12", "commit": "c1"}},
        {"version": "v2"},
        {"benchmark": "bench.time_solve"},
        {"params": {"depth": 6}},
    ],
)
def test_other_machines_pythons_versions_and_benchmarks_are_series_of_their_own(results, changes):
    found = history(results, measured(0, 1.0), measured(1, 9.0, **changes), columns="baseline")
    assert found == [(None,), (None,)]


def test_of_a_commit_that_was_measured_again_the_newest_counts(results):
    again = measured(0, 5.0, measured=START + timedelta(days=999))
    assert history(results, measured(0, 1.0), again, measured(1, 10.0)) == [(5.0, None, None), (10.0, 5.0, 2.0)]


LEVELS = [1.0, 1.01, 0.99, 1.0, 1.02, 1.0, 1.5, 1.51, 1.49, 1.5, 1.52, 1.5]  # a step at the seventh commit


def test_a_step_is_at_the_commit_that_made_it(results):
    found = history(
        results, *(measured(day, value) for day, value in enumerate(LEVELS)), columns="subject, round(step, 2)"
    )
    assert [row for row in found if row[1] is not None] == [("day 6", 1.5)]


def test_a_commit_that_failed_neither_has_a_step_nor_hides_one(results):
    values = [*LEVELS[:6], None, *LEVELS[6:]]
    found = history(
        results, *(measured(day, value) for day, value in enumerate(values)), columns="subject, round(step, 2), level"
    )
    assert [row[:2] for row in found if row[1] is not None] == [("day 7", 1.5)]
    assert found[6][2] is None


def test_a_change_of_machine_is_no_step_and_ends_no_history(results):
    here = [measured(day, 1.0 + day % 2 / 100) for day in range(8)]
    there = [
        measured(day, 3.0 + day % 2 / 100, facts={"machine": "m2", "python": "3.11", "commit": f"c{day}"})
        for day in range(4, 12)
    ]
    found = history(results, *here, *there, columns="machine, step, round(level)")
    assert found == [("m1", None, 1.0)] * 8 + [("m2", None, 3.0)] * 8


def test_without_asv_there_is_a_history_without_steps(results, monkeypatch):
    monkeypatch.setattr(steps, "find_spec", lambda name: None)
    found = history(results, *(measured(day, value) for day, value in enumerate(LEVELS)), columns="value, level, step")
    assert found == [(value, None, None) for value in LEVELS]


def test_whoever_connects_sees_steps(results):
    history(results, *(measured(day, value) for day, value in enumerate(LEVELS)))
    with connect(results.store.path) as connection:
        assert connection.sql("SELECT count(step) FROM perf_history").fetchall() == [(1,)]


def test_what_another_measured_under_this_machines_name_is_in_no_history_of_its_own(results):
    here = [measured(0, 1.0), measured(1, 2.0)]
    before = history(results, *here)
    there = [
        measured(0, 9.0, measured=START + timedelta(days=999), origin=IMPORT),
        measured(1, 9.0, measured=START + timedelta(days=999), origin=REFERENCE),
        measured(2, 9.0, origin=Origin("import", "Ada")),
        measured(3, 9.0, origin=Origin("import", "Bob")),
    ]
    assert results.store.add([], measurements=[(m, "elsewhere") for m in there]) == 4
    assert results.select("SELECT value, baseline, ratio FROM perf_history WHERE origin = 'this machine'") == before
    # In the order of the view: this machine's, the reference's, named imports, the rest.
    assert results.select("SELECT origin, submitter, subject, baseline FROM perf_history") == [
        ("this machine", "", "day 0", None),
        ("this machine", "", "day 1", 1.0),
        ("reference", "", "day 1", None),
        ("import", "Ada", "day 2", None),
        ("import", "Bob", "day 3", None),
        ("import", "", "day 0", None),
    ]


def test_steps_are_looked_for_in_one_origin_alone(results):
    here = [measured(day, 1.0 + day % 2 / 100) for day in range(8)]
    there = [
        measured(day, 3.0 + day % 2 / 100, measured=START + timedelta(days=999), origin=IMPORT) for day in range(12)
    ]
    found = history(results, *here, *there, columns="origin, step, round(level)")
    assert sorted(found) == [("import", None, 3.0)] * 12 + [("this machine", None, 1.0)] * 8


def test_a_reference_is_one_and_what_a_name_vouches_for_is_its(results, tmp_path, monkeypatch):
    results.store.add([], measurements=[(measured(0, 1.0), "asv")])
    export = tmp_path / "export"
    export_parquet(results.store, export)
    monkeypatch.setenv("NTKBENCH_MACHINE", "another")
    origins = {}
    for name, submitter in (("import", None), ("reference", None), ("named", "Ada")):
        with monkeypatch.context() as patch:
            if name == "reference":
                patch.setattr(sources, "_REFERENCE", str(export))
            measurements = sources.read_sources([export], submitter).measurements
        origins[name] = [one.origin for one, _ in measurements]
    assert origins == {"import": [IMPORT], "reference": [REFERENCE], "named": [Origin("import", "Ada")]}
