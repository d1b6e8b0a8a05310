"""A page before it is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Page:
    """A file of the report, the template that makes it (None: `values["text"]` as it is), and what that is given."""

    file: str
    template: str | None
    values: Mapping[str, Any] = field(default_factory=dict)
