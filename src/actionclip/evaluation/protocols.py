"""Protocols: a data set becomes subsets of clips, each with its candidate labels.

All subsets of a protocol are scored from one pass over the clips, because a clip's embedding does
not depend on the labels that it is compared with. Pure functions of annotations.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from actionclip.data.annotations import Annotations, Split

Name = Literal[
    "closed-set", "zero-shot", "half-class", "base-to-novel", "generalised", "multi-label"
]
NAMES: tuple[Name, ...] = get_args(Name)

NUM_HALVES = 10
SHOTS = (1, 2, 4, 8, 16)
"""Clips of each label to train on in few-shot curves."""


@dataclass(frozen=True)
class Subset:
    """The clips of some labels, and the labels that are candidates for them."""

    name: str
    clip_labels: tuple[str, ...]
    candidates: tuple[str, ...]

    def indices(self, annotations: Annotations) -> list[int]:
        """Return the indices of the clips."""
        chosen = set(self.clip_labels)
        return [index for index, e in enumerate(annotations.examples) if chosen >= {*e.labels}]

    def select(self, annotations: Annotations) -> Annotations:
        """Return the clips with the candidates as their label list."""
        examples = tuple(annotations.examples[index] for index in self.indices(annotations))
        return dataclasses.replace(annotations, examples=examples, labels=self.candidates)


@dataclass(frozen=True)
class Protocol:
    """The subsets of one data set to score."""

    name: Name
    annotations: Annotations
    """All clips that are scored, and all labels."""
    subsets: tuple[Subset, ...]
    seen: tuple[str, ...] = ()
    """Labels seen in training: accuracy is reported for them and for the others."""
    is_drawn: bool = False
    """Whether the subsets are random draws, of which mean and spread are reported."""


def make(
    name: str,
    annotations: Annotations,
    *,
    trained_on: Collection[str] = (),
    split: Split | Literal["all"] | None = None,
) -> Protocol:
    """Apply a protocol to a data set.

    closed-set: all labels, each seen in training. zero-shot: all labels, not all of them seen; that
    some are, as with Kinetics and UCF101, is usual, and the report tells which. generalised: all
    labels, some seen and some not. half-class: see `_halves`. base-to-novel: see `base_and_novel`.
    multi-label: all actions of each whole video, as Charades is scored.

    Args:
        name: one of `NAMES`.
        annotations: all splits, and the candidate labels.
        trained_on: those of the labels that the model was trained on.
        split: the clips to test on, if not those of the protocol: test if there is one, else val.

    Raises:
        ValueError: there is no such protocol, or the data does not go with it; says why.
    """
    if name not in NAMES:
        raise ValueError(f"no protocol is called {name!r}; there are {', '.join(NAMES)}")
    labels = annotations.labels
    everything = Subset("all", labels, labels)
    if name == "multi-label":
        whole = _test_clips(annotations, split).whole_videos()
        if not whole.is_multi_label:
            raise ValueError(
                "multi-label: every video has exactly one label; use closed-set or zero-shot"
            )
        return Protocol(name, whole, (everything,))
    if len(labels) < 2:
        raise ValueError(
            f"the only label is {''.join(labels)!r}, which is always right; name others"
            " to tell it from"
        )
    # With nothing trained on them, all clips test, unless the data says which are to.
    is_fresh = name in ("zero-shot", "half-class") and annotations.split_drawn
    tested = _test_clips(annotations, split or ("all" if is_fresh else None))
    if name != "closed-set" and tested.is_multi_label:
        raise ValueError(f"{name}: clips have several labels, or none; use multi-label")
    if name in ("half-class", "base-to-novel") and len(labels) < 4:
        raise ValueError(f"{name}: {len(labels)} labels make no two halves; give 4 or more")
    seen = _in_order(annotations, trained_on)
    match name:
        case "closed-set":
            return Protocol(name, tested, (everything,))
        case "zero-shot":
            if len(seen) == len(labels):
                raise ValueError(
                    f"zero-shot: the model was trained on all {len(labels)} labels; use closed-set"
                )
            return Protocol(name, tested, (everything,), seen)
        case "half-class":
            return Protocol(name, tested, _with_clips(tested, _halves(labels)), is_drawn=True)
        case "base-to-novel":
            base, novel = base_and_novel(annotations)
            subsets = [Subset("base", base, base), Subset("novel", novel, novel)]
            return Protocol(name, tested, _with_clips(tested, subsets), base)
        case "generalised":
            unseen = tuple(label for label in labels if label not in seen)
            if not seen or not unseen:
                raise ValueError(
                    f"generalised: the model was trained on {len(seen)} of the {len(labels)}"
                    " labels; some must be and some not: say what it was trained on, or use"
                    " zero-shot or closed-set"
                )
            _with_clips(tested, (Subset("generalised", part, labels) for part in (seen, unseen)))
            return Protocol(name, tested, (everything,), seen)
    raise AssertionError(name)


def choose(annotations: Annotations, trained_on: Collection[str]) -> Name:
    """Return the protocol that fits data and model: closed-set if all labels were trained on."""
    if annotations.is_multi_label:
        return "multi-label"
    return "closed-set" if set(annotations.labels) <= {*trained_on} else "zero-shot"


def base_and_novel(annotations: Annotations) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split the labels in two: the more frequent half to train on, the others as novel ones.

    So do ViFi-CLIP (Rasheed et al. 2023); CoOp's successors take the first half of the label list.
    Both round the base half up. Here the clips of all splits are counted, ties are broken by the
    order of the list. The published lists count clips that a benchmark's own split may leave out
    (HMDB51): to compare with those numbers, give the labels as theirs.
    """
    count = Counter(label for example in annotations.examples for label in example.labels)
    by_frequency = sorted(annotations.labels, key=lambda label: -count[label])
    base = set(by_frequency[: math.ceil(len(by_frequency) / 2)])
    return _in_order(annotations, base), _in_order(annotations, {*annotations.labels} - base)


def possible_shots(annotations: Annotations) -> tuple[int, ...]:
    """Return the usual numbers of shots that every label has clips for.

    Raises:
        ValueError: there are none; names the label.
    """
    in_train = [example for example in annotations.examples if example.split == "train"]
    count = Counter(label for example in in_train for label in example.labels)
    labels = {label for example in annotations.examples for label in example.labels}
    scarcest = min(_in_order(annotations, labels), key=lambda label: count[label])
    if count[scarcest] < SHOTS[0]:
        raise ValueError(
            f"{SHOTS[0]} shots: the label {scarcest!r} has only {count[scarcest]} clips to train"
            " on; give more clips"
        )
    return tuple(number for number in SHOTS if number <= count[scarcest])


def _test_clips(annotations: Annotations, split: Split | Literal["all"] | None) -> Annotations:
    """Return the clips to test on."""
    if split == "all":
        return annotations
    if split is not None:
        return annotations.of_split(split)
    for usual in ("test", "val"):
        if usual in annotations.splits:
            return annotations.of_split(usual)
    there = ", ".join(f"{name} ({count})" for name, count in annotations.splits.items())
    raise ValueError(
        f"no clip to test on: the splits test and val are empty, there are {there or 'no clips'};"
        " put clips into test, or choose another split"
    )


def _halves(labels: tuple[str, ...]) -> list[Subset]:
    """Draw ten random halves of the labels, as in the published code of BIKE and Text4Vis.

    A half is numpy's permutation of the label indices for the seeds 0 to 9, of which the first half
    counts, rounded down: 50 of the 101 labels of UCF101, 25 of the 51 of HMDB51.
    """
    subsets = []
    for seed in range(NUM_HALVES):
        order = np.random.RandomState(seed).permutation(len(labels))
        half = tuple(labels[index] for index in order[: len(labels) // 2])
        subsets.append(Subset(f"half {seed + 1}", half, half))
    return subsets


def _with_clips(tested: Annotations, subsets: Iterable[Subset]) -> tuple[Subset, ...]:
    """Check that each subset has a clip."""
    subsets = tuple(subsets)
    for subset in subsets:
        if not subset.indices(tested):
            raise ValueError(
                f"{subset.name}: no clip to test on has one of its {len(subset.clip_labels)}"
                f" labels, the first is {subset.clip_labels[0]!r}; give clips of more labels"
            )
    return subsets


def _in_order(annotations: Annotations, chosen: Collection[str]) -> tuple[str, ...]:
    return tuple(label for label in annotations.labels if label in chosen)
