"""Sections of config.json become typed values: unknown fields and wrong types are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Section = TypeVar("Section")

Reader = Callable[[str, object], Any]
"""Takes the name of a field and its parsed JSON; gives the value or raises a ValueError."""


def read(
    section: Callable[..., Section],
    readers: Mapping[str, Reader],
    document: object,
    where: str,
) -> Section:
    """Read a section; fields that are left out have their defaults.

    Args:
        section: the class, called with a keyword for each field.
        readers: of each field.
        document: the parsed JSON.
        where: names the file in errors.

    Raises:
        ValueError: for a field that is unknown, of the wrong type or out of range.
    """
    if not isinstance(document, Mapping):
        raise ValueError(f"{where}: is {document!r}; write an object")
    if unknown := sorted(document.keys() - readers.keys()):
        raise ValueError(f"{where}: unknown {unknown}; known: {sorted(readers)}")
    try:
        return section(**{name: readers[name](name, value) for name, value in document.items()})
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def number(name: str, value: object) -> float:
    """Read a number."""
    if type(value) not in (int, float):
        raise ValueError(f"{name} is {value!r}; write a number")
    return float(value)  # pyright: ignore[reportArgumentType] - it is one of the two


def text(name: str, value: object) -> str:
    """Read a text."""
    if not isinstance(value, str):
        raise ValueError(f"{name} is {value!r}; write a text in quotes")
    return value


def texts(name: str, value: object) -> tuple[str, ...]:
    """Read a list of texts."""
    if not isinstance(value, list):
        raise ValueError(f"{name} is {value!r}; write a list of texts")
    return tuple(text(name, each) for each in value)


def numbers(name: str, value: object) -> dict[str, float]:
    """Read an object of numbers."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {value!r}; write an object with a number for each label")
    return {label: number(f"{name}[{label!r}]", each) for label, each in value.items()}
