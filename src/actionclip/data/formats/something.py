"""Something-Something as it is published becomes examples: JSON lists and `labels.json`.

An entry is `{"id": "78687", "template": "Holding [something] next to [something]", …}`; its label
is the template in plain words.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actionclip.data import paths
from actionclip.data.annotations import Annotations, Example, Split
from actionclip.data.formats import rows
from actionclip.data.problems import Problems


def read(lists: Mapping[Split, Path], videos: Path, problems: Problems) -> Annotations:
    """Read the lists of the splits; the labels are in the order of their numbers in the label file.

    Args:
        lists: the JSON of each split; entries without a template (the hidden test) are left out.
        videos: the folder that holds the videos.
        problems: gets what is wrong.
    """
    label_file = label_file_beside(next(iter(lists.values())))
    assert label_file, lists
    numbers = _read_json(label_file, dict)
    words = [label_words(name) for name in sorted(numbers, key=lambda name: int(numbers[name]))]
    known = set(words)
    by_stem = paths.videos_by_stem(videos)
    examples = []
    for split, path in lists.items():
        for number, entry in enumerate(_read_json(path, list), start=1):
            if "template" not in entry:
                continue
            source = f"{path}:entry {number}"
            label = label_words(entry["template"])
            video = paths.the_one(by_stem.get(str(entry.get("id")), ()), "")
            if label not in known:
                problems.add(
                    source, f"the label {label!r} is not in {label_file.name}; add it there"
                )
            elif video is None:
                problems.add(source, f"there is no video {entry.get('id')!r} below {videos}")
            else:
                examples.append(Example(video, (label,), split, source))
    names = ", ".join(f"{path} ({split})" for split, path in lists.items())
    layout = f"Something-Something lists {names}"
    return Annotations(tuple(examples), tuple(words), layout=layout)


def label_file_beside(path: Path) -> Path | None:
    """Find the label file in the folder of a list."""
    return next(iter(sorted(path.parent.glob("*labels.json"))), None)


def label_words(template: str) -> str:
    """Give the words of a template.

    >>> label_words("Holding [something] next to [something]")
    'holding something next to something'
    """
    words = template.replace("[", "").replace("]", "")
    return words[:1].lower() + words[1:]


def _read_json(path: Path, kind: type[Any]) -> Any:  # noqa: ANN401  what JSON holds
    content = rows.read_json(path)
    if not isinstance(content, kind):
        raise ValueError(f"{path}: holds no {kind.__name__}; give the file as it is published")
    return content
