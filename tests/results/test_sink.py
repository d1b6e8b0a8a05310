"""The database and a file of JSON lines are the same to a run: one contract for both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.results.latest import Attempt
from ntkbench.results.record import RunRecord
from ntkbench.results.record_file import RecordFile
from ntkbench.results.sink import RecordSink
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())
SINKS: dict[str, Callable[[Path], RecordSink]] = {"results.duckdb": Store, "results.jsonl": RecordFile}


@pytest.fixture(params=SINKS)
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> RecordSink:
    return SINKS[request.param](tmp_path / request.param)


def attempt(number: int, experiment: int, minute: int, **changes) -> RunRecord:
    """An attempt that began at this minute and took `number` seconds."""
    return replace(
        RECORD,
        run_id=f"{number:032x}",
        experiment_id=f"{experiment:032x}",
        started=f"2026-01-01T00:{minute:02}:00.000+00:00",
        finished=f"2026-01-01T00:{minute:02}:{number:02}.000+00:00",
        **changes,
    )


def test_nothing_is_done_or_known_before_the_first_record(sink: RecordSink) -> None:
    assert (sink.done("m1"), list(sink.latest("m1", ["images"]))) == (set(), [])
    assert not sink.path.exists()


def test_what_is_added_is_done_on_its_machine(sink: RecordSink) -> None:
    sink.prepare()
    sink.declare([])
    assert sink.add([attempt(1, 1, 0), attempt(2, 2, 0, status="error")]) == 2
    assert sink.done("m1") == {f"{1:032x}"}
    assert sink.done("m2") == set()


def test_the_latest_good_attempt_of_each_experiment_is_told(sink: RecordSink) -> None:
    elsewhere = {**RECORD.environment, "machine": "m2"}
    sink.prepare()
    sink.add(
        [
            attempt(1, 1, 0),
            attempt(2, 1, 1),
            attempt(3, 1, 2, status="timeout"),
            attempt(4, 1, 3, environment=elsewhere),
            attempt(5, 2, 4, task="others"),
            attempt(6, 3, 5, status="not_applicable", timings=[]),
        ]
    )
    found = sorted(sink.latest("m1", ["images"]), key=lambda a: a.seconds)
    planned = (RECORD.task, 1, "smoke", RECORD.params, "numba", "cpu", "float32", 0, "digits", "d1")
    assert found == [
        Attempt(*planned, status="ok", seconds=2.0, stages=(0.125,)),
        Attempt(*planned, status="not_applicable", seconds=6.0, stages=()),
    ]


def test_only_a_database_can_be_asked_for_verdicts(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.duckdb")
    assert store.database is store
    assert RecordFile(tmp_path / "results.jsonl").database is None
