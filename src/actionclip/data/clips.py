"""An example becomes frames: the sampling chooses those that make the clip, and only they are read.

Numbers of frames count from the start of the video. Every function that opens a video raises
FileNotFoundError if it is gone, and ValueError if it cannot be decoded.

Shapes:
    T: frames of a clip   V: clips of an example   F: frames that are read   H W: pixels
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from actionclip.conventions import Scaling
from actionclip.data.annotations import Example
from actionclip.video import sampling, transforms
from actionclip.video.decoder import SHARED_DECODER


@dataclass(frozen=True)
class Sampling:
    """Which frames of a part of a video make a clip."""

    num_frames: int
    """Of a clip, T."""
    kind: Literal["segments", "dense", "keyframes"] = "segments"
    """One frame of each of T equal parts, as in the paper; T frames close together; or like
    segments, but each frame is replaced by the nearest keyframe, and nothing else is decoded."""
    stride: int = sampling.DENSE_STRIDE
    """From one frame of dense sampling to the next."""

    def random(self, available: int, rng: np.random.Generator) -> Int64[np.ndarray, " T"]:
        """Draw the frames of a clip for training."""
        if self.kind == "dense":
            return sampling.random_dense(available, self.num_frames, self.stride, rng)
        return sampling.random_in_segments(available, self.num_frames, rng)

    def windows(self, available: int, num_windows: int) -> Int64[np.ndarray, "V T"]:
        """Return the frames of clips for testing; one clip by segments has the official middles.

        Several clips by segments span the whole video each, at other places of the segments; dense
        ones are of different parts of it.
        """
        if self.kind == "dense":
            return sampling.dense(available, self.num_frames, self.stride, num_windows)
        return sampling.segment_windows(available, self.num_frames, num_windows)


def read_sampled(
    example: Example,
    chosen: Sampling,
    choose: Callable[[int], Int64[np.ndarray, " F"]],
    short_side: int | None,
    scaling: Scaling = "decoder",
) -> tuple[UInt8[np.ndarray, "F H W 3"], Float64[np.ndarray, " F"]]:
    """Read frames of an example, and return how many seconds each is away from the wanted one.

    Args:
        example: a video, a part of one, or a folder of pictures.
        chosen: whether only keyframes are read.
        choose: returns which of so many frames are wanted, by a method of `chosen`.
        short_side: None keeps the size.
        scaling: what scales; see `Conventions.scaling`.
    """
    frames = span(example)
    numbers, time_errors = nearest(example, choose(len(frames)) + frames.start, chosen)
    return read(example, numbers, short_side, scaling), time_errors


def span(example: Example) -> range:
    """Return the numbers of the frames that belong to an example, one at least."""
    if example.frames is not None:
        return range(example.frames.num_frames)
    start_seconds = example.start_seconds or 0.0
    return SHARED_DECODER.frames_between(example.video, start_seconds, example.end_seconds)


def nearest(
    example: Example, wanted: Int64[np.ndarray, " F"], chosen: Sampling
) -> tuple[Int64[np.ndarray, " F"], Float64[np.ndarray, " F"]]:
    """Return which frames to read for the wanted ones, and how many seconds away they are.

    They are the same unless only keyframes are read; the nearest keyframe may be just outside the
    example's part of the video. Every extracted frame counts as a keyframe.
    """
    if chosen.kind == "keyframes" and example.frames is None:
        return SHARED_DECODER.keyframes_near(example.video, wanted)
    return wanted, np.zeros(len(wanted))


def read(
    example: Example,
    numbers: Int64[np.ndarray, " F"],
    short_side: int | None,
    scaling: Scaling = "decoder",
) -> UInt8[np.ndarray, "F H W 3"]:
    """Read frames by their numbers; see `read_sampled`."""
    if scaling == "pillow" and short_side is not None:
        full_size = read(example, numbers, None, scaling)
        return transforms.resize_short_side_bicubic(full_size, short_side)
    if example.frames is None:
        return SHARED_DECODER.read_frames(example.video, numbers, short_side)
    naming, pictures = example.frames, {}
    for number in set(numbers.tolist()):
        picture = example.video / naming.template.format(naming.first + number)
        if scaling == "pillow":
            pictures[number] = SHARED_DECODER.read_picture(picture)
        else:
            [pictures[number]] = SHARED_DECODER.read_frames(picture, [0], short_side)
    if len({picture.shape for picture in pictures.values()}) > 1:
        raise ValueError(f"{example.video}: pictures of several sizes; extract the frames again")
    return np.stack([pictures[number] for number in numbers.tolist()])
