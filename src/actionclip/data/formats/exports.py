"""Documents of annotation tools and web benchmarks: ActivityNet, FiftyOne, Label Studio, CVAT."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from actionclip.data.formats.annotation_file import JSON_SUFFIXES, AnnotationFile
from actionclip.data.formats.registry import Content, Format, Row
from actionclip.data.paths import Locator
from actionclip.data.split_names import split_in, split_named
from actionclip.video import files

# ActivityNet; HACS, THUMOS and the JSON of Kinetics are the same, with or without the outer level:
# {"database": {ID: {"subset": "training", "annotations": [{"label": …, "segment": [0, 7.2]}]}}}


def _is_activitynet(file: AnnotationFile) -> bool:
    entries = _database(file.json)
    return bool(entries) and all(
        isinstance(entry, Mapping) and ("annotations" in entry or "subset" in entry)
        for entry in list(entries.values())[:20]
    )


def _database(content: object) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        return {}
    database = content.get("database")
    return database if isinstance(database, Mapping) else content


def _read_activitynet(file: AnnotationFile, _videos: Locator) -> Content:
    """Read all entries with annotations; those without are a hidden test."""
    entries = {name: entry for name, entry in _database(file.json).items() if _actions(entry)}
    subsets = {name: str(entry.get("subset", "")) for name, entry in entries.items()}
    splits = {name: (split_in(subset) or [subset])[0] for name, subset in subsets.items()}
    note = f": {len(entries)} videos listed"
    if {*splits.values()} == {"val", "test"}:  # THUMOS
        splits = {name: "train" if split == "val" else split for name, split in splits.items()}
        note += "; validation is used as train, because there is no other"

    def parse(name: str) -> Iterator[Row]:
        entry = entries[name]
        is_clip = isinstance(entry["annotations"], Mapping)  # Kinetics
        length = float(entry.get("duration") or "inf")
        names = [name]
        for action in _actions(entry):
            start = end = None
            if action.get("segment") is not None:
                start, end = _two_numbers(action["segment"])
                end = min(end, length)
                if start >= end:
                    continue
                names = [f"{name}_{int(start):06d}_{int(end):06d}", name]
            start, end = (None, None) if is_clip else (start, end)
            label = [str(action["label"])]
            yield Row(labels=label, names=names, split=splits[name] or None, start=start, end=end)

    return Content([(f"{file.path}:{name}", name) for name in entries], parse, note=note)


def _actions(entry: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    annotations = entry.get("annotations") or []
    return [annotations] if isinstance(annotations, Mapping) else annotations


def _two_numbers(pair: Any) -> tuple[float, float]:  # noqa: ANN401  what JSON holds
    try:
        start, end = map(float, pair)
    except (TypeError, ValueError):
        raise ValueError(f"{pair!r} is not a start and an end; write two numbers") from None
    return start, end


# FiftyOne: labels.json is {"classes": […], "labels": {NAME: label}}, where a label is an index, a
# word or a list of parts with "timestamps" (seconds) or "support" (frames from 1). samples.json
# holds the samples with their tags, which can name a split.


def _is_fiftyone(file: AnnotationFile) -> bool:
    content = file.json
    return isinstance(content, Mapping) and (
        (isinstance(content.get("labels"), Mapping) and "classes" in content)
        or (isinstance(content.get("samples"), list) and bool(content["samples"]))
    )


def _read_fiftyone(file: AnnotationFile, _videos: Locator) -> Content:
    samples = list(_samples(file.json))
    classes = file.json.get("classes")

    def word(label: object) -> str:
        return classes[label] if isinstance(label, int) and classes else str(label)

    def parse(sample: tuple[str, Sequence[str], Any]) -> Iterator[Row]:
        name, tags, label = sample
        split = next(filter(None, map(split_named, tags)), None)
        parts = label if isinstance(label, list) else [label]
        if all(isinstance(part, str | int) for part in parts):
            parts = [{"label": list(map(word, parts))}]
        for part in parts:
            label = part["label"]
            labels = label if isinstance(label, list) else [word(label)]
            whole = Row(name, labels, names=[Path(name).name], split=split)
            if "timestamps" in part:
                start, end = _two_numbers(part["timestamps"])
                yield dataclasses.replace(whole, start=start, end=end)
            elif "support" in part:
                first, last = (int(number) - 1 for number in _two_numbers(part["support"]))
                yield dataclasses.replace(whole, first_frame=first, last_frame=last)
            else:
                yield whole

    return Content([(f"{file.path}:{sample[0]}", sample) for sample in samples], parse)


def _samples(content: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[str], Any]]:
    """Yield the name, the tags and the label of each sample."""
    if "samples" not in content:
        yield from ((name, [], label) for name, label in content["labels"].items())
        return
    for sample in content["samples"]:
        fields = [field for field in sample.values() if isinstance(field, Mapping)]
        label = next((f for f in fields if f.keys() & {"label", "detections"}), None)
        if label is not None:
            tags = sample.get("tags") or []
            yield str(sample["filepath"]), tags, label.get("detections", label.get("label"))


# Label Studio: a task is {"data": {"video": …}, "annotations": [{"result": […]}]}, with choices of
# a whole video or timelines of its parts. The first annotation that was not cancelled counts.
# Uploaded files carry a prefix of eight letters that is not in the video's own name.

_SERVED = ("/data/upload/", "/data/local-files/")
_UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")


def is_upload(address: str) -> bool:
    """Return whether Label Studio serves this address; tables that it writes have them, too."""
    return address.startswith(_SERVED)


def upload_paths(address: str) -> list[str]:
    """Return the paths that a video can have: of an upload, of local storage or of the web."""
    parts = urlsplit(address)
    path = parse_qs(parts.query).get("d", [unquote(parts.path)])[0]
    name = Path(path).name
    return [path.lstrip("/"), name, without_prefix(name)]


def without_prefix(name: str) -> str:
    """Return the own name of an uploaded file."""
    return _UPLOAD_PREFIX.sub("", name)


def _is_label_studio(file: AnnotationFile) -> bool:
    tasks = file.json
    return isinstance(tasks, list) and all(
        isinstance(task, Mapping)
        and isinstance(task.get("data"), Mapping)
        and isinstance(task.get("annotations", task.get("completions")), list)
        for task in tasks[:20] or [None]
    )


def _read_label_studio(file: AnnotationFile, _videos: Locator) -> Content:
    """Read all tasks; tasks that nobody annotated are counted and left out."""
    tasks = enumerate(file.json, start=1)
    entries = [(f"{file.path}:task {task.get('id', number)}", task) for number, task in tasks]
    num_empty = sum(not _results(task) for _, task in entries)
    note = f"; {num_empty} tasks without a label are left out" if num_empty else ""
    return Content(entries, _parse_task, note=note)


def _results(task: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    annotations = task.get("annotations", task.get("completions"))
    return next((one.get("result", ()) for one in annotations if not one.get("was_cancelled")), ())


def _parse_task(task: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the labelled parts, and the whole video with all its choices."""
    values = [value for value in task["data"].values() if isinstance(value, str)]
    candidates = (upload_paths(value) for value in values)
    video = next((c for c in candidates if files.is_named_like_a_video(Path(c[0]))), None)
    if video is None:
        raise ValueError("the task names no video; export it with its data")
    choices: dict[str, None] = {}
    for result in _results(task):
        value = result["value"]
        if "timelinelabels" in value:
            for span in value["ranges"]:
                first, last = int(span["start"]) - 1, int(span["end"]) - 1
                yield Row(video, value["timelinelabels"], first_frame=first, last_frame=last)
        elif "labels" in value and "start" in value:
            yield Row(video, value["labels"], start=value["start"], end=value["end"])
        else:
            taxonomy = (name for path in value.get("taxonomy", ()) for name in path[-1:])
            choices |= dict.fromkeys((*value.get("choices", ()), *taxonomy))
    if choices:
        yield Row(video, list(choices))


# CVAT: <track label="run"><box frame="3" outside="0" …/></track> in "CVAT for video",
# <image id="3"><tag label="run"/></image> in "CVAT for images". A track, or frames with one tag
# that follow each other, are a part of a video, which is named in <meta>.


def _read_cvat(file: AnnotationFile, videos: Locator) -> Content:
    """Read an export of a task, or of a project with several videos."""
    root = _xml(file)
    tasks = {task.findtext("id", ""): task for task in root.iterfind(".//meta//task")}
    default = next(iter(tasks.values()), root.find(".//meta/job"))
    parts: dict[str, set[tuple[int, int, str]]] = defaultdict(set)
    for (task_id, label, _), frames in _labelled_frames(root).items():
        firsts = sorted(frame for frame in frames if frame - 1 not in frames)
        lasts = sorted(frame for frame in frames if frame + 1 not in frames)
        parts[task_id] |= {(*ends, label) for ends in zip(firsts, lasts, strict=True)}

    def parse(task_id: str) -> Iterator[Row]:
        task = tasks.get(task_id, default)
        names = _names(task) or _names(root.find("meta"))
        if not names:
            raise ValueError("the task names no video; export it with its <meta>")
        split = split_named(task.findtext("subset", "")) if task is not None else None
        for first, last, label in sorted(parts[task_id]):
            yield Row(names, [label], split=split, first_frame=first, last_frame=last)

    entries = [(f"{file.path}:task {task}".removesuffix(":task "), task) for task in parts]
    return Content(entries, parse)


def _xml(file: AnnotationFile) -> Element:
    """Parse the XML; entities, which could blow up a file, are refused."""
    if "<!DOCTYPE" in file.text or "<!ENTITY" in file.text:
        raise ValueError(f"{file.path}: XML with a document type is not read; export it from CVAT")
    try:
        root = ElementTree.fromstring(file.text.encode())
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(f"{file.path}: not XML ({error})") from error
    if root.tag != "annotations":
        raise ValueError(f"{file.path}: no export of CVAT; its root is <{root.tag}>")
    return root


def _labelled_frames(root: Element) -> dict[tuple[str, str, int], set[int]]:
    """Return the frames of each track and of each tag, by task, label and number of the track."""
    found: dict[tuple[str, str, int], set[int]] = defaultdict(set)
    for number, track in enumerate(root.iterfind("track"), start=1):
        shown = [int(s.get("frame", 0)) for s in track if s.get("outside", "0") != "1"]
        gone = [int(s.get("frame", 0)) for s in track if s.get("outside", "0") == "1"]
        if shown:
            last = max([*shown, *(frame - 1 for frame in gone)])
            key = track.get("task_id", ""), track.get("label", ""), number
            found[key] = set(range(min(shown), last + 1))
    for image in root.iterfind("image"):
        for tag in image.iterfind("tag"):
            key = image.get("task_id", ""), tag.get("label", ""), 0
            found[key].add(int(image.get("id", 0)))
    for tag in root.iterfind("tag"):
        found[tag.get("task_id", ""), tag.get("label", ""), 0].add(int(tag.get("frame", 0)))
    return found


def _names(task: Element | None) -> list[str]:
    tags = (task.findtext("source"), task.findtext("name")) if task is not None else ()
    return [name for name in tags if name]


def _is_cvat(file: AnnotationFile) -> bool:
    return _xml(file).tag == "annotations"


FORMATS = [
    Format("cvat", "CVAT export", (".xml",), _is_cvat, _read_cvat, min_split_files=0),
    Format(
        "activitynet",
        "ActivityNet layout",
        JSON_SUFFIXES,
        _is_activitynet,
        _read_activitynet,
        allows_missing=True,
    ),
    Format("fiftyone", "FiftyOne export", JSON_SUFFIXES, _is_fiftyone, _read_fiftyone),
    Format(
        "label_studio",
        "Label Studio export",
        JSON_SUFFIXES,
        _is_label_studio,
        _read_label_studio,
        min_split_files=0,
    ),
]
