"""Charades as it is published becomes examples: `Charades_v1_train.csv`, `Charades_v1_classes.txt`.

A row is a video with its actions, each with its times: `c092 11.90 21.20;c147 0.00 12.60`. Each
becomes an example of its own; `Annotations.whole_videos` merges them into the form that is scored
in the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from actionclip.data import paths
from actionclip.data.annotations import Annotations, Example, Split
from actionclip.data.formats.rows import read_rows
from actionclip.data.problems import Problems
from actionclip.text import label_sets
from actionclip.text.text_files import read_text

COLUMNS = frozenset(("id", "actions", "length"))
CLASSES = "Charades_v1_classes.txt"


def read(lists: Mapping[Split, Path], videos: Path, problems: Problems) -> Annotations:
    """Read the lists of the splits; the labels are in the order of the class file.

    A video without any action is left out of train, where it teaches nothing, and stays in the
    test, where no answer is right.

    Args:
        lists: the CSV of each split.
        videos: the folder that holds the videos.
        problems: gets what is wrong.
    """
    folder = next(iter(lists.values())).parent
    codes = _read_classes(folder / CLASSES, problems)
    by_stem = paths.videos_by_stem(videos)
    examples = []
    for split, path in lists.items():
        for source, cells in read_rows(path):
            video = paths.the_one(by_stem.get(cells["id"], ()), cells["id"])
            if video is None:
                problems.add(source, f"there is no video {cells['id']!r} below {videos}; add it")
                continue
            try:
                actions = list(_actions(cells, codes))
            except ValueError as mistake:
                problems.add(source, str(mistake))
                continue
            if not actions and split != "train":
                examples.append(Example(video, (), split, source))
            examples += [
                Example(video, (label,), split, source, start_seconds=start, end_seconds=end)
                for label, start, end in actions
            ]
    names = ", ".join(f"{path} ({split})" for split, path in lists.items())
    return Annotations(tuple(examples), tuple(codes.values()), layout=f"Charades lists {names}")


def words(name: str) -> str:
    """Give the words of a class, without the slashes.

    >>> words("Putting a dish/es somewhere"), words("Lying on a sofa/couch")
    ('putting a dish somewhere', 'lying on a sofa or couch')
    """
    return re.sub(r"/(es|s)\b", "", name).replace("/", " or ").lower()


def _read_classes(path: Path, problems: Problems) -> dict[str, str]:
    """Give the words of each code, "c000" to "c156", from the class file if it is there."""
    if not path.exists():
        return {f"c{place:03d}": label for place, label in enumerate(label_sets.load("charades"))}
    codes = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        code, _, name = line.strip().partition(" ")  # "c000 Holding some clothes"
        if code and name:
            codes[code] = words(name)
        elif code:
            problems.add(f"{path}:{number}", f"{line!r} is not a code and a name; correct it")
    return codes


def _actions(
    cells: Mapping[str, str], codes: Mapping[str, str]
) -> Iterator[tuple[str, float, float]]:
    """Give label, start and end of each action; an end is cut to the length of the video.

    Raises:
        ValueError: an action is not written as `code start end`, or its code is unknown.
    """
    length = float(cells["length"])
    for action in filter(None, cells["actions"].split(";")):
        try:
            code, written_start, written_end = action.split()
            start, end = float(written_start), min(float(written_end), length)
        except ValueError:
            raise ValueError(f"the action {action!r} is not `code start end`; correct it") from None
        if code not in codes:
            raise ValueError(f"the label {code!r} is not in {CLASSES}; add it there")
        if start < end:  # a few begin where the video ends
            yield codes[code], start, end
