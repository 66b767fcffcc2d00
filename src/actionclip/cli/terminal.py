"""What the program says beside its answers: notes, warnings, errors and progress, all on stderr."""

from __future__ import annotations

import errno
import logging
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, overload

from actionclip import display

if TYPE_CHECKING:
    from rich.progress import Progress


_REFUSALS = {
    errno.EACCES: "permission is denied; change the permissions, or choose another place",
    errno.EISDIR: "this is a folder; give a file",
    errno.ENAMETOOLONG: "the name is too long for this system; choose a shorter one",
    errno.ENOENT: "no such file or folder; check the path",
    errno.ENOSPC: "no space is left on the disk; free some, or choose another place",
    errno.ENOTDIR: "a part of this path is a file, not a folder; check the path",
    errno.EROFS: "this disk can only be read; choose another place",
}
"""What the system refuses, and what to do about it."""


def note(message: str) -> None:
    """Print something that is good to know, on one line."""
    print(f"note: {display.one_line(message)}", file=sys.stderr)


def progress_line(message: str) -> None:
    """Print a line of progress, where there is no terminal that a bar is shown on."""
    if not sys.stderr.isatty():
        print(message, file=sys.stderr, flush=True)


def error(message: object) -> None:
    """Print what is wrong, on one line; of an error that collects several, a line each."""
    if isinstance(message, OSError) and message.filename is not None:
        message = _refused_by_the_system(message)
    for line in getattr(message, "lines", [message]):
        print(f"error: {display.one_line(line)}", file=sys.stderr)


def _refused_by_the_system(error: OSError) -> str:
    """Say what the system does not do with a path, and what to do about it."""
    path = os.fsdecode(error.filename2 or error.filename)
    words = (error.strerror or "cannot be used").lower()
    why = _REFUSALS.get(error.errno or 0, f"{words}; check the path and the disk")
    return f"{path}: {why}"


def markup(text: object) -> str:
    """Return text from outside as rich prints it: on one line, character by character."""
    from rich.markup import escape

    return escape(display.one_line(text))


@overload
def score(written: str) -> float | Literal["auto"]: ...
@overload
def score(written: None) -> None: ...
def score(written: str | None) -> float | Literal["auto"] | None:
    """Read what --threshold was given.

    Raises:
        ValueError: it is neither a score nor "auto".
    """
    if written is None:
        return None
    if written == "auto":
        return "auto"
    try:
        number = float(written)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise ValueError(
            f"--threshold: {written!r} is no score; give a number from 0 to 1, or auto"
        )
    return number


class _Labelled(logging.Formatter):
    """Notes below warnings, warnings from there on."""

    def format(self, record: logging.LogRecord) -> str:
        kind = "warning" if record.levelno >= logging.WARNING else "note"
        return f"{kind}: {display.one_line(super().format(record))}"


@contextmanager
def showing_log() -> Iterator[None]:
    """Print what the library logs meanwhile, one line each: notes and warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Labelled("%(message)s"))
    library = logging.getLogger("actionclip")
    level = library.level
    library.addHandler(handler)
    library.setLevel(logging.INFO)
    try:
        yield
    finally:
        library.removeHandler(handler)
        library.setLevel(level)


def progress(unit: str) -> Progress:
    """Make a progress bar with speed and remaining time; it is shown only on a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Speed(ProgressColumn):
        """So many a second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.3g}/s", style="progress.data.speed")

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        Speed(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextmanager
def counter(description: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar; call what it gives with how many are done, and of how many."""
    with progress(unit) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
