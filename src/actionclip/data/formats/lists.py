"""Lists without a header: those of mmaction2, SlowFast, EZ-CLIP and ActionCLIP.

A line is `video label`, `video num_frames label` or `folder start num_frames label`, separated by
spaces, tabs, commas or semicolons; more numbers are more labels, and a label can be words. Which
layout a list has is decided over all of its lines: by the number of labels, and by how many frames
the videos have. An ambiguous list is refused; its first line can name the layout:
`path frames label`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from actionclip.data import split_names
from actionclip.data.annotations import Split
from actionclip.data.formats import table
from actionclip.data.formats.annotation_file import AnnotationFile
from actionclip.data.formats.examples import num_frames
from actionclip.data.formats.registry import Content, Format, Row
from actionclip.data.paths import Locator
from actionclip.video import files

LAYOUTS = ("path label", "path frames label", "path start frames label")
"""The place in this list is the number of numbers in front of the labels."""
_LIST_SUFFIXES = (".txt", ".list", ".lst")
_NUMBERS = re.compile(r"(?P<path>.+?)(?P<numbers>(?:[\s,;]+\d+)+)\s*")
_VIDEO_AND_WORDS = re.compile(
    rf"(?P<path>.+?\.(?:{'|'.join(s[1:] for s in sorted(files.SUFFIXES))}))[\s,;]+(?P<label>.+)",
    re.IGNORECASE,
)
_NUM_SAMPLES = 8
"""The number of videos whose frames are counted to find out the layout."""
_TOLERANCE = 0.02
"""Programs count the frames of a video differently, by about this share."""


@dataclass(frozen=True, slots=True)
class _Line:
    path: str
    numbers: tuple[int, ...] = ()
    words: str = ""
    split: Split | None = None


@dataclass(frozen=True, slots=True)
class _Sample:
    """A line whose video was opened."""

    numbers: tuple[int, ...]
    num_frames: int
    is_folder: bool


def names_in(text: str) -> set[str]:
    """Return the names of the videos in the lines of a list; they can hold spaces."""
    matches = map(_match, (line.strip() for line in text.split("\n")))
    return {re.split(r"[/\\]", _unquoted(m["path"]))[-1] for m in matches if m}


def _read(file: AnnotationFile, videos: Locator) -> Content:
    """Read a list; labels that are numbers stay numbers."""
    beside = file.path.parent
    entries = [(source, line) for source, line in file.lines if not line.startswith("#")]
    stated = _stated_layout(entries[0][1]) if entries else None
    parsed = [
        (source, _parse(line, lambda path: videos.exists(path, beside)) or line)
        for source, line in entries[stated is not None :]
    ]
    numbered = [line for _, line in parsed if isinstance(line, _Line) and line.numbers]
    layout = stated
    if layout is None:
        layout = _find_layout(numbered, file, videos)

    def parse(line: _Line | str) -> list[Row]:
        if isinstance(line, str):
            raise ValueError(f"{line!r} is neither `video label` nor `folder num_frames label`")
        if len(line.numbers) == 1 and videos.find(line.path, beside).is_dir():
            raise ValueError("a folder of frames needs num_frames and label; add them")
        return [_row(line, layout)]

    return Content(parsed, parse, note=f": {LAYOUTS[layout] if numbered else LAYOUTS[0]}")


def _row(line: _Line, layout: int) -> Row:
    if not line.numbers:
        return Row(line.path, [line.words], split=line.split)
    before, labels = line.numbers[:layout], line.numbers[layout:]
    if not labels:
        raise ValueError(f"only {len(line.numbers)} numbers, but the list is {LAYOUTS[layout]!r}")
    first, last = (before[0], sum(before) - 1) if layout == 2 else (None, None)
    return Row(
        line.path,
        [str(label) for label in labels],
        split=line.split,
        first_frame=first,
        last_frame=last,
        num_frames=before[0] if layout == 1 else None,
    )


def _parse(line: str, exists: Callable[[str], bool]) -> _Line | None:
    """Separate the path from what follows it; a path can hold spaces and end in a number."""
    match = _NUMBERS.fullmatch(line)
    if match:
        path, numbers = _unquoted(match["path"]), re.findall(r"\d+", match["numbers"])
        ends = (" ".join([path, *numbers[:count]]) for count in range(len(numbers)))
        count = next((count for count, end in enumerate(ends) if exists(end)), 0)
        return _Line(" ".join([path, *numbers[:count]]), tuple(map(int, numbers[count:])))
    for delimiter in ("\t", ";", ","):
        cells = [c.strip() for c in next(csv.reader([line], delimiter=delimiter))]
        if len(cells) in (2, 3) and exists(cells[0]):
            split = split_names.split_named(cells[2]) if len(cells) == 3 else None
            if len(cells) == 2 or split:
                return _Line(cells[0], words=cells[1], split=split)
    match = _VIDEO_AND_WORDS.fullmatch(line)
    return _Line(_unquoted(match["path"]), words=_unquoted(match["label"])) if match else None


def _stated_layout(line: str) -> int | None:
    header = " ".join(re.split(r"[\s,;]+", line.lower()))
    return LAYOUTS.index(header) if header in LAYOUTS else None


def _find_layout(lines: Sequence[_Line], file: AnnotationFile, videos: Locator) -> int:
    """Decide what the numbers of a list are."""
    if all(len(line.numbers) == 1 for line in lines):
        return 0
    samples = _samples(lines, videos, file.path.parent)
    possible = [
        layout
        for layout in range(len(LAYOUTS))
        if _is_possible(layout, lines, file.num_labels, samples)
    ]
    confirmed = [layout for layout in possible if _is_confirmed(layout, samples)]
    if len(confirmed or possible) == 1:
        return (confirmed or possible)[0]
    if not possible and any(sample.is_folder for sample in samples):
        return 1  # each line then says what is wrong with it
    found = " or ".join(repr(LAYOUTS[layout]) for layout in possible) or "none of the known layouts"
    raise ValueError(
        f"{file.path}: the numbers of {lines[0].path!r} can be {found}; write the right one of"
        f" {', '.join(map(repr, LAYOUTS))} as the first line"
        + (", or name the label file by --labels" if file.num_labels is None else "")
    )


def _samples(lines: Sequence[_Line], videos: Locator, beside: Path) -> list[_Sample]:
    """Count the frames of some videos, spread over the list."""
    samples = []
    for line in lines[:: max(1, len(lines) // _NUM_SAMPLES)]:
        try:
            video = videos.find(line.path, beside)
            samples.append(_Sample(line.numbers, num_frames(video), video.is_dir()))
        except (ValueError, OSError):  # reported when the line is read
            continue
    return samples


def _is_possible(
    layout: int, lines: Sequence[_Line], num_labels: int | None, samples: Sequence[_Sample]
) -> bool:
    """Return whether a layout contradicts no line and no video."""
    for line in lines:
        labels = line.numbers[layout:]
        if not labels or len(set(labels)) < len(labels):
            return False
        if num_labels is not None and max(labels) > num_labels:
            return False
        if layout and line.numbers[layout - 1] == 0:  # frames
            return False
    if layout == 0:
        return not any(sample.is_folder for sample in samples)
    return layout == 1 or all(
        sum(sample.numbers[:2]) <= sample.num_frames * (1 + _TOLERANCE) + 1 for sample in samples
    )


def _is_confirmed(layout: int, samples: Sequence[_Sample]) -> bool:
    """Return whether the numbers of frames of the videos confirm a layout."""
    counts = [
        abs(sample.numbers[0] - sample.num_frames) <= max(1, _TOLERANCE * sample.num_frames)
        for sample in samples
    ]
    if layout == 1:
        return sum(counts) * 2 > len(counts)
    return bool(counts) and not any(counts)


def _match(line: str) -> re.Match[str] | None:
    return _NUMBERS.fullmatch(line) or _VIDEO_AND_WORDS.fullmatch(line)


def _unquoted(text: str) -> str:
    return text.strip("\"' ")


def _is_list(file: AnnotationFile) -> bool:
    """Return whether the first line of a text file, and most others, are lines of such a list."""
    try:
        lines = [line for _, line in file.lines[:100]]
    except ValueError:
        return False
    found = [_match(line) is not None for line in lines]
    is_first = bool(lines) and (found[0] or _stated_layout(lines[0]) is not None)
    return sum(found) * 2 > len(found) and is_first


def _holds_remarks(file: AnnotationFile) -> bool:
    """Return whether a file notes something else of each video, such as "clip.mp4 is too dark"."""
    matches = (_VIDEO_AND_WORDS.fullmatch(line) for _, line in file.lines)
    words = [m["label"] for m in matches if m and not m["label"].replace(" ", "").isdecimal()]
    return len(words) > 2 and len(set(words)) == len(words)


def _detects(file: AnnotationFile) -> bool:
    is_list = file.suffix in _LIST_SUFFIXES
    return is_list or (not table.has_header(file.header) and _is_list(file))


def _detects_in_folder(file: AnnotationFile) -> bool:
    return _detects(file) and _is_list(file) and not _holds_remarks(file)


_SUFFIXES = (*_LIST_SUFFIXES, ".csv", ".tsv")
FORMATS = [
    Format("list", "list", _SUFFIXES, _detects, _read, _detects_in_folder, min_split_files=1)
]
