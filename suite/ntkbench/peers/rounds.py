"""One kind of work by all entries, in turns: what disturbs the machine disturbs everybody alike."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import IO, Any

import numpy as np

from ntkbench.errors import InputError, describe
from ntkbench.peers.entries import Entry
from ntkbench.peers.process import Peer, PeerError
from ntkbench.peers.reference import TOLERANCE, Errors, errors, reference
from ntkbench.peers.workloads import Workload, inputs
from ntkbench.running.stopwatch import LONG

# Short calls are repeated within a turn: the first finds the caches cold after the others' turns.
_TURN = {"seconds": 0.3, "most": 20}

Progress = Callable[[str], None]


@dataclass
class Outcome:
    """What became of one entry in one kind of work. `turns`: seconds of the steady calls, a list for each round."""

    workload: Workload
    entry: Entry
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: str = "ok"
    reason: str = ""
    traceback: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    implementation: str = ""
    first: float | None = None
    turns: list[list[float]] = field(default_factory=list)
    errors: Errors | None = None
    float64_error: float | None = None
    float64_diagonal: float | None = None
    peak_memory: int | None = None
    working_memory: int | None = None

    @property
    def rounds(self) -> list[float]:
        """The median of each round's calls, in seconds."""
        return [median(turn) for turn in self.turns]

    @property
    def seconds(self) -> float | None:
        """What a steady call takes: the median over rounds."""
        return median(self.rounds) if self.turns else None

    @property
    def right(self) -> bool:
        """Whether its result is right, or off by rounding alone, on the diagonal too."""
        if self.status != "ok" or self.errors is None:
            return False
        diagonal = self.errors.diagonal_agrees or _small(self.float64_diagonal)
        return diagonal and (self.errors.agree or self.rounds_badly)

    @property
    def comparable(self) -> bool:
        """Whether its time may be compared: it did the work rightly."""
        return self.right and bool(self.turns)

    @property
    def rounds_badly(self) -> bool:
        """Whether it computes the right thing in float64, and in float32 loses too many digits on the way."""
        return self.errors is not None and not self.errors.agree and _small(self.float64_error)

    @property
    def fault(self) -> str:
        """By how much a wrong result is off, and where; "" of a right one."""
        if self.status != "ok" or self.errors is None or self.right:
            return ""
        most = max(self.errors.elsewhere, self.errors.diagonal or 0.0)
        return f"wrong by {most:.1e} relative to float64, more than {TOLERANCE:g}: {self.errors.where}"

    def fail(self, failure: PeerError) -> None:
        """Note what went wrong."""
        self.status, self.reason, self.traceback = failure.status, failure.reason, failure.traceback


def compare(
    workload: Workload,
    entries: Sequence[Entry],
    python: Callable[[Entry], Path],
    *,
    rounds: int,
    progress: Progress,
    first_must_be_right: bool = False,
) -> list[Outcome]:
    """Let entries do the same work in turns. One process computes at a time; a failing one leaves the round.

    Args:
        workload: The work.
        entries: Those that do it.
        python: Gives the interpreter for an entry, or raises PeerError.
        rounds: The turns that each entry gets; one where a steady call takes 20 seconds or more.
        progress: Told what begins.
        first_must_be_right: Whether nothing is timed where the first entry fails or is wrong.

    Returns:
        The outcome for each entry, in their order; of the first alone where nothing was timed.
    """
    arrays = inputs(workload)
    right = reference(workload, arrays)
    outcomes = [Outcome(workload, entry) for entry in entries]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ntkbench-peers-")))
        np.savez(folder / "inputs.npz", **arrays)  # type: ignore[arg-type]
        log = stack.enter_context((folder / "log").open("wb"))
        peers: dict[int, Peer] = {}

        def attempt(number: int, what: Callable[[Peer, Outcome], None]) -> None:
            if number in peers:
                try:
                    what(peers[number], outcomes[number])
                except PeerError as failure:
                    outcomes[number].fail(failure)
                    peers.pop(number).stop()
                outcomes[number].finished = datetime.now(UTC)

        progress(f"{workload.name}: starting {', '.join(entry.name for entry in entries)}")
        for number, outcome in enumerate(outcomes):
            try:
                peers[number] = Peer(outcome.entry, python(outcome.entry), log)
                stack.callback(peers[number].stop)
            except PeerError as failure:
                outcome.fail(failure)
            # All import their libraries at once; nothing is timed yet.
            attempt(number, lambda peer, outcome: _send_work(peer, outcome, folder / "inputs.npz"))
        for number in range(len(outcomes)):
            attempt(number, _loaded)
        progress(f"{workload.name}: first calls")
        np.savez(folder / "double.npz", **{name: array.astype(np.float64) for name, array in arrays.items()})  # type: ignore[arg-type]
        judge = _Judge(right, folder, python, log)
        for number in range(len(outcomes)):
            attempt(number, judge.first)
            attempt(number, judge.second_opinion)
            if first_must_be_right and not outcomes[0].right:
                return outcomes[:1]
        order = list(range(len(outcomes)))
        for turn in range(rounds):
            progress(f"{workload.name}: round {turn + 1} of {rounds}")
            # Another one begins each time, so that nobody always follows the same.
            for number in order[turn % len(order) :] + order[: turn % len(order)]:
                # The first call says nothing of that: it may have compiled for long.
                if turn == 0 or (outcomes[number].seconds or 0.0) < LONG:
                    attempt(number, _turn)
    return outcomes


def _send_work(peer: Peer, outcome: Outcome, path: Path) -> None:
    work = {"kind": outcome.workload.kind, **outcome.workload.params}
    peer.send("load", workload=work, inputs=str(path))


def _loaded(peer: Peer, outcome: Outcome) -> None:
    reply = peer.answer(outcome.entry.patience)
    outcome.packages, outcome.python = reply["packages"], reply["python"]


@dataclass(frozen=True)
class _Judge:
    """What a first call is held against, and all that it takes to start another process for it."""

    right: np.ndarray
    folder: Path
    python: Callable[[Entry], Path]
    log: IO[bytes]

    def first(self, peer: Peer, outcome: Outcome) -> None:
        """The first call, and whether its result is right."""
        path, patience = self.folder / "result.npy", outcome.entry.patience
        path.unlink(missing_ok=True)
        outcome.first = peer.ask("call", patience, seconds=0.0, most=1)["times"][0]
        outcome.implementation = peer.ask("save", patience, path=str(path))["implementation"]
        try:
            outcome.errors = errors(outcome.workload, np.load(path), self.right)
        except (InputError, ValueError) as error:
            raise PeerError("error", describe(error)) from error

    def second_opinion(self, peer: Peer, outcome: Outcome) -> None:
        """Where a float32 result is off: whether the same program is right in float64. If it has none, it stays off."""
        found = outcome.errors
        if outcome.workload.precision != "float32" or found is None or (found.agree and found.diagonal_agrees):
            return
        other = Outcome(outcome.workload, outcome.entry)
        twin = Peer(outcome.entry, self.python(outcome.entry), self.log, double=True)
        try:
            _send_work(twin, other, self.folder / "double.npz")
            _loaded(twin, other)
            self.first(twin, other)
            if other.errors is not None:
                outcome.float64_error, outcome.float64_diagonal = other.errors.elsewhere, other.errors.diagonal
        except PeerError:
            pass
        finally:
            twin.stop()


def _turn(peer: Peer, outcome: Outcome) -> None:
    reply: Mapping[str, Any] = peer.ask("call", outcome.entry.patience, **_TURN)
    outcome.turns.append(reply["times"])
    with suppress(TypeError):  # unknown is None
        outcome.peak_memory = max(outcome.peak_memory or 0, reply["peak"])
        outcome.working_memory = max(outcome.working_memory or 0, reply["working"])


def _small(error: float | None) -> bool:
    return error is not None and error <= TOLERANCE
