"""What the program says beside its answers: notes, warnings, errors and progress, all on stderr."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


def note(message: str) -> None:
    """Say something that is good to know."""
    print(f"note: {message}", file=sys.stderr)


def error(message: str) -> None:
    """Say what went wrong, on one line."""
    print(f"error: {' '.join(message.split())}", file=sys.stderr)


def show_warnings() -> None:
    """Print what the library logs, one line each, from warnings upward."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    library = logging.getLogger("actionclip")
    library.addHandler(handler)
    library.propagate = False


def progress(unit: str) -> Progress:
    """Make a progress bar with speed and remaining time; it is shown only on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        Remaining(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
