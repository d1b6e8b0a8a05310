"""What a page asks the database, and the answer: a frame whose columns and types are stated once, and checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, get_args, get_type_hints

from ntkbench.errors import InputError, first_line

if TYPE_CHECKING:
    import duckdb
    import polars as pl

R = TypeVar("R", bound=NamedTuple)
T = TypeVar("T")
K = TypeVar("K")

# A setting is the text of `params`: keys are sorted there, so equal parameters are equal texts.
_EXPRESSIONS = {"setting": "params::VARCHAR AS setting"}


@dataclass(frozen=True)
class Query(Generic[R]):
    """A question of a page.

    Attributes:
        row: A NamedTuple. Its fields are the columns, their annotations the types; only `X | None` may be NULL.
        source: SQL from its FROM on. It orders the rows whole, so that equal content gives equal pages.
    """

    row: type[R]
    source: str

    @property
    def sql(self) -> str:
        """The whole SELECT."""
        return f"SELECT {', '.join(_EXPRESSIONS.get(name, name) for name in self.row._fields)} {self.source}"


@dataclass(frozen=True)
class Answer(Generic[R]):
    """The rows of a query: as a frame whose schema is that of `row`, or one by one."""

    frame: pl.DataFrame
    row: type[R]

    def rows(self) -> list[R]:
        """Every row, in order."""
        return [self.row._make(values) for values in self.frame.iter_rows()]


def ask(connection: duckdb.DuckDBPyConnection, query: Query[R]) -> Answer[R]:
    """The answer to a query.

    Args:
        connection: To the results database.
        query: What to ask.

    Returns:
        The rows, in the order of the query.

    Raises:
        InputError: The views lack a column, or one is of another type.
    """
    import duckdb
    import polars as pl

    try:
        frame = pl.DataFrame(connection.sql(query.sql))
    except duckdb.Error as error:
        raise InputError(f"the database cannot be shown: {first_line(error)}") from error
    return Answer(frame.with_columns(*(_checked(frame[name], kind) for name, kind in _kinds(query.row))), query.row)


@cache
def params_of(setting: str) -> Mapping[str, Any]:
    """The parameters that a setting's text states."""
    found: Mapping[str, Any] = json.loads(setting)
    return found


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """The items by their keys.

    Args:
        items: In the order that each group keeps.
        key: What items of one group have in common.

    Returns:
        Key -> items; the keys in the order in which they come first.
    """
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


@cache
def _kinds(row: type[NamedTuple]) -> tuple[tuple[str, Any], ...]:
    """The fields of a row with their annotations. Raises KeyError for one that is no column's."""
    found = tuple(get_type_hints(row).items())
    for _, kind in found:
        _types()[_bare(kind)]
    return found


@cache
def _types() -> Mapping[Any, pl.DataType]:
    """What the annotations of a row mean in Polars."""
    import polars as pl

    plain = {str: pl.String(), int: pl.Int64(), float: pl.Float64(), bool: pl.Boolean(), date: pl.Date(),
             datetime: pl.Datetime("us")}  # fmt: skip
    return plain | {list[str]: pl.List(pl.String()), list[float]: pl.List(pl.Float64())}


def _bare(kind: Any) -> Any:
    """An annotation without its `| None`."""
    parts = [part for part in get_args(kind) if part is not NoneType]
    return parts[0] if NoneType in get_args(kind) else kind


def _checked(column: pl.Series, kind: Any) -> pl.Series:
    """The column in the type that its annotation says."""
    wanted = _types()[_bare(kind)]
    if wanted.is_integer() and column.dtype.is_integer():
        column = column.cast(wanted)
    if column.dtype != wanted and column.len():
        raise InputError(f"the database cannot be shown: column {column.name} is {column.dtype}, not {wanted}")
    if _bare(kind) is kind and column.null_count():
        raise InputError(f"the database cannot be shown: column {column.name} holds NULL")
    return column if column.len() else column.cast(wanted)
