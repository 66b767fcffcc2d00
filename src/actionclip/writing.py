"""Writing: a file appears whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Write a file, in the place of one of the same name if there is one.

    After a crash of the machine, too, it is the old one or the new one.

    Raises:
        OSError: the folder does not exist or cannot be written, or the disk is full.
    """
    unfinished = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
