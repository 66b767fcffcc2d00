"""The files of benchmarks as they are published: UCF101, HMDB51, Kinetics, Charades, Something."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from actionclip.data import split_names
from actionclip.data.annotations import Split
from actionclip.data.formats.annotation_file import AnnotationFile, Cells
from actionclip.data.formats.registry import Content, Format, Row
from actionclip.data.paths import Locator
from actionclip.data.problems import Problems
from actionclip.text import label_sets

# UCF101: classInd.txt, trainlist01.txt, testlist01.txt, … with lines such as
# "Archery/v_Archery_g01_c01.avi 3". There are three folds; the list that is named chooses one. The
# clips of a group ("g01") were cut from one recording, and the folds keep them together.

_UCF_CLASSES = "classInd.txt"
_UCF_LIST = re.compile(r"(train|test)list(?P<fold>0[123])\.txt")
_UCF_GROUP = re.compile(r"v_\w+_(?P<group>g\d+)_c\d+")


def _is_ucf101(file: AnnotationFile) -> bool:
    name = file.path.name
    is_first = name == _UCF_CLASSES and file.path.with_name("trainlist01.txt").is_file()
    return is_first or _UCF_LIST.fullmatch(name) is not None


def _read_ucf101(file: AnnotationFile, _videos: Locator) -> Content:
    match = _UCF_LIST.fullmatch(file.path.name)
    fold = match["fold"] if match else "01"
    classes = AnnotationFile(file.path.with_name(_UCF_CLASSES)).text.split()[1::2]
    splits: tuple[Split, ...] = ("train", "test")
    entries = (
        (source, (split, line))
        for split in splits
        for source, line in AnnotationFile(file.path.with_name(f"{split}list{fold}.txt")).lines
    )

    def parse(entry: tuple[Split, str]) -> Iterator[Row]:
        split, line = entry
        video = line.split()[0]
        label, _, name = video.partition("/")
        if label not in classes:
            raise ValueError(f"the label {label!r} is not in {_UCF_CLASSES}; add it there")
        recording = _UCF_GROUP.fullmatch(Path(name).stem)
        group = f"{label} {recording['group']}" if recording else None
        yield Row(labels=[label], names=[video], split=split, group=group)

    num_folds = len(list(file.path.parent.glob("trainlist0[123].txt")))
    return Content(entries, parse, classes, f", fold {int(fold)} of {num_folds}")


# HMDB51: one list for each action and fold, such as brush_hair_test_split1.txt. A line is a video
# and a mark.

_HMDB_LIST = re.compile(r"(?P<name>.+)_test_split(?P<fold>[123])\.txt")
_HMDB_SPLITS: dict[str, Split | None] = {"0": None, "1": "train", "2": "test"}


def _is_hmdb51(file: AnnotationFile) -> bool:
    return _HMDB_LIST.fullmatch(file.path.name) is not None


def _read_hmdb51(file: AnnotationFile, _videos: Locator) -> Content:
    matches = [_HMDB_LIST.fullmatch(path.name) for path in file.path.parent.iterdir()]
    found = [match for match in matches if match]
    fold = next(match["fold"] for match in found if match.string == file.path.name)
    lists = {match["name"]: match.string for match in found if match["fold"] == fold}
    entries = (
        (source, (label, line))
        for label in sorted(lists)
        for source, line in AnnotationFile(file.path.with_name(lists[label])).lines
    )

    def parse(entry: tuple[str, str]) -> Iterator[Row]:
        label, line = entry
        name, _, mark = line.rpartition(" ")
        if mark not in _HMDB_SPLITS:
            raise ValueError(f"{mark!r} is none of 0, 1 (train) and 2 (test); correct it")
        if split := _HMDB_SPLITS[mark]:
            yield Row(labels=[label], names=[f"{label}/{name.strip()}"], split=split)

    num_folds = len({match["fold"] for match in found})
    return Content(entries, parse, sorted(lists), f", fold {fold} of {num_folds}")


# Kinetics: CSVs with label,youtube_id,time_start,time_end. The videos are those that could still be
# fetched, cut to the ten seconds, named ID_000010_000020.mp4 or ID.mp4, in label folders or not.


def _is_kinetics(file: AnnotationFile) -> bool:
    return {"youtube_id", "time_start", "time_end"} <= set(file.header)


def _read_kinetics(file: AnnotationFile, _videos: Locator) -> Content:
    def parse(cells: Cells) -> Iterator[Row]:
        label, start, end = (cells[column] for column in ("label", "time_start", "time_end"))
        try:
            times = f"{int(float(start)):06d}_{int(float(end)):06d}"
        except ValueError:
            raise ValueError(
                f"the times {start!r} and {end!r} are no seconds; correct them"
            ) from None
        stems = (f"{cells['youtube_id']}_{times}", cells["youtube_id"])
        folders = (label, label.replace(" ", "_"))
        names = [f"{folder}/{stem}" for stem, folder in itertools.product(stems, folders)]
        yield Row(labels=[label], names=names, split=file.split or "train")

    rows = [(source, cells) for source, cells in file.rows if cells.get("label")]
    return Content(rows, parse)  # without the hidden test, which has no labels


# Charades: Charades_v1_train.csv, Charades_v1_classes.txt. A row is a video with its actions, each
# with its times ("c092 11.90 21.20;c147 0.00 12.60") and an example of its own;
# `Annotations.whole_videos` merges them into the form that is scored in the field.

_CHARADES_CLASSES = "Charades_v1_classes.txt"


def _is_charades(file: AnnotationFile) -> bool:
    return {"id", "actions", "length"} <= set(file.header)


def _read_charades(file: AnnotationFile, _videos: Locator) -> Content:
    labels = _charades_labels(file.path.with_name(_CHARADES_CLASSES))
    split = file.split or "train"

    def parse(cells: Cells) -> Iterator[Row]:
        name, actions = f"{cells['id']}/{cells['id']}", cells["actions"].split(";")
        if not any(actions) and split != "train":  # without an action: no answer is right
            yield Row(names=[name], split=split)
        for action in filter(None, actions):
            try:
                code, start, end = action.split()
                times = float(start), min(float(end), float(cells["length"]))
            except ValueError:
                raise ValueError(
                    f"the action {action!r} is not `code start end`; correct it"
                ) from None
            if code not in labels:
                raise ValueError(f"the label {code!r} is not in {_CHARADES_CLASSES}; add it there")
            if times[0] < times[1]:  # a few begin where the video ends
                yield Row((), [labels[code]], [name], split, *times)

    return Content(file.rows, parse, list(labels.values()))


def _charades_labels(path: Path) -> dict[str, str]:
    """Return the label of each code, "c000" to "c156", from the class file if it is there."""
    if not path.exists():
        return {f"c{i:03d}": label for i, label in enumerate(label_sets.load("charades"))}
    problems = Problems()
    labels = {}
    for source, line in AnnotationFile(path).lines:
        code, _, name = line.partition(" ")
        if name:
            labels[code] = charades_words(name)
        else:
            problems.add(source, f"{line!r} is not a code and a name; correct it")
    problems.raise_if_any()
    return labels


def charades_words(name: str) -> str:
    """Return the words of a class, without the slashes.

    >>> charades_words("Putting a dish/es somewhere"), charades_words("Lying on a sofa/couch")
    ('putting a dish somewhere', 'lying on a sofa or couch')
    """
    return re.sub(r"/(es|s)\b", "", name).replace("/", " or ").lower()


# Something-Something: JSON lists of {"id": "78687", "template": "Holding [something] next to
# [something]", …} beside labels.json, which numbers the templates. A label is a template in words.


def _is_something(file: AnnotationFile) -> bool:
    return bool(_something_labels(file.path) and split_names.split_in(file.path.stem))


def _something_labels(path: Path) -> Path | None:
    return min(path.parent.glob("*labels.json"), default=None)


def _read_something(file: AnnotationFile, _videos: Locator) -> Content:
    label_file = _something_labels(file.path)
    assert label_file, file.path
    numbers = _json(AnnotationFile(label_file), dict)
    labels = [template_words(name) for name in sorted(numbers, key=lambda name: int(numbers[name]))]

    def parse(entry: dict[str, Any]) -> Iterator[Row]:
        label = template_words(entry["template"])
        if label not in labels:
            raise ValueError(f"the label {label!r} is not in {label_file.name}; add it there")
        yield Row(labels=[label], names=[str(entry.get("id"))])

    numbered = enumerate(_json(file, list), start=1)
    entries = [(f"{file.path}:entry {i}", entry) for i, entry in numbered if "template" in entry]
    return Content(entries, parse, labels)  # without the hidden test, which has no templates


def template_words(template: str) -> str:
    """Return the words of a template.

    >>> template_words("Holding [something] next to [something]")
    'holding something next to something'
    """
    words = template.replace("[", "").replace("]", "")
    return words[:1].lower() + words[1:]


def _json(file: AnnotationFile, kind: type[Any]) -> Any:  # noqa: ANN401  what JSON holds
    if not isinstance(file.json, kind):
        raise ValueError(f"{file.path}: holds no {kind.__name__}; give the file as it is published")
    return file.json


_Lists = functools.partial(Format, is_certain=True, min_split_files=1)
_Folds = functools.partial(Format, is_certain=True, min_split_files=0)

FORMATS = [
    _Lists("something", "Something-Something lists", (".json",), _is_something, _read_something),
    _Lists("charades", "Charades lists", (".csv",), _is_charades, _read_charades),
    _Lists(
        "kinetics", "Kinetics lists", (".csv",), _is_kinetics, _read_kinetics, allows_missing=True
    ),
    _Folds("hmdb51", "HMDB51 lists", (".txt",), _is_hmdb51, _read_hmdb51),
    _Folds("ucf101", "UCF101 lists", (".txt",), _is_ucf101, _read_ucf101),
]
