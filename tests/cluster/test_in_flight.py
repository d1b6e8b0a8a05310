"""What workers were given, when more is lost than one of them."""

from __future__ import annotations

import os
import signal
import time

import pytest

from ntkbench.cluster.in_flight import InFlight, SchedulerLostError
from ntkbench.cluster.scheduler import connected

pytest.importorskip("distributed")

WORKERS = 1


@pytest.mark.slow
def test_what_is_lost_again_and_again_is_given_up_and_so_is_what_waits_for_a_scheduler_that_is_gone(
    scheduler: str,
) -> None:
    given = []
    with connected(scheduler) as client:

        def submit(seconds: float) -> object:
            given.append(seconds)
            return client.submit(time.sleep, seconds, pure=False)

        def drop_all() -> None:
            waiting = iter([600.0])
            while flight.give(waiting):
                # As the scheduler does with a task whose inputs are lost.
                client.cancel(list(flight._given), reason="lost dependencies")
                assert flight.take() == []

        flight = InFlight(client, submit)
        with pytest.raises(SchedulerLostError, match="what the workers held was lost 6 times"):
            drop_all()
        assert given == [600.0] * 6

        flight = InFlight(client, submit)
        assert flight.give(iter([600.0]))
        os.kill(client.run_on_scheduler(os.getpid), signal.SIGKILL)

        def wait() -> None:
            deadline = time.monotonic() + 600
            while time.monotonic() < deadline and flight.give(iter([])):
                assert flight.take() == []

        with pytest.raises(SchedulerLostError, match="the scheduler does not answer any more"):
            wait()
        flight.give_up()
