"""Where clips come from: plans of steps go in, pixels come out; or features from a cache.

The loop asks a `Source` and does not know which. Knows no model and no loss.

Shapes:
    R: clips of this process   T: frames of a clip   S: pixels   D: width of frame features
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from actionclip import conventions
from actionclip.conventions import Conventions
from actionclip.data import loading
from actionclip.data.annotations import Annotations
from actionclip.data.augmentation import Augmentation
from actionclip.data.clips import Sampling
from actionclip.data.dataset import Cropped, TestViews, TrainingClips, Transform
from actionclip.data.loading import Loader
from actionclip.data.official_augmentation import OfficialAugmentation
from actionclip.training import recipe
from actionclip.training.batches import Plan

TEST_BATCH_SIZE, MAX_FRAMES = 16, 256
"""Of a batch without gradients, at most."""


class Source(abc.ABC):
    """Gives the clips of a data set: pixels (R, T, 3, S, S), uint8 or 0…1, or (R, T, E)."""

    annotations: Annotations
    """What there is; clips are named by their places in it."""

    @abc.abstractmethod
    def draw(self, plans: Sequence[Plan]) -> Iterator[tuple[Plan, Tensor]]:
        """Give the clips of each plan as for training, and which they are."""

    @abc.abstractmethod
    def show(self, places: Sequence[int]) -> Iterator[tuple[Sequence[int], Tensor]]:
        """Give some clips as for testing, a few at once, and which they are."""


class Videos(Source):
    """Decodes, samples and augments."""

    def __init__(
        self,
        annotations: Annotations,
        sampling: Sampling,
        short_side: int,
        image_size: int,
        chosen: recipe.Data,
        conventions: Conventions = conventions.DEFAULT,
        *,
        pin_memory: bool = False,
    ) -> None:
        """Set up reading; workers start with the first batch.

        Args:
            annotations: of one split.
            sampling: which frames make a clip.
            short_side: to which the model wants frames scaled.
            image_size: S, that the model takes.
            chosen: augmentation and workers.
            conventions: how frames are scaled and cropped.
            pin_memory: as a GPU can copy from while it computes.
        """
        self.annotations = annotations
        self.conventions = conventions
        drawn = TrainingClips(
            annotations,
            sampling,
            _transform(chosen.augmentation, image_size, conventions),
            short_side=None if chosen.augmentation.startswith("official") else short_side,
            one_sided=one_sided(annotations.labels, chosen),
            conventions=conventions,
        )
        options: Any = {"num_workers": chosen.num_workers, "pin_memory": pin_memory}
        self._drawn = Loader(drawn, **options)
        shown = TestViews(annotations, sampling, short_side, image_size, conventions=conventions)
        self._shown = Loader(shown, **options)
        self.sampling = sampling
        self.taken = {
            "augmentation": chosen.augmentation,
            "one_sided": sorted(one_sided(annotations.labels, chosen)),
        }
        """What drawn clips depend on besides videos, sampling and seeds, as plain values."""

    def draw(self, plans: Sequence[Plan]) -> Iterator[tuple[Plan, Tensor]]:
        """Give the clips of each plan; a damaged one is replaced by another of its plan.

        Raises:
            ValueError: all of a plan's videos are damaged, or too many of the data set's.
        """
        read = self.read([list(zip(plan.clips, plan.seeds, strict=True)) for plan in plans])
        for plan in plans:
            found, clips = next(read, ([], None))
            row_of = {clip: row for row, clip in enumerate(found)}
            whole = [place for place, clip in enumerate(plan.clips) if clip in row_of]
            if clips is None or not whole:
                first = self.annotations.examples[plan.clips[0]].source
                raise ValueError(
                    f"no video of a batch of {len(plan.clips)} can be read, the first is that of "
                    f"{first}; run `actionclip data check`"
                )
            if found == list(plan.clips):
                yield plan, clips  # a copy would not be in pinned memory
                continue
            kept = [p if clip in row_of else whole[0] for p, clip in enumerate(plan.clips)]
            yield plan.choose(kept), clips[[row_of[plan.clips[place]] for place in kept]]

    def read(self, batches: list[list[tuple[int, int]]]) -> Iterator[tuple[list[int], Tensor]]:
        """Give clips drawn from seeds, in batches of (place, seed); damaged ones are left out."""
        for batch in self._drawn.read(batches):
            yield batch.examples.tolist(), batch.clips

    def show(self, places: Sequence[int]) -> Iterator[tuple[Sequence[int], Tensor]]:
        """Give the middle crop of each video's middle frames; damaged ones are left out."""
        num_frames = self.sampling.num_frames
        batches = loading.split(places, TEST_BATCH_SIZE, num_frames, MAX_FRAMES)
        for batch in self._shown.read(batches):
            yield batch.examples.tolist(), batch.clips.squeeze(1)


def _transform(name: str, image_size: int, conventions: Conventions) -> Transform:
    """Make the augmentation that a recipe names."""
    with_randaugment = not name.endswith("-without-randaugment")
    if name == "none":
        return Cropped(image_size, conventions)
    if name.startswith("official"):
        return OfficialAugmentation(image_size, with_randaugment)
    return Augmentation(image_size, randaugment=with_randaugment)


def one_sided(labels: Sequence[str], chosen: recipe.Data) -> Sequence[str]:
    """Give the labels whose mirror image shows another action."""
    if chosen.one_sided is not None:
        return chosen.one_sided
    return [label for label in labels if {"left", "right"} & set(label.lower().split())]
