"""What the workers of a scheduler have been given: enough for each to be at work, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from distributed import Client, Future

_GLANCE = 2.0  # seconds between two looks at whether workers have joined

Item = TypeVar("Item")


class SchedulerLostError(Exception):
    """The scheduler is gone, or with all their workers the inputs."""


class InFlight(Generic[Item]):
    """The items that `submit` has handed to the scheduler and that are not finished, `ahead` of them a worker.

    Its methods raise SchedulerLostError.
    """

    def __init__(self, client: Client, submit: Callable[[Item], Future], ahead: int = 1) -> None:
        self.workers: list[str] = []  # their addresses, as last seen
        self._client, self._submit, self._ahead = client, submit, ahead
        self._given: dict[Future, Item] = {}

    def give(self, waiting: Iterator[Item]) -> bool:
        """Hand out items, drawn one by one, while a worker has too few; whether any is in flight."""
        try:
            self.workers = list(self._client.nthreads())
        except OSError as error:
            raise SchedulerLostError("the scheduler does not answer any more") from error
        for item in islice(waiting, max(0, self._ahead * max(1, len(self.workers)) - len(self._given))):
            self._given[self._submit(item)] = item
        return bool(self._given)

    def take(self) -> list[tuple[Item, Future]]:
        """The items that are finished, with their futures; after a while, none."""
        from distributed import wait
        from distributed.client import FuturesCancelledError

        try:
            with self._client.as_current():
                ready = wait(list(self._given), timeout=_GLANCE, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            return []
        except FuturesCancelledError as error:
            raise SchedulerLostError("the scheduler is gone, or with all their workers the inputs") from error
        return [(self._given.pop(future), future) for future in ready]

    def give_up(self) -> None:
        """Let the workers know that nobody waits for the rest."""
        with suppress(OSError):
            self._client.cancel(list(self._given))
