"""What a worker tells its runner through their pipe: JSON, since the runner must not unpickle what a task makes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from multiprocessing.connection import Connection

from ntkbench.running.outcome import Outcome


@dataclass(frozen=True)
class Begun:
    """The library is there: the run, and its time, begin now."""


@dataclass(frozen=True)
class StageReached:
    """The stage that the run is in, and the share of it that is done, where that is known."""

    stage: str
    share: float | None = None


@dataclass(frozen=True)
class Finished:
    """The run is over.

    Attributes:
        outcome: What came of it.
        keeps_memory: Whether the worker holds memory of the device that it cannot free.
        lacks_dataset: The name of the data set that no source gives, for the want of which there are no numbers.
    """

    outcome: Outcome
    keeps_memory: bool = False
    lacks_dataset: str | None = None


Message = Begun | StageReached | Finished


def encode(message: Message) -> bytes:
    """The message as it goes through the pipe."""
    match message:
        case Begun():
            value: list[object] = ["begun"]
        case StageReached():
            value = ["stage", message.stage, message.share]
        case Finished():
            value = ["finished", message.outcome.to_json(), message.keeps_memory, message.lacks_dataset]
    return json.dumps(value).encode()


def decode(content: bytes) -> Message:
    """The message that `encode` made these bytes of.

    Raises:
        ValueError: They are no message.
    """
    match json.loads(content):
        case ["begun"]:
            return Begun()
        case ["stage", stage, share]:
            return StageReached(stage, share)
        case ["finished", outcome, keeps_memory, lacks_dataset]:
            return Finished(Outcome.from_json(outcome), keeps_memory, lacks_dataset)
    raise ValueError(f"no message of a worker: {content[:100]!r}")


def send(connection: Connection, message: Message) -> None:
    """Send the message; OSError when nobody is at the other end."""
    connection.send_bytes(encode(message))


def receive(connection: Connection) -> Message:
    """Wait for the next message; EOFError or OSError when nobody is at the other end."""
    return decode(connection.recv_bytes())
