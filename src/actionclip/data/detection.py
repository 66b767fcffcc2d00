"""A path becomes the format in which its data set is written, told by names, headers and contents.

Formats are tried in one order: the files of a benchmark, then JSON and XML by their structure, then
tables by their header, then lists by their lines. In a folder, a file that names videos of this
folder decides; only without one does a folder per label count. So the test clips of its authors
never end up in train.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from actionclip.data import paths, split_names
from actionclip.data.annotations import SPLITS, Split
from actionclip.data.formats import (
    activitynet,
    charades,
    columns,
    cvat,
    fiftyone,
    hmdb51,
    kinetics,
    label_studio,
    lists,
    rows,
    something,
    ucf101,
)
from actionclip.text.text_files import read_text
from actionclip.video import files

Benchmark = Literal["ucf101", "hmdb51", "kinetics", "charades", "something"]
Format = Literal[
    Benchmark, "folder", "table", "list", "activitynet", "fiftyone", "label_studio", "cvat"
]

UNDERSTOOD = (
    "a folder per label, a table (.csv, .tsv, .parquet, .json, .jsonl), a list (.txt) of mmaction2"
    " or ActionCLIP, the files of UCF101, HMDB51, Kinetics, Charades, Something-Something or"
    " ActivityNet, or an export of FiftyOne, Label Studio or CVAT"
)
ANNOTATIONS = "annotations.csv"
"""A folder with a table of this name is what the table says."""

_SUFFIXES = (*rows.SUFFIXES, *lists.SUFFIXES, ".json", ".xml")
_MOST_DEPTH = 4
"""How many folders deep annotation files can lie, as in `datasets/k400/splits/1/train.csv`."""


@dataclass(frozen=True)
class Detected:
    """How a data set is written, and in which files."""

    format: Format
    path: Path
    """The folder or file to read."""
    lists: Mapping[Split, Path] = field(default_factory=dict)
    """The file of each split, where the names of files or their folders tell it."""
    others: int = 0
    """Other folds of the same data set in the folder, which are not read."""

    @property
    def files(self) -> Sequence[Path]:
        """The files that belong to it."""
        return list(self.lists.values()) or [self.path]


def detect(data: Path) -> Detected:
    """Find out how a data set is written.

    Raises:
        FileNotFoundError: there is nothing at this path.
        ValueError: the format is unknown, or a folder holds several data sets.
    """
    if (data / ANNOTATIONS).is_file():
        return detect(data / ANNOTATIONS)
    if data.is_dir():
        return _in_folder(data) or Detected("folder", data)
    if not data.exists():
        raise FileNotFoundError(f"{data}: no such file or folder; give {UNDERSTOOD}")
    found = _benchmark(data) or _by_content(data)
    if not found:
        raise ValueError(f"{data}: not understood; give {UNDERSTOOD}")
    return found


def _benchmark(file: Path) -> Detected | None:
    """Say which benchmark publishes such a file."""
    if file.name == ucf101.CLASSES and (file.parent / "trainlist01.txt").is_file():
        return Detected("ucf101", file.with_name("trainlist01.txt"))
    if ucf101.LIST.fullmatch(file.name):
        return Detected("ucf101", file)
    if hmdb51.LIST.fullmatch(file.name):
        return Detected("hmdb51", file)
    if file.suffix == ".json" and something.label_file_beside(file):
        found = _lists_of_splits(file)
        return Detected("something", file, found) if found else None
    if file.suffix == ".csv":
        header = set(rows.header_of(file))
        if header >= kinetics.COLUMNS:
            return Detected("kinetics", file, _lists_of_splits(file) or {"train": file})
        if header >= charades.COLUMNS:
            return Detected("charades", file, _lists_of_splits(file) or {"train": file})
    return None


def _by_content(file: Path) -> Detected | None:
    """Find the format of a file that no benchmark publishes."""
    suffix = file.suffix.lower()
    splits = _lists_of_splits(file)
    of_several = splits if len(splits) > 1 else {}
    if suffix in (".json", ".jsonl", ".ndjson"):
        content = rows.read_json(file)
        if label_studio.is_document(content):
            return Detected("label_studio", file)
        if fiftyone.is_document(content):
            return Detected("fiftyone", file, of_several)
        if activitynet.is_document(content):
            return Detected("activitynet", file, of_several)
        return Detected("table", file, of_several) if rows.is_table(content) else None
    if suffix == ".xml":
        cvat.parse(file)
        return Detected("cvat", file)
    if suffix == ".parquet":
        return Detected("table", file, of_several)
    if suffix in (".csv", ".tsv"):
        if not columns.has_header(rows.header_of(file)) and lists.is_list(file):
            return Detected("list", file, splits)
        return Detected("table", file, of_several)
    return Detected("list", file, splits) if suffix in lists.SUFFIXES else None


def _in_folder(folder: Path) -> Detected | None:
    """Find the files in a folder, or in the folders in it, that say what its videos show.

    Raises:
        ValueError: several files do, or one does whose format is unknown.
    """
    candidates, names = _contents(folder)
    benchmark = next(filter(None, map(_benchmark, candidates)), None)
    if benchmark:
        return benchmark
    found: dict[tuple[Path, ...], Detected] = {}
    unknown = []
    for file in candidates:
        if any(file in known for known in found):
            continue
        words = _words(file)
        reason = (
            f"{file}: this file names videos of the folder, but its layout is not understood; write"
            " it as a table with the header path,label,split, or move it elsewhere if it says"
            " nothing about labels and splits"
        )
        try:
            detected = _by_content(file)
            is_understood = detected is not None and _has_labels(detected)
        except ValueError as mistake:
            detected, is_understood, reason = None, False, str(mistake)
        if detected is None or not is_understood:
            if sum(files.is_named_like_a_video(Path(name)) for name in names & words) > 1:
                unknown.append(reason)
        elif _names_videos(words, names):
            found[tuple(detected.files)] = detected
    groups = _join_split_folders(list(found.values()))
    if len(groups) > 1:
        folds = {re.sub(r"\d+", "#", group.path.name) for group in groups}
        if len(folds) == 1 and all(re.search(r"\d", group.path.name) for group in groups):
            first = min(groups, key=lambda group: group.path.name)
            return Detected(first.format, first.path, first.lists, len(groups) - 1)
        names_of = ", ".join(str(group.path) for group in groups)
        raise ValueError(
            f"{folder}: several files say what its videos show ({names_of}); name the right one"
        )
    if groups:
        return groups[0]
    if unknown:
        raise ValueError(unknown[0])
    return None


def _join_split_folders(found: Sequence[Detected]) -> list[Detected]:
    """Join files of one name in folders of splits: `train/metadata.csv`, `test/metadata.csv`."""
    by_name: dict[str, list[Detected]] = {}
    for detected in found:
        by_name.setdefault(detected.path.name, []).append(detected)
    groups = []
    for same in by_name.values():
        splits = split_names.splits_of(one.path.parent.name for one in same)
        lists_by_split: dict[Split, Path] = {
            splits[one.path.parent.name]: one.path for one in same if one.path.parent.name in splits
        }
        if len(lists_by_split) == len(same) and not any(one.lists for one in same):
            ordered: dict[Split, Path] = {
                split: lists_by_split[split] for split in SPLITS if split in lists_by_split
            }
            groups.append(Detected(same[0].format, same[0].path, ordered))
        else:
            groups += same
    return groups


def _has_labels(detected: Detected) -> bool:
    """Say whether a table has columns for videos and labels, and whether a list is one."""
    if detected.format == "list":
        return lists.is_list(detected.path) and not lists.are_remarks(detected.path)
    if detected.format == "table":
        header = next((cells for _, cells in rows.read_rows(detected.path)), {})
        roles = columns.understand(list(header))[0].of
        return "path" in roles and "label" in roles
    return True


def _words(file: Path) -> set[str]:
    """Give everything in a file that can be the name of a video."""
    if file.suffix.lower() == ".parquet":
        cells = (cell for _, row in rows.read_rows(file) for cell in row.values())
        return {Path(cell).name for cell in cells}
    try:
        text = read_text(file)
    except ValueError:  # in another encoding, reported if it names videos
        text = file.read_text(encoding="latin-1")
    words = set(re.findall(r"[^\s,;\t\"'|<>\[\]{}:=/\\]+", text))
    words |= {label_studio.without_prefix(word) for word in words}
    words |= lists.names_in(text)
    return words.union(*(re.split(r"[,;\t/\"]", line) for line in text.split("\n")))


def _names_videos(words: set[str], names: frozenset[str]) -> bool:
    """Say whether words name videos: several with the ending, or half of them without."""
    full = {name for name in names if files.is_named_like_a_video(Path(name))}
    stems = names - full
    found = len(full & words)
    short = len({stem for stem in stems if stem in words or stem.removeprefix("v_") in words})
    return found >= min(2, max(1, len(full))) or (short > 0 and short * 2 >= len(stems))


def _lists_of_splits(file: Path) -> dict[Split, Path]:
    """Find the files beside this one whose names differ from its name only in the split's word."""
    own = split_names.split_in(file.stem)
    if own is None:
        return {}
    found: dict[Split, Path] = {}
    for other in sorted(file.parent.iterdir()):
        split = split_names.split_in(other.stem)
        if other.suffix == file.suffix and split and split[1] == own[1]:
            found.setdefault(split[0], other)
    found[own[0]] = file
    return {split: found[split] for split in SPLITS if split in found}


def _contents(folder: Path) -> tuple[list[Path], frozenset[str]]:
    """Give the files that can say what videos show, and the names of all videos.

    The files lie in the folder, in the folders in it, or deeper where no video is; those of the
    upper folders come first. The names are with and without the ending; of folders of frames, too.
    """
    candidates: list[Path] = []
    videos: set[str] = set()
    for place, subfolders, names in paths.walk(folder):
        if paths.are_frames(subfolders, names):
            videos.add(place.name)
            continue
        here = [name for name in names if files.is_named_like_a_video(Path(name))]
        videos.update(here, (Path(name).stem for name in here))
        depth = len(place.relative_to(folder).parts)
        if depth < 2 or (not here and depth <= _MOST_DEPTH):
            candidates += (place / name for name in names if Path(name).suffix.lower() in _SUFFIXES)
    candidates.sort(key=lambda file: (len(file.parts), file))
    return candidates, frozenset(videos)
