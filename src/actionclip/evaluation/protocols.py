"""Protocols: a data set becomes questions, each about some clips and among some labels.

All questions of a protocol are answered from one pass over its clips, because a clip's embedding
does not depend on the labels that it is compared with. Pure functions of annotations: nothing here
opens a video or knows a model.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from actionclip.data import splits
from actionclip.data.annotations import Annotations, Split

Name = Literal[
    "closed-set", "zero-shot", "half-class", "base-to-novel", "generalised", "multi-label"
]
NAMES: tuple[Name, ...] = get_args(Name)

NUM_HALVES = 10
SHOTS = (1, 2, 4, 8, 16)
"""How many clips a label is trained on in few-shot curves."""


@dataclass(frozen=True)
class Question:
    """The clips of these labels, and the labels that are asked for."""

    name: str
    clips_of: tuple[str, ...]
    among: tuple[str, ...]

    def places(self, annotations: Annotations) -> list[int]:
        """Give the places of the clips that it is about."""
        about = set(self.clips_of)
        return [place for place, e in enumerate(annotations.examples) if about >= {*e.labels}]

    def select(self, annotations: Annotations) -> Annotations:
        """Give the clips that it is about, with the labels that it is asked among."""
        chosen = (annotations.examples[place] for place in self.places(annotations))
        return dataclasses.replace(annotations, examples=tuple(chosen), labels=self.among)


@dataclass(frozen=True)
class Protocol:
    """Questions about one data set."""

    name: Name
    annotations: Annotations
    """Every clip that is looked at, and every label."""
    questions: tuple[Question, ...]
    seen: tuple[str, ...] = ()
    """Labels that were trained on: accuracy is told for them and for the others."""
    is_drawn: bool = False
    """Whether the questions are draws, over which mean and spread are told."""


def make(
    name: str,
    annotations: Annotations,
    *,
    trained_on: Collection[str] = (),
    split: Split | Literal["all"] | None = None,
) -> Protocol:
    """Ask what a protocol asks of a data set.

    Args:
        name: one of `NAMES`.
        annotations: all splits, and the labels that are to be told apart.
        trained_on: those of the labels that the model was trained on.
        split: the clips to test on, if not those of the protocol: test if there is one, else val.

    Raises:
        ValueError: there is no such protocol, or the data does not go with it; says why.
    """
    if name not in NAMES:
        raise ValueError(f"no protocol is called {name!r}; there are {', '.join(NAMES)}")
    if name == "multi-label":
        return multi_label(_chosen(annotations, split))
    if len(annotations.labels) < 2:
        raise ValueError(
            f"the only label is {''.join(annotations.labels)!r}, which is always right; name others"
            " to tell it from"
        )
    # With nothing trained on them, all clips test, unless the data says which are to.
    is_fresh = name in ("zero-shot", "half-class") and annotations.split_drawn
    tested = _chosen(annotations, split or ("all" if is_fresh else None))
    if name != "closed-set" and tested.is_multi_label:
        raise ValueError(f"{name}: clips have several labels, or none; use multi-label")
    match name:
        case "closed-set":
            return closed_set(tested)
        case "zero-shot":
            return zero_shot(tested, trained_on)
        case "half-class":
            return half_class(tested)
        case "base-to-novel":
            base, novel = base_and_novel(annotations)
            return base_to_novel(tested, base, novel)
        case "generalised":
            return generalised(tested, trained_on)
    raise AssertionError(name)


def choose(annotations: Annotations, trained_on: Collection[str]) -> Name:
    """Give the protocol that a data set asks for: closed-set if all its labels were trained on."""
    if annotations.is_multi_label:
        return "multi-label"
    return "closed-set" if set(annotations.labels) <= {*trained_on} else "zero-shot"


def closed_set(tested: Annotations) -> Protocol:
    """Tell all labels apart, each of which was trained on."""
    return Protocol("closed-set", tested, (_all(tested),))


def zero_shot(tested: Annotations, trained_on: Collection[str] = ()) -> Protocol:
    """Tell all labels apart, of which none was trained on.

    That some were, as among Kinetics and UCF101, is usual in the field: the report tells which.

    Raises:
        ValueError: all of them were trained on.
    """
    if set(tested.labels) <= {*trained_on}:
        raise ValueError(
            f"zero-shot: the model was trained on all {len(tested.labels)} labels; use closed-set"
        )
    return Protocol("zero-shot", tested, (_all(tested),), seen=_in_order(tested, trained_on))


def half_class(tested: Annotations) -> Protocol:
    """Tell the labels of each of ten random halves apart: mean and spread over the halves.

    A half is drawn as in the published code of BIKE and Text4Vis: numpy's permutation of the label
    indices for the seeds 0 to 9, of which the first half counts, rounded down: 50 of the 101 labels
    of UCF101, 25 of the 51 of HMDB51.

    Raises:
        ValueError: there are fewer than four labels, or a half without clips.
    """
    _check_number(tested, "half-class")
    names = np.array(tested.labels)
    questions = []
    for seed in range(NUM_HALVES):
        order = np.random.RandomState(seed).permutation(len(names))
        half = tuple(names[order[: len(names) // 2]].tolist())
        questions.append(_asked(tested, Question(f"half {seed + 1}", half, half)))
    return Protocol("half-class", tested, tuple(questions), is_drawn=True)


def base_and_novel(annotations: Annotations) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split the labels in two: the more frequent half to train on, the others as novel ones.

    ViFi-CLIP (Rasheed et al. 2023), who brought this protocol from images to videos, take the most
    frequent labels as base; their published lists, which FROSTER uses as well, are of UCF101,
    HMDB51, Kinetics-400 and Something-Something. CoOp's successors take the first half of the label
    list instead. Both round the base half up. Here the clips of all splits are counted and ties
    are broken by the place in the list, so that without frequencies it is as for images. The
    published lists count clips that a benchmark's own split may leave out (HMDB51): to compare with
    those numbers, give the labels as theirs.
    """
    count = Counter(label for example in annotations.examples for label in example.labels)
    by_frequency = sorted(annotations.labels, key=lambda label: -count[label])
    base = set(by_frequency[: math.ceil(len(by_frequency) / 2)])
    return _in_order(annotations, base), _in_order(annotations, {*annotations.labels} - base)


def base_to_novel(tested: Annotations, base: Collection[str], novel: Collection[str]) -> Protocol:
    """Tell base labels from each other on their clips, and novel ones on theirs.

    Raises:
        ValueError: there are fewer than four labels, or one of the halves has no clip to test on.
    """
    _check_number(tested, "base-to-novel")
    halves = {"base": _in_order(tested, base), "novel": _in_order(tested, novel)}
    questions = (_asked(tested, Question(name, half, half)) for name, half in halves.items())
    return Protocol("base-to-novel", tested, tuple(questions), seen=halves["base"])


def generalised(tested: Annotations, trained_on: Collection[str]) -> Protocol:
    """Tell all labels apart, some of which were trained on and some not.

    Raises:
        ValueError: all or none of the labels were trained on, or there is no clip of either.
    """
    seen = _in_order(tested, trained_on)
    unseen = tuple(label for label in tested.labels if label not in seen)
    if not seen or not unseen:
        raise ValueError(
            f"generalised: the model was trained on {len(seen)} of the {len(tested.labels)} labels;"
            " some must be and some not: say what it was trained on, or use zero-shot or closed-set"
        )
    for part in (seen, unseen):
        _asked(tested, Question("generalised", part, tested.labels))
    return Protocol("generalised", tested, (_all(tested),), seen=seen)


def multi_label(tested: Annotations) -> Protocol:
    """Find all actions of each whole video, as Charades is scored.

    Raises:
        ValueError: every video has exactly one label.
    """
    whole = tested.whole_videos()
    if not whole.is_multi_label:
        raise ValueError(
            "multi-label: every video has exactly one label; use closed-set or zero-shot"
        )
    return Protocol("multi-label", whole, (_all(whole),))


def few_shot(annotations: Annotations, shots: int, draw: int) -> Annotations:
    """Keep a random few clips of each label in train; the clips to test on stay.

    Args:
        annotations: all splits.
        shots: clips of each label; a draw with more of them keeps those of fewer.
        draw: number of the draw, the seed.

    Raises:
        ValueError: a label has fewer clips to train on.
    """
    labels = {label for example in annotations.examples for label in example.labels}
    in_train = Counter(
        label
        for example in annotations.examples
        if example.split == "train"
        for label in example.labels
    )
    scarcest = min(_in_order(annotations, labels), key=lambda label: in_train[label])
    if shots > in_train[scarcest]:
        raise ValueError(
            f"{shots} shots: the label {scarcest!r} has only {in_train[scarcest]} to train"
            " on; take fewer shots, or give more clips"
        )
    return splits.few_shot(annotations, shots, draw)


def possible_shots(annotations: Annotations) -> tuple[int, ...]:
    """Give the usual numbers of shots that every label has clips for.

    Raises:
        ValueError: not one; names the label.
    """
    few_shot(annotations, SHOTS[0], 0)
    in_train = annotations.of_split("train").examples
    count = Counter(label for example in in_train for label in example.labels)
    return tuple(number for number in SHOTS if number <= min(count.values()))


def _chosen(annotations: Annotations, split: Split | Literal["all"] | None) -> Annotations:
    """Give the clips to test on."""
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


def _all(tested: Annotations) -> Question:
    return Question("all", tested.labels, tested.labels)


def _asked(tested: Annotations, question: Question) -> Question:
    """Give the question back if it is about any clip."""
    if not question.select(tested).examples:
        raise ValueError(
            f"{question.name}: no clip to test on has one of its {len(question.clips_of)} labels,"
            f" the first is {question.clips_of[0]!r}; give clips of more labels"
        )
    return question


def _check_number(tested: Annotations, name: str) -> None:
    if len(tested.labels) < 4:
        raise ValueError(f"{name}: {len(tested.labels)} labels make no two halves; give 4 or more")


def _in_order(annotations: Annotations, chosen: Collection[str]) -> tuple[str, ...]:
    return tuple(label for label in annotations.labels if label in chosen)
