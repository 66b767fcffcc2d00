"""A folder per label becomes examples: `riding_a_bike/clip.mp4`, in `train/`, … or not.

A folder inside a label's folder is a group: its clips are near-copies of each other (one person,
one recording), and a drawn split keeps them together. Links are followed: whoever made the folder
set them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from actionclip.data.annotations import Example, Split, split_named
from actionclip.data.problems import Problems
from actionclip.video import files


def read(folder: Path, problems: Problems) -> tuple[list[Example], bool]:
    """Read a folder; also say whether it names its splits (if not, all examples are in train)."""
    folders = _folders(folder)
    if not any(split_named(entry.name) for entry in folders):
        return list(_read_labels(folder, "train", problems)), False
    examples = []
    for entry in folders:
        split = split_named(entry.name)
        if split is None:
            problems.add(
                str(entry), "a folder beside train/, val/ and test/; move it into one of them"
            )
            continue
        found = list(_read_labels(entry, split, problems))
        if not found:
            problems.add(str(entry), "the split is empty; put label folders with videos into it")
        examples += found
    return examples, True


def _read_labels(folder: Path, split: Split, problems: Problems) -> Iterator[Example]:
    for stray in _videos(folder):
        problems.add(str(stray), "a video beside the label folders; move it into one of them")
    for label_folder in _folders(folder):
        groups = _folders(label_folder)
        found = [(video, None) for video in _videos(label_folder)]
        found += [(video, group.name) for group in groups for video in _videos(group)]
        if not found:
            problems.add(str(label_folder), "the label has no video; add some or remove the folder")
        for video, group in found:
            yield Example(video, (label_folder.name,), split, source=str(video), group=group)


def _folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and _is_visible(entry))


def _videos(folder: Path) -> list[Path]:
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.is_file() and _is_visible(entry) and files.is_named_like_a_video(entry)
    )


def _is_visible(entry: Path) -> bool:
    return not entry.name.startswith((".", "__"))
