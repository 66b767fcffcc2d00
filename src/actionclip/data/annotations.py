"""The one form that every data set takes in memory: videos, their actions and their splits.

`reading.read` makes it, everything else takes it. It holds paths and words, no frames.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class FrameFolder:
    """How the frames of an extracted video are named: `template.format(first)` is the first one."""

    template: str
    first: int
    num_frames: int


@dataclass(frozen=True, slots=True)
class Example:
    """One video, or a part of it, and the actions in it."""

    video: Path
    """A video file; or a folder of pictures, then `frames` says how they are named."""
    labels: tuple[str, ...]
    split: Split
    source: str
    """Where it is written, for messages: "clips.csv:12"."""
    start_seconds: float | None = None
    """None: from the beginning."""
    end_seconds: float | None = None
    """None: to the end."""
    group: str | None = None
    """Near-copies (a person, a recording) have the same; a drawn split keeps them together."""
    frames: FrameFolder | None = None


@dataclass(frozen=True)
class Annotations:
    """A data set: its examples, and its labels in the order of their indices."""

    examples: tuple[Example, ...]
    labels: tuple[str, ...]
    split_drawn: bool = False
    """True if the data named no splits, so that the split was drawn from a seed."""
    num_missing: int = 0
    """Rows left out because their videos were never obtained, as usual for some benchmarks."""
    layout: str = ""
    """How the data set was read, in one sentence."""
    questions: tuple[str, ...] = ()
    """What looks like a mistake, but need not be one."""
    raw_labels: Mapping[str, str] = field(default_factory=dict)
    """How the data set writes each label, such as `ApplyEyeMakeup`; see `written`."""

    @property
    def is_multi_label(self) -> bool:
        """True if some example has several labels, or none."""
        return any(len(example.labels) != 1 for example in self.examples)

    def written(self, labels: Sequence[str]) -> list[str]:
        """Return labels as the data set writes them."""
        return [self.raw_labels.get(label, label) for label in labels]

    @property
    def splits(self) -> dict[Split, int]:
        """The splits that hold examples, with their number."""
        count = Counter(example.split for example in self.examples)
        return {name: count[name] for name in SPLITS if count[name]}

    def label_indices(self, example: Example) -> list[int]:
        """Return the places of an example's labels in the label list."""
        return [self.labels.index(label) for label in example.labels]

    def of_split(self, split: Split) -> Annotations:
        """Return the examples of one split with all labels; `ValueError` if there is none."""
        if split not in self.splits:
            known = ", ".join(f"{name} ({count})" for name, count in self.splits.items())
            raise ValueError(f"the split {split!r} is empty; there are {known or 'no examples'}")
        return self.with_examples(e for e in self.examples if e.split == split)

    def with_examples(self, examples: Iterable[Example]) -> Annotations:
        """Return the same data set with other examples."""
        return dataclasses.replace(self, examples=tuple(examples))

    def whole_videos(self) -> Annotations:
        """Merge the examples of each video into one that spans it and has all their labels.

        This is the form in which Charades is scored: every action of a video, whenever it happens.
        """
        merged: dict[tuple[Path, Split], Example] = {}
        for example in self.examples:
            before = merged.get((example.video, example.split))
            labels = dict.fromkeys((*(before.labels if before else ()), *example.labels))
            merged[example.video, example.split] = dataclasses.replace(
                before or example,
                labels=tuple(sorted(labels, key=self.labels.index)),
                start_seconds=None,
                end_seconds=None,
            )
        return self.with_examples(merged.values())


def labels_in_order(examples: Sequence[Example]) -> tuple[str, ...]:
    """Return the labels that occur, in alphabetical order."""
    labels = {label for example in examples for label in example.labels}
    return tuple(sorted(labels, key=lambda label: (label.casefold(), label)))
