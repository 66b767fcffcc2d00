"""Annotation files in any registered format become examples.

This is the one loop of all formats: it locates videos, checks splits, times and labels, turns frame
numbers into parts of videos, and reports every mistake with file and line.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

from actionclip.data.annotations import SPLITS, Annotations, Example, FrameFolder, Split
from actionclip.data.formats.annotation_file import SEPARATOR, AnnotationFile
from actionclip.data.formats.registry import Format, Row
from actionclip.data.paths import Locator, describe_frames
from actionclip.data.problems import Problems, ProblemsError
from actionclip.data.split_names import split_named
from actionclip.video.decoder import SHARED_DECODER

_MAX_HALVINGS = 50


def read(
    chosen: Format,
    files: Mapping[Split | None, Path],
    videos: Path,
    num_labels: int | None,
    problems: Problems,
) -> Annotations:
    """Read the annotation files of a data set; without splits all examples are in train.

    Args:
        chosen: the format.
        files: the file of each split; None: the names of the files tell no splits.
        videos: the folder that holds the videos, in folders or not.
        num_labels: the number of labels in the label file, if there is one.
        problems: gets what is wrong.

    Raises:
        ValueError: a file cannot be read at all.
    """
    locator = Locator(videos)
    examples: list[Example] = []
    missing: dict[str, None] = {}
    labels: dict[str, None] = {}
    notes: dict[str, None] = {}
    has_splits = None not in files
    for split, path in files.items():
        try:
            content = chosen.read(AnnotationFile(path, split, num_labels), locator)
        except ProblemsError as error:
            problems.found += error.lines
            continue
        except (TypeError, KeyError, AttributeError):
            problems.add(str(path), f"not written as in a {chosen.title}; correct it")
            continue
        labels |= dict.fromkeys(content.labels)
        notes[content.note] = None
        for source, entry in content.entries:
            try:
                for row in content.parse(entry):
                    has_splits |= row.split is not None
                    video = _locate(row, locator, path.parent)
                    if video is not None:
                        examples.append(_example(row, video, split, source))
                    elif chosen.allows_missing:
                        missing[source] = None
                    else:
                        name = Path(next(iter(row.names), "")).name
                        raise ValueError(f"there is no video {name!r} below {videos}; add it")
            except (ValueError, OSError) as mistake:
                problems.add(source, str(mistake))
            except (TypeError, KeyError, AttributeError, IndexError):
                problems.add(source, f"not written as in a {chosen.title}; correct it")
    if missing and not examples:
        problems.add(
            next(iter(missing)),
            f"this and {len(missing) - 1} other videos are not below {videos}, and no other is;"
            " name the folder that holds the videos",
        )
    names = ", ".join(f"{path} ({split})" if split else str(path) for split, path in files.items())
    return Annotations(
        tuple(examples),
        tuple(labels),
        split_drawn=not has_splits,
        num_missing=len(missing),
        layout=f"{chosen.title} {names}{' and'.join(notes)}",
    )


def _locate(row: Row, locator: Locator, beside: Path) -> Path | None:
    """Find the video of a row; None if it is named and not there."""
    named = locator.find_named(*row.names)
    paths = [row.video] if isinstance(row.video, str) else row.video
    if named or not paths:
        return named
    return locator.find(next((p for p in paths if locator.exists(p, beside)), paths[0]), beside)


def _example(row: Row, video: Path, split: Split | None, source: str) -> Example:
    """Make an example of a row."""
    labels = tuple(label.strip() for label in row.labels)
    if not all(labels):
        written = SEPARATOR.join(labels)
        raise ValueError(f"the label {written!r} is empty; write the action in words")
    if row.split is not None:
        split = split_named(row.split)
        if split is None:
            raise ValueError(f"{row.split!r} is no split; write one of {', '.join(SPLITS)}")
    start, end = _seconds("start", row.start), _seconds("end", row.end)
    if start is not None and end is not None and end <= start:
        raise ValueError(f"the end, {end:g} s, is not after the start, {start:g} s")
    frames = describe_frames(video) if video.is_dir() else None
    example = Example(video, labels, split or "train", source, start, end, row.group, frames)
    if row.first_frame is not None or row.last_frame is not None:
        return _part_of(example, row.first_frame or 0, row.last_frame)
    if frames and row.num_frames is not None:
        frames = dataclasses.replace(frames, num_frames=row.num_frames)
        return dataclasses.replace(example, frames=frames)
    return example


def _seconds(name: str, written: float | str | None) -> float | None:
    if written is None or written == "":
        return None
    try:
        seconds = float(written)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(
            f"the {name} {written!r} is not a time; write seconds with a point, such as 12.5"
        )
    return seconds


def num_frames(video: Path) -> int:
    """Count the frames of a video or of a frame folder; `ValueError` if it cannot be read."""
    return (describe_frames(video) if video.is_dir() else SHARED_DECODER.probe(video)).num_frames


def _part_of(example: Example, first: int, last: int | None) -> Example:
    """Restrict an example to the frames from `first` to `last`, counted from 0."""
    available = example.frames.num_frames if example.frames else num_frames(example.video)
    last = available - 1 if last is None else last
    if not 0 <= first <= last < available:
        raise ValueError(
            f"frames {first} to {last} are not in the video, which has {available}; correct them"
        )
    if example.frames:
        template, offset = example.frames.template, example.frames.first
        part = FrameFolder(template, offset + first, last - first + 1)
        return dataclasses.replace(example, frames=part)
    begin, end = (_seconds_in(example.video, number) for number in (first, last))
    return dataclasses.replace(example, start_seconds=begin, end_seconds=end)


def _seconds_in(video: Path, number: int) -> float:
    """Return a time at which a frame is on screen; frames can last for different times."""
    info = SHARED_DECODER.probe(video)
    low, high = info.start_seconds, info.start_seconds + info.duration_seconds
    seconds = low + (number + 0.5) / info.frame_rate
    for _ in range(_MAX_HALVINGS):
        shown = SHARED_DECODER.frames_between(video, 0.0, seconds).stop - 1
        if shown == number:
            break
        low, high = (seconds, high) if shown < number else (low, seconds)
        seconds = (low + high) / 2
    return seconds
