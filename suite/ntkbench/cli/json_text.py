"""Values as strict JSON, which every reader takes."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any


def json_text(value: Any, indent: int | None = None) -> str:
    """The value as JSON, at any depth: null for a number that is not finite, a text for what JSON has no form for."""
    return json.dumps(_plain(value), default=str, indent=indent, allow_nan=False)


def _plain(value: Any) -> Any:
    match value:
        case Decimal() | float():
            return float(value) if math.isfinite(value) else None
        case dict():
            return {key if isinstance(key, str | int) else str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value
