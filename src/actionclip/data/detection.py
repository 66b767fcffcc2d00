"""A path becomes the format in which its data set is written, and the files that hold it.

The formats of the registry are tried, the last registered first. In a folder, a file that names
videos of this folder decides; only without one does a folder per label count. So the test clips of
its authors never end up in train.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from actionclip.data import paths, split_names
from actionclip.data.annotations import SPLITS, Split
from actionclip.data.formats import FORMATS, AnnotationFile, Format, exports, lists
from actionclip.video import files

UNDERSTOOD = (
    "a folder per label, a table (.csv, .tsv, .parquet, .json, .jsonl), a list (.txt) of mmaction2"
    " or ActionCLIP, the files of UCF101, HMDB51, Kinetics, Charades, Something-Something or"
    " ActivityNet, or an export of FiftyOne, Label Studio or CVAT"
)
ANNOTATIONS = "annotations.csv"
"""A table of this name decides about its folder."""
_MAX_DEPTH = 4
"""How many folders deep annotation files can lie, as in `datasets/k400/splits/1/train.csv`."""


@dataclass(frozen=True)
class Detected:
    """How a data set is written, and in which files."""

    format: str
    """A name in `formats.FORMATS`, or "folder"."""
    path: Path
    """The folder or file to read."""
    by_split: Mapping[Split | None, Path]
    """The file of each split; None: the names of the files tell no splits."""
    num_others: int = 0
    """Other folds of the same data set in the folder, which are not read."""

    @property
    def files(self) -> Sequence[Path]:
        """The files that belong to the data set."""
        return list(self.by_split.values())


def detect(data: Path) -> Detected:
    """Find out how a data set is written.

    Raises:
        FileNotFoundError: there is nothing at this path.
        ValueError: the format is unknown, or a folder holds several data sets.
    """
    if (data / ANNOTATIONS).is_file():
        data = data / ANNOTATIONS
    if data.is_dir():
        return _in_folder(data) or Detected("folder", data, {None: data})
    if not data.exists():
        raise FileNotFoundError(f"{data}: no such file or folder; give {UNDERSTOOD}")
    for each in reversed(FORMATS.values()):
        file = AnnotationFile(data)
        if file.suffix in each.suffixes and each.detects(file):
            return _with_splits(each, data)
    raise ValueError(f"{data}: not understood; give {UNDERSTOOD}")


def _with_splits(found: Format, file: Path) -> Detected:
    """Add the files beside a file whose names differ from its name only in the split's word."""
    by_split: dict[Split | None, Path] = {}
    own = split_names.split_in(file.stem)
    if own and found.min_split_files:
        for other in sorted(file.parent.iterdir()):
            split = split_names.split_in(other.stem)
            if other.suffix == file.suffix and split and split[1] == own[1]:
                by_split.setdefault(split[0], other)
        by_split[own[0]] = file
    is_split = len(by_split) >= max(1, found.min_split_files)
    ordered: dict[Split | None, Path] = {s: by_split[s] for s in SPLITS if s in by_split}
    return Detected(found.name, file, ordered if is_split else {None: file})


def _in_folder(folder: Path) -> Detected | None:
    """Find the files in a folder, or in the folders in it, that hold annotations of its videos."""
    candidates, videos = _contents(folder)
    certain = [each for each in FORMATS.values() if each.is_certain]
    for path in candidates:
        if found := _find_format(AnnotationFile(path), certain):
            return _with_splits(found, path)
    detected: list[Detected] = []
    unknown: list[str] = []
    for path in candidates:
        if any(path in one.files for one in detected):
            continue
        words = _words(path)
        reason = (
            f"{path}: this file names videos of the folder, but its layout is not understood; write"
            " it as a table with the header path,label,split, or move it elsewhere if it says"
            " nothing about labels and splits"
        )
        try:
            found = _find_format(AnnotationFile(path), FORMATS.values())
        except ValueError as mistake:
            found, reason = None, str(mistake)
        if found and _names_videos(words, videos):
            detected.append(_with_splits(found, path))
        if not found and sum(_is_video(name) for name in videos & words) > 1:
            unknown.append(reason)
    groups = _join_split_folders(detected)
    if len(groups) > 1:
        folds = {re.sub(r"\d+", "#", group.path.name) for group in groups}
        if len(folds) > 1 or not all(re.search(r"\d", group.path.name) for group in groups):
            names = ", ".join(str(group.path) for group in groups)
            raise ValueError(
                f"{folder}: several files say what its videos show ({names}); name the right one"
            )
        first = min(groups, key=lambda group: group.path.name)
        return Detected(first.format, first.path, first.by_split, len(groups) - 1)
    if unknown and not groups:
        raise ValueError(unknown[0])
    return groups[0] if groups else None


def _find_format(file: AnnotationFile, known: Iterable[Format]) -> Format | None:
    for each in reversed(list(known)):
        detects = each.detects_in_folder or each.detects
        if file.suffix in each.suffixes and detects(file):
            return each
    return None


def _join_split_folders(detected: Sequence[Detected]) -> list[Detected]:
    """Join files of one name in folders of splits: `train/metadata.csv`, `test/metadata.csv`."""
    by_name: dict[str, list[Detected]] = defaultdict(list)
    for one in detected:
        by_name[one.path.name].append(one)
    groups = []
    for same in by_name.values():
        splits = split_names.splits_of(one.path.parent.name for one in same)
        by_split = {splits.get(one.path.parent.name): one.path for one in same}
        if None in by_split or len(by_split) < len(same) or any(len(one.files) > 1 for one in same):
            groups += same
            continue
        ordered: dict[Split | None, Path] = {s: by_split[s] for s in SPLITS if s in by_split}
        groups.append(Detected(same[0].format, same[0].path, ordered))
    return groups


def _words(path: Path) -> set[str]:
    """Return everything in a file that can be the name of a video."""
    file = AnnotationFile(path)
    if file.suffix == ".parquet":
        return {Path(cell).name for _, row in file.rows for cell in row.values()}
    try:
        text = file.text
    except ValueError:  # in another encoding, reported if it names videos
        text = path.read_text(encoding="latin-1")
    words = set(re.findall(r"[^\s,;\t\"'|<>\[\]{}:=/\\]+", text))
    words |= {exports.without_prefix(word) for word in words} | lists.names_in(text)
    return words.union(*(re.split(r"[,;\t/\"]", line) for line in text.split("\n")))


def _names_videos(words: set[str], videos: frozenset[str]) -> bool:
    """Return whether words name videos: several with the extension, or half of them without."""
    full = {name for name in videos if _is_video(name)}
    stems = videos - full
    num_full = len(full & words)
    num_stems = sum(stem in words or stem.removeprefix("v_") in words for stem in stems)
    return num_full >= min(2, max(1, len(full))) or (num_stems > 0 and num_stems * 2 >= len(stems))


def _contents(folder: Path) -> tuple[list[Path], frozenset[str]]:
    """Return the files that can hold annotations, upper folders first, and the names of all videos.

    The files lie in the folder, in the folders in it, or deeper where no video is. The names are
    with and without the extension; those of frame folders, too.
    """
    suffixes = {suffix for each in FORMATS.values() for suffix in each.suffixes}
    candidates: list[Path] = []
    videos: set[str] = set()
    for place, subfolders, names in paths.walk(folder):
        if paths.are_frames(subfolders, names):
            videos.add(place.name)
            continue
        here = [name for name in names if _is_video(name)]
        videos.update(here, (Path(name).stem for name in here))
        depth = len(place.relative_to(folder).parts)
        if depth < 2 or (not here and depth <= _MAX_DEPTH):
            candidates += (place / name for name in names if Path(name).suffix.lower() in suffixes)
    return sorted(candidates, key=lambda file: (len(file.parts), file)), frozenset(videos)


def _is_video(name: str) -> bool:
    return files.is_named_like_a_video(Path(name))
