"""Annotations become torch data sets: clips with their labels, for training and for testing.

What is drawn for a clip (frames, augmentation) depends on its seed alone, so neither the number of
workers nor the order changes it. A video that cannot be read becomes a `Damage`, which `loading`
counts. Where several samples are read, each video is decoded, in a process of its own, while the
frames of the one before are augmented or cropped.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from actionclip import conventions, prefetch
from actionclip.conventions import Conventions
from actionclip.data import clips
from actionclip.data.annotations import Annotations, Example
from actionclip.data.augmentation import Augmentation
from actionclip.data.clips import Sampling
from actionclip.video import transforms


class Sample(NamedTuple):
    """What the data sets give."""

    clip: Tensor
    """(T, 3, S, S) for training; (V, T, 3, S, S) for testing, V views = windows × crops. Pixels are
    uint8, or float 0…1 where they were augmented."""
    labels: Int[Tensor, " N"]
    """1 for each label of the example."""
    example: int
    """Its place in the annotations."""
    time_errors: Float64[np.ndarray, " F"]
    """Of the F frames read: seconds to the wanted one; 0 unless only keyframes are decoded."""


class Damage(NamedTuple):
    """Given instead of a sample if the video cannot be read."""

    example: int
    """Its place in the annotations."""
    reason: str


@dataclass(frozen=True)
class Cropped:
    """The clip as for testing: the middle square."""

    image_size: int
    conventions: Conventions = conventions.DEFAULT

    def __call__(
        self, frames: UInt8[np.ndarray, "T H W 3"], seed: int, mirror: bool
    ) -> UInt8[Tensor, "T 3 S S"]:
        """Crop; nothing is drawn."""
        rounding = self.conventions.crop_rounding
        return transforms.channels_first(transforms.centre_crop(frames, self.image_size, rounding))


@dataclass(frozen=True)
class Augmented:
    """The clip with the paper's augmentation."""

    augmentation: Augmentation

    def __call__(
        self, frames: UInt8[np.ndarray, "T H W 3"], seed: int, mirror: bool
    ) -> Float[Tensor, "T 3 S S"]:
        """Augment; everything is drawn from the seed."""
        return self.augmentation.augment_clip(transforms.to_clip(frames), seed, flip=mirror)


Transform = Callable[[np.ndarray, int, bool], Tensor]
"""Frames, a seed, and whether the mirror image shows the same action, become the clip."""


class _Read(NamedTuple):
    """What is decoded of an example."""

    example: int
    frames: UInt8[np.ndarray, "F H W 3"]
    time_errors: Float64[np.ndarray, " F"]
    pixel_seed: int


Key = int | tuple[int, int]
"""The place of an example in the annotations, or its place and a seed."""


class Clips(Dataset[Sample | Damage], abc.ABC):
    """Samples are decoded, then transformed."""

    annotations: Annotations
    sampling: Sampling
    frames_per_sample: int

    def __len__(self) -> int:
        return len(self.annotations.examples)

    def __getitem__(self, key: Key) -> Sample | Damage:
        """Return a sample; each frame of it is decoded once."""
        [sample] = self.__getitems__([key])
        return sample

    def __getitems__(self, keys: Sequence[Key]) -> list[Sample | Damage]:
        """Return samples in the order of their keys."""
        reading = prefetch.ordered_map(self._read_or_explain, keys, ThreadPoolExecutor(1), 1)
        with closing(reading):
            return [read if isinstance(read, Damage) else self._sample(read) for read in reading]

    def _read_or_explain(self, key: Key) -> _Read | Damage:
        try:
            return self._read(key)
        except (OSError, ValueError) as error:
            return Damage(key[0] if isinstance(key, tuple) else key, str(error))

    def _sample(self, read: _Read) -> Sample:
        labels = mark(self.annotations, self.annotations.examples[read.example])
        return Sample(self._transform(read), labels, read.example, read.time_errors)

    @abc.abstractmethod
    def _read(self, key: Key) -> _Read:
        """Decode what a sample needs.

        Raises:
            OSError: the video is gone.
            ValueError: it cannot be decoded.
        """

    @abc.abstractmethod
    def _transform(self, read: _Read) -> Tensor:
        """Make the clip, or the views, of the frames."""


class TrainingClips(Clips):
    """A clip of each example, drawn anew for each seed."""

    def __init__(
        self,
        annotations: Annotations,
        sampling: Sampling,
        transform: Transform,
        *,
        short_side: int | None = 256,
        one_sided: Collection[str] = (),
        seed: int = 0,
        conventions: Conventions = conventions.DEFAULT,
    ) -> None:
        """Take the examples as they are; nothing is opened yet.

        Args:
            annotations: those of one split, usually.
            sampling: which frames make a clip.
            transform: makes the clip of the frames: `Augmented`, `Cropped`, `OfficialAugmentation`.
            short_side: to which frames are scaled; None keeps their size.
            one_sided: labels whose mirror image is another action, such as walking to the left.
            seed: of clips that are asked for without one.
            conventions: how frames are scaled.
        """
        self.annotations = annotations
        self.sampling = sampling
        self.transform = transform
        self.short_side = short_side
        self.one_sided = frozenset(one_sided)
        self.seed = seed
        self.frames_per_sample = sampling.num_frames
        self.conventions = conventions
        self._epoch = torch.zeros((), dtype=torch.long).share_memory_()  # workers see it change

    def set_epoch(self, epoch: int) -> None:
        """Let clips that are asked for without a seed be drawn anew."""
        self._epoch.fill_(epoch)

    def _read(self, key: Key) -> _Read:
        index, seed = key if isinstance(key, tuple) else (key, self._seed_of(key))
        example = self.annotations.examples[index]
        frame_seed, pixel_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
        span = clips.span(example)
        drawn = self.sampling.random(len(span), np.random.default_rng(frame_seed))
        numbers, time_errors = clips.given(example, drawn + span.start, self.sampling)
        frames = clips.read(example, numbers, self.short_side, self.conventions.scaling)
        return _Read(index, frames, time_errors, pixel_seed)

    def _transform(self, read: _Read) -> Tensor:
        labels = self.annotations.examples[read.example].labels
        return self.transform(read.frames, read.pixel_seed, self.one_sided.isdisjoint(labels))

    def _seed_of(self, index: int) -> int:
        words = (self.seed, int(self._epoch), index)
        return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])


class TestViews(Clips):
    """All views of each example: the same every time."""

    __test__ = False  # not a test of pytest's

    def __init__(
        self,
        annotations: Annotations,
        sampling: Sampling,
        short_side: int,
        image_size: int,
        *,
        num_windows: int = 1,
        num_crops: int = 1,
        conventions: Conventions = conventions.DEFAULT,
    ) -> None:
        """Take the examples as they are; nothing is opened yet.

        Args:
            annotations: those of one split, usually.
            sampling: which frames make a clip.
            short_side: to which frames are scaled.
            image_size: S, height and width of the views.
            num_windows: clips of each example, spread over time.
            num_crops: 1 (the middle square), or 3 along the long side.
            conventions: how frames are scaled and cropped.

        Raises:
            ValueError: another number of crops.
        """
        if num_crops not in (1, 3):
            raise ValueError(f"{num_crops} crops: a view is the middle crop, or one of 3")
        self.annotations = annotations
        self.sampling = sampling
        self.short_side = short_side
        self.image_size = image_size
        self.num_windows = num_windows
        self.num_crops = num_crops
        self.frames_per_sample = sampling.num_frames * num_windows * num_crops
        self.conventions = conventions

    def _read(self, key: Key) -> _Read:
        assert isinstance(key, int)
        example = self.annotations.examples[key]
        span = clips.span(example)
        windows = self.sampling.windows(len(span), self.num_windows) + span.start
        numbers, time_errors = clips.given(example, windows.flatten(), self.sampling)
        frames = clips.read(example, numbers, self.short_side, self.conventions.scaling)
        return _Read(key, frames, time_errors, pixel_seed=0)

    def _transform(self, read: _Read) -> UInt8[Tensor, "V T 3 S S"]:
        rounding = self.conventions.crop_rounding
        crops = transforms.three_crops(read.frames, self.image_size, rounding)
        if self.num_crops == 1:
            crops = crops[1:2]
        clip = torch.stack([transforms.channels_first(crop) for crop in crops])
        shape = self.num_windows, self.sampling.num_frames
        return clip.unflatten(1, shape).transpose(0, 1).flatten(0, 1)  # (V, T, 3, S, S)


def mark(annotations: Annotations, example: Example) -> Int[Tensor, " N"]:
    """Give 1 for each label of an example, 0 for the others."""
    marked = torch.zeros(len(annotations.labels), dtype=torch.long)
    marked[annotations.label_indices(example)] = 1
    return marked
