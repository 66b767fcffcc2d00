"""Labels as data sets write them become words: numbers by a label file, names cleaned.

`ApplyEyeMakeup` and `apply_eye_makeup` are the same words. Labels that differ only by case are more
likely a mistake than meant, and it is not known which of them is right.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from actionclip.data import paths, split_names
from actionclip.data.annotations import Example
from actionclip.data.problems import Problems
from actionclip.text import labels
from actionclip.text.label_files import LabelFile
from actionclip.video import files

_SUFFIXES = (".txt", ".csv", ".tsv", ".json", ".yaml", ".yml")
"""Of label files."""
_FILE_SUFFIXES = (".txt", ".csv", ".json", ".wav", ".mp3")


def are_numbers(examples: Sequence[Example]) -> bool:
    """Return whether every label is a number, so that a label file is needed."""
    return bool(examples) and all(label.isdecimal() for e in examples for label in e.labels)


def from_numbers(
    examples: Sequence[Example], names: LabelFile, problems: Problems
) -> list[Example]:
    """Replace numbers by names.

    Args:
        examples: whose labels are numbers.
        names: the labels; if their ids count from 1, so do the numbers, unless a number is 0.
        problems: gets numbers without a name, and a label file that contradicts the folders.
    """
    numbers = {int(label) for example in examples for label in example.labels}
    first = names.first_id or 0
    if first == 1 and 0 in numbers and len(names.names) not in numbers:
        first = 0
    words = {first + place: labels.clean(name) for place, name in enumerate(names.names)}
    result = []
    for example in examples:
        unknown = [label for label in example.labels if int(label) not in words]
        if unknown:
            problems.add(
                example.source,
                f"label {unknown[0]} is not in the label file, which ends at {max(words)};"
                " correct one of them",
            )
            continue
        named = tuple(dict.fromkeys(words[int(label)] for label in example.labels))
        result.append(dataclasses.replace(example, labels=named))
    known = set(words.values())
    in_folders = [(example, labels.clean(example.video.parent.name)) for example in result]
    in_folders = [(example, folder) for example, folder in in_folders if folder in known]
    wrong = [(example, folder) for example, folder in in_folders if folder not in example.labels]
    if len(wrong) * 2 > len(in_folders):
        example, folder = wrong[0]
        problems.add(
            example.source,
            f"by the label file this is {example.labels[0]!r}, but the video lies in the folder of"
            f" {folder!r}, and so do {len(wrong) - 1} others; correct the order of the label"
            " file, or whether it counts from 0 or 1",
        )
    return result


def in_words(examples: Iterable[Example], problems: Problems) -> list[Example]:
    """Replace labels as they are written by words; report labels that differ only by case."""
    first: dict[str, tuple[str, str]] = {}
    words: dict[str, str] = {}
    result = []
    for example in examples:
        for label in example.labels:
            if label in words:
                continue
            words[label] = labels.clean(label)
            earlier, source = first.setdefault(words[label].casefold(), (label, example.source))
            one, other = labels.normalize(label), labels.normalize(earlier)
            differ_by_case = one != other and one.casefold() == other.casefold()
            if words[label] != words[earlier] or differ_by_case:
                problems.add(
                    example.source,
                    f"the label {label!r} differs only by case from {earlier!r} ({source});"
                    " write both alike",
                )
        cleaned = tuple(dict.fromkeys(words[label] for label in example.labels))
        result.append(dataclasses.replace(example, labels=cleaned))
    return result


def file_beside(lists: Sequence[Path], root: Path) -> Path | None:
    """Find the label file of lists: beside them, above them up to the root, in a folder of it.

    Args:
        lists: files that name videos, which are no label files.
        root: the data folder; the folders in it that hold videos are not searched.

    Raises:
        ValueError: there are several.
    """
    beside = sorted({file.parent for file in lists if file.is_file()})
    above = [up for folder in beside for up in folder.parents if up.is_relative_to(root)]
    for folder in dict.fromkeys((*beside, *above, root)):
        if found := _label_file([folder], lists, root):
            return found
    below = [
        entry
        for entry in sorted(root.iterdir())
        if entry.is_dir()
        and not paths.is_hidden(entry.name)
        and not any(map(files.is_named_like_a_video, entry.iterdir()))
    ]
    return _label_file(below, lists, root)


def _label_file(folders: Iterable[Path], lists: Sequence[Path], root: Path) -> Path | None:
    """Return the only file in these folders that can be the label file."""
    found = sorted(
        file
        for folder in folders
        for file in folder.iterdir()
        if re.search(r"label|class|categor", file.name.lower())
        and file.suffix.lower() in _SUFFIXES
        and file not in lists
        and split_names.split_in(file.stem) is None
    )
    if len(found) > 1:
        raise ValueError(
            f"{root}: several files can be the label file ({', '.join(map(str, found))}); name"
            " the right one by --labels, or as data.labels in a recipe"
        )
    return found[0] if found else None


def questions(names: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each way in which labels look like something else."""
    kinds = (
        ("numbers; give the words by --labels FILE", re.compile(r"-?\d+(\.\d+)?").fullmatch),
        ("names of files", _is_file_name),
        ("names of splits", _is_split),
    )
    for kind, is_one in kinds:
        odd = [name for name in names if is_one(name)]
        if odd:
            some = ", ".join(map(repr, odd[:3])) + (", …" if len(odd) > 3 else "")
            yield f"{len(odd)} of {len(names)} labels look like {kind}: {some}"


def questions_of(
    examples: Sequence[Example], names: Sequence[str], *, by_place: bool
) -> Iterator[str]:
    """Yield a sentence for each way in which examples seem to have the wrong labels.

    Args:
        examples: with labels in words.
        names: all labels.
        by_place: the data has numbers, which are positions in a label file without ids.
    """
    used = {label for example in examples for label in example.labels}
    if by_place and len(used) > 1 and names[:1] and names[0] not in used:
        yield (
            f"no clip has the first label, {names[0]!r}; if the numbers count from 1, write the ids"
            " into the label file (id,name)"
        )
    by_video: dict[Path, set[tuple[str, ...]]] = {}
    for example in examples:
        if example.start_seconds is None and example.end_seconds is None and not example.frames:
            by_video.setdefault(example.video, set()).add(example.labels)
    torn = [video for video, found in by_video.items() if len(found) > 1]
    if torn:
        found = " and ".join(repr("|".join(one)) for one in sorted(by_video[torn[0]]))
        yield (
            f"{len(torn)} videos have other labels on another row ({torn[0].name}: {found}); write"
            " all labels of a video into one row (run|jump), or remove the wrong row"
        )


def _is_split(name: str) -> bool:
    found = split_names.split_in(name)
    return found is not None and split_names.is_usual(found[1])


def _is_file_name(name: str) -> bool:
    path = Path(name)
    return files.is_named_like_a_video(path) or path.suffix.lower() in _FILE_SUFFIXES
