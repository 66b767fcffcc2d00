"""The number of frames of a video becomes the indices of those that make a clip.

Segment sampling is that of temporal segment networks (Wang et al. 2016) as in the official code,
counted from 0: the video is cut into equal parts and each gives one frame, its middle one for
testing, a random one for training. Dense sampling takes frames that lie close together.

Shapes:
    V: windows   T: frames of a clip
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64

DENSE_STRIDE = 4
"""Of dense sampling: one frame of so many is taken."""


def segment_middles(num_frames: int, num_segments: int) -> Int64[np.ndarray, " T"]:
    """Pick the middle frame of each segment, as for testing.

    A video that has no more frames than segments gives frames repeatedly, spread evenly.

    >>> segment_middles(100, 4)
    array([12, 37, 62, 87])
    """
    if num_segments == 1:
        return np.array([num_frames // 2])
    segments = np.arange(num_segments)
    if num_frames <= num_segments:
        return segments * num_frames // num_segments
    # The middle of segment i is (i + 0.5) n / k - 0.5, and fractions are dropped.
    return ((2 * segments + 1) * num_frames - num_segments) // (2 * num_segments)


def segment_windows(
    num_frames: int, num_segments: int, num_windows: int
) -> Int64[np.ndarray, "V T"]:
    """Pick clips that cover the whole video each, at different positions in the segments.

    >>> segment_windows(num_frames=100, num_segments=4, num_windows=2)
    array([[ 5, 30, 55, 80],
           [18, 43, 68, 93]])
    """
    if num_windows == 1 or num_frames <= num_segments:
        return np.tile(segment_middles(num_frames, num_segments), (num_windows, 1))  # (V, T)
    # Clip v is at (2 v + 1) / 2 V of each segment, and as above fractions are dropped.
    positions = 2 * num_windows * np.arange(num_segments) + 2 * np.arange(num_windows)[:, None] + 1
    num_positions = 2 * num_windows * num_segments
    indices = (2 * positions * num_frames - num_positions) // (2 * num_positions)  # (V, T)
    return np.maximum(indices, 0)


def random_in_segments(
    num_frames: int, num_segments: int, generator: np.random.Generator
) -> Int64[np.ndarray, " T"]:
    """Pick a random frame of each segment, as for training.

    A video that has no more frames than segments gives each frame once, and random ones again.
    """
    if num_frames <= num_segments:
        again = generator.integers(num_frames, size=num_segments - num_frames)
        return np.sort(np.concatenate([np.arange(num_frames), again]))
    starts = np.arange(num_segments + 1) * num_frames // num_segments
    return generator.integers(starts[:-1], starts[1:])


def dense(
    num_frames: int, frames_per_clip: int, stride: int, num_windows: int = 1
) -> Int64[np.ndarray, "V T"]:
    """Pick every `stride`-th frame in windows spread evenly over the video.

    A single window is in its middle. Where the video is shorter than a window, the window stays on
    the last frame.

    >>> dense(num_frames=20, frames_per_clip=4, stride=2, num_windows=2)
    array([[ 0,  2,  4,  6],
           [13, 15, 17, 19]])
    """
    room = max(0, num_frames - 1 - (frames_per_clip - 1) * stride)
    if num_windows == 1:
        starts = np.array([room // 2])
    else:
        starts = np.arange(num_windows) * room // (num_windows - 1)
    indices = starts[:, None] + stride * np.arange(frames_per_clip)  # (V, T)
    return np.minimum(indices, num_frames - 1)


def random_dense(
    num_frames: int, frames_per_clip: int, stride: int, generator: np.random.Generator
) -> Int64[np.ndarray, " T"]:
    """Pick every `stride`-th frame in a window that lies anywhere in the video.

    Where the video is shorter than the window, the window stays on the last frame.
    """
    room = max(0, num_frames - 1 - (frames_per_clip - 1) * stride)
    start = generator.integers(room + 1)
    return np.minimum(start + stride * np.arange(frames_per_clip), num_frames - 1)
