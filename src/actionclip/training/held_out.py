"""Which clips select a checkpoint: those of val, a part of train, or those of test if need be.

A number on the clips that selected the checkpoint is too high. So where data has no val, a part of
train is held out, never a part of a group or of a video; only where train is too small for that,
test has to do, and every number on it says so.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass

from actionclip.data import splits
from actionclip.data.annotations import Annotations, Example, Split

MIN_CLIPS = 10
"""Fewer held-out clips than this cannot tell one epoch from another."""
SHARE = 0.1
"""Of the clips of train, if a part of it is held out."""
_SEED = 0
"""The same part for every seed of a run, as for splits that are drawn."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """The clips of a run."""

    train: Annotations
    held_out: Annotations
    """They select the checkpoint, and its calibration is fitted on them."""
    source: str
    """Of the held-out clips, in words."""

    def warn(self, data: str) -> None:
        """Log it unless the held-out clips are those that the data names for this.

        Args:
            data: names the data set.
        """
        num_held_out = len(self.held_out.examples)
        if self.source == "test":
            _logger.warning(
                "%s: has no val split, and train is too small to hold a part of it out; the "
                "checkpoint is selected on test, so that its numbers there are too high: put clips "
                "into val",
                data,
            )
        elif self.source != "val":
            _logger.warning(
                "%s: has no val split; %d clips of train select the checkpoint, and %d are "
                "trained on",
                data,
                num_held_out,
                len(self.train.examples),
            )


def part(annotations: Annotations, min_train: int, shots: int | None, seed: int) -> Parts:
    """Divide the clips of a data set into those to train on and those to select on.

    Args:
        annotations: all splits.
        min_train: clips that have to remain in train.
        shots: train on so many clips of each label only; the clips to select on are others.
        seed: of the choice of the shots.

    Raises:
        ValueError: nothing is left to select on; says what to do.
    """
    chosen = annotations if shots is None else splits.few_shot(annotations, shots, seed)
    train = chosen.of_split("train")
    train = train.with_examples(example for example in train.examples if example.labels)
    if "val" in annotations.splits:
        return Parts(train, annotations.of_split("val"), "val")
    if shots is None:
        drawn = splits.draw(train.examples, _SEED, SHARE)
        rest = train.with_examples(_of(drawn, "train"))
        held_out = train.with_examples(_of(drawn, "val"))
    else:
        rest, held_out = train, _unused(annotations, train, shots, seed)
    is_enough = _is_enough(held_out, train) and len(rest.examples) >= min_train
    if is_enough or ("test" not in annotations.splits and held_out.examples):
        return Parts(rest, held_out, "a held-out part of train")
    if "test" in annotations.splits:
        return Parts(train, annotations.of_split("test"), "test")
    raise ValueError(
        f"no clip to select a checkpoint on: val and test are empty, and train has only "
        f"{len(train.examples)} clips; put some of other groups or videos into val"
    )


def _unused(annotations: Annotations, train: Annotations, shots: int, seed: int) -> Annotations:
    """Draw as many clips of each label again, from groups and videos that are not trained on."""
    used = {splits.group_of(example) for example in train.examples}
    others = [
        example
        for example in annotations.of_split("train").examples
        if example.labels and splits.group_of(example) not in used
    ]
    random.Random(seed).shuffle(others)
    return annotations.with_examples(others[place] for place in splits.take_shots(others, shots))


def _of(examples: list[Example], split: Split) -> list[Example]:
    return [example for example in examples if example.split == split]


def _is_enough(held_out: Annotations, train: Annotations) -> bool:
    """Whether there are `MIN_CLIPS`, of half of the labels at least."""
    labels, all_labels = (
        {label for example in some.examples for label in example.labels}
        for some in (held_out, train)
    )
    return len(held_out.examples) >= MIN_CLIPS and 2 * len(labels) >= len(all_labels)
