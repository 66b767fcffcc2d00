"""What keeps an archive small, fast and right: facts, checks, forgetting and compaction.

Needs no model.
"""

from __future__ import annotations

import os
import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast

import lancedb

from actionclip.archive.tables import File, Tables, reporting

EXACT_ROWS = 50_000
"""Up to so many windows, each is compared with a query; above, an index chooses which."""
RECALL_AT = 10
MAX_QUERIES = 100
"""Windows of the archive that `check` searches for."""
_SECONDS_OF_OLD_VERSIONS = 600
"""For which versions of a table stay, so that a search that is running can end."""


@dataclass(frozen=True)
class Info:
    """What is in an archive."""

    videos: int
    """Files that can be found; those with the same content count each."""
    windows: int
    hours: float
    """Of video that was read; the same content counts once."""
    num_bytes: int
    """On disk; of an object store, those of the tables' present versions."""
    model: str
    failed: int
    vanished: int


@dataclass(frozen=True)
class Check:
    """What `check` found."""

    recall: float
    """Share of the nearest `RECALL_AT` windows that a search finds, 0…1; 1 without an index."""
    num_queries: int
    problems: list[str] = field(default_factory=list)
    """One line each."""


def info(tables: Tables) -> Info:
    """Count what is in an archive.

    Raises:
        ValueError: it cannot be read.
    """
    files = tables.files()
    indexed = [file for file in files if file.state == "indexed"]
    seconds = {file.video: file.seconds for file in indexed}
    with reporting(tables.address):
        num_windows = tables.windows.count_rows()
    return Info(
        len(indexed),
        num_windows,
        sum(seconds.values()) / 3600,
        num_bytes(tables),
        tables.about["model"],
        sum(file.state == "failed" for file in files),
        sum(file.state == "vanished" for file in files),
    )


def num_bytes(tables: Tables) -> int:
    """Return how many bytes an archive takes."""
    if "://" not in tables.address:
        files = (path for path in Path(tables.address).rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files)
    with reporting(tables.address):
        each = (tables.files_table, tables.windows, tables.frames)
        stats = [cast("dict[str, int]", table.stats()) for table in each]  # typed as a class
    return sum(of_table["total_bytes"] for of_table in stats)


def check(tables: Tables) -> Check:
    """Compare searches with exact ones, and the tables with each other.

    Raises:
        ValueError: the archive cannot be read.
    """
    problems: list[str] = []
    in_windows, in_frames = _videos_of(tables)
    known = {file.video: file for file in tables.files() if file.state != "failed"}
    for video, file in known.items():
        if video not in in_frames:
            problems.append(f"{file.path}: its frames are missing; index it again")
    left_over = (in_windows | in_frames) - set(known)
    if left_over:
        problems.append(
            f"rows of {len(left_over)} videos are left from an interrupted run; the next index "
            "deletes them"
        )
    with reporting(tables.address):
        num_rows = tables.windows.count_rows()
        chosen = random.Random(0).sample(range(num_rows), min(MAX_QUERIES, num_rows))
    found = wanted = 0
    width = tables.windows.schema.field("vector").type.list_size
    for vector in tables.sample(len(chosen), width):
        nearest = tables.nearest(vector, RECALL_AT)
        exact = tables.nearest(vector, RECALL_AT, exact=True)
        places = {(near.video, near.start_seconds) for near in nearest}
        found += sum((near.video, near.start_seconds) in places for near in exact)
        wanted += len(exact)
    return Check(found / wanted if wanted else 1.0, len(chosen), problems)


def forget(tables: Tables, paths: Iterable[str | Path] | None = None) -> list[Path]:
    """Remove files and what only they have in the archive; the videos themselves stay.

    Args:
        tables: nobody else writes them (`Tables.writing`).
        paths: files and folders; by default all files that have vanished.

    Returns:
        The paths that were removed.

    Raises:
        ValueError: a path is not in the archive, or that cannot be written.
    """
    files = tables.files()
    if paths is None:
        gone = [file for file in files if file.state == "vanished"]
    else:
        roots = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100
        for root in roots:
            if not any(file.path.is_relative_to(root) for file in files):
                raise ValueError(f"{root}: not in the archive {tables.address}; check the path")
        gone = [file for file in files if any(file.path.is_relative_to(root) for root in roots)]
    tables.remove_files([file.path for file in gone])
    _delete_rows_without_file(tables, gone, files)
    return [file.path for file in gone]


def _delete_rows_without_file(
    tables: Tables, gone: Collection[File], files: Iterable[File]
) -> None:
    paths = {file.path for file in gone}
    still = {file.video for file in files if file.path not in paths and file.state != "failed"}
    tables.delete({file.video for file in gone} - still)


def delete_orphans(tables: Tables) -> None:
    """Delete what is left of interrupted runs, and of files that were replaced."""
    known = {file.video for file in tables.files() if file.state != "failed"}
    in_windows, in_frames = _videos_of(tables)
    tables.delete((in_windows | in_frames) - known)


def _videos_of(tables: Tables) -> tuple[set[str], set[str]]:
    """Return the videos that have windows, and those that have frames."""
    with reporting(tables.address):
        of_windows, of_frames = (
            {
                video
                for batch in table.search().select(["video"]).to_batches()
                for video in batch["video"].unique().to_pylist()
            }
            for table in (tables.windows, tables.frames)
        )
    return of_windows, of_frames


def compact(tables: Tables, *, new_index: bool = False) -> None:
    """Join small files, remove old versions, and make or extend the index.

    Args:
        tables: nobody else writes them (`Tables.writing`).
        new_index: make the index anew, which takes minutes for a million windows.

    Raises:
        ValueError: the archive cannot be written.
    """
    keep = timedelta(seconds=_SECONDS_OF_OLD_VERSIONS)
    with reporting(tables.address):
        is_large = tables.windows.count_rows() > EXACT_ROWS
        if is_large and (new_index or not tables.windows.list_indices()):
            config = lancedb.index.IvfRq(distance_type="cosine")
            tables.windows.create_index("vector", config=config, replace=True)
            tables.frames.create_index("video", config=lancedb.index.Bitmap(), replace=True)
        for table in (tables.files_table, tables.windows, tables.frames):
            table.optimize(cleanup_older_than=keep)
