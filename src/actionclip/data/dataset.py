"""Annotations become torch data sets: clips, for training and for testing.

A training clip (frames, augmentation) depends on its seed alone, so neither the number of workers
nor the order changes it. A video that cannot be read becomes a `Damage`, which `loading` counts.
The next video is decoded, in a process of its own, while the frames of one are transformed.

Shapes:
    T: frames of a clip   F: frames that are read   V: views, windows × crops   W: windows
    H W S: pixels
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
from jaxtyping import Float64, Int64, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from actionclip import conventions, prefetch
from actionclip.conventions import Conventions
from actionclip.data import clips
from actionclip.data.annotations import Annotations, Example
from actionclip.data.clips import Sampling
from actionclip.video import transforms

Key = int | tuple[int, int]
"""The index of an example in the annotations; for training, its index and a seed."""


class Sample(NamedTuple):
    """A clip, or the views, of an example."""

    clip: Tensor
    """(T, 3, S, S) for training; (V, T, 3, S, S) for testing. Pixels are uint8, or float 0…1 where
    they were augmented."""
    example: int
    """Its index in the annotations."""
    time_errors: Float64[np.ndarray, " F"]
    """Of the frames read: seconds to the wanted one; 0 unless only keyframes are decoded."""


class Damage(NamedTuple):
    """Returned instead of a sample if the video cannot be read."""

    example: int
    """Its index in the annotations."""
    reason: str


Transform = Callable[[np.ndarray, int, bool], Tensor]
"""Frames (T, H, W, 3), a seed, and whether the mirror image shows the same action, become the
clip: `Augmentation`, `OfficialAugmentation` or `Cropped`."""


@dataclass(frozen=True)
class Cropped:
    """The clip as for testing: the middle square; nothing is random."""

    image_size: int
    conventions: Conventions = conventions.DEFAULT

    def __call__(
        self, frames: UInt8[np.ndarray, "T H W 3"], seed: int, mirror: bool
    ) -> UInt8[Tensor, "T 3 S S"]:
        """Crop."""
        rounding = self.conventions.crop_rounding
        return transforms.channels_first(transforms.centre_crop(frames, self.image_size, rounding))


class Clips(Dataset[Sample | Damage], abc.ABC):
    """Samples are decoded, then transformed; each frame of a sample is decoded once."""

    def __init__(
        self,
        annotations: Annotations,
        sampling: Sampling,
        short_side: int | None,
        num_clips: int,
        conventions: Conventions,
    ) -> None:
        self.annotations = annotations
        self.sampling = sampling
        self.short_side = short_side
        self.frames_per_sample = sampling.num_frames * num_clips
        self.conventions = conventions

    def __len__(self) -> int:
        return len(self.annotations.examples)

    def __getitem__(self, key: Key) -> Sample | Damage:
        [sample] = self.__getitems__([key])
        return sample

    def __getitems__(self, keys: Sequence[Key]) -> list[Sample | Damage]:
        """Return samples in the order of their keys."""
        results = prefetch.ordered_map(self._decode, keys, ThreadPoolExecutor(1), 1)
        samples: list[Sample | Damage] = []
        with closing(results):
            for key, result in zip(keys, results, strict=True):
                index, seed = key if isinstance(key, tuple) else (key, 0)
                if isinstance(result, str):
                    samples.append(Damage(index, result))
                else:
                    frames, time_errors = result
                    clip = self._transform(self.annotations.examples[index], frames, seed)
                    samples.append(Sample(clip, index, time_errors))
        return samples

    def _decode(self, key: Key) -> tuple[np.ndarray, np.ndarray] | str:
        """Read the frames of a sample and their time errors, or return why that fails."""
        index, seed = key if isinstance(key, tuple) else (key, 0)
        try:
            return clips.read_sampled(
                self.annotations.examples[index],
                self.sampling,
                lambda available: self._choose(available, seed),
                self.short_side,
                self.conventions.scaling,
            )
        except (OSError, ValueError) as error:
            return str(error)

    @abc.abstractmethod
    def _choose(self, available: int, seed: int) -> Int64[np.ndarray, " F"]:
        """Return which of so many frames make the sample."""

    @abc.abstractmethod
    def _transform(
        self, example: Example, frames: UInt8[np.ndarray, "F H W 3"], seed: int
    ) -> Tensor:
        """Make the clip, or the views, of the frames."""


class TrainingClips(Clips):
    """Clips of examples, drawn from seeds: the keys are pairs of index and seed.

    A `short_side` of None keeps the size of the frames. The mirror image of `one_sided` labels is
    another action, such as walking to the left.
    """

    def __init__(
        self,
        annotations: Annotations,
        sampling: Sampling,
        transform: Transform,
        *,
        short_side: int | None = 256,
        one_sided: Collection[str] = (),
        conventions: Conventions = conventions.DEFAULT,
    ) -> None:
        super().__init__(annotations, sampling, short_side, 1, conventions)
        self.transform = transform
        self.one_sided = frozenset(one_sided)

    def _choose(self, available: int, seed: int) -> Int64[np.ndarray, " T"]:
        return self.sampling.random(available, np.random.default_rng(_seeds(seed)[0]))

    def _transform(
        self, example: Example, frames: UInt8[np.ndarray, "T H W 3"], seed: int
    ) -> Tensor:
        return self.transform(frames, _seeds(seed)[1], self.one_sided.isdisjoint(example.labels))


def _seeds(seed: int) -> tuple[int, int]:
    """Return independent seeds of the frames and of the pixels of a clip."""
    frame_seed, pixel_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
    return frame_seed, pixel_seed


class TestViews(Clips):
    """All views of each example, the same every time: the keys are indices.

    Windows are spread over time; 1 crop is the middle square, 3 are spread along the long side.
    """

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
        if num_crops not in (1, 3):
            raise ValueError(f"{num_crops} crops: a view is the middle crop, or one of 3")
        super().__init__(annotations, sampling, short_side, num_windows * num_crops, conventions)
        self.image_size = image_size
        self.num_windows = num_windows
        self.num_crops = num_crops

    def windows(self, index: int) -> tuple[range, Int64[np.ndarray, "W T"]]:
        """Return the numbers of an example's frames, and of those that make each window.

        Raises:
            FileNotFoundError: the video is gone.
            ValueError: it cannot be decoded.
        """
        example = self.annotations.examples[index]
        frames = clips.span(example)
        wanted = self._choose(len(frames), 0) + frames.start
        numbers, _ = clips.nearest(example, wanted, self.sampling)
        return frames, numbers.reshape(self.num_windows, -1)

    def _choose(self, available: int, seed: int) -> Int64[np.ndarray, " F"]:
        return self.sampling.windows(available, self.num_windows).flatten()

    def _transform(
        self, example: Example, frames: UInt8[np.ndarray, "F H W 3"], seed: int
    ) -> UInt8[Tensor, "V T 3 S S"]:
        rounding = self.conventions.crop_rounding
        crops = transforms.three_crops(frames, self.image_size, rounding)
        if self.num_crops == 1:
            crops = crops[1:2]
        clip = torch.stack([transforms.channels_first(crop) for crop in crops])
        shape = self.num_windows, self.sampling.num_frames
        return clip.unflatten(1, shape).transpose(0, 1).flatten(0, 1)  # (V, T, 3, S, S)
