"""Annotations become torch data sets: clips, for training and for testing.

A training clip (frames, augmentation) depends on its seed alone, so neither the number of workers
nor the order changes it. A video that cannot be read becomes a `Damage`, which `loading` counts.
Where several samples are read, the next video is decoded, in a process of its own, while the
frames of one are augmented or cropped.

Shapes:
    T: frames of a clip   F: frames that are read   V: views, windows × crops   H W S: pixels
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
from jaxtyping import Float64, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from actionclip import conventions, prefetch
from actionclip.conventions import Conventions
from actionclip.data import clips
from actionclip.data.annotations import Annotations
from actionclip.data.clips import Sampling
from actionclip.video import transforms


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
    """The clip as for testing: the middle square."""

    image_size: int
    conventions: Conventions = conventions.DEFAULT

    def __call__(
        self, frames: UInt8[np.ndarray, "T H W 3"], seed: int, mirror: bool
    ) -> UInt8[Tensor, "T 3 S S"]:
        """Crop; nothing is random."""
        rounding = self.conventions.crop_rounding
        return transforms.channels_first(transforms.centre_crop(frames, self.image_size, rounding))


class _Decoded(NamedTuple):
    """The frames of an example."""

    example: int
    frames: UInt8[np.ndarray, "F H W 3"]
    time_errors: Float64[np.ndarray, " F"]
    seed: int
    """Of the transform."""


Key = int | tuple[int, int]
"""The index of an example in the annotations; for training, its index and a seed."""


class Clips(Dataset[Sample | Damage], abc.ABC):
    """Samples are decoded, then transformed."""

    def __init__(
        self, annotations: Annotations, sampling: Sampling, short_side: int | None, num_clips: int
    ) -> None:
        self.annotations = annotations
        self.sampling = sampling
        self.short_side = short_side
        self.frames_per_sample = sampling.num_frames * num_clips

    def __len__(self) -> int:
        return len(self.annotations.examples)

    def __getitem__(self, key: Key) -> Sample | Damage:
        """Return a sample; each frame of it is decoded once."""
        [sample] = self.__getitems__([key])
        return sample

    def __getitems__(self, keys: Sequence[Key]) -> list[Sample | Damage]:
        """Return samples in the order of their keys."""
        results = prefetch.ordered_map(self._decode_or_explain, keys, ThreadPoolExecutor(1), 1)
        with closing(results):
            return [
                result
                if isinstance(result, Damage)
                else Sample(self._transform(result), result.example, result.time_errors)
                for result in results
            ]

    def _decode_or_explain(self, key: Key) -> _Decoded | Damage:
        try:
            return self._decode(key)
        except (OSError, ValueError) as error:
            return Damage(key[0] if isinstance(key, tuple) else key, str(error))

    @abc.abstractmethod
    def _decode(self, key: Key) -> _Decoded:
        """Read the frames of a sample; may raise OSError and ValueError."""

    @abc.abstractmethod
    def _transform(self, decoded: _Decoded) -> Tensor:
        """Make the clip, or the views, of the frames."""


class TrainingClips(Clips):
    """Clips of examples, drawn from seeds: the keys are pairs of index and seed."""

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
        """Set what is the same for all clips; nothing is opened yet.

        Args:
            annotations: those of one split, usually.
            sampling: which frames make a clip.
            transform: makes the clip of the frames.
            short_side: to which frames are scaled; None keeps their size.
            one_sided: labels whose mirror image is another action, such as walking to the left.
            conventions: how frames are scaled.
        """
        super().__init__(annotations, sampling, short_side, num_clips=1)
        self.transform = transform
        self.one_sided = frozenset(one_sided)
        self.conventions = conventions

    def _decode(self, key: Key) -> _Decoded:
        assert isinstance(key, tuple)
        index, seed = key
        frame_seed, pixel_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
        frames, time_errors = clips.read_sampled(
            self.annotations.examples[index],
            self.sampling,
            lambda available: self.sampling.random(available, np.random.default_rng(frame_seed)),
            self.short_side,
            self.conventions.scaling,
        )
        return _Decoded(index, frames, time_errors, pixel_seed)

    def _transform(self, decoded: _Decoded) -> Tensor:
        labels = self.annotations.examples[decoded.example].labels
        return self.transform(decoded.frames, decoded.seed, self.one_sided.isdisjoint(labels))


class TestViews(Clips):
    """All views of each example, the same every time: the keys are indices."""

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
        """Set what is the same for all views; nothing is opened yet.

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
        super().__init__(annotations, sampling, short_side, num_windows * num_crops)
        self.image_size = image_size
        self.num_windows = num_windows
        self.num_crops = num_crops
        self.conventions = conventions

    def _decode(self, key: Key) -> _Decoded:
        assert isinstance(key, int)
        frames, time_errors = clips.read_sampled(
            self.annotations.examples[key],
            self.sampling,
            lambda available: self.sampling.windows(available, self.num_windows).flatten(),
            self.short_side,
            self.conventions.scaling,
        )
        return _Decoded(key, frames, time_errors, seed=0)

    def _transform(self, decoded: _Decoded) -> UInt8[Tensor, "V T 3 S S"]:
        rounding = self.conventions.crop_rounding
        crops = transforms.three_crops(decoded.frames, self.image_size, rounding)
        if self.num_crops == 1:
            crops = crops[1:2]
        clip = torch.stack([transforms.channels_first(crop) for crop in crops])
        shape = self.num_windows, self.sampling.num_frames
        return clip.unflatten(1, shape).transpose(0, 1).flatten(0, 1)  # (V, T, 3, S, S)
