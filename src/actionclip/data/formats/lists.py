"""Lists of numbers become examples: those of mmaction2 and of the official ActionCLIP.

A line is `video.mp4 label` or, for extracted frames, `folder num_frames label`; more numbers are
more labels. What the numbers mean is in a label file: one label a line, or a CSV with `id,name`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from actionclip.data import frame_folders, paths
from actionclip.data.annotations import Annotations, Example, FrameFolder, Split
from actionclip.data.formats import table
from actionclip.data.problems import Problems, read_text
from actionclip.text import labels
from actionclip.video import files

_LINE = re.compile(r"(?P<path>.+?)(?P<numbers>(\s+\d+)+)\s*")


def read(
    lists: Mapping[Split, Path],
    label_names: Sequence[str] | None,
    videos: Path,
    problems: Problems,
) -> Annotations:
    """Read the lists of the splits.

    How frames are named is seen in the first folder; that it holds for the others, `check` tells.

    Args:
        lists: the list of each split.
        label_names: the labels by number; None to read the label file beside the list.
        videos: the folder that the paths are relative to; of paths on the author's machine, such as
            `/home/author/k400/abseiling/a.mp4`, the end that exists in this folder counts.
        problems: gets what is wrong.
    """
    if label_names is None:
        label_names = read_labels(_label_file(next(iter(lists.values())).parent))
    names = tuple(labels.clean(name) for name in label_names)
    examples = []
    naming: FrameFolder | None = None
    for split, path in lists.items():
        for source, written, numbers in _lines(path, problems):
            try:
                video = paths.inside(videos, paths.end_in(videos, written))
                frames = None
                if not files.is_named_like_a_video(video):
                    if len(numbers) < 2:
                        raise ValueError("a folder of frames needs num_frames and label; add them")
                    naming = naming or frame_folders.describe(video)
                    num_frames, *numbers = numbers
                    frames = FrameFolder(naming.template, naming.first, num_frames)
                if unknown := [number for number in numbers if number >= len(names)]:
                    raise ValueError(
                        f"label {unknown[0]} is not in the label file, which ends at"
                        f" {len(names) - 1}; correct one of them"
                    )
            except ValueError as mistake:
                problems.add(source, str(mistake))
                continue
            words = tuple(names[number] for number in numbers)
            examples.append(Example(video, words, split, source, frames=frames))
    return Annotations(tuple(examples), names)


def read_labels(path: Path) -> list[str]:
    """Read a label file: a CSV with `id,name`, or text with one label a line.

    Raises:
        ValueError: the numbers of the CSV are not 0, 1, 2, …
    """
    if path.suffix.lower() != ".csv":
        return labels.read(path)
    names = {cells.get("id", ""): cells.get("name", "") for _, cells in table.read_rows(path)}
    numbers = [str(number) for number in range(len(names))]
    if set(names) != set(numbers):
        raise ValueError(f"{path}: the column id does not count 0, 1, 2, …; number the labels so")
    return labels.check([names[number] for number in numbers], str(path))


def _lines(path: Path, problems: Problems) -> Iterator[tuple[str, str, list[int]]]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match:
            yield f"{path}:{number}", match["path"], [int(n) for n in match["numbers"].split()]
        else:
            problems.add(
                f"{path}:{number}",
                f"{line!r} is neither `video label` nor `folder num_frames label`",
            )


def _label_file(folder: Path) -> Path:
    """Find the label file beside the lists.

    Raises:
        ValueError: there is none, or more than one.
    """
    found = sorted(
        file
        for file in folder.iterdir()
        if "label" in file.name.lower() and file.suffix.lower() in (".txt", ".csv")
    )
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise ValueError(
            f"{folder}: one label file is needed beside the lists (label_map.txt, or a CSV with"
            f" id,name); there is: {names}. Name the labels"
        )
    return found[0]
