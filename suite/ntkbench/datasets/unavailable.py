"""The fault of a data set that no source gives."""

from __future__ import annotations

from collections.abc import Sequence

from ntkbench.errors import SystemFault


class DatasetUnavailable(SystemFault):
    """No source gives data set `name`; `tried` says of each what it answered. `optional` is that of the data set."""

    def __init__(self, name: str, tried: Sequence[str], optional: bool) -> None:
        # All to the base class, for pickle.
        super().__init__(name, tried, optional)
        self.name, self.tried, self.optional = name, tuple(tried), optional

    def __str__(self) -> str:
        return (
            f"No source reachable for dataset {self.name!r} (tried {'; '.join(self.tried)});"
            " the smoke tier of every task needs no network"
        )
