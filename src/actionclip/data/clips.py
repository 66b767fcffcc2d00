"""An example becomes frames: which of them make the clip is decided here, only those are decoded.

Numbers of frames count from the start of the example's part of the video. Knows no labels, no
augmentation.
"""

from __future__ import annotations

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
    segments, but for each frame the nearest keyframe is given, and nothing else is decoded."""
    stride: int = sampling.DENSE_STRIDE
    """Of dense sampling: each so many frames one is taken."""

    def random(self, available: int, generator: np.random.Generator) -> Int64[np.ndarray, " T"]:
        """Draw the frames of a clip for training."""
        if self.kind == "dense":
            return sampling.random_dense(available, self.num_frames, self.stride, generator)
        return sampling.random_in_segments(available, self.num_frames, generator)

    def windows(self, available: int, num_windows: int) -> Int64[np.ndarray, "V T"]:
        """Give the frames of the clips for testing; one clip by segments has the official middles.

        Several clips by segments see the whole video each, at other places of the segments; dense
        ones see other parts of it.
        """
        if self.kind == "dense":
            return sampling.dense(available, self.num_frames, self.stride, num_windows)
        return sampling.segment_windows(available, self.num_frames, num_windows)


def span(example: Example) -> range:
    """Give the numbers of the frames that belong to an example, one at least.

    Raises:
        FileNotFoundError: the video is gone.
        ValueError: it cannot be decoded.
    """
    if example.frames is not None:
        return range(example.frames.num_frames)
    start_seconds = example.start_seconds or 0.0
    return SHARED_DECODER.frames_between(example.video, start_seconds, example.end_seconds)


def given(
    example: Example, wanted: Int64[np.ndarray, " T"], chosen: Sampling
) -> tuple[Int64[np.ndarray, " T"], Float64[np.ndarray, " T"]]:
    """Say which frames are to be read for the wanted ones, and how many seconds away they are.

    They are the same, unless only keyframes are read: then the nearest one, which may lie just
    outside the example's part of the video. Of extracted frames each is as good as a keyframe.

    Raises:
        FileNotFoundError: the video is gone.
        ValueError: it cannot be decoded.
    """
    if chosen.kind == "keyframes" and example.frames is None:
        return SHARED_DECODER.keyframes_near(example.video, wanted)
    return wanted, np.zeros(len(wanted))


def read(
    example: Example,
    numbers: Int64[np.ndarray, " T"],
    short_side: int | None,
    scaling: Scaling = "decoder",
) -> UInt8[np.ndarray, "T H W 3"]:
    """Read frames of an example, scaled to a short side.

    Args:
        example: a video or a folder of pictures.
        numbers: of the frames of its video.
        short_side: None keeps the size.
        scaling: what scales; see `Conventions.scaling`.

    Raises:
        FileNotFoundError: the video, or a picture of it, is gone.
        ValueError: it cannot be decoded.
    """
    if scaling == "pillow":
        frames = _read(example, numbers, None, scaling)
        resize = transforms.resize_short_side_bicubic
        return frames if short_side is None else resize(frames, short_side)
    return _read(example, numbers, short_side, scaling)


def _read(
    example: Example, numbers: Int64[np.ndarray, " T"], short_side: int | None, scaling: Scaling
) -> UInt8[np.ndarray, "T H W 3"]:
    if example.frames is None:
        return SHARED_DECODER.read_frames(example.video, numbers, short_side)
    naming, pictures = example.frames, {}
    for number in set(numbers.tolist()):
        picture = example.video / naming.template.format(naming.first + number)
        if scaling == "pillow":
            pictures[number] = SHARED_DECODER.read_picture(picture)
        else:
            [pictures[number]] = SHARED_DECODER.read_frames(picture, [0], short_side)
    sizes = {picture.shape for picture in pictures.values()}
    if len(sizes) > 1:
        raise ValueError(f"{example.video}: pictures of several sizes; extract the frames again")
    return np.stack([pictures[number] for number in numbers.tolist()])
