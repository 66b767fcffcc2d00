"""Kinetics as it is published becomes examples: CSVs with `label,youtube_id,time_start,time_end`.

The videos are those that could still be fetched, cut to the ten seconds, named
`ID_000010_000020.mp4` or `ID.mp4`, in label folders or not. Everybody lacks some, so missing ones
are left out and counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from actionclip.data import paths
from actionclip.data.annotations import Annotations, Example, Split
from actionclip.data.formats.rows import read_rows
from actionclip.data.problems import Problems

COLUMNS = frozenset(("youtube_id", "time_start", "time_end"))


def read(lists: Mapping[Split, Path], videos: Path, problems: Problems) -> Annotations:
    """Read the lists of the splits; the labels are in alphabetical order, as usual.

    Args:
        lists: the CSV of each split; one without labels (the hidden test) is left out.
        videos: the folder that holds the videos, in folders or not.
        problems: gets what is wrong.
    """
    by_stem = paths.videos_by_stem(videos)
    examples: list[Example] = []
    missing: list[str] = []
    num_missing = 0
    for split, path in lists.items():
        rows = [row for row in read_rows(path) if row[1].get("label")]
        missing = []
        for source, cells in rows:
            try:
                video = _find(cells, by_stem)
            except ValueError as mistake:
                problems.add(source, str(mistake))
                continue
            if video is None:
                missing.append(source)
            else:
                examples.append(Example(video, (cells["label"],), split, source))
        num_missing += len(missing)
    if num_missing and not examples:
        problems.add(
            missing[0],
            f"this and {num_missing - 1} other videos are not below {videos}, and no other is;"
            " name the folder that holds the videos",
        )
    names = ", ".join(f"{path} ({split})" for split, path in lists.items())
    return Annotations(
        tuple(examples),
        labels=(),
        num_missing=num_missing,
        layout=f"Kinetics lists {names}",
    )


def _find(cells: Mapping[str, str], by_stem: Mapping[str, Sequence[Path]]) -> Path | None:
    """Look for the video under both of its usual names.

    Raises:
        ValueError: a time is not a whole number of seconds.
    """
    name, start, end = (cells[column] for column in ("youtube_id", "time_start", "time_end"))
    try:
        with_times = f"{name}_{int(float(start)):06d}_{int(float(end)):06d}"
    except ValueError:
        raise ValueError(f"the times {start!r} and {end!r} are no seconds; correct them") from None
    found = by_stem.get(with_times) or by_stem.get(name, ())
    label_folders = (cells["label"], cells["label"].replace(" ", "_"))
    return next((video for f in label_folders if (video := paths.the_one(found, f))), None)
