"""In turns, one at a time; what is wrong gets no ratio, and what fails leaves the others alone."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from ntkbench.peers import rounds
from ntkbench.peers.entries import Entry
from ntkbench.peers.process import PeerError
from ntkbench.peers.reference import reference
from ntkbench.peers.rounds import compare
from ntkbench.peers.workloads import WORKLOADS, inputs


def test_entries_take_turns_another_first_in_each_round_and_never_two_at_once(outcomes_of, fake, tmp_path) -> None:
    log = tmp_path / "log"
    found = outcomes_of(*(fake(name, log=log) for name in "abc"), rounds=3)
    lines = [line.split() for line in log.read_text().splitlines()]
    turns = "".join(name for name, _ in groupby(name for name, _, _ in lines))
    # The first calls, then three rounds; neighbours that are the same run together.
    assert turns == "".join(name for name, _ in groupby("abc" + "abc" + "bca" + "cab"))
    assert [word for _, word, _ in lines] == ["begin", "end"] * (len(lines) // 2)
    times = [int(time) for _, _, time in lines]
    assert times == sorted(times)
    for outcome in found.values():
        assert outcome.status == "ok"
        assert [len(turn) for turn in outcome.turns] == [20, 20, 20]
        assert outcome.rounds == [float(np.median(turn)) for turn in outcome.turns]
        assert outcome.seconds == float(np.median(outcome.rounds))


def test_a_right_result_is_comparable_and_a_wrong_one_is_not(outcomes_of, fake) -> None:
    found = outcomes_of(fake("right"), fake("close", factor=1 + 5e-6), fake("wrong", factor=1.001))
    assert found["right"].comparable
    assert found["close"].comparable
    assert found["wrong"].status == "ok"
    assert not found["wrong"].comparable
    assert found["wrong"].errors.elsewhere == pytest.approx(1e-3, rel=1e-6)
    assert found["close"].errors.elsewhere == pytest.approx(5e-6, rel=1e-6)


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ("exit", "killed", "its process ended with exit status 7"),
        ("memory", "out_of_memory", "MemoryError: no room"),
        ("nan", "error", "its result holds NaN or infinity"),
        ("shape", "error", "its result is of shape (1, 2, 1), not (1, 5, 1)"),
        ("no library", "error", "ModuleNotFoundError: No module named 'a_library_that_is_not_here'"),
    ],
)
def test_an_entry_that_fails_is_noted_and_the_others_go_on(outcomes_of, fake, how, status, reason) -> None:
    found = outcomes_of(fake("good"), fake("bad", how=how), fake("other"))
    assert (found["bad"].status, found["bad"].reason) == (status, reason)
    assert not found["bad"].comparable
    assert found["good"].comparable
    assert found["other"].comparable


def test_an_entry_without_an_environment_is_noted_and_the_others_go_on(work, fake) -> None:
    def python(entry) -> Path:
        if entry.name == "missing":
            raise PeerError("error", "pip found no network")
        return Path("/no/such/python" if entry.name == "gone" else sys.executable)

    entries = [fake("missing"), fake("gone"), fake("good")]
    missing, gone, good = compare(work, entries, python, rounds=1, progress=lambda text: None)
    assert (missing.status, missing.reason) == ("error", "pip found no network")
    assert gone.status == "error"
    assert "no process could be started" in gone.reason
    assert good.comparable


def test_a_long_call_is_made_once_after_the_first(outcomes_of, fake, monkeypatch) -> None:
    monkeypatch.setattr(rounds, "LONG", 0.0)
    assert len(outcomes_of(fake("long"), rounds=4)["long"].turns) == 1


def test_each_entry_states_its_own_versions(outcomes_of, fake) -> None:
    outcome = outcomes_of(fake("a"))["a"]
    assert outcome.packages == {"numpy": np.__version__}
    assert outcome.python == ".".join(map(str, sys.version_info[:3]))
    assert outcome.implementation == "LU"
    assert outcome.first > 0
    assert outcome.peak_memory > 2**20


ROUNDING = """
import numpy as np
PACKAGES = ("numpy",)

def prepare(workload, arrays):
    right = np.load(RIGHT)
    return lambda: tuple(right * (1 + (SINGLE if arrays["x1"].dtype == np.float32 else DOUBLE)))
"""


@pytest.mark.parametrize(
    ("single", "double", "comparable", "rounds_badly"),
    [(1e-7, 1.0, True, False), (1e-4, 1e-12, True, True), (1e-4, 1e-4, False, False), (1e-4, np.nan, False, False)],
    ids=["right", "off by rounding", "wrong", "no float64"],
)
def test_what_is_off_in_float32_alone_is_off_by_rounding(tmp_path, single, double, comparable, rounds_badly) -> None:
    (work,) = (w.shrunk() for w in WORKLOADS if w.name == "empirical_1")
    np.save(tmp_path / "right.npy", reference(work, inputs(work)))
    names = f"RIGHT, SINGLE, DOUBLE = {str(tmp_path / 'right.npy')!r}, {single}, float('{double}')\n"
    (tmp_path / "script.py").write_text(names + ROUNDING)
    entry = Entry("a", frozenset({"empirical"}), tmp_path / "script.py")
    (found,) = compare(work, [entry], lambda entry: Path(sys.executable), rounds=1, progress=lambda text: None)
    assert (found.status, found.comparable, found.rounds_badly) == ("ok", comparable, rounds_badly)
    assert found.errors.elsewhere == pytest.approx(single, rel=1e-6)


def test_where_the_first_must_be_right_nobody_is_timed_beside_a_wrong_one(work, fake) -> None:
    def compared(*entries) -> list:
        python, say = lambda entry: Path(sys.executable), lambda text: None
        return compare(work, entries, python, rounds=1, progress=say, first_must_be_right=True)

    (alone,) = compared(fake("wrong", factor=1.1), fake("other"))
    assert (alone.status, alone.turns, alone.right) == ("ok", [], False)
    assert alone.fault.startswith("wrong by 1.0e-01 relative to float64, more than 1e-05: prediction[")
    first, other = compared(fake("right"), fake("off", factor=1.1))
    assert first.comparable
    assert (other.right, other.comparable, first.fault) == (False, False, "")
