"""Labels to test on become those of them that were seen in training, in the same words or nearly.

A zero-shot number is only as good as its labels are new, and the benchmarks of the field overlap:
"archery" is in Kinetics and in UCF101, "riding a horse" in one is "HorseRiding" in the other. Words
are compared, not meanings: "biking" and "riding a bike" count as two.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from actionclip.data import label_similarity
from actionclip.text import labels as label_text


@dataclass(frozen=True)
class Overlap:
    """What of the labels to test on was seen in training."""

    same: tuple[str, ...]
    """Labels that training had in the same words."""
    near: tuple[tuple[str, str], ...]
    """Other labels, each with one of training that has the same words in other forms or order."""


def find(labels: Sequence[str], trained_on: Iterable[str]) -> Overlap:
    """Look for labels among those of the training.

    >>> find(["Archery", "HorseRiding", "knitting"], ["archery", "riding a horse", "biking"])
    Overlap(same=('Archery',), near=(('HorseRiding', 'riding a horse'),))
    """
    exact: set[str] = set()
    by_stems: dict[frozenset[str], list[str]] = defaultdict(list)
    for label in trained_on:
        exact.add(plain(label))
        by_stems[_stems(label)].append(label)
    same = tuple(label for label in labels if plain(label) in exact)
    near = tuple(
        (label, by_stems[_stems(label)][0])
        for label in labels
        if label not in same and _stems(label) in by_stems
    )
    return Overlap(same, near)


def plain(label: str) -> str:
    """Give the words of a label without signs and case: what two ways of writing it share.

    >>> plain("shooting_a_bow_archery") == plain("Shooting a bow, archery")
    True
    """
    words = re.findall(r"\w+", label_text.clean(label).casefold().replace("'", ""))
    return " ".join(words)


def _stems(label: str) -> frozenset[str]:
    return frozenset(map(label_similarity.stem_of, label_similarity.words_of(plain(label))))
