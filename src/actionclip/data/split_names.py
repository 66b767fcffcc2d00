"""Names of folders, files and cells become splits: `train`, `videos_val`, `test_256`, `TestSet`.

A split word can also be a part of a label ("training a dog"), so names are compared with those
beside them: they name splits only if they differ in nothing but the split word, or if their other
words are in every data set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from actionclip.data.annotations import Split

_WORDS: dict[str, Split] = {
    **dict.fromkeys(("train", "training", "trn", "trainset", "trainval"), "train"),
    **dict.fromkeys(
        ("val", "valid", "validate", "validation", "dev", "valset", "holdout", "heldout"), "val"
    ),
    **dict.fromkeys(("test", "testing", "tst", "testset"), "test"),
}
_FILLERS = frozenset(
    (
        *("set", "split", "splits", "data", "dataset", "subset", "part", "fold", "list"),
        *("lists", "video", "videos", "clip", "clips", "frame", "frames", "rawframes", "raw"),
        *(
            "images",
            "jpg",
            "mp4",
            "avi",
            "resized",
            "compress",
            "compressed",
            "small",
            "tiny",
            "mini",
            "full",
            "new",
        ),
        *("final", "public", "k", "kinetics", "ucf", "hmdb", "ssv", "something", "v", "p"),
        *("px", "fps", "label", "labels", "annotation", "annotations", "anno", "metadata", "org"),
    )
)
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")


def split_named(name: str) -> Split | None:
    """Give the split that a word means, in any of its usual spellings; None for other words."""
    return _WORDS.get(name.strip().lower())


def split_in(name: str) -> tuple[Split, str] | None:
    """Find the one split word in a name; give its split and the rest of the name.

    >>> split_in("videos_train"), split_in("TrainingSet"), split_in("training a dog")
    (('train', 'videos'), ('train', 'set'), ('train', 'a dog'))
    """
    parts = [part.lower() for part in _PARTS.findall(name)]
    parts = [piece for part in parts for piece in _separate(part)]
    found = [place for place, part in enumerate(parts) if part in _WORDS]
    if len({_WORDS[parts[place]] for place in found}) != 1:
        return None
    rest = " ".join(part for place, part in enumerate(parts) if place not in found)
    return _WORDS[parts[found[0]]], rest


def splits_of(names: Iterable[str]) -> Mapping[str, Split]:
    """Give the split of each name that is one; names of labels are left out.

    A name is a split if it holds a split word and only usual words ("videos_train", "val_256"), or
    if it differs from a name beside it in the split word alone ("kitchen_train", "kitchen_test").
    """
    found = {name: split for name in names if (split := split_in(name))}
    by_rest: dict[str, set[Split]] = {}
    for split, rest in found.values():
        by_rest.setdefault(rest, set()).add(split)
    return {
        name: split
        for name, (split, rest) in found.items()
        if len(by_rest[rest]) > 1 or is_usual(rest)
    }


def is_usual(name: str) -> bool:
    """Say whether a name holds only words that every data set uses: "videos", "hmdb51_org"."""
    parts = (part.lower() for part in _PARTS.findall(name))
    return all(part in _FILLERS or part.isdigit() for part in parts)


def _separate(part: str) -> list[str]:
    """Separate a split word that is written together with "set", "list" and the like."""
    for word in ("list", "videos", "data", "split"):
        if part.removesuffix(word) in _WORDS:
            return [part.removesuffix(word), word]
    return [part]
