"""Parsed JSON and TOML become typed values, by pydantic; what is wrong with them is one line.

The types are pydantic models, or dataclasses with a `__pydantic_config__`. pydantic is imported at
the first document: it takes a fifth of a second, and `lite` has no document to read.
"""

from __future__ import annotations

import difflib
import functools
import json
from typing import TYPE_CHECKING, Any, TypeVar, get_args

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

Value = TypeVar("Value")

STRICT: Any = {"extra": "forbid", "strict": True}
"""For `__pydantic_config__`: unknown keys and values of another type are refused."""


def read(kind: type[Value], document: object, where: str) -> Value:
    """Validate a parsed document.

    Args:
        kind: a pydantic model or a dataclass.
        document: what `json` or `tomllib` returned.
        where: names the file in errors.

    Raises:
        ValueError: a key is unknown or missing, or a value is impossible; names each.
    """
    from pydantic import ValidationError

    try:  # from JSON, because a strict tuple does not accept a list of Python
        return _adapter(kind).validate_json(json.dumps(document))
    except ValidationError as error:
        complaints = "; ".join(_complaint(detail, kind) for detail in error.errors())
        raise ValueError(f"{where}: {complaints}") from error


@functools.cache
def _adapter(kind: type[Value]) -> TypeAdapter[Value]:
    """Return what validates a type; making it takes longer than reading a checkpoint's config."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _complaint(detail: ErrorDetails, kind: type) -> str:
    path = [str(part) for part in detail["loc"] if not str(part).endswith("]")]  # no unions
    where = ".".join(path)
    match detail["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = _fields(kind, path[:-1])
            close = difflib.get_close_matches(path[-1], known, n=1)
            advice = f"did you mean {close[0]!r}? " if close else ""
            return f"{where}: unknown; {advice}known: {known}"
        case "missing":
            return f"{where}: missing; add it"
        case "value_error":
            return ": ".join(filter(None, (where, detail["msg"].removeprefix("Value error, "))))
        case _:
            message = f"{detail['msg']}, not {detail['input']!r}"
            return ": ".join(filter(None, (where, message)))


def _fields(kind: Any, path: list[str]) -> list[str]:  # noqa: ANN401 - any type of a field
    """List the fields of the section at a path."""
    for name in path:
        fields = getattr(kind, "model_fields", None) or kind.__dataclass_fields__
        field = fields[name]
        kind = getattr(field, "annotation", None) or field.type
        kind = next((arm for arm in get_args(kind) if hasattr(arm, "model_fields")), kind)
    return sorted(getattr(kind, "model_fields", None) or kind.__dataclass_fields__)
