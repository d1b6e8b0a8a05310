"""Blocks on disk: found again when they are whole and of the same matrix, and no run depends on the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkbench import Context, Metric, Tier, task
from ntkbench.arrays.execution import implementations, note
from ntkbench.backends import open_backend
from ntkbench.kernels.gram.blocks import block_gram, plan_blocks
from ntkbench.running import checkpoints, likeness
from ntkbench.running.checkpoints import Checkpoints, discard, kept_since

SIDE, N, N_TEST = 4, 10, 6  # 6 blocks of the training matrix, 6 of the test matrix


@task(title="T", source="none", metrics=[Metric("error", "1")], tiers=[Tier("smoke", n=1)], checkpoints=True)
def sample(ctx: Context, *, n: int) -> None: ...


class State:
    """How many pairs the kernel has computed, and after how many it is interrupted."""

    pairs = 0
    fail_after = float("inf")


def kernel(x1: Any, x2: Any = None, *, shift: float = 0.0, progress: Any = None) -> Any:
    """(x . y + shift)^2."""
    note("counted")
    x2 = x1 if x2 is None else x2
    if State.pairs >= State.fail_after:
        raise KeyboardInterrupt
    State.pairs += x1.shape[0] * x2.shape[0]
    return ((x1 @ x2.T) + shift) ** 2


def another(x1: Any, x2: Any = None, *, progress: Any = None) -> Any:
    return kernel(x1, x2)


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch) -> type[State]:
    monkeypatch.setattr(State, "pairs", 0)
    monkeypatch.setattr(State, "fail_after", float("inf"))
    return State


@pytest.fixture
def written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work counts as long from its first moment on."""
    monkeypatch.setattr(checkpoints, "LONG", 0.0)


def inputs(seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, 3)), rng.standard_normal((N_TEST, 3))


def context(backend: Any = None) -> Context:
    return Context(sample, backend or open_backend("numba"), "float64", 0)


def gram(ctx: Context | None = None, data: Any = None, kernel: Any = kernel, **options: Any) -> tuple[Any, Any]:
    return (ctx or context()).gram("kernel", kernel, *(data or inputs()), side=SIDE, **options)


def interrupted() -> None:
    """A run that ends in the middle of its work: three blocks of at most 16 pairs are finished."""
    State.pairs, State.fail_after = 0, 40
    with pytest.raises(KeyboardInterrupt):
        gram()
    State.pairs, State.fail_after = 0, float("inf")


def files(tmp_path: Path) -> list[Path]:
    return sorted(tmp_path.rglob("*.block"))


def expected(data: Any = None, shift: float = 0.0) -> tuple[Any, Any]:
    x, y = data or inputs()
    return (x @ x.T + shift) ** 2, (y @ x.T + shift) ** 2


def assert_right(matrices: tuple[Any, Any], data: Any = None, shift: float = 0.0) -> None:
    for matrix, exact in zip(matrices, expected(data, shift), strict=True):
        np.testing.assert_allclose(matrix, exact, rtol=1e-13)


def test_short_work_never_touches_the_disk(tmp_path: Path) -> None:
    ctx = context()
    assert_right(gram(ctx))
    assert list(tmp_path.iterdir()) == []
    assert [t.phase for t in ctx.timings][:2] == ["first", "steady"]


@pytest.mark.usefixtures("written_at_once")
def test_a_run_goes_on_from_the_blocks_of_one_that_was_interrupted(tmp_path: Path) -> None:
    whole = gram()
    discard(p.name for p in (tmp_path / "cache" / "blocks").iterdir())
    assert files(tmp_path) == []
    interrupted()
    assert len(files(tmp_path)) == 3
    with pytest.warns(UserWarning, match="^stage 'kernel' resumed: 3 of 12 blocks were computed earlier$"):
        resumed = gram(ctx := context())
    for matrix, alone in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(matrix, alone)
    assert len(files(tmp_path)) == 12
    assert len(ctx.checkpoints) == 2
    discard(ctx.checkpoints)
    assert files(tmp_path) == []


@pytest.mark.usefixtures("written_at_once")
def test_the_time_of_a_resumed_stage_holds_what_its_blocks_took_before(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(10**6))
    with monkeypatch.context() as patch:
        patch.setattr("ntkbench.kernels.gram.blocks.time.perf_counter", lambda: 100.0 * next(times))
        interrupted()  # a block begins at one reading of the clock and ends at the next: 100 s
    ctx = context()
    with pytest.warns(UserWarning, match="resumed: 3 of 12"):
        gram(ctx)
    assert [t.phase for t in ctx.timings] == ["first"]
    assert 290 < ctx.timings[0].seconds < 310


@pytest.mark.usefixtures("written_at_once")
def test_what_is_repeated_for_the_clock_is_computed_anew() -> None:
    ctx = context()
    gram(ctx)
    assert len(ctx.timings) == 6
    assert State.pairs == 6 * (3 * 16 - 12 + 32 + N * N_TEST)  # diagonal blocks of 4, 4 and 2; above them 16, 8, 8


@pytest.mark.usefixtures("written_at_once")
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-3],
        lambda content: b"",
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content.replace(b"seconds", b"sekunde"),
        lambda content: b"0" * 64 + content[64:],
    ],
    ids=["cut", "empty", "a bit", "its description", "its hash"],
)
def test_a_damaged_block_is_told_of_and_computed_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    interrupted()
    file = files(tmp_path)[1]
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    with pytest.warns(UserWarning, match=".") as caught:
        assert_right(gram())
    assert [str(w.message) for w in caught] == [
        f"{file} is not used and computed again: its hash does not match",
        "stage 'kernel' resumed: 2 of 12 blocks were computed earlier",
    ]
    assert file.read_bytes()[-128:] == whole[-128:]  # 16 doubles


@pytest.mark.usefixtures("written_at_once")
def test_a_block_in_the_place_of_another_is_not_used(tmp_path: Path) -> None:
    gram()
    train = next(p.parent for p in files(tmp_path) if p.name == "8-8.block")
    (train / "0-0.block").write_bytes((train / "8-8.block").read_bytes())
    with pytest.warns(UserWarning, match=".") as caught:
        assert_right(gram())
    told = "0-0.block is not used and computed again: it holds the block [8, 10, 8, 10], not [0, 4, 0, 4]"
    assert [str(w.message).endswith(told) for w in caught] == [True, False]


@pytest.mark.usefixtures("written_at_once")
@pytest.mark.parametrize("change", ["inputs", "options", "side", "kernel", "backend", "settings", "sources"])
def test_blocks_of_another_matrix_are_not_found(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted()
    data, options, ctx, other = inputs(), {}, context(), kernel
    if change == "inputs":
        data[0][5, 1] = np.nextafter(data[0][5, 1], 9.0)
    elif change == "options":
        options = {"shift": 1.0}
    elif change == "side":
        ctx.gram("kernel", kernel, *data, side=5)
        return
    elif change == "kernel":
        other = another
    elif change == "backend":
        monkeypatch.setattr(ctx.backend, "name", "another")
    elif change == "settings":
        monkeypatch.setattr(ctx.backend, "describe", lambda: {"numba": "another version"})
    else:
        monkeypatch.setattr(likeness, "digest", lambda *paths: "edited")
    assert_right(gram(ctx, data, other, **options), data, **options)  # a warning would be an error


@pytest.mark.usefixtures("written_at_once")
def test_another_number_of_threads_goes_on_with_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted()
    ctx = context()
    facts = {**ctx.backend.describe(), "numba threads": "17"}
    monkeypatch.setattr(ctx.backend, "describe", lambda: facts)
    with pytest.warns(UserWarning, match="resumed: 3 of 12"):
        gram(ctx)


@pytest.mark.usefixtures("written_at_once")
def test_a_full_disk_is_told_of_once_and_the_run_goes_on(tmp_path: Path, full_after: Any) -> None:
    with full_after(100), pytest.warns(UserWarning, match=".") as caught:
        assert_right(gram())
    texts = {str(w.message).replace(str(tmp_path), "TMP") for w in caught}
    assert len(caught) == len(texts) == 2  # one a matrix
    assert all(t.startswith("no more checkpoints, as TMP/cache/blocks/") for t in texts)
    assert all("cannot be written (File too large)" in t and "NTKBENCH_BLOCKS" in t for t in texts)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.usefixtures("written_at_once")
def test_a_disk_that_is_almost_full_is_left_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 2**30}))
    with pytest.warns(UserWarning, match="the disk is almost full"):
        assert_right(gram())
    assert files(tmp_path) == []


@pytest.mark.usefixtures("written_at_once")
def test_runs_of_one_matrix_share_their_blocks_and_leave_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTKBENCH_BLOCKS", str(tmp_path / "shared"))
    ctx = context()
    assert_right(gram(ctx))
    assert ctx.checkpoints == []  # nothing for the runner to remove
    assert {p.parents[1] for p in files(tmp_path)} == {tmp_path / "shared"}
    assert {p.stat().st_mode & 0o777 for p in files(tmp_path)} == {0o644}
    with pytest.warns(UserWarning, match="resumed: 12 of 12"):
        again = gram()
    assert_right(again)
    assert len(files(tmp_path)) == 12


def test_a_block_that_another_run_finishes_meanwhile_is_not_computed(tmp_path: Path) -> None:
    x, _ = inputs()
    count = len(plan_blocks((N, N), SIDE, symmetric=True))
    barrier = threading.Barrier(2)
    results: list[Any] = [None, None]

    def work(i: int) -> None:
        store = Checkpoints(tmp_path, {}, shared=True)
        barrier.wait()
        results[i] = block_gram(kernel, x, side=SIDE, store=store), store.restored

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert len(files(tmp_path)) == count
    State.fail_after = 0
    store = Checkpoints(tmp_path, {})
    block_gram(kernel, x, side=SIDE, store=store)
    assert store.restored == count


@pytest.mark.usefixtures("written_at_once")
def test_a_record_names_the_implementations_that_computed_its_blocks(tmp_path: Path) -> None:
    x, _ = inputs()
    with implementations():
        block_gram(kernel, x, side=SIDE, store=Checkpoints(tmp_path, {}))
    State.fail_after = 0
    with implementations() as used:
        block_gram(kernel, x, side=SIDE, store=Checkpoints(tmp_path, {}))
    assert used == {"counted"}


@pytest.mark.usefixtures("written_at_once")
def test_every_backend_finds_its_own_blocks() -> None:
    from ntkbench.backends import installed

    for name in installed():
        backend = open_backend(name)
        data = tuple(backend.asarray(x, "float64") for x in inputs())
        for restored in (False, True):
            with pytest.warns(UserWarning, match="resumed: 12 of 12") if restored else nullcontext():
                matrices = gram(context(backend), data)
            assert_right(tuple(backend.to_numpy(m) for m in matrices))


@pytest.mark.usefixtures("written_at_once")
def test_whether_a_block_was_left_since_a_moment_is_seen(tmp_path: Path) -> None:
    assert not kept_since(0.0)
    interrupted()
    assert kept_since(0.0)
    written = [file.stat().st_mtime for file in files(tmp_path)]
    assert kept_since(max(written))
    assert not kept_since(max(written) + 1.0)
