"""Notes, warnings, errors and progress bars of the program, all on stderr."""

from __future__ import annotations

import errno
import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

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
"""Errors of the system, and what to do about them."""


def note(message: str) -> None:
    """Print a note on one line, whole, also where several threads print."""
    sys.stderr.write(f"note: {display.one_line(message)}\n")


def progress_line(message: str) -> None:
    """Print a line of progress where no bar is shown."""
    if not sys.stderr.isatty():
        print(message, file=sys.stderr, flush=True)


def error(message: object) -> None:
    """Print an error on one line; one with `lines` on a line each."""
    for line in getattr(message, "lines", [in_words(message)]):
        print(f"error: {display.one_line(line)}", file=sys.stderr)


def in_words(error: object) -> str:
    """Return what is wrong and what to do; for an error of the system, in our words."""
    if not isinstance(error, OSError) or error.filename is None:
        return str(error)
    path = os.fsdecode(error.filename2 or error.filename)
    words = (error.strerror or "cannot be used").lower()
    why = _REFUSALS.get(error.errno or 0, f"{words}; check the path and the disk")
    return f"{path}: {why}"


@contextmanager
def extra(purpose: str, name: str = "train") -> Iterator[None]:
    """Turn a missing module into an error that names the extra, for the program to print."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{purpose} {error.name}: pip install 'actionclip[{name}]'"
        ) from error


def score(written: str) -> float | Literal["auto"]:
    """Parse --threshold.

    Raises:
        ValueError: it is neither a score nor "auto".
    """
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
    def format(self, record: logging.LogRecord) -> str:
        kind = "warning" if record.levelno >= logging.WARNING else "note"
        return f"{kind}: {display.one_line(super().format(record))}"


@contextmanager
def showing_log() -> Iterator[None]:
    """Print what the library logs meanwhile, one line each."""
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
    """Show a progress bar; yield a function to call with the numbers done and in total."""
    with progress(unit) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def stopping_on_signals() -> Iterator[threading.Event]:
    """Set an event at the first Ctrl-C or SIGTERM; the second has its usual effect."""
    stopped = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: (stopped.set(), restore()))
        for number in (signal.SIGINT, signal.SIGTERM)
    }

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    try:
        yield stopped
    finally:
        restore()
