"""Results in a file of JSON lines alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.errors import InputError, NotInstalled
from ntkbench.results.record import RunRecord
from ntkbench.results.record_file import RecordFile


def record(number: int, status: str = "ok") -> RunRecord:
    return RunRecord(
        run_id=f"{number:032x}", experiment_id=f"{number + 100:032x}", task="t", task_version=1, tier="smoke",
        params={"n": number}, backend="numba", implementation="", device="cpu", precision="float32", seed=0,
        dataset=None, dataset_sha256=None, status=status, reason="", traceback="", warnings=[],
        started="2026-01-01T00:00:00.000+00:00", finished="2026-01-01T00:00:01.000+00:00", command="",
        environment={"machine": "m"},
    )  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> RecordFile:
    return RecordFile(tmp_path / "out.jsonl")


def test_what_is_good_or_does_not_apply_is_done_and_what_failed_is_not(file: RecordFile) -> None:
    statuses = ("ok", "not_applicable", "error", "out_of_memory", "timeout", "killed")
    assert file.add(record(k, status) for k, status in enumerate(statuses)) == 6
    assert file.done("m") == {record(0).experiment_id, record(1).experiment_id}


def test_what_waits_for_data_that_may_be_had_now_is_not_done(file: RecordFile) -> None:
    lacking = [replace(record(k, "not_applicable"), dataset=name) for k, name in enumerate(("uci90", "mnist"))]
    file.add([*lacking, replace(record(2), dataset="uci90")])
    assert file.done("m") == {record(1).experiment_id, record(2).experiment_id}


def test_what_waits_for_a_library_that_may_be_had_now_is_not_done(file: RecordFile) -> None:
    reasons = [str(NotInstalled("a task", "GPyTorch", "gpytorch")), "numba lacks autodiff"]
    file.add(replace(record(k, "not_applicable"), reason=reason) for k, reason in enumerate(reasons))
    assert file.done("m") == {record(1).experiment_id}


def test_nothing_is_done_where_there_is_no_file_and_none_is_made(file: RecordFile) -> None:
    file.prepare()
    assert file.done("m") == set()
    assert not file.path.exists()


@pytest.mark.parametrize("half", ['{"format":2,"run_id":"00', "{"])
def test_half_a_line_of_a_killed_process_goes_and_what_was_whole_stays(file: RecordFile, half: str) -> None:
    file.add([record(1)])
    whole = file.path.read_bytes()
    with file.path.open("a") as stream:
        stream.write(half)
    file.prepare()
    assert file.path.read_bytes() == whole
    file.add([record(2)])
    assert file.done("m") == {record(1).experiment_id, record(2).experiment_id}


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_file_of_something_else_is_refused_and_stays(file: RecordFile, end: str) -> None:
    file.path.write_text(f"notes of mine{end}")
    with pytest.raises(InputError, match="line 1: not JSON"):
        file.prepare()
    assert file.path.read_text() == f"notes of mine{end}"


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "out.jsonl"):
        with pytest.raises(InputError, match=f"cannot write to {path}: "):
            RecordFile(path).prepare()


def test_a_later_good_attempt_makes_a_failed_experiment_done(file: RecordFile) -> None:
    failed = record(1, "error")
    file.add([failed, replace(failed, run_id="f" * 32, status="ok")])
    assert file.done("m") == {failed.experiment_id}


def test_what_another_machine_has_done_is_to_be_done_here(file: RecordFile) -> None:
    file.add([record(1)])
    assert file.done("another") == set()
