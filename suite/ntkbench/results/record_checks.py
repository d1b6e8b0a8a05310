"""What the values of a record may be: each field is held against its annotation, in words that a reader understands."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from ntkbench.errors import InputError, brief, unknown

_Row = TypeVar("_Row")
_AnyClass = TypeVar("_AnyClass", bound=type)


@dataclass(frozen=True)
class Kind:
    """What a field must be, in words, and the test."""

    words: str
    fits: Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    """Whether it is text that can be written: JSON and file names can smuggle in halves of characters."""
    try:
        return isinstance(value, str) and bool(value.isascii() or value.encode())
    except UnicodeEncodeError:
        return False


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _is_number(value: Any) -> bool:
    try:
        return (type(value) is int or isinstance(value, float)) and math.isfinite(value)
    except OverflowError:
        return False


def _is_scalar(value: Any) -> bool:
    return type(value) is bool or _is_number(value) or _is_text(value)


def _is_list(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _is_dict(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(_is_text(k) and fits(v) for k, v in value.items())


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


# Every number in a record is finite.
_KINDS: Mapping[Any, Kind] = {
    str: Kind("text", _is_text),
    str | None: Kind("text or null", _or_none(_is_text)),
    int: Kind("a whole number from 0 to 2^31 - 1", _is_count),
    bool: Kind("true or false", lambda value: type(value) is bool),
    float: Kind("a finite number", _is_number),
    float | None: Kind("a finite number or null", _or_none(_is_number)),
    list[float]: Kind("a list of finite numbers", _is_list(_is_number)),
    list[str]: Kind("a list of texts", _is_list(_is_text)),
    dict[str, str]: Kind("texts by name", _is_dict(_is_text)),
    dict[str, Any]: Kind("numbers, texts and truth values by name", _is_dict(_is_scalar)),
}


_FIELDS: dict[type, Mapping[str, Kind]] = {}


def checkable(cls: _AnyClass) -> _AnyClass:
    """Make a dataclass one that `check` takes.

    Raises KeyError at once, when its module is imported, for an annotation that no kind is known for.
    """
    hints = get_type_hints(cls)
    _FIELDS[cls] = {f.name: _kind(hints[f.name]) for f in fields(cls)}
    return cls


def _kind(annotation: Any) -> Kind:
    (row,) = get_args(annotation) if get_origin(annotation) is list else (None,)
    if is_dataclass(row):
        name = row.__name__.removesuffix("Row").lower()  # type: ignore[union-attr]
        return Kind(f"a list of {name} rows", _is_list(lambda value: isinstance(value, row)))  # type: ignore[arg-type]
    return _KINDS[annotation]


def check(what: str, row: Any, **allowed: Iterable[Any]) -> None:
    """Hold a row's fields against their annotations.

    Args:
        what: The row in words.
        row: A dataclass that is `checkable`.
        **allowed: By field, the only values that it may have.

    Raises:
        InputError: In one line, for the first field that is not what it must be.
    """
    for name, kind in _FIELDS[type(row)].items():
        value = getattr(row, name)
        if not kind.fits(value):
            raise InputError(f"{what}: {name} must be {kind.words}, not {brief(value)}")
        if name in allowed and value not in allowed[name]:
            choices = ", ".join(str(choice) for choice in allowed[name])
            raise InputError(f"{what}: {name} {brief(value)} is none of {choices}")


def check_not_negative(what: str, **numbers: float | None) -> None:
    """Raise InputError for a number below 0; None passes."""
    for name, number in numbers.items():
        if number is not None and number < 0:
            raise InputError(f"{what}: {name} must not be negative, not {number:g}")


def check_time(name: str, text: str) -> None:
    """Raise InputError for what is no time in ISO 8601."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(f"record: {name} {brief(text)} is not a time in ISO 8601") from error


def from_mapping(kind: type[_Row], what: str, values: Any) -> _Row:
    """A `kind` with exactly these fields. Raises InputError for a missing or an unknown one."""
    if not isinstance(values, Mapping):
        raise InputError(f"{what} must be an object, not {brief(values)}")
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise unknown(f"field of {what}:", str(name), known)
    for name in known:
        if name not in values:
            raise InputError(f"{what} lacks the field {name!r}")
    return kind(**values)
