"""Splits that are drawn: examples and a seed become train and val, or a few shots of each label.

A drawn split is stratified (each label is divided alike) and never divides a group, so that
near-copies do not cross. The same seed gives the same split, whatever the order of the files.
"""

from __future__ import annotations

import dataclasses
import logging
import random
from collections import Counter
from collections.abc import Iterable, Sequence

from actionclip.data.annotations import Annotations, Example

VAL_SHARE = 0.2

_logger = logging.getLogger(__name__)


def draw(examples: Sequence[Example], seed: int, val_share: float = VAL_SHARE) -> list[Example]:
    """Put about `val_share` of each label's examples into val, the others into train.

    Examples without a group stay with those of the same video. A label in two groups or more gets
    an example into each split where that can be done; a label in one stays in train.
    """
    groups: dict[str, list[int]] = {}
    for index in _shuffled(examples, seed):
        groups.setdefault(group_of(examples[index]), []).append(index)
    units = [
        (members, Counter(label for index in members for label in examples[index].labels))
        for members in groups.values()
    ]
    total, left_in_train = Counter[str](), Counter[str]()
    for _, labels in units:
        total.update(labels)
        left_in_train.update(labels.keys())
    wanted = {
        label: min(max(round(val_share * total[label]), 1), total[label] - 1) for label in total
    }
    in_val = Counter[str]()
    chosen: set[int] = set()

    def choose(members: list[int], labels: Counter[str]) -> None:
        if any(left_in_train[label] == 1 for label in labels):
            return
        chosen.update(members)
        in_val.update(labels)
        left_in_train.subtract(labels.keys())

    for members, labels in units:  # first those that overshoot nowhere
        if labels and all(
            in_val[label] + count <= wanted[label] for label, count in labels.items()
        ):
            choose(members, labels)
    for members, labels in sorted(units, key=lambda unit: len(unit[0])):  # small ones first
        if any(in_val[label] == 0 for label in labels):
            choose(members, labels)
    return [
        dataclasses.replace(example, split="val" if index in chosen else "train")
        for index, example in enumerate(examples)
    ]


def few_shot(annotations: Annotations, shots: int, seed: int) -> Annotations:
    """Return the data set with `shots` examples of each label in train; other splits stay whole.

    The same seed with more shots gives the fewer ones and others, if each example has one label.

    Raises:
        ValueError: `shots` is not positive.
    """
    if shots < 1:
        raise ValueError(f"{shots} shots: give 1 or more examples per label")
    examples = annotations.examples
    train = [index for index in _shuffled(examples, seed) if examples[index].split == "train"]
    taken = [train[place] for place in take_shots([examples[i] for i in train], shots)]
    for label, count in Counter(label for i in taken for label in examples[i].labels).items():
        if count < shots:
            _logger.warning("%r has %d examples in train, fewer than %d shots", label, count, shots)
    chosen = set(taken)
    return annotations.with_examples(
        example
        for index, example in enumerate(examples)
        if example.split != "train" or index in chosen
    )


def take_shots(examples: Iterable[Example], shots: int) -> list[int]:
    """Return the indices of the first examples that give each label so many shots.

    An example with several labels counts for each of them: a label may get more than `shots`.
    """
    count = Counter[str]()
    taken = []
    for index, example in enumerate(examples):
        if any(count[label] < shots for label in example.labels):
            taken.append(index)
            count.update(example.labels)
    return taken


def group_of(example: Example) -> str:
    """Name what stays together in one split: the group of an example, or all parts of its video."""
    return str(example.video) if example.group is None else example.group


def _shuffled(examples: Sequence[Example], seed: int) -> list[int]:
    """Return the examples' indices in an order that depends on the seed and the examples only."""

    def name(index: int) -> tuple[str, float, tuple[str, ...]]:
        example = examples[index]
        return example.video.as_posix(), example.start_seconds or 0.0, example.labels

    indices = sorted(range(len(examples)), key=name)
    random.Random(seed).shuffle(indices)
    return indices
