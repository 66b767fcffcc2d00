"""Lists without a header become examples: those of mmaction2, SlowFast, EZ-CLIP and ActionCLIP.

A line is `video label`, `video num_frames label` or `folder start num_frames label`, separated by
spaces, tabs, commas or semicolons; more numbers are more labels, and a label can be words. What
the numbers of a list are is decided over all of its lines: by the number of labels, and by how many
frames the videos have. A list that stays ambiguous is refused; a first line such as
`path frames label` says it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from actionclip.data import split_names
from actionclip.data.annotations import Annotations, Example, FrameFolder, Split
from actionclip.data.formats import locator
from actionclip.data.formats.locator import Locator
from actionclip.data.problems import Problems
from actionclip.text.text_files import read_text
from actionclip.video import files

SUFFIXES = (".txt", ".list", ".lst")
LAYOUTS = {
    "labels": "path label",
    "frames": "path frames label",
    "part": "path start frames label",
}
_NUMBERS = re.compile(r"(?P<path>.+?)(?P<numbers>(?:[\s,;]+\d+)+)\s*")
_VIDEO_AND_WORDS = re.compile(
    rf"(?P<path>.+?\.(?:{'|'.join(s[1:] for s in sorted(files.SUFFIXES))}))[\s,;]+(?P<label>.+)",
    re.IGNORECASE,
)
_NUM_SAMPLES = 8
"""Videos whose frames are counted to find out what the numbers of a list are."""
_NEARLY = 0.02
"""Programs count the frames of a video differently, by about this share."""


@dataclass(frozen=True)
class _Line:
    source: str
    path: str
    numbers: tuple[int, ...] = ()
    words: str = ""
    split: Split | None = None


def read(
    lists: Mapping[Split, Path], num_labels: int | None, videos: Path, problems: Problems
) -> Annotations:
    """Read the lists of the splits; labels that are numbers stay numbers.

    `split_drawn` is set unless the lines name their splits.

    Args:
        lists: the list of each split.
        num_labels: how many labels the label file has, if there is one.
        videos: the folder that the paths are relative to; of paths on the author's machine, such as
            `/home/author/k400/abseiling/a.mp4`, the end that exists in this folder counts.
        problems: gets what is wrong.

    Raises:
        ValueError: what the numbers are is ambiguous.
    """
    examples = []
    layouts: dict[str, None] = {}
    has_splits = False
    for split, path in lists.items():
        where = Locator(videos, [path.parent])
        said, lines = _read_lines(path, where, problems)
        layout = said or _layout_of(lines, num_labels, where, path)
        layouts[LAYOUTS[layout] if any(line.numbers for line in lines) else "path label"] = None
        has_splits |= any(line.split for line in lines)
        for line in lines:
            try:
                examples.append(_example(line, layout, split, where))
            except ValueError as mistake:
                problems.add(line.source, str(mistake))
    names = ", ".join(f"{path} ({split})" for split, path in lists.items())
    layout = f"list {names}: {' and '.join(layouts)}"
    return Annotations(tuple(examples), (), not has_splits, layout=layout)


def is_list(path: Path) -> bool:
    """Say whether the first line of a text file, and most others, are lines of such a list."""
    try:
        lines = [line.strip() for line in read_text(path).split("\n") if line.strip()][:100]
    except ValueError:
        return False
    found = [bool(_VIDEO_AND_WORDS.fullmatch(x) or _NUMBERS.fullmatch(x)) for x in lines]
    is_header = bool(lines) and re.sub(r"[\s,;]+", " ", lines[0].lower()) in LAYOUTS.values()
    return sum(found) * 2 > len(found) and (found[0] or is_header)


def names_in(text: str) -> set[str]:
    """Give the names of the videos that the lines of a list name; they can hold spaces."""
    lines = (line.strip() for line in text.split("\n"))
    matches = (_NUMBERS.fullmatch(line) or _VIDEO_AND_WORDS.fullmatch(line) for line in lines)
    return {re.split(r"[/\\]", m["path"].strip("\"' "))[-1] for m in matches if m}


def are_remarks(path: Path) -> bool:
    """Say whether a file says something else about each video, such as "clip.mp4 is too dark"."""
    lines = [line.strip() for line in read_text(path).split("\n") if line.strip()]
    matches = [_VIDEO_AND_WORDS.fullmatch(line) for line in lines]
    words = [m["label"] for m in matches if m and not m["label"].replace(" ", "").isdecimal()]
    return len(words) > 2 and len(set(words)) == len(words)


def _example(line: _Line, layout: str, split: Split, where: Locator) -> Example:
    """Make an example of a line.

    Raises:
        ValueError: the video is not there, or the numbers do not go with it.
    """
    video, numbers = where.find(line.path), list(line.numbers)
    if len(numbers) == 1 and video.is_dir():
        raise ValueError("a folder of frames needs num_frames and label; add them")
    frames = where.frames_of(video)
    example = Example(video, (line.words,), line.split or split, line.source, frames=frames)
    if not numbers:
        return example
    start = numbers.pop(0) if layout == "part" else None
    num_frames = numbers.pop(0) if layout != "labels" else None
    if not numbers:
        raise ValueError(f"only {len(line.numbers)} numbers, but the list is {LAYOUTS[layout]!r}")
    example = replace(example, labels=tuple(map(str, numbers)))
    if start is not None and num_frames is not None:
        return locator.part_of(example, start, start + num_frames - 1)
    if frames and num_frames is not None:
        counted = FrameFolder(frames.template, frames.first, num_frames)
        return replace(example, frames=counted)
    return example


def _layout_of(lines: Sequence[_Line], num_labels: int | None, where: Locator, path: Path) -> str:
    """Decide what the numbers of a list are.

    Raises:
        ValueError: that cannot be told.
    """
    numbered = [line for line in lines if line.numbers]
    if not numbered or all(len(line.numbers) == 1 for line in numbered):
        return "labels"
    samples = _samples(numbered, where)
    possible = [layout for layout in LAYOUTS if _is_possible(layout, numbered, num_labels, samples)]
    fitting = [layout for layout in possible if _fits(layout, samples)]
    if len(fitting or possible) == 1:
        return (fitting or possible)[0]
    if not possible and any(is_folder for _, _, is_folder in samples):
        return "frames"  # each line then says what is wrong with it
    found = " or ".join(repr(LAYOUTS[layout]) for layout in possible) or "none of the known layouts"
    raise ValueError(
        f"{path}: the numbers of {numbered[0].path!r} can be {found}; write the right one of"
        f" {', '.join(map(repr, LAYOUTS.values()))} as the first line"
        + (", or name the label file by --labels" if num_labels is None else "")
    )


_Sample = tuple[_Line, int, bool]
"""A line, how many frames its video has, and whether it is a folder of frames."""


def _samples(lines: Sequence[_Line], where: Locator) -> list[_Sample]:
    """Count the frames of some videos, spread over the list."""
    samples = []
    for line in lines[:: max(1, len(lines) // _NUM_SAMPLES)]:
        try:
            video = where.find(line.path)
            samples.append((line, locator.num_frames(video), video.is_dir()))
        except (ValueError, OSError):  # told when the line is read
            continue
    return samples


def _is_possible(
    layout: str, lines: Sequence[_Line], num_labels: int | None, samples: Sequence[_Sample]
) -> bool:
    """Say whether a layout contradicts no line and no video."""
    before = list(LAYOUTS).index(layout)  # numbers in front of the labels
    for line in lines:
        labels = line.numbers[before:]
        if not labels or len(set(labels)) < len(labels):
            return False
        if num_labels is not None and max(labels) > num_labels:
            return False
    if layout == "labels":
        return not any(is_folder for _, _, is_folder in samples)
    for line, num_frames, _ in samples:
        if layout == "part" and sum(line.numbers[:2]) > num_frames * (1 + _NEARLY) + 1:
            return False
    if layout == "frames":
        return all(line.numbers[0] > 0 for line in lines)
    return all(line.numbers[1] > 0 for line in lines)


def _fits(layout: str, samples: Sequence[_Sample]) -> bool:
    """Say whether the videos confirm a layout."""
    if not samples:
        return False
    counts = [abs(line.numbers[0] - n) <= max(1, _NEARLY * n) for line, n, _ in samples]
    if layout == "frames":
        return sum(counts) * 2 > len(counts)
    return not any(counts)


def _read_lines(path: Path, where: Locator, problems: Problems) -> tuple[str | None, list[_Line]]:
    """Read the lines; also give the layout, if the first line names it."""
    lines = [
        (f"{path}:{number}", line.strip())
        for number, line in enumerate(read_text(path).split("\n"), start=1)
        if line.strip() and not line.startswith("#")
    ]
    said = None
    if lines:
        header = " ".join(re.split(r"[\s,;]+", lines[0][1].lower()))
        said = next((key for key, text in LAYOUTS.items() if text == header), None)
    found = []
    for source, line in lines[said is not None :]:
        parsed = _parse(source, line, where)
        if parsed is None:
            problems.add(source, f"{line!r} is neither `video label` nor `folder num_frames label`")
        else:
            found.append(parsed)
    return said, found


def _parse(source: str, line: str, where: Locator) -> _Line | None:
    """Separate the path from what follows it; a path can hold spaces and end in a number."""
    match = _NUMBERS.fullmatch(line)
    if match:
        path, numbers = match["path"].strip("\"' "), re.findall(r"\d+", match["numbers"])
        longer = path
        for kept in range(len(numbers) - 1):
            if where.exists(path):
                break
            longer = f"{longer} {numbers[kept]}"
            if where.exists(longer):
                path, numbers = longer, numbers[kept + 1 :]
                break
        return _Line(source, path, tuple(map(int, numbers)))
    for delimiter in ("\t", ";", ","):
        cells = [c.strip() for c in next(csv.reader([line], delimiter=delimiter))]
        if len(cells) in (2, 3) and where.exists(cells[0]):
            split = split_names.split_named(cells[2]) if len(cells) == 3 else None
            if len(cells) == 2 or split:
                return _Line(source, cells[0], words=cells[1], split=split)
    match = _VIDEO_AND_WORDS.fullmatch(line)
    if match:
        return _Line(source, match["path"].strip("\"' "), words=match["label"].strip("\"' "))
    return None
