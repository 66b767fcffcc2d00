"""A video file and places in it become frames, uint8, RGB, upright: by index, time or steady rate.

What comes back equals decoding everything and picking, whatever the file; only the wanted frames
are kept. Only regular files of this machine are opened. Knows nothing of clips, crops or models.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64, Int64, Integer, UInt8

from actionclip.video import picking, source, timetable
from actionclip.video.grid import Grid
from actionclip.video.pixels import ToRGB

logger = logging.getLogger(__name__)

_LATEST_SECONDS = 1e9
"""Thirty years; no video lasts so long."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds."""

    path: Path
    width: int
    """In pixels, as shown: stretched to square pixels, and upright."""
    height: int
    num_frames: int
    start_seconds: float
    """When the first frame comes on screen, on the file's clock: 0, or more where sound begins
    before the pictures."""
    duration_seconds: float
    """From the start of the first frame to the end of the last."""
    frame_rate: float
    """Frames a second, on average."""


def probe(path: str | Path) -> VideoInfo:
    """Say what a video holds; in most files nothing but the first frame is decoded for it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a video that can be decoded.
    """
    path = Path(path)
    start, table = timetable.opening(path), timetable.timetable(path)
    num_frames = len(table.ticks)
    duration = float((table.end_tick - start.first_tick) * start.seconds_per_tick)
    width, height = start.geometry.size_shown()
    return VideoInfo(
        path,
        width,
        height,
        num_frames,
        float(start.start_seconds),
        duration,
        num_frames / duration,
    )


def read_frames(
    path: str | Path,
    indices: Sequence[int] | Integer[np.ndarray, " T"],
    short_side: int | None = None,
) -> UInt8[np.ndarray, "T H W 3"]:
    """Read the frames with these numbers, counted in the order of showing.

    A frame that cannot be decoded is replaced by the one before it, with a warning.

    Args:
        path: a video file.
        indices: from 0 to the number of frames - 1, in any order, repeats allowed.
        short_side: scale the frames to this short side; by default they keep their size.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a video that can be decoded, or it has no such frame.
    """
    path = Path(path)
    start, table = timetable.opening(path), timetable.timetable(path)
    numbers = _existing(path, indices, len(table.ticks))
    if len(table.keyframes):
        targets = table.ticks[numbers].tolist()
        frames = picking.pick(path, start, table, sorted(set(targets)))
    else:
        targets = numbers.tolist()
        numbered = source.timed_frames(path, is_counted=True)
        frames = picking.on_screen(numbered, sorted(set(targets)))
    to_rgb = ToRGB(start.geometry, short_side)
    found, num_replaced = {}, 0
    for target, frame in frames:
        found[target] = to_rgb(frame)
        num_replaced += frame.pts != target and len(table.keyframes) > 0
    if num_replaced:
        logger.warning(
            "%s: %d of the wanted frames cannot be decoded; the ones before them are used",
            path,
            num_replaced,
        )
    return np.stack([found[target] for target in targets])


def frames_between(
    path: str | Path, start_seconds: float = 0.0, end_seconds: float | None = None
) -> range:
    """Give the numbers of the frames that are on screen during a part of a video, one at least.

    A part that lies before the first frame or after the last has that one.

    Args:
        path: a video file.
        start_seconds: of the part, on the file's clock.
        end_seconds: of the part; by default it lasts to the end of the video.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a video that can be decoded.
    """
    path = Path(path)
    start, table = timetable.opening(path), timetable.timetable(path)
    first_tick = start.tick_at(start_seconds)
    first = max(0, int(np.searchsorted(table.ticks, first_tick, side="right")) - 1)
    end = len(table.ticks)
    if end_seconds is not None:  # a frame that comes just before the end is rounded to come then
        end_tick = start.tick_at(end_seconds - 2 * float(timetable.ROUNDING_SECONDS))
        end = int(np.searchsorted(table.ticks, end_tick, side="right"))
    return range(first, max(end, first + 1))


def keyframes_near(
    path: str | Path, indices: Sequence[int] | Integer[np.ndarray, " T"]
) -> tuple[Int64[np.ndarray, " T"], Float64[np.ndarray, " T"]]:
    """Name the keyframe nearest to each of these frames: reading it decodes no other frame.

    In a file that has to be read through anyway, each frame is its own.

    Args:
        path: a video file.
        indices: from 0 to the number of frames - 1, in any order.

    Returns:
        The indices of the keyframes, and how many seconds each is from the frame.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a video that can be decoded, or it has no such frame.
    """
    path = Path(path)
    start, table = timetable.opening(path), timetable.timetable(path)
    numbers = _existing(path, indices, len(table.ticks))
    nearest = table.nearest_keyframes(numbers)
    ticks_apart = np.abs(table.ticks[nearest] - table.ticks[numbers])
    return nearest, ticks_apart * float(start.seconds_per_tick)


def read_frames_at(
    path: str | Path,
    seconds: Sequence[float] | Float[np.ndarray, " T"],
    short_side: int | None = None,
) -> UInt8[np.ndarray, "T H W 3"]:
    """Read the frames on screen at these times; only around them is the file decoded.

    Args:
        path: a video file.
        seconds: on the file's clock, in any order, repeats allowed; before the pictures begin it is
            the first frame, and after their end the last one.
        short_side: scale the frames to this short side; by default they keep their size.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a video that can be decoded, or a time is negative.
    """
    path = Path(path)
    if len(seconds) == 0 or not all(0 <= time <= _LATEST_SECONDS for time in seconds):
        raise ValueError(
            f"{path}: give at least one time, in seconds, from 0 to {_LATEST_SECONDS:g}"
        )
    start, table = timetable.opening(path), timetable.timetable(path)
    targets = [start.tick_at(time) for time in seconds]
    to_rgb = ToRGB(start.geometry, short_side)
    frames = picking.pick(path, start, table, sorted(set(targets)))
    found = {target: to_rgb(frame) for target, frame in frames}
    return np.stack([found[target] for target in targets])


def stream_frames(
    path: str | Path,
    frames_per_second: float,
    short_side: int | None = None,
    most_seconds: float = math.inf,
) -> Iterator[tuple[float, UInt8[np.ndarray, "H W 3"]]]:
    """Read a whole video at a steady rate, one frame at a time.

    Args:
        path: a video file.
        frames_per_second: how many frames to give for each second of it.
        short_side: scale the frames to this short side; by default they keep their size.
        most_seconds: a longer video is refused, before its last frame stays on screen until then.

    Yields:
        Seconds on the file's clock (multiples of 1 / rate, the first one where the pictures begin,
        or just before), and the frame then on screen.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a video that can be decoded, or it is too long.
    """
    path = Path(path)
    if not 0 < frames_per_second < math.inf:
        raise ValueError(
            f"{path}: {frames_per_second} frames a second are not possible; give more than 0"
        )
    start = timetable.opening(path)
    to_rgb = ToRGB(start.geometry, short_side)

    grid = Grid(start, frames_per_second)
    until = start.first_tick
    for steps, frame, until in grid.steps(picking.wanted_frames(path, start, grid.has_step)):
        check_length(path, start.seconds(until), most_seconds)
        if steps:
            rgb = to_rgb(frame)
            yield from ((step / frames_per_second, rgb) for step in steps)
    timetable.warn_if_cut(path, start, until, "what comes before")


def check_length(path: Path, seconds: float | Fraction, most_seconds: float) -> None:
    """Refuse a video that lasts longer than it may.

    Raises:
        ValueError: it does.
    """
    if seconds > most_seconds:
        raise ValueError(
            f"{path}: lasts {float(seconds):.0f} seconds or more, and the limit is "
            f"{most_seconds:g}; cut the video, or correct its times"
        )


def _existing(
    path: Path, indices: Sequence[int] | Integer[np.ndarray, " T"], num_frames: int
) -> Int64[np.ndarray, " T"]:
    numbers = np.asarray(indices)
    if numbers.size == 0:
        raise ValueError(f"{path}: no frame was asked for; give at least one index")
    if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer):
        raise ValueError(f"{path}: frames are numbered by whole numbers; give a list of those")
    numbers = numbers.astype(np.int64)
    if numbers.min() < 0 or numbers.max() >= num_frames:
        raise ValueError(
            f"{path}: frames {numbers.min()} to {numbers.max()} were asked for; "
            f"the video has frames 0 to {num_frames - 1}"
        )
    return numbers
