"""JSON exports of Label Studio become examples: choices of whole videos, timelines of parts.

A task is `{"data": {"video": …}, "annotations": [{"result": […]}]}`. Uploaded files carry a prefix
of eight letters that is not in the video's own name. The first annotation that was not cancelled
counts.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from actionclip.data.annotations import Annotations, Example
from actionclip.data.formats import locator
from actionclip.data.formats.locator import Locator
from actionclip.data.formats.rows import read_json
from actionclip.data.problems import Problems
from actionclip.video import files

SERVED = ("/data/upload/", "/data/local-files/")
"""How addresses of videos begin that Label Studio serves; tables that it writes have them, too."""
_PREFIX = re.compile(r"^[0-9a-f]{8}-")


def is_document(content: object) -> bool:
    """Say whether a JSON document has this layout."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(
            isinstance(task, Mapping)
            and isinstance(task.get("data"), Mapping)
            and isinstance(task.get("annotations", task.get("completions")), list)
            for task in content[:20]
        )
    )


def read(path: Path, videos: Path, problems: Problems) -> Annotations:
    """Read an export; it names no splits. Tasks that nobody annotated are left out and counted.

    Args:
        path: the file.
        videos: the folder that holds the videos.
        problems: gets what is wrong.
    """
    where = Locator(videos, [path.parent])
    examples: list[Example] = []
    num_empty = 0
    for number, task in enumerate(read_json(path), start=1):
        source = f"{path}:task {task.get('id', number)}"
        try:
            results = _results(task)
            address = next(
                value
                for value in task["data"].values()
                if isinstance(value, str) and files.is_named_like_a_video(Path(_local(value)))
            )
            video = find(address, where)
            found = list(_examples(Example(video, (), "train", source), results))
        except StopIteration:
            problems.add(source, "the task names no video; export it with its data")
        except (ValueError, TypeError, KeyError, AttributeError) as mistake:
            what = mistake if isinstance(mistake, ValueError) else "a result is not understood"
            problems.add(source, str(what))
        else:
            examples += found
            num_empty += not found
    empty = f"; {num_empty} tasks without a label are left out" if num_empty else ""
    return Annotations(tuple(examples), (), True, layout=f"Label Studio export {path}{empty}")


def _results(task: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    annotations = task.get("annotations", task.get("completions"))
    done = [one for one in annotations or () if not one.get("was_cancelled")]
    return done[0].get("result", ()) if done else ()


def _local(address: str) -> str:
    """Give the path in an address: of an upload, of local storage or of the web."""
    parts = urlsplit(address)
    inner = parse_qs(parts.query).get("d")
    return inner[0] if inner else unquote(parts.path)


def find(address: str, where: Locator) -> Path:
    """Give the video with an address.

    Raises:
        ValueError: there is no such video in the data folder.
    """
    written = _local(address)
    name = Path(written).name
    for one in (written.lstrip("/"), name):
        if where.exists(one):
            return where.find(one)
    return where.find(without_prefix(name))


def without_prefix(name: str) -> str:
    """Give the own name of a file that was uploaded."""
    return _PREFIX.sub("", name)


def _examples(whole: Example, results: Sequence[Mapping[str, Any]]) -> Iterator[Example]:
    """Give the parts that are labelled; or else the whole video with all its choices."""
    choices: dict[str, None] = {}
    for result in results:
        value = result["value"]
        if "timelinelabels" in value:
            for span in value["ranges"]:
                labels = tuple(value["timelinelabels"])
                example = dataclasses.replace(whole, labels=labels)
                yield locator.part_of(example, int(span["start"]) - 1, int(span["end"]) - 1)
        elif "labels" in value and "start" in value:
            start, end = float(value["start"]), float(value["end"])
            yield dataclasses.replace(
                whole, labels=tuple(value["labels"]), start_seconds=start, end_seconds=end
            )
        else:
            choices |= dict.fromkeys(value.get("choices", ()))
            choices |= dict.fromkeys(
                name for path in value.get("taxonomy", ()) for name in path[-1:]
            )
    if choices:
        yield dataclasses.replace(whole, labels=tuple(choices))
