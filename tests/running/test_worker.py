from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ntkbench import Context, Curve, Metric, Task, Tier, task
from ntkbench.backends import open_backend
from ntkbench.errors import InputError
from ntkbench.experiment.plan import PlannedRun, plan
from ntkbench.experiment.registry import load_tasks
from ntkbench.running import processes, worker
from ntkbench.running.account import Account
from ntkbench.running.messages import Begun, Finished, Message, StageReached, decode
from ntkbench.running.outcome import Outcome

Talk = Callable[[PlannedRun], list[Message]]


@pytest.fixture
def serve() -> Iterator[Callable[..., Talk]]:
    """A worker in a thread of this process: `serve(folder)` gives a function from a run to all that is answered."""
    ends = []
    threads = []

    def start(*folders: Path, device: str = "cpu") -> Talk:
        ours, theirs = Pipe()

        def work() -> None:
            with contextlib.suppress(EOFError, OSError):
                worker._serve(theirs, "numba", device, folders)

        thread = threading.Thread(target=work)
        thread.start()
        ends.append(ours)
        threads.append(thread)

        def talk(run: PlannedRun) -> list[Message]:
            ours.send(run)
            messages: list[Message] = []
            while not messages or not isinstance(messages[-1], Finished):
                assert ours.poll(60)
                messages.append(decode(ours.recv_bytes()))
            return messages

        return talk

    yield start
    for end in ends:
        end.close()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def planned(folder: Path, name: str, **overrides: str) -> PlannedRun:
    return plan([load_tasks([folder])[name]], tier="smoke", backends=["numba"], overrides=overrides)[0]


def test_a_run_is_answered_by_its_stages_and_its_result(small_tasks: Path, serve: Callable[..., Talk]) -> None:
    *stages, finished = serve(small_tasks)(planned(small_tasks, "squares", x="3"))
    assert stages == [StageReached("starting numba"), Begun(), StageReached("multiply")]
    assert isinstance(finished, Finished)
    assert not finished.keeps_memory
    result = finished.outcome
    assert result.status == "ok"
    assert result.metrics.pop("peak_memory")[0] > 0
    assert result.metrics == {"square": (9.0, None)}
    assert result.curves == {"powers": ([0.0, 1.0, 2.0], [1.0, 3.0, 9.0])}
    assert [(t.stage, t.phase) for t in result.timings] == [("multiply", "first")] + [("multiply", "steady")] * 5
    assert result.warnings == ()
    assert {"cpu", "machine", "commit", "numba", "numba threads"} <= set(result.environment)
    assert set(result.parts) == {"importing", "outside stages", "between calls", "collecting garbage",
                                 "describing the machine"}  # fmt: skip
    assert all(seconds >= 0 for seconds in result.parts.values())


def test_a_second_run_needs_no_second_start(small_tasks: Path, serve: Callable[..., Talk]) -> None:
    talk = serve(small_tasks)
    talk(planned(small_tasks, "squares", x="2"))
    assert talk(planned(small_tasks, "squares", x="3"))[0] == Begun()


def test_a_backend_that_cannot_be_opened_is_a_failure_with_its_reason(
    small_tasks: Path, serve: Callable[..., Talk]
) -> None:
    result = serve(small_tasks, device="cuda")(planned(small_tasks, "squares"))[-1].outcome
    assert (result.status, result.reason) == ("error", "backend 'numba' runs on cpu, not on 'cuda'")


def test_a_library_that_cannot_be_imported_is_a_failure_with_its_reason(
    small_tasks: Path, serve: Callable[..., Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "numba", None)
    result = serve(small_tasks)(planned(small_tasks, "squares"))[-1].outcome
    assert result.status == "error"
    assert result.reason == "ModuleNotFoundError: import of numba halted; None in sys.modules"


def test_a_task_that_is_gone_is_a_failure_and_the_worker_serves_on(
    small_tasks: Path, serve: Callable[..., Talk]
) -> None:
    run = planned(small_tasks, "squares")
    talk = serve()
    for _ in range(2):
        assert talk(run)[-1].outcome.reason == "KeyError: 'squares'"


TELLS_WITHOUT_END = """
import time
from ntkbench import Context, Metric, Tier, task

@task(title="T", source="none", metrics=[Metric("m", "1")], tiers=[Tier("smoke", n=1)])
def tells(ctx: Context, *, n: int) -> None:
    while True:
        ctx.progress(1, 2)
        time.sleep(0.01)
"""


def test_a_worker_whose_runner_is_gone_ends_within_the_run(tmp_path: Path) -> None:
    (tmp_path / "telling.py").write_text(TELLS_WITHOUT_END)
    ours, theirs = Pipe()
    ended: list[BaseException] = []

    def work() -> None:
        try:
            worker._serve(theirs, "numba", "cpu", [tmp_path])
        except (EOFError, OSError) as error:  # which `serve` takes for the end
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    ours.send(planned(tmp_path, "tells"))
    while decode(ours.recv_bytes()) != Begun():
        pass
    ours.close()
    thread.join(30)
    assert not thread.is_alive()
    assert len(ended) == 1


def make(function: Callable[..., None], **more: Any) -> Task:
    parts: dict[str, Any] = {"metrics": [Metric("m", "1")], "tiers": [Tier("smoke", n=1)]}
    return task(title="T", source="none", **{**parts, **more})(function)


def carry_out(function: Callable[..., None], precision: str = "float32", **more: Any) -> Outcome:
    made = make(function, **more)
    (run,) = plan([made], tier="smoke", backends=["numba"], precision=precision)
    return worker._carry_out(made, open_backend("numba"), run, lambda stage, share: None, None, Account())


def nothing(ctx: Context, *, n: int) -> None: ...
def good(ctx: Context, *, n: int) -> None:
    ctx.record(m=1.0)


def test_a_task_that_needs_what_a_backend_lacks_does_not_apply() -> None:
    result = carry_out(good, requires=["cuda", "autodiff"])
    assert result == Outcome("not_applicable", "numba lacks autodiff, cuda")


def test_a_precision_that_a_backend_lacks_does_not_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    assert carry_out(good, precision="float64").status == "ok"
    monkeypatch.setattr("ntkbench.backends.numba.Numba.capabilities", frozenset())
    assert carry_out(good, precision="float64").reason == "numba lacks float64"


PEAK = Metric("most", "B", role="peak memory")


def test_a_metric_that_is_not_recorded_is_an_error() -> None:
    with pytest.raises(InputError, match="task 'nothing' did not record a, b"):
        carry_out(nothing, metrics=[Metric("a", "1"), Metric("b", "1"), PEAK])


@pytest.mark.parametrize(("declared", "name"), [([PEAK], "most"), ([], "peak_memory")])
def test_peak_memory_is_recorded_of_every_task(declared: list[Metric], name: str) -> None:
    result = carry_out(good, metrics=[Metric("m", "1"), *declared])
    assert list(result.metrics) == ["m", name]
    value, stderr = result.metrics[name]
    assert 10e6 < value < 100e9
    assert stderr is None


@pytest.mark.parametrize("declared", [[PEAK], []])
def test_a_task_may_record_its_own_peak(declared: list[Metric]) -> None:
    name = "most" if declared else "peak_memory"

    def measures(ctx: Context, *, n: int) -> None:
        ctx.record(m=1.0, **{name: 7.0})

    assert carry_out(measures, metrics=[Metric("m", "1"), *declared]).metrics[name] == (7.0, None)


@pytest.mark.parametrize("told", [True, False])
def test_a_peak_that_cannot_be_reset_is_told(told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "reset_peak_rss", lambda: not told)
    notes = carry_out(good).warnings
    assert notes == ["peak memory is that of the process's whole life"] * told


@pytest.mark.parametrize(("after", "told"), [(7, True), (8, False)])
def test_a_device_peak_that_the_run_did_not_raise_is_told_as_a_bound(
    after: int, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks = iter([7, after])
    monkeypatch.setattr("ntkbench.backends.numba.Numba.peak_memory", lambda self: next(peaks))
    result = carry_out(good, metrics=[Metric("m", "1"), PEAK])
    assert result.metrics["most"] == (after, None)
    assert result.warnings == ["peak memory is an upper bound: that of an earlier run of this process"] * told


def test_warnings_are_recorded_once_each() -> None:
    def warns(ctx: Context, *, n: int) -> None:
        for _ in range(3):
            warnings.warn("the same", UserWarning, stacklevel=1)
        warnings.warn("another", RuntimeWarning, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        ctx.record(m=1.0)

    expected = ["UserWarning: the same", "RuntimeWarning: another", "DeprecationWarning: old"]
    assert carry_out(warns).warnings == expected
    assert carry_out(warns).warnings == expected  # in a warm worker too


def test_a_flood_of_warnings_is_cut() -> None:
    def floods(ctx: Context, *, n: int) -> None:
        for i in range(150):
            warnings.warn(f"number {i} " + "x" * 10_000, UserWarning, stacklevel=1)
        ctx.record(m=1.0)

    notes = carry_out(floods).warnings
    assert len(notes) == 101
    assert notes[-1] == "and 50 more warnings"
    assert max(map(len, notes)) <= 500


def test_curves_need_not_be_recorded() -> None:
    assert carry_out(good, curves=[Curve("c", x="x", y="y")]).curves == {}


def test_progress_is_told_at_most_ten_times_a_second_and_stages_always(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: now))
    ours, theirs = Pipe()
    report = worker._reporter(theirs)
    told = []
    for step in range(40):
        now += 1 / 16  # every second report is too soon
        if step in (0, 21):
            report("next", None)
        report("share", step)
        while ours.poll():
            told.append(decode(ours.recv_bytes()))
    evens, odds = range(0, 21, 2), range(21, 40, 2)
    following, shares = StageReached("next"), [[StageReached("share", i) for i in steps] for steps in (evens, odds)]
    assert told == [following, *shares[0], following, *shares[1]]


def test_in_the_runners_own_process_nothing_waits_for_a_parent() -> None:
    before = threading.active_count()
    processes.end_with_parent()
    assert threading.active_count() == before
