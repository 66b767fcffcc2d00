"""A path becomes the way in which its data set is written down, told by names and headers alone.

A benchmark's folder is known by the files that it is published with, in it or in a folder of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from actionclip.data.annotations import SPLITS, Split, split_named
from actionclip.data.formats import charades, hmdb51, kinetics, something, table, ucf101

Way = Literal["folder", "table", "list", "ucf101", "hmdb51", "kinetics", "charades", "something"]

UNDERSTOOD = (
    "a folder per label, a table (.csv, .tsv, .parquet), a list (.txt) of mmaction2 or ActionCLIP,"
    " or the files of UCF101, HMDB51, Kinetics, Charades or Something-Something"
)

_BENCHMARK_SUFFIXES = (".csv", ".json", ".txt")
ANNOTATIONS = "annotations.csv"
"""A folder with a table of this name is what the table says."""

_SPLIT_WORD = re.compile(
    r"(?<![a-z])(train(ing)?|val(id(ation|ate)?)?|dev|test(ing)?)(?![a-z])", re.IGNORECASE
)


@dataclass(frozen=True)
class Written:
    """How a data set is written down, and in which files."""

    way: Way
    path: Path
    """The folder or file to read."""
    lists: Mapping[Split, Path] = field(default_factory=dict)
    """The file of each split, where the names of files tell it."""


def detect(data: Path) -> Written:
    """Say how a data set is written down.

    Raises:
        FileNotFoundError: there is nothing at this path.
        ValueError: it is none of the ways that are understood.
    """
    if (data / ANNOTATIONS).is_file():
        return detect(data / ANNOTATIONS)
    if data.is_dir():
        found = (_benchmark(file) for file in _text_files(data))
        return next(filter(None, found), Written("folder", data))
    if not data.exists():
        raise FileNotFoundError(f"{data}: no such file or folder; give {UNDERSTOOD}")
    benchmark = _benchmark(data)
    if benchmark:
        return benchmark
    suffix = data.suffix.lower()
    if suffix in table.SUFFIXES:
        lists = _lists_of_splits(data)
        return Written("table", data, lists if len(lists) > 1 else {})
    if suffix == ".txt":
        return Written("list", data, _lists_of_splits(data))
    raise ValueError(f"{data}: not understood; give {UNDERSTOOD}")


def _benchmark(file: Path) -> Written | None:
    """Say which benchmark publishes such a file."""
    if file.name == ucf101.CLASSES:
        return Written("ucf101", file.with_name("trainlist01.txt"))
    if ucf101.LIST.fullmatch(file.name):
        return Written("ucf101", file)
    if hmdb51.LIST.fullmatch(file.name):
        return Written("hmdb51", file)
    if file.suffix == ".json" and something.label_file_beside(file):
        lists = _lists_of_splits(file)
        return Written("something", file, lists) if lists else None
    if file.suffix == ".csv":
        header = _header(file)
        if header >= kinetics.COLUMNS:
            return Written("kinetics", file, _lists_of_splits(file) or {"train": file})
        if header >= charades.COLUMNS:
            return Written("charades", file, _lists_of_splits(file) or {"train": file})
    return None


def _header(file: Path) -> set[str]:
    with file.open("rb") as lines:
        first = lines.readline().decode("utf-8-sig", errors="replace")
    return {name.strip().strip('"') for name in first.split(",")}


def _lists_of_splits(file: Path) -> dict[Split, Path]:
    """Find the files beside this one whose names differ from its name only in the split's word."""
    match = _SPLIT_WORD.search(file.name)
    if not match:
        return {}
    before, after = file.name[: match.start()], file.name[match.end() :]
    found: dict[Split, Path] = {}
    for other in sorted(file.parent.iterdir()):
        if other.name.startswith(before) and other.name.endswith(after):
            split = split_named(other.name[len(before) : len(other.name) - len(after)])
            if split:
                found[split] = other
    return {split: found[split] for split in SPLITS if split in found}


def _text_files(folder: Path) -> Iterator[Path]:
    """Give the files in a folder, then those in its folders, that can belong to a benchmark."""
    subfolders = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    for place in (folder, *subfolders):
        yield from sorted(entry for entry in place.iterdir() if entry.suffix in _BENCHMARK_SUFFIXES)
