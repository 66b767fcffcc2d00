"""A folder per label becomes examples: `riding_a_bike/clip.mp4`, in `train/`, … or not.

A clip is a video, or a folder of numbered pictures. Further folders inside a label's folder are
groups: their clips are near-copies of each other (one person, one recording), and a drawn split
keeps them together. Links are followed: the owner of the folder made them.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from actionclip.data import paths, split_names
from actionclip.data.annotations import Annotations, Example, Split
from actionclip.data.problems import Problems
from actionclip.video import files

_SPLIT_PARTS = re.compile("train(ing)?|test(ing)?|val(id(ation)?)?|dev")


def read(folder: Path, problems: Problems) -> Annotations:
    """Read a folder; without splits all examples are in train, marked as to be drawn."""
    root = _without_wrappers(folder)
    others = (path for path in root.rglob("*") if path.suffix.lower() not in paths.PICTURES)
    files.warn_of_others(root, sorted(path for path in others if path.is_file()))
    folders = _folders(root)
    splits = split_names.splits_of(entry.name for entry in folders)
    if not splits:
        return _read_without_splits(root, folders, problems)
    by_split: dict[Split, list[Path]] = defaultdict(list)
    for entry in folders:
        if entry.name in splits:
            by_split[splits[entry.name]].append(entry)
        elif _has_clips(entry):
            problems.add(
                str(entry), "a folder beside train/, val/ and test/; move it into one of them"
            )
    if len(by_split) > 1 and all(len(found) > 1 for found in by_split.values()):
        names = ", ".join(entry.name for found in by_split.values() for entry in found)
        problems.add(str(root), f"several folds ({names}); keep the folders of one fold in it")
    examples = []
    for split, found in by_split.items():
        for entry in found:
            of_split = list(_read_labels(_without_wrappers(entry), split, problems))
            if not of_split:
                problems.add(
                    str(entry), "the split is empty; put label folders with videos into it"
                )
            examples += of_split
    named = ", ".join(f"{e.name}/ is {split}" for split, found in by_split.items() for e in found)
    layout = f"split folders in {root} ({named}), a folder per label in each{_groups_of(examples)}"
    return Annotations(tuple(examples), (), layout=layout)


def _read_without_splits(root: Path, folders: Sequence[Path], problems: Problems) -> Annotations:
    """Read label folders; the folders in them can be splits."""
    names = [entry.name for entry in folders]
    inner = [entry for label_folder in folders for entry in _folders(label_folder)]
    splits = split_names.splits_of({entry.name for entry in inner})
    if inner and splits.keys() == {entry.name for entry in inner}:
        if len(names) > 1 and all(split_names.is_usual(n) and not n.isdigit() for n in names):
            problems.add(str(root), f"several folds ({', '.join(names[:4])}); name one of them")
        examples = [
            example
            for entry in inner
            for example in _read_clips(entry, entry.parent.name, splits[entry.name], problems)
        ]
        layout = f"a folder per label in {root}, split folders in each{_groups_of(examples)}"
        return Annotations(tuple(examples), (), layout=layout)
    rests = {_SPLIT_PARTS.sub("#", name.lower(), 1) for name in names}
    if len(names) > 1 and len(rests) == 1 and "#" in next(iter(rests)):
        problems.add(
            str(root),
            f"the folders {', '.join(names[:4])} are named like splits, not like labels; call them"
            " train, val and test, or write an annotations.csv with the header path,label,split",
        )
    examples = list(_read_labels(root, "train", problems))
    groups = sorted({example.group for example in examples if example.group})
    questions: tuple[str, ...] = ()
    if len(names) == 1 and len(groups) > 1:
        questions = (
            f"{names[0]!r} is read as the only label; if the folders in it"
            f" ({', '.join(groups[:3])}) are the labels, name {root / names[0]}",
        )
    layout = f"a folder per label in {root}{_groups_of(examples)}"
    return Annotations(tuple(examples), (), True, layout=layout, questions=questions)


def _groups_of(examples: Sequence[Example]) -> str:
    """Describe how the folders inside the label folders are read; they could be labels."""
    groups = sorted({example.group for example in examples if example.group})
    some = ", ".join(groups[:3]) + (", …" if len(groups) > 3 else "")
    return f"; folders in those ({some}) are recordings, not labels" if groups else ""


def _read_labels(folder: Path, split: Split, problems: Problems) -> Iterator[Example]:
    for stray in _videos(folder):
        problems.add(str(stray), "a video beside the label folders; move it into one of them")
    for label_folder in _folders(folder):
        found = list(_read_clips(label_folder, label_folder.name, split, problems))
        if not found:
            problems.add(str(label_folder), "the label has no video; add some or remove the folder")
        yield from found


def _read_clips(
    folder: Path, label: str, split: Split, problems: Problems, group: str | None = None
) -> Iterator[Example]:
    """Yield the clips in a folder and in the groups in it."""
    for video in _videos(folder):
        if video.exists():
            yield Example(video, (label,), split, source=str(video), group=group)
        else:
            problems.add(str(video), "the link leads nowhere; repair or remove it")
    for entry in _folders(folder):
        if not _holds_pictures(entry):
            inner = entry.name if group is None else f"{group}/{entry.name}"
            yield from _read_clips(entry, label, split, problems, inner)
            continue
        try:
            frames = paths.describe_frames(entry)
        except ValueError as mistake:
            problems.found.append(str(mistake))
        else:
            yield Example(entry, (label,), split, source=str(entry), group=group, frames=frames)


def _without_wrappers(folder: Path) -> Path:
    """Enter folders that hold nothing but one folder, such as `videos/`, which is no label."""
    while True:
        folders = [entry for entry in _folders(folder) if _has_clips(entry)]
        if len(folders) != 1 or _videos(folder):
            return folder
        inner = [entry.name for entry in _folders(folders[0]) if not _holds_pictures(entry)]
        is_wrapper = split_names.is_usual(folders[0].name) or split_names.splits_of(inner)
        if not inner or not is_wrapper or split_names.splits_of([folders[0].name]):
            return folder
        folder = folders[0]


def _has_clips(folder: Path) -> bool:
    here = _videos(folder) or _holds_pictures(folder)
    return bool(here) or any(map(_has_clips, _folders(folder)))


def _holds_pictures(folder: Path) -> bool:
    """Return whether a folder is a clip: it holds pictures, and no video and no folder."""
    has_pictures = any(Path(e.name).suffix.lower() in paths.PICTURES for e in _entries(folder))
    return has_pictures and not _videos(folder) and not _folders(folder)


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, without links that lead up."""
    found = sorted(Path(entry.path) for entry in _entries(folder) if entry.is_dir())
    up = folder.resolve()
    return [f for f in found if not (f.is_symlink() and up.is_relative_to(f.resolve()))]


def _videos(folder: Path) -> list[Path]:
    found = (e for e in _entries(folder) if files.is_named_like_a_video(Path(e.name)))
    return sorted(Path(entry.path) for entry in found if not entry.is_dir())


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not paths.is_hidden(entry.name)]
