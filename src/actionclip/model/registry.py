"""Classes by name, so that encoders and temporal heads of other packages work like our own.

A class is registered by a call, or by an entry point of an installed package; what it lacks is an
error then, and not when it is used.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Generic, TypeVar

Base = TypeVar("Base")


class Registry(Generic[Base]):
    """Names of classes; entry points are read when a name is not known otherwise."""

    def __init__(self, field: str, base: type[Base], check: Callable[[type[Base]], None]) -> None:
        """Begin empty.

        Args:
            field: of `ModelConfig` that holds the names; its plural names the group of entry
                points, "actionclip.encoders".
            base: of all classes.
            check: raises a ValueError for a class that cannot work.
        """
        self._field, self._base, self._check = field, base, check
        self._group = f"actionclip.{field}s"
        self._classes: dict[str, type[Base]] = {}

    def register(self, name: str, kind: type[Base], *, checked: bool = False) -> None:
        """Add a class.

        Args:
            name: in configs, recipes and on the command line.
            kind: a subclass of the base.
            checked: skip the check of a class that is known to pass it.

        Raises:
            ValueError: it is no such class, lacks something, or the name is in use.
        """
        where = f"{self._field} {name!r}"
        if self._classes.get(name, kind) is not kind:
            raise ValueError(f"{where}: the name is in use; choose another one")
        if not (inspect.isclass(kind) and issubclass(kind, self._base)):
            raise ValueError(f"{where}: {kind!r} is no subclass of {self._base.__name__}")
        if missing := sorted(getattr(kind, "__abstractmethods__", ())):
            raise ValueError(f"{where}: {kind.__name__} lacks {missing}; define them")
        if not checked:
            try:
                self._check(kind)
            except Exception as error:
                raise ValueError(f"{where}: {kind.__name__}: {error}") from error
        self._classes[name] = kind

    def __getitem__(self, name: str) -> type[Base]:
        if name not in self:
            raise ValueError(f"{self._field}: unknown {name!r}; known: {list(self)}")
        if name not in self._classes:
            (point,) = metadata.entry_points(group=self._group, name=name)
            self.register(name, point.load())
        return self._classes[name]

    def __contains__(self, name: object) -> bool:
        return name in self._classes or name in metadata.entry_points(group=self._group).names

    def __iter__(self) -> Iterator[str]:
        installed = metadata.entry_points(group=self._group).names
        return iter([*self._classes, *sorted(installed - self._classes.keys())])

    def __len__(self) -> int:
        return sum(1 for _ in self)
