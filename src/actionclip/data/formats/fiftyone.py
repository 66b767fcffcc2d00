"""Exports of FiftyOne become examples: `labels.json` beside `data/`, or `samples.json`.

`labels.json` is `{"classes": […], "labels": {NAME: label}}`, where a label is an index, a word or a
list of parts with `timestamps` (seconds) or `support` (frames from 1). `samples.json` holds the
samples with their tags, which can name a split.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from actionclip.data.annotations import Annotations, Example, Split
from actionclip.data.formats import locator
from actionclip.data.formats.locator import Locator
from actionclip.data.formats.rows import read_json
from actionclip.data.problems import Problems
from actionclip.data.split_names import split_named


def is_document(content: object) -> bool:
    """Say whether a JSON document has one of these layouts."""
    return isinstance(content, Mapping) and (
        (isinstance(content.get("labels"), Mapping) and "classes" in content)
        or (isinstance(content.get("samples"), list) and bool(content["samples"]))
    )


def read(lists: Mapping[Split, Path] | Path, videos: Path, problems: Problems) -> Annotations:
    """Read one export, or an export for each split.

    Args:
        lists: the file, or the file of each split.
        videos: the folder that holds the videos.
        problems: gets what is wrong.
    """
    files: dict[Split | None, Path] = {None: lists} if isinstance(lists, Path) else {**lists}
    examples: list[Example] = []
    has_splits = None not in files
    for split, path in files.items():
        where = Locator(videos, [path.parent / "data", path.parent])
        for name, tags, label in _samples(read_json(path)):
            source = f"{path}:{name}"
            named: list[Split] = [one for one in map(split_named, tags) if one]
            has_splits |= bool(named)
            of_sample = named[0] if named else split
            try:
                video = where.find_by_id(Path(name).name) or where.find(name)
                frames = where.frames_of(video)
                whole = Example(video, (), of_sample or "train", source, frames=frames)
                examples += list(_parts(whole, label))
            except (ValueError, TypeError, KeyError, AttributeError, IndexError) as mistake:
                what = mistake if isinstance(mistake, ValueError) else "its label is not understood"
                problems.add(source, str(what))
    names = ", ".join(map(str, files.values()))
    return Annotations(tuple(examples), (), not has_splits, layout=f"FiftyOne export {names}")


def _samples(content: Mapping[str, Any]) -> Iterator[tuple[str, list[str], Any]]:
    """Give the name, the tags and the label of each sample."""
    if "samples" not in content:
        classes = content["classes"]
        for name, label in content["labels"].items():
            yield name, [], _with_words(label, classes)
        return
    for sample in content["samples"]:
        fields = [f for f in sample.values() if isinstance(f, Mapping)]
        label = next((f for f in fields if f.keys() & {"label", "detections"}), None)
        if label is not None:
            found = label["detections"] if "detections" in label else label["label"]
            yield str(sample["filepath"]), list(sample.get("tags") or []), found


def _with_words(label: Any, classes: list[str] | None) -> Any:  # noqa: ANN401  what JSON holds
    """Give the words of indices, wherever they stand in a label."""
    if isinstance(label, int) and classes:
        return classes[label]
    if isinstance(label, list):
        return [_with_words(one, classes) for one in label]
    if isinstance(label, Mapping) and "label" in label:
        return {**label, "label": _with_words(label["label"], classes)}
    return label


def _parts(whole: Example, label: Any) -> Iterator[Example]:  # noqa: ANN401  what JSON holds
    """Give an example for a label, or for each part of a video."""
    parts = label if isinstance(label, list) else [label]
    if all(isinstance(part, str | int) for part in parts):
        yield dataclasses.replace(whole, labels=tuple(map(str, parts)))
        return
    for part in parts:
        example = dataclasses.replace(whole, labels=(str(part["label"]),))
        if "timestamps" in part:
            start, end = map(float, part["timestamps"])
            yield dataclasses.replace(example, start_seconds=start, end_seconds=end)
        elif "support" in part:
            first, last = part["support"]
            yield locator.part_of(example, int(first) - 1, int(last) - 1)
        else:
            yield example
