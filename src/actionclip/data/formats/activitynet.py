"""ActivityNet's JSON becomes examples; HACS, THUMOS and the JSON of Kinetics have the same layout.

`{"database": {ID: {"subset": "training", "annotations": [{"label": …, "segment": [0.5, 7.2]}]}}}`,
with or without the outer level. The videos are called `ID.mp4` or `v_ID.mp4`; those that are gone
from the web are left out and counted. An annotation that is no list is of a whole clip (Kinetics).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actionclip.data.annotations import Annotations, Example, Split, labels_in_order
from actionclip.data.formats.locator import Locator
from actionclip.data.formats.rows import read_json
from actionclip.data.problems import Problems
from actionclip.data.split_names import split_in


def is_document(content: object) -> bool:
    """Say whether a JSON document has this layout."""
    entries = _entries(content)
    return bool(entries) and all(
        isinstance(entry, Mapping) and ("annotations" in entry or "subset" in entry)
        for entry in list(entries.values())[:20]
    )


def read(lists: Mapping[Split, Path] | Path, videos: Path, problems: Problems) -> Annotations:
    """Read one file with all subsets, or a file for each split; labels are in alphabetical order.

    Entries without annotations (a hidden test) are left out. Where no subset is for training, as in
    THUMOS, that for validation is.

    Args:
        lists: the file, or the file of each split.
        videos: the folder that holds the videos.
        problems: gets what is wrong.
    """
    files: dict[Split | None, Path] = {None: lists} if isinstance(lists, Path) else {**lists}
    examples: list[Example] = []
    num_missing = num_entries = 0
    is_drawn = False
    for split, path in files.items():
        where = Locator(videos)
        for name, entry in _entries(read_json(path)).items():
            source = f"{path}:{name}"
            written = str(entry.get("subset", ""))
            found = split_in(written)
            of_entry = found[0] if found else split
            if of_entry is None and written:
                problems.add(
                    source, f"{written!r} is no split; write training, validation or testing"
                )
                continue
            is_drawn |= of_entry is None
            try:
                actions = _actions(entry)
            except (ValueError, TypeError, KeyError, AttributeError):
                problems.add(source, "an annotation has no label or no segment of two times")
                continue
            if not actions:
                continue
            num_entries += 1
            video = _video(name, actions, where)
            if video is None:
                num_missing += 1
                continue
            whole = not isinstance(entry["annotations"], list)
            for label, start, end in actions:
                begin, until = (None, None) if whole else (start, end)
                examples.append(Example(video, (label,), of_entry or "train", source, begin, until))
    if num_entries and not examples:
        problems.add(
            str(next(iter(files.values()))),
            f"none of its {num_entries} videos is below {videos}; name the folder of the videos",
        )
    note = ""
    if not is_drawn and {e.split for e in examples} == {"val", "test"}:
        examples = [
            dataclasses.replace(example, split="train" if example.split == "val" else "test")
            for example in examples
        ]
        note = "; validation is used as train, because there is no other"
    names = ", ".join(map(str, files.values()))
    return Annotations(
        tuple(examples),
        labels_in_order(examples),
        is_drawn,
        num_missing,
        layout=f"ActivityNet layout {names}: {num_entries} videos listed{note}",
    )


def _entries(content: object) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        return {}
    database = content.get("database")
    return database if isinstance(database, Mapping) else content


def _actions(entry: Mapping[str, Any]) -> list[tuple[str, float | None, float | None]]:
    """Give label, start and end of each action; an end is cut to the length of the video."""
    annotations = entry.get("annotations") or []
    if isinstance(annotations, Mapping):
        annotations = [annotations]
    length = float(entry.get("duration") or "inf")
    actions = []
    for annotation in annotations:
        label = str(annotation["label"]).strip()
        if annotation.get("segment") is None:
            actions.append((label, None, None))
            continue
        start, end = map(float, annotation["segment"])
        if start < min(end, length):
            actions.append((label, start, min(end, length)))
    return actions


def _video(
    name: str, actions: list[tuple[str, float | None, float | None]], where: Locator
) -> Path | None:
    """Find the video under its name; clips of Kinetics have their times in it."""
    _, start, end = actions[0]
    if start is not None and end is not None:
        found = where.find_by_id(f"{name}_{int(start):06d}_{int(end):06d}")
        if found:
            return found
    return where.find_by_id(name)
