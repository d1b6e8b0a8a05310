"""The query library: the files of results/queries, each a question with its answer in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ntkbench import paths


@dataclass(frozen=True)
class Query:
    """A question that is asked by name. `about` is the question itself: the comment that its file begins with."""

    name: str
    about: str
    sql: str


def library() -> Mapping[str, Query]:
    """All queries by name."""
    files = sorted(paths.shared("results/queries").glob("*.sql"))
    return {file.stem: _query(file.stem, file.read_text(encoding="utf-8")) for file in files}


def _query(name: str, text: str) -> Query:
    comment, _, sql = text.partition("\n")
    return Query(name, comment.removeprefix("--").strip(), sql)
