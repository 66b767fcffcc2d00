"""XML exports of CVAT become examples: a track, or frames with one tag, are a part of a video.

`<track label="run"><box frame="3" outside="0" …/></track>` in "CVAT for video", `<image id="3"><tag
label="run"/></image>` in "CVAT for images". The name of the video is in `<meta>`.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from actionclip.data.annotations import Annotations, Example
from actionclip.data.formats import locator
from actionclip.data.formats.locator import Locator
from actionclip.data.problems import Problems
from actionclip.data.split_names import split_named
from actionclip.text.text_files import read_text

Part = tuple[str, int, int]
"""A label, and the first and the last of its frames."""


def read(path: Path, videos: Path, problems: Problems) -> Annotations:
    """Read an export of a task, or of a project with several videos.

    Args:
        path: the file.
        videos: the folder that holds the videos.
        problems: gets what is wrong.

    Raises:
        ValueError: the file is no such export.
    """
    root = parse(path)
    where = Locator(videos, [path.parent])
    tasks = {task.findtext("id", ""): task for task in root.iterfind(".//meta//task")}
    default = next(iter(tasks.values()), root.find(".//meta/job"))
    parts: dict[str, list[Part]] = defaultdict(list)
    for task_id, label, first, last in (*_tracks(root), *_tags(root)):
        parts[task_id].append((label, first, last))
    examples = []
    has_splits = False
    for task_id, found in parts.items():
        task = tasks.get(task_id, default)
        source = f"{path}:task {task_id}".removesuffix(":task ")
        names = _names(task) or _names(root.find("meta"))
        name = next((one for one in names if where.exists(one)), next(iter(names), ""))
        split = split_named(task.findtext("subset", "") if task is not None else "")
        has_splits |= split is not None
        try:
            video = where.find(name)
            example = Example(video, (), split or "train", source, frames=where.frames_of(video))
            for label, first, last in sorted(set(found), key=lambda part: part[1:]):
                labelled = dataclasses.replace(example, labels=(label,))
                examples.append(locator.part_of(labelled, first, last))
        except (ValueError, OSError) as mistake:
            problems.add(source, str(mistake))
    return Annotations(tuple(examples), (), not has_splits, layout=f"CVAT export {path}")


def parse(path: Path) -> Element:
    """Read the XML; entities, which could blow up a file, are refused.

    Raises:
        ValueError: it is not XML, or not an export of CVAT.
    """
    text = read_text(path)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError(f"{path}: XML with a document type is not read; export it from CVAT")
    try:
        root = ElementTree.fromstring(text.encode())
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(f"{path}: not XML ({error})") from error
    if root.tag != "annotations":
        raise ValueError(f"{path}: no export of CVAT; its root is <{root.tag}>")
    return root


def _tracks(root: Element) -> Iterator[tuple[str, str, int, int]]:
    for track in root.iterfind("track"):
        frames = [int(s.get("frame", 0)) for s in track if s.get("outside", "0") != "1"]
        gone = [int(s.get("frame", 0)) for s in track if s.get("outside", "0") == "1"]
        if frames:
            last = max(frames) if not gone else max(max(frames), max(gone) - 1)
            yield track.get("task_id", ""), track.get("label", ""), min(frames), last


def _tags(root: Element) -> Iterator[tuple[str, str, int, int]]:
    """Join the frames with equal tags that follow each other."""
    tagged: dict[tuple[str, str], set[int]] = defaultdict(set)
    for image in root.iterfind("image"):
        for tag in image.iterfind("tag"):
            key = image.get("task_id", ""), tag.get("label", "")
            tagged[key].add(int(image.get("id", 0)))
    for tag in root.iterfind("tag"):
        tagged[tag.get("task_id", ""), tag.get("label", "")].add(int(tag.get("frame", 0)))
    for (task_id, label), frames in tagged.items():
        for first, last in _runs(sorted(frames)):
            yield task_id, label, first, last


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    start = before = None
    for number in numbers:
        if before is not None and start is not None and number != before + 1:
            yield start, before
            start = None
        start = number if start is None else start
        before = number
    if start is not None and before is not None:
        yield start, before


def _names(task: Element | None) -> list[str]:
    if task is None:
        return []
    tags = (task.findtext("source"), task.findtext("name"))
    return [name for name in tags if name]
