"""Hands items to the workers of a scheduler: enough for each to be at work, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, Generic, TypeVar

from ntkbench.errors import SystemFault

if TYPE_CHECKING:
    from distributed import Client, Future

_GLANCE = 2.0  # seconds between two looks at whether workers have joined
_LOSSES = 5  # times that items may be dropped: a task that ends every worker would otherwise be sent for ever

Item = TypeVar("Item")


class SchedulerLostError(SystemFault):
    """The scheduler is gone, or what it was given is lost again and again."""


class InFlight(Generic[Item]):
    """The items that the scheduler has and that are not finished.

    An item whose inputs are lost with their workers is dropped by the scheduler, and submitted again here.
    Its methods raise SchedulerLostError.

    Args:
        client: The connection to the scheduler.
        submit: Hands one item to the scheduler.
        ahead: How many unfinished items each worker has.
    """

    def __init__(self, client: Client, submit: Callable[[Item], Future], ahead: int = 1) -> None:
        self.workers: list[str] = []  # their addresses, as last seen
        self._client, self._submit, self._ahead = client, submit, ahead
        self._given: dict[Future, Item] = {}
        self._dropped: list[Item] = []
        self._losses = 0

    def give(self, items: Iterator[Item]) -> bool:
        """Hand out items, drawn one by one, while workers have too few of them.

        Returns:
            Whether any item is in flight.
        """
        try:
            self.workers = list(self._client.nthreads())
        except OSError as error:
            raise SchedulerLostError("the scheduler does not answer any more") from error
        if self._dropped and not self.workers:
            return True  # until there is one to send its inputs to
        dropped, self._dropped = self._dropped, []
        room = self._ahead * max(1, len(self.workers)) - len(self._given) - len(dropped)
        for item in chain(dropped, islice(items, max(0, room))):
            self._given[self._submit(item)] = item
        return bool(self._given)

    def take(self) -> list[tuple[Item, Future]]:
        """Wait until items are finished, but not for long: the items, with their futures, or none."""
        from distributed import wait
        from distributed.client import FuturesCancelledError

        if not self._given:
            time.sleep(_GLANCE)
            return []
        try:
            with self._client.as_current():
                ready = wait(list(self._given), timeout=_GLANCE, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            return []
        except FuturesCancelledError as error:
            self._losses += 1
            if self._losses > _LOSSES:
                raise SchedulerLostError(f"what the workers held was lost {self._losses} times") from error
            self._dropped = [self._given.pop(future) for future in list(self._given) if future.cancelled()]
            return []
        return [(self._given.pop(future), future) for future in ready]

    def give_up(self) -> None:
        """Cancel all items in flight."""
        with suppress(OSError):
            self._client.cancel(list(self._given))
