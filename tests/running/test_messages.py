"""What a worker tells is read as it was said, and nothing else is taken for a message."""

from __future__ import annotations

import json

import pytest

from ntkbench.errors import InputError
from ntkbench.running.messages import Begun, Finished, Message, StageReached, decode, encode
from ntkbench.running.outcome import Outcome
from ntkbench.running.stopwatch import Timing

FULL = Outcome(
    "ok",
    implementation="aten, numba",
    warnings=("UserWarning: half a character \udcff",),
    timings=(Timing("solve", "first", 0, 0.25), Timing("solve", "steady", 0, 0.125)),
    metrics={"error": (1e-16, None), "accuracy": (40.94, 0.5)},
    curves={"learning": ([1.0, 2.0], [0.5, 0.25])},
    checkpoints=("0123",),
    environment={"machine": "here"},
)


@pytest.mark.parametrize(
    "message",
    [
        Begun(),
        StageReached("solve"),
        StageReached("solve", 0.25),
        Finished(FULL),
        Finished(Outcome("error", "it went wrong", "a traceback"), keeps_memory=True),
        Finished(Outcome("not_applicable", "no source"), lacks_dataset="uci90"),
    ],
)
def test_a_message_is_read_as_it_was_said(message: Message) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize("value", [["begun", 1], ["begin"], ["result", {}], {}, 3])
def test_anything_else_is_no_message(value: object) -> None:
    with pytest.raises(ValueError, match="no message of a worker"):
        decode(json.dumps(value).encode())


def test_an_outcome_has_a_known_status_and_no_further_fields() -> None:
    with pytest.raises(InputError, match=r"the status of an outcome is one of ok, error, .*, not 'begun'"):
        Outcome("begun")
    with pytest.raises(TypeError, match="begun"):
        Outcome.from_json({**FULL.to_json(), "begun": True})
