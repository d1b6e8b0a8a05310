"""A page before it is rendered, and the names of its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Page:
    """A file of the report, the template that makes it (None: `values["text"]` as it is), and what that is given."""

    file: str
    template: str | None
    values: Mapping[str, Any] = field(default_factory=dict)


def file_name(kind: str, *words: str) -> str:
    """The file of a page: kind-word-word.html. A database may hold any text; a file's name may not."""
    safe = ("".join(c if c.isalnum() or c in "_-" else f"_{ord(c):x}_" for c in word) for word in words)
    return "-".join([kind, *safe]) + ".html"


@cache  # every page names those of all tasks
def task_file(name: str) -> str:
    """The file of a task's page."""
    return file_name("task", name)


def run_file(run_id: str) -> str:
    """The file of a run's page. Run ids are hex digits: records with others are refused."""
    return f"runs/{run_id}.html"
