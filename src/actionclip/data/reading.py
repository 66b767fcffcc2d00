"""Any data set becomes annotations: a folder per label, a table, a list, a benchmark's own files.

All mistakes in it are reported together, with file and line, before anything is trained.
`detection` finds the format, `formats` reads it; labels, times and splits are checked here.
"""

from __future__ import annotations

import dataclasses
import difflib
import logging
from collections.abc import Sequence
from pathlib import Path

from actionclip.data import detection, splits
from actionclip.data import labels as data_labels
from actionclip.data.annotations import Annotations, Example, labels_in_order
from actionclip.data.formats import FORMATS, folder
from actionclip.data.formats import examples as rows
from actionclip.data.problems import Problems, check_times
from actionclip.text import label_files
from actionclip.text import labels as label_text
from actionclip.text.label_files import LabelFile

_logger = logging.getLogger(__name__)


def read(
    data: Path,
    videos: Path | None = None,
    labels: Sequence[str] | LabelFile | None = None,
    seed: int = 0,
    *,
    numbers_only: bool = False,
) -> Annotations:
    """Read a data set, check that it can be used, and log how it was read.

    Args:
        data: the folder or file (`detection.UNDERSTOOD`). Of a benchmark with several folds, a list
            chooses one; the folder means the first.
        videos: the folder that holds the videos, if not that of `data`.
        labels: the labels in the order of their indices, which numbers in the data stand for; by
            default those of the data set.
        seed: of the split that is drawn if the data names none.
        numbers_only: use `labels` only if the data has numbers.

    Raises:
        FileNotFoundError: there is nothing at `data`.
        ValueError: something is wrong with it; one line for each problem, with file and line.
    """
    problems = Problems()
    annotations = collect(data, problems, videos, labels, seed, numbers_only=numbers_only)
    problems.raise_if_any()
    _logger.info("%s", annotations.layout)
    for question in annotations.questions:
        _logger.warning("%s: %s", data, question)
    if annotations.num_missing:
        _logger.warning("%s: %d videos are missing and left out", data, annotations.num_missing)
    return annotations


def collect(
    data: Path,
    problems: Problems,
    videos: Path | None = None,
    labels: Sequence[str] | LabelFile | None = None,
    seed: int = 0,
    *,
    numbers_only: bool = False,
) -> Annotations:
    """Read as much as possible of a data set, and collect its mistakes in `problems`.

    Raises:
        FileNotFoundError: there is nothing at `data`.
        ValueError: a file cannot be read at all.
    """
    if videos is not None and not videos.is_dir():
        raise FileNotFoundError(f"{videos}: no such folder; name the one that holds the videos")
    if labels is not None and not isinstance(labels, LabelFile):
        labels = LabelFile(list(labels))
    detected = detection.detect(data)
    root = videos or (data if data.is_dir() else data.parent)
    label_file = None
    if labels is None and detected.format == "list":  # its length tells labels from frame counts
        label_file = data_labels.file_beside(detected.files, root)
    names = label_files.read(label_file) if label_file else labels
    if detected.format == "folder":
        annotations = folder.read(detected.path, problems)
    else:
        num_labels = len(names.names) if names else None
        format_ = FORMATS[detected.format]
        annotations = rows.read(format_, detected.by_split, root, num_labels, problems)
    written, order = annotations.examples, annotations.labels
    are_numbers = data_labels.are_numbers(written)
    if labels is None and detected.format == "table" and are_numbers:
        label_file = data_labels.file_beside(detected.files, root)
        names = label_files.read(label_file) if label_file else None
    layout = annotations.layout
    if detected.num_others:
        layout += f"; {detected.num_others} other folds in the folder are not read"
    if are_numbers and (names or detected.format != "folder"):
        layout += f"; the labels are named by {label_file}" if label_file else ""
        if names is None:
            problems.add(
                str(detected.path),
                "the labels are numbers, and no label file is in the data folder; name one by"
                " --labels (or as data.labels in a recipe): a line a label, or a CSV with id,name",
            )
            names = LabelFile([])
        examples = data_labels.from_numbers(written, names, problems) if names.names else []
        order = tuple(names.names)
    else:
        examples = data_labels.in_words(written, problems)
        if labels and not numbers_only:
            order = tuple(labels.names)
    by_place = are_numbers and names is not None and names.first_id is None
    if not examples and not problems.found:
        problems.add(str(data), f"no clip in it; give {detection.UNDERSTOOD}")
    labels_written = (label for example in written for label in example.labels)
    raw_labels = {label_text.clean(label): label for label in (*labels_written, *order)}
    order = tuple(label_text.clean(name) for name in order) or labels_in_order(examples)
    _check_labels(examples, order, problems)
    check_times(examples, problems)
    if annotations.split_drawn:
        examples = splits.draw(examples, seed)
    return dataclasses.replace(
        annotations,
        examples=tuple(examples),
        labels=order,
        raw_labels=raw_labels,
        layout=f"read as {layout}",
        questions=(
            *annotations.questions,
            *data_labels.questions(order),
            *data_labels.questions_of(examples, order, by_place=by_place),
        ),
    )


def _check_labels(examples: Sequence[Example], names: Sequence[str], problems: Problems) -> None:
    """Report labels that are not UTF-8 or not in the list, each once."""
    known = set(names)
    for label in names:
        if not label_text.is_utf8(label):
            source = next((e.source for e in examples if label in e.labels), "labels")
            problems.add(source, f"the label {label!r} is not UTF-8; write it in UTF-8")
    for example in examples:
        for label in example.labels:
            if label not in known:
                known.add(label)
                close = difflib.get_close_matches(label, names, n=1)
                advice = f"did you mean {close[0]!r}?" if close else "add it there"
                mistake = f"the label {label!r} is not in the list of labels; {advice}"
                problems.add(example.source, mistake)
