"""Folders are looked at again and again, to see when there is something to index.

Sizes and times are compared, which works on network file systems too, where nothing tells of a new
file.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from pathlib import Path

from actionclip.video import files as video_files

EVERY_SECONDS = 5.0

Snapshot = dict[Path, tuple[int, int]]
"""Size and time of each video."""


def changes(
    paths: Iterable[str | Path], wait: Callable[[float], bool], every: float = EVERY_SECONDS
) -> Generator[list[Path], bool]:
    """Yield the paths with videos once at first, and whenever a video comes, changes or goes.

    Whoever takes them and finds that a file is still being written sends True, and gets them again.

    Args:
        paths: of videos and folders; one that is not there yet may come.
        wait: sleeps for so many seconds; True ends it.
        every: seconds between two looks.
    """
    roots = [Path(path) for path in paths]
    before: Snapshot | None = None
    is_unsettled = False
    while True:
        now = _look(roots)
        if now and (now != before or is_unsettled):
            is_unsettled = bool((yield [root for root in roots if _look([root])]))
        before = now
        if wait(every):
            return


def _look(roots: Iterable[Path]) -> Snapshot:
    found: Snapshot = {}
    for root in roots:
        inside = root.rglob("*") if root.is_dir() else [root]
        for path in inside:
            if root.is_dir() and not video_files.is_named_like_a_video(path):
                continue
            try:
                status = path.stat()
            except OSError:  # it has gone meanwhile
                continue
            found[path] = status.st_size, status.st_mtime_ns
    return found
