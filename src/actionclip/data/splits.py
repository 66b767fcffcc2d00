"""Splits that are drawn: examples and a seed go in, the same examples in train and val come out.

A drawn split is stratified (each label is shared out alike) and never tears a group apart, so that
near-copies do not cross. The same seed gives the same split, whatever the order of the files.
"""

from __future__ import annotations

import dataclasses
import logging
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from actionclip.data.annotations import Annotations, Example

VAL_SHARE = 0.2

_logger = logging.getLogger(__name__)


def draw(examples: Sequence[Example], seed: int, val_share: float = VAL_SHARE) -> list[Example]:
    """Put about `val_share` of each label's examples into val, the others into train.

    Examples without a group stay with those of the same video. A label in two groups or more gets
    an example into each split where that can be done; a label in one stays in train.
    """
    units = _units(examples, seed)
    total, num_units = Counter[str](), Counter[str]()
    for unit in units:
        total.update(unit.labels)
        num_units.update(unit.labels.keys())
    wanted = {
        label: min(max(round(val_share * total[label]), 1), total[label] - 1) for label in total
    }

    in_val = Counter[str]()
    left_in_train = Counter(num_units)
    chosen: set[int] = set()

    def choose(unit: _Unit) -> None:
        chosen.update(unit.members)
        in_val.update(unit.labels)
        left_in_train.subtract(unit.labels.keys())

    def takes_the_last(unit: _Unit) -> bool:
        return any(left_in_train[label] == 1 for label in unit.labels)

    for unit in units:  # first those that overshoot nowhere
        fits = all(in_val[label] + count <= wanted[label] for label, count in unit.labels.items())
        if unit.labels and fits and not takes_the_last(unit):
            choose(unit)
    for unit in sorted(
        units, key=lambda unit: len(unit.members)
    ):  # then what is needed, small first
        is_needed = any(in_val[label] == 0 for label in unit.labels)
        if is_needed and not takes_the_last(unit):
            choose(unit)
    return [
        dataclasses.replace(example, split="val" if index in chosen else "train")
        for index, example in enumerate(examples)
    ]


def few_shot(annotations: Annotations, shots: int, seed: int) -> Annotations:
    """Keep `shots` examples of each label in train; the other splits stay whole.

    The same seed with more shots keeps the fewer ones and adds to them, if each example has one
    label. An example with several counts for each of them: a label may then get more than `shots`.

    Raises:
        ValueError: `shots` is not positive.
    """
    if shots < 1:
        raise ValueError(f"{shots} shots: give 1 or more examples per label")
    taken = Counter[str]()
    kept: set[int] = set()
    for index in _shuffled(annotations.examples, seed):
        example = annotations.examples[index]
        if example.split == "train" and any(taken[label] < shots for label in example.labels):
            kept.add(index)
            taken.update(example.labels)
    for label, count in taken.items():
        if count < shots:
            _logger.warning("%r has %d examples in train, fewer than %d shots", label, count, shots)
    return annotations.with_examples(
        example
        for index, example in enumerate(annotations.examples)
        if example.split != "train" or index in kept
    )


@dataclasses.dataclass(frozen=True)
class _Unit:
    """Examples that stay together."""

    members: tuple[int, ...]
    labels: Counter[str]


def _units(examples: Sequence[Example], seed: int) -> list[_Unit]:
    """Gather the groups, and the parts of one video, in random order."""
    gathered: dict[str | Path, list[int]] = {}
    for index in _shuffled(examples, seed):
        example = examples[index]
        together = example.video if example.group is None else example.group
        gathered.setdefault(together, []).append(index)
    return [
        _Unit(tuple(members), Counter(label for i in members for label in examples[i].labels))
        for members in gathered.values()
    ]


def _shuffled(examples: Sequence[Example], seed: int) -> list[int]:
    """Give the examples' places in an order that depends on the seed and the examples only."""

    def name(index: int) -> tuple[str, float, tuple[str, ...]]:
        example = examples[index]
        return example.video.as_posix(), example.start_seconds or 0.0, example.labels

    places = sorted(range(len(examples)), key=name)
    random.Random(seed).shuffle(places)
    return places
