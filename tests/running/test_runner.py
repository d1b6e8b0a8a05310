from __future__ import annotations

import os
import re
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from ntkbench.errors import InputError, SystemFault
from ntkbench.experiment.plan import PlannedRun, plan
from ntkbench.experiment.registry import load_tasks
from ntkbench.results.record import RunRecord
from ntkbench.running.runner import execute
from ntkbench.running.settings import RunSettings

# `pid` says in which process a run was; the rest is what can go wrong in one.
TASKS = r"""
import os, signal, time, warnings
from enum import StrEnum
from pathlib import Path
from ntkbench import Context, Metric, Tier, task

Stage = StrEnum("Stage", ["ACT"])

@task(title="Acts", source="none", metrics=[Metric("pid", "1")], tiers=[Tier("smoke", how="good")])
def acts(ctx: Context, *, how: str) -> None:
    def act():
        Path(__file__).with_name(f"{how}.pid").write_text(str(os.getpid()))
        if how == "raise":
            raise ValueError("it went wrong\nin detail")
        if how == "memory":
            raise MemoryError("no room for the Gram matrix")
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "exit":
            os._exit(7)
        if how == "sleep":
            time.sleep(600)
        if how == "report":
            ctx.progress(1, 4)
        if how == "print":
            print("noise " * 50_000)
        if how == "warn":
            warnings.warn("mind the gap")
        if how == "keep":
            ctx.backend.release_memory = lambda: False
    ctx.stage(Stage.ACT, act)
    if how != "silent":
        ctx.record(pid=os.getpid())
"""


def write_tasks(folder: Path) -> Path:
    (folder / "acting.py").write_text(TASKS)
    return folder


@pytest.fixture
def acting(tmp_path: Path) -> Path:
    folder = tmp_path / "acting"
    folder.mkdir()
    return write_tasks(folder)


def planned(folder: Path, *hows: str, **options: Any) -> list[PlannedRun]:
    overrides = {"how": ",".join(hows)}
    return plan([load_tasks([folder])["acts"]], tier="smoke", backends=["numba"], overrides=overrides, **options)


def settings(folder: Path, **options: Any) -> RunSettings:
    return RunSettings((folder,), **options)


def run(folder: Path, *hows: str, **options: Any) -> list[RunRecord]:
    records: list[RunRecord] = []
    sink = options.pop("sink", records.append)
    watched = {name: options.pop(name) for name in ("until", "listener") if name in options}
    execute(planned(folder, *hows), load_tasks([folder]), sink, settings(folder, **options), **watched)
    return records


def pid(record: RunRecord) -> int:
    return int(record.metrics[0].value)


def gone(number: int, seconds: float = 0.0) -> bool:
    """Whether a process has ended, or does within some seconds."""
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


# One plan in which nearly everything goes wrong; each of the next tests looks at one run of it.
HOWS = ("good", "warn", "raise", "report", "memory", "killed", "exit", "last", "silent")


@pytest.fixture(scope="module")
def events() -> list[Any]:
    return []


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory, events: list[Any]) -> dict[str, RunRecord]:
    folder = write_tasks(tmp_path_factory.mktemp("acting"))
    found = run(folder, *HOWS, command="ntkbench run acts", listener=lambda *event: events.append(event))
    assert [r.params["how"] for r in found] == list(HOWS)
    return {str(r.params["how"]): r for r in found}


def test_a_good_run_is_recorded_with_its_numbers(records: dict[str, RunRecord]) -> None:
    record = records["good"]
    assert (record.status, record.reason, record.traceback, record.warnings) == ("ok", "", "", [])
    assert [(t.stage, t.phase, t.sample) for t in record.timings] == [
        ("act", "first", 0), *(("act", "steady", i) for i in range(5)),
    ]  # fmt: skip
    assert [m.name for m in record.metrics] == ["pid", "peak_memory"]
    assert record.environment["numba threads"]
    assert (record.command, record.backend, record.device) == ("ntkbench run acts", "numba", "cpu")
    assert datetime.fromisoformat(record.started) <= datetime.fromisoformat(record.finished)


def test_good_runs_share_a_worker_and_it_is_another_process(records: dict[str, RunRecord]) -> None:
    assert pid(records["good"]) == pid(records["warn"]) != os.getpid()


def test_after_a_failure_the_next_run_has_a_fresh_worker(records: dict[str, RunRecord]) -> None:
    pids = [pid(records[how]) for how in ("good", "report", "last")]
    assert len(set(pids)) == 3


def test_a_run_that_leaves_device_memory_taken_is_good_and_the_next_starts_afresh(acting: Path) -> None:
    records = run(acting, "good", "keep", "warn")
    assert [r.status for r in records] == ["ok"] * 3
    good, keep, warn = map(pid, records)
    assert good == keep != warn
    assert gone(keep)


def test_no_worker_is_left(records: dict[str, RunRecord]) -> None:
    assert all(gone(pid(r)) for r in records.values() if r.metrics)


def test_warnings_are_recorded(records: dict[str, RunRecord]) -> None:
    assert records["warn"].warnings == ["UserWarning: mind the gap"]


def test_an_exception_is_an_error_with_its_reason_and_traceback(records: dict[str, RunRecord]) -> None:
    record = records["raise"]
    assert (record.status, record.reason) == ("error", "ValueError: it went wrong")
    lines = record.traceback.splitlines()
    assert lines[-2:] == ["ValueError: it went wrong", "in detail"]
    assert any("acting.py" in line and "in act" in line for line in lines)
    assert (record.metrics, record.timings) == ([], [])
    assert record.environment["python"]


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ("memory", "out_of_memory", r"MemoryError: no room for the Gram matrix"),
        ("killed", "killed", r"the worker ended by signal 9 \(SIGKILL\) in stage 'act'; the system may have .*memory"),
        ("exit", "killed", r"the worker ended with exit status 7 in stage 'act'"),
        ("silent", "error", r"task 'acts' did not record pid"),
    ],
)
def test_a_failed_run_is_a_record_with_its_reason(
    how: str, status: str, reason: str, records: dict[str, RunRecord]
) -> None:
    assert records[how].status == status
    assert re.fullmatch(reason, records[how].reason)


def test_every_record_can_be_written_and_read(records: dict[str, RunRecord]) -> None:
    for record in records.values():
        line = record.to_json().encode().decode()
        assert RunRecord.from_json(line) == record
    assert len({r.run_id for r in records.values()}) == len(records)


def test_stages_and_progress_reach_the_listener(events: list[Any], records: dict[str, RunRecord]) -> None:
    told = [(stage, share) for run, stage, share in events if run.params["how"] == "report"]
    assert told[:3] == [("starting numba", None), ("act", None), ("act", 0.25)]
    warm = [(stage, share) for run, stage, share in events if run.params["how"] == "warn"]
    assert warm == [("act", None)]


def test_the_small_tasks_run_or_do_not_apply(small_tasks: Path) -> None:
    tasks = load_tasks([small_tasks])
    chosen = [tasks[name] for name in ("squares", "faults", "differentiates")]
    records: list[RunRecord] = []
    execute(plan(chosen, tier="smoke", backends=["numba"]), tasks, records.append, settings(small_tasks))
    found = {(r.task, *r.params.values()): r for r in records}
    assert [m.value for key, r in found.items() if key[0] == "squares" for m in r.metrics[:1]] == [4.0, 9.0]
    assert found["squares", 3].curves[0].y == [1.0, 3.0, 9.0]
    assert {c.name for c in found["squares", 3].claims} == {"three squared", "four squared"}
    refused = found["differentiates", 1]
    assert (refused.status, refused.reason) == ("not_applicable", "numba lacks autodiff")


def test_a_run_that_takes_too_long_is_ended_and_the_next_has_its_whole_time(acting: Path) -> None:
    for _ in range(5):  # a machine with much else to do may take its whole time to run nothing
        slow, fresh = run(acting, "sleep", "good", timeout=0.4)  # less than a worker takes to start
        assert (slow.status, slow.reason) == ("timeout", "took longer than 0.4 s, in stage 'act'")
        assert gone(int((acting / "sleep.pid").read_text()))
        if fresh.status == "ok":
            break
    assert fresh.status == "ok"


@pytest.mark.parametrize("seconds", [0.05, 2.0], ids=["starting", "at work"])
def test_the_run_in_flight_when_time_is_over_is_stopped_and_makes_no_record(acting: Path, seconds: float) -> None:
    records: list[RunRecord] = []
    runs = planned(acting, "sleep", "last")
    waiting = iter(runs)
    until = time.monotonic() + seconds
    patient = settings(acting, timeout=300.0)
    found = execute(waiting, load_tasks([acting]), records.append, patient, until=until)
    assert time.monotonic() >= until
    assert (found, records) == (runs[0], [])
    assert list(waiting) == runs[1:]
    assert not [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]


def test_a_plan_that_ends_before_its_time_stops_nothing(acting: Path) -> None:
    (run_,) = planned(acting, "good")
    records: list[RunRecord] = []
    until = time.monotonic() + 120.0
    found = execute([run_], load_tasks([acting]), records.append, settings(acting), until=until)
    assert (found, [r.status for r in records]) == (None, ["ok"])


def test_a_worker_that_died_while_it_was_idle_costs_the_next_run_nothing(acting: Path) -> None:
    records: list[RunRecord] = []

    def sink(record: RunRecord) -> None:
        records.append(record)
        if len(records) == 1:
            os.kill(pid(record), signal.SIGKILL)
            assert gone(pid(record), seconds=10)

    run(acting, "good", "last", sink=sink)
    assert [r.status for r in records] == ["ok", "ok"]
    assert pid(records[0]) != pid(records[1])


def test_what_tasks_print_stays_out_of_the_standard_output(acting: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (record,) = run(acting, "print")
    assert record.status == "ok"
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("noise") == 6 * 50_000


@pytest.mark.parametrize("error", [KeyboardInterrupt, BrokenPipeError])
@pytest.mark.parametrize("where", ["sink", "listener"])
def test_an_interrupt_stops_the_workers_and_keeps_what_the_sink_has(
    error: type[BaseException], where: str, acting: Path
) -> None:
    records: list[RunRecord] = []

    def sink(record: RunRecord) -> None:
        records.append(record)
        if where == "sink":
            raise error

    def listener(run: PlannedRun, stage: str, share: float | None) -> None:
        if where == "listener" and run.params["how"] == "sleep" and stage == "act":
            raise error

    with pytest.raises(error):
        run(acting, "good", "sleep", sink=sink, listener=listener)
    assert [r.params["how"] for r in records] == ["good"]
    assert gone(pid(records[0]))


def test_where_no_process_can_be_started_the_plan_ends_and_no_run_is_blamed(
    acting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", refuse)
    records: list[RunRecord] = []
    with pytest.raises(SystemFault, match=r"^no worker process could be started: BlockingIOError: .* unavailable$"):
        run(acting, "good", "last", sink=records.append)
    assert records == []


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_run_needs_some_time(seconds: float) -> None:
    with pytest.raises(InputError, match=r"^a run's time must be positive, not "):
        RunSettings(timeout=seconds)
