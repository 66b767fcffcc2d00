"""Any data set becomes annotations: a folder per label, a table, a list, a benchmark's own files.

All that is wrong with it is told at once, with file and line, before anything is trained. Which way
it is written down is found out by `detection`; each way is read by a file of `formats`.
"""

from __future__ import annotations

import dataclasses
import difflib
import logging
from collections.abc import Sequence
from pathlib import Path

from actionclip.data import detection, spelling, splits, times
from actionclip.data.annotations import Annotations, Example, labels_in_order
from actionclip.data.formats import (
    charades,
    folder,
    hmdb51,
    kinetics,
    lists,
    something,
    table,
    ucf101,
)
from actionclip.data.problems import Problems
from actionclip.text import labels as label_text

_logger = logging.getLogger(__name__)


def read(
    data: Path, videos: Path | None = None, labels: Sequence[str] | None = None, seed: int = 0
) -> Annotations:
    """Read a data set and make sure that it can be used.

    Args:
        data: the folder or file (`detection.UNDERSTOOD`). Of a benchmark with several folds, a list
            chooses one; the folder means the first.
        videos: the folder that holds the videos, if not that of `data`.
        labels: the labels in the order of their indices; by default those of the data set.
        seed: of the split that is drawn if the data names none.

    Raises:
        FileNotFoundError: there is nothing at `data`.
        ValueError: something is wrong with it; one line for each problem, with file and line.
    """
    problems = Problems()
    annotations = collect(data, problems, videos, labels, seed)
    problems.raise_if_any()
    if annotations.num_missing:
        _logger.warning("%s: %d videos are missing and left out", data, annotations.num_missing)
    return annotations


def collect(
    data: Path,
    problems: Problems,
    videos: Path | None = None,
    labels: Sequence[str] | None = None,
    seed: int = 0,
) -> Annotations:
    """Read what can be read of a data set, and put what is wrong with it into `problems`.

    Raises:
        FileNotFoundError: there is nothing at `data`.
        ValueError: a file cannot be read at all.
    """
    if videos is not None and not videos.is_dir():
        raise FileNotFoundError(f"{videos}: no such folder; name the one that holds the videos")
    annotations = _read(detection.detect(data), data, videos, labels, problems)
    examples = spelling.in_words(annotations.examples, problems)
    if not examples and not problems.found:
        problems.add(str(data), f"no clip in it; give {detection.UNDERSTOOD}")
    names = labels or annotations.labels or labels_in_order(examples)
    names = tuple(label_text.clean(name) for name in names)
    _check_labels(examples, names, problems)
    times.check(examples, problems)
    if annotations.split_drawn:
        examples = splits.draw(examples, seed)
    return dataclasses.replace(annotations, examples=tuple(examples), labels=names)


def _read(
    written: detection.Written,
    data: Path,
    videos: Path | None,
    labels: Sequence[str] | None,
    problems: Problems,
) -> Annotations:
    """Call the reader; without splits all examples come in train, marked as to be drawn."""
    path, root = written.path, videos or (data if data.is_dir() else data.parent)
    match written.way:
        case "folder":
            return _annotations(*folder.read(path, problems))
        case "table":
            if not written.lists:
                return _annotations(*table.read(path, root, problems))
            parts = [table.read(p, root, problems, split) for split, p in written.lists.items()]
            return _annotations([example for part, _ in parts for example in part], True)
        case "list":
            annotations = lists.read(written.lists or {"train": path}, labels, root, problems)
            return dataclasses.replace(annotations, split_drawn=not written.lists)
        case "ucf101":
            return ucf101.read(path, root, problems)
        case "hmdb51":
            return hmdb51.read(path, root, problems)
        case "kinetics":
            return kinetics.read(written.lists, root, problems)
        case "charades":
            return charades.read(written.lists, root, problems)
        case "something":
            return something.read(written.lists, root, problems)


def _annotations(examples: list[Example], has_splits: bool) -> Annotations:
    return Annotations(tuple(examples), labels=(), split_drawn=not has_splits)


def _check_labels(examples: Sequence[Example], names: Sequence[str], problems: Problems) -> None:
    """Find labels that are not in the list, each once."""
    known = set(names)
    for example in examples:
        for label in example.labels:
            if label not in known:
                known.add(label)
                close = difflib.get_close_matches(label, names, n=1)
                advice = f"did you mean {close[0]!r}?" if close else "add it there"
                problems.add(
                    example.source, f"the label {label!r} is not in the list of labels; {advice}"
                )
