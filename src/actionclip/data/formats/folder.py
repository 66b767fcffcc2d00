"""A folder per label becomes examples: `riding_a_bike/clip.mp4`, in `train/`, … or not.

A clip is a video, or a folder of numbered pictures. Further folders inside a label's folder are
groups: their clips are near-copies of each other (one person, one recording), and a drawn split
keeps them together. Links are followed: the owner of the folder made them.
"""

from __future__ import annotations

import os
import re
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
    files.warn_of_others(root, _files(root))
    folders = _folders(root)
    splits = split_names.splits_of(entry.name for entry in folders)
    if not splits:
        return _read_without_splits(root, problems)
    by_split: dict[Split, list[Path]] = {}
    for entry in folders:
        if entry.name in splits:
            by_split.setdefault(splits[entry.name], []).append(entry)
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


def _read_without_splits(root: Path, problems: Problems) -> Annotations:
    """Read label folders; the folders in them can be splits."""
    names = [entry.name for entry in _folders(root)]
    inner = {entry.name for name in names for entry in _folders(root / name)}
    if inner and split_names.splits_of(inner).keys() == inner:
        splits = split_names.splits_of(inner)
        if len(names) > 1 and all(split_names.is_usual(n) and not n.isdigit() for n in names):
            problems.add(str(root), f"several folds ({', '.join(names[:4])}); name one of them")
        examples = [
            example
            for name in names
            for entry in _folders(root / name)
            for example in _read_clips(entry, name, splits[entry.name], problems)
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
    questions = []
    groups = {example.group for example in examples if example.group}
    if len(names) == 1 and len(groups) > 1:
        some = ", ".join(sorted(groups)[:3])
        questions.append(
            f"{names[0]!r} is read as the only label; if the folders in it ({some}) are the labels,"
            f" name {root / names[0]}"
        )
    layout = f"a folder per label in {root}{_groups_of(examples)}"
    return Annotations(tuple(examples), (), True, layout=layout, questions=tuple(questions))


def _groups_of(examples: Sequence[Example]) -> str:
    """Say what the folders inside the label folders are taken for; they could be labels."""
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
    """Give the clips in a folder and in the groups in it."""
    for video in _videos(folder):
        if not video.exists():
            problems.add(str(video), "the link leads nowhere; repair or remove it")
            continue
        yield Example(video, (label,), split, source=str(video), group=group)
    for entry in _folders(folder):
        if not _holds_pictures(entry):
            inner = entry.name if group is None else f"{group}/{entry.name}"
            yield from _read_clips(entry, label, split, problems, inner)
            continue
        try:
            frames = paths.describe_frames(entry)
        except ValueError as mistake:
            problems.found.append(str(mistake))
            continue
        yield Example(entry, (label,), split, source=str(entry), group=group, frames=frames)


def _without_wrappers(folder: Path) -> Path:
    """Enter folders that hold nothing but one folder, such as `videos/`, which is no label."""
    while True:
        folders = [entry for entry in _folders(folder) if _has_clips(entry)]
        if len(folders) != 1 or _videos(folder):
            return folder
        [only] = folders
        inner = [entry for entry in _folders(only) if not _holds_pictures(entry)]
        splits = split_names.splits_of(entry.name for entry in inner)
        is_wrapper = split_names.is_usual(only.name) or splits
        if not inner or not is_wrapper or split_names.splits_of([only.name]):
            return folder
        folder = only


def _has_clips(folder: Path) -> bool:
    """Say whether there is a clip anywhere below a folder."""
    return (
        bool(_videos(folder))
        or _holds_pictures(folder)
        or any(_has_clips(entry) for entry in _folders(folder))
    )


def _holds_pictures(folder: Path) -> bool:
    """Say whether a folder is a clip: it holds pictures, and no video and no folder."""
    has_pictures = any(Path(e.name).suffix.lower() in paths.PICTURES for e in _entries(folder))
    return has_pictures and not _videos(folder) and not _folders(folder)


def _folders(folder: Path) -> list[Path]:
    entries = (entry for entry in _entries(folder) if entry.is_dir())
    return sorted(Path(e.path) for e in entries if not (e.is_symlink() and _leads_up(Path(e.path))))


def _leads_up(link: Path) -> bool:
    return link.parent.resolve().is_relative_to(link.resolve())


def _videos(folder: Path) -> list[Path]:
    found = (e for e in _entries(folder) if files.is_named_like_a_video(Path(e.name)))
    return sorted(Path(entry.path) for entry in found if not entry.is_dir())


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not paths.is_hidden(entry.name)]


def _files(folder: Path) -> list[Path]:
    """Give the files below a folder, without pictures, which can be frames of a clip."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() not in paths.PICTURES)
    return sorted(path for path in found if path.is_file())
