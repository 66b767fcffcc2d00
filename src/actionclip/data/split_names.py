"""Names of folders, files and cells become splits: `train`, `videos_val`, `test_256`, `TestSet`.

A split word can also be a part of a label ("training a dog"), so names are compared with those
beside them: they name splits only if they differ in nothing but the split word, or if their other
words are in every data set.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from actionclip.data.annotations import Split

_SYNONYMS: dict[Split, str] = {
    "train": "train training trn trainset trainval",
    "val": "val valid validate validation dev valset holdout heldout",
    "test": "test testing tst testset",
}
_WORDS: dict[str, Split] = {
    word: split for split, words in _SYNONYMS.items() for word in words.split()
}
_USUAL = (
    "set split splits data dataset subset part fold list lists video videos clip clips frame frames"
    " rawframes raw images jpg mp4 avi resized compress compressed small tiny mini full new final"
    " public k kinetics ucf hmdb ssv something v p px fps label labels annotation annotations anno"
    " metadata org"
)
_USUAL_WORDS = frozenset(_USUAL.split())
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")


def split_named(name: str) -> Split | None:
    """Return the split that a word means, in any of its usual forms; None for other words."""
    return _WORDS.get(name.strip().lower())


def split_in(name: str) -> tuple[Split, str] | None:
    """Find the one split word in a name; return its split and the rest of the name.

    The rest is for comparisons and holds the "list" of "trainlist" even if the name does not.

    >>> split_in("videos_train"), split_in("trainlist01")
    (('train', 'videos list'), ('train', 'list 01'))
    """
    parts = [part for whole in _parts(name) for part in _separate(whole)]
    splits: set[Split] = {_WORDS[part] for part in parts if part in _WORDS}
    if len(splits) != 1:
        return None
    return splits.pop(), " ".join(part for part in parts if part not in _WORDS)


def splits_of(names: Iterable[str]) -> Mapping[str, Split]:
    """Return the split of each name that is one; names of labels are left out.

    A name is a split if it holds a split word and only usual words ("videos_train", "val_256"), or
    if it differs from a name beside it in the split word alone ("kitchen_train", "kitchen_test").
    """
    found = {name: split for name in names if (split := split_in(name))}
    by_rest: dict[str, set[Split]] = defaultdict(set)
    for split, rest in found.values():
        by_rest[rest].add(split)
    return {
        name: split
        for name, (split, rest) in found.items()
        if len(by_rest[rest]) > 1 or is_usual(rest)
    }


def is_usual(name: str) -> bool:
    """Return whether a name holds only words that every data set uses: "videos", "hmdb51_org"."""
    return all(part in _USUAL_WORDS or part.isdigit() for part in _parts(name))


def _parts(name: str) -> list[str]:
    return [part.lower() for part in _PARTS.findall(name)]


def _separate(part: str) -> list[str]:
    """Separate a split word that is written together with "set", "list" and the like."""
    for word in ("list", "videos", "data", "split"):
        if part.removesuffix(word) in _WORDS:
            return [part.removesuffix(word), word]
    return [part]
