"""An example becomes frames: which of them make the clip is decided here, only those are decoded.

Numbers of frames count from the start of the example's part of the video. Knows no labels, no
augmentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int64, UInt8

from actionclip.data.annotations import Example
from actionclip.video import decode, sampling


@dataclass(frozen=True)
class Sampling:
    """Which frames of a part of a video make a clip."""

    num_frames: int
    """Of a clip, T."""
    kind: Literal["segments", "dense"] = "segments"
    """One frame of each of T equal parts, as in the paper; or T frames close together."""
    stride: int = 4
    """Of dense sampling: each so many frames one is taken."""

    def random(self, available: int, generator: np.random.Generator) -> Int64[np.ndarray, " T"]:
        """Draw the frames of a clip for training."""
        if self.kind == "segments":
            return sampling.random_in_segments(available, self.num_frames, generator)
        room = available - 1 - (self.num_frames - 1) * self.stride
        start = generator.integers(room + 1) if room > 0 else 0
        return np.minimum(start + self.stride * np.arange(self.num_frames), available - 1)

    def windows(self, available: int, num_windows: int) -> Int64[np.ndarray, "V T"]:
        """Give the frames of the clips for testing; one clip by segments has the official middles.

        Several clips by segments see the whole video each, at other places of the segments; dense
        ones see other parts of it.
        """
        if self.kind == "segments" and (num_windows == 1 or available <= self.num_frames):
            middles = sampling.segment_middles(available, self.num_frames)
            return np.tile(middles, (num_windows, 1))  # (V, T)
        places = (2 * np.arange(num_windows)[:, None] + 1) / (2 * num_windows)  # (V, 1)
        frames = np.arange(self.num_frames)
        if self.kind == "segments":
            indices = (frames + places) * available / self.num_frames - 0.5  # (V, T)
        else:
            room = max(available - 1 - (self.num_frames - 1) * self.stride, 0)
            starts = np.rint(places * room)
            indices = starts + self.stride * frames  # (V, T)
        return np.clip(np.floor(indices), 0, available - 1).astype(np.int64)


def span(example: Example) -> range:
    """Give the numbers of the frames that belong to an example, one at least.

    Raises:
        FileNotFoundError: the video is gone.
        ValueError: it cannot be decoded.
    """
    if example.frames is not None:
        return range(example.frames.num_frames)
    info = decode.probe(example.video)
    start, end = example.start_seconds or 0.0, example.end_seconds
    first = min(int(start * info.frame_rate), info.num_frames - 1)
    last = info.num_frames if end is None else int(np.ceil(end * info.frame_rate))
    return range(first, max(min(last, info.num_frames), first + 1))


def read(
    example: Example, numbers: Int64[np.ndarray, " T"], short_side: int
) -> UInt8[np.ndarray, "T H W 3"]:
    """Read frames of an example, scaled to a short side; the numbers are those of its video.

    Raises:
        FileNotFoundError: the video, or a picture of it, is gone.
        ValueError: it cannot be decoded.
    """
    if example.frames is None:
        return decode.read_frames(example.video, numbers, short_side)
    naming, pictures = example.frames, {}
    for number in set(numbers.tolist()):
        picture = example.video / naming.template.format(naming.first + number)
        [pictures[number]] = decode.read_frames(picture, [0], short_side)
    sizes = {picture.shape for picture in pictures.values()}
    if len(sizes) > 1:
        raise ValueError(f"{example.video}: pictures of several sizes; extract the frames again")
    return np.stack([pictures[number] for number in numbers.tolist()])
