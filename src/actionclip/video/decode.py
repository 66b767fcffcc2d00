"""A video file becomes frames, uint8, RGB, upright: by index, by time, or at a steady rate.

The frames equal those of decoding everything and picking, whatever the file; only the requested
ones are held in memory. These functions run in the limited process (see `worker`); `Decoder`
documents the functions of the same names, which the rest of the package calls.
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

from actionclip.video import container, picking, timetable
from actionclip.video.pixels import ToRGB
from actionclip.video.timetable import Grid, Opening, Timetable

logger = logging.getLogger(__name__)

VideoPath = str | Path
Indices = Sequence[int] | Integer[np.ndarray, " T"]
Times = Sequence[float] | Float[np.ndarray, " T"]
Frame = UInt8[np.ndarray, "H W 3"]
Frames = UInt8[np.ndarray, "T H W 3"]
Keyframes = tuple[Int64[np.ndarray, " T"], Float64[np.ndarray, " T"]]
"""Indices of frames, and how many seconds each is from the frame that it stands for."""

_MAX_SECONDS = 1e9  # thirty years; no video lasts so long


@dataclass(frozen=True)
class Limits:
    """What one video may take."""

    cpu_seconds: float = 60.0
    """Processor time, of all threads together, until the next part of a response: a frame of a
    stream, or all frames requested by index. A video that has to be decoded to its end to be
    counted may need more."""
    stall_seconds: float = 60.0
    """Time in which the decoding process computes nothing and returns nothing."""
    memory_bytes: int = 4 * 2**30
    """Address space of a decoding process (on Linux; elsewhere nothing limits it). Eight frames
    of 3840×2160 pixels take 0.8 GiB, of 7680×4320 pixels 2.4 GiB."""
    pixels: int = 8192 * 4320
    """Of one frame: width × height, as coded (in whole blocks) and as requested."""
    frames: int = 1_000_000
    """Returned for one video in one call."""
    duration_seconds: float = 24 * 3600.0
    """From the start of the first frame to the end of the last."""


USUAL = Limits()


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


def probe(path: VideoPath, limits: Limits = USUAL) -> VideoInfo:
    """See `Decoder.probe`; in most files only the first frame is decoded."""
    path = Path(path)
    table = _timetable(path, limits)
    num_frames, seconds = len(table.ticks), table.duration_seconds
    width, height = table.opening.geometry.size_shown()
    start_seconds = float(table.opening.start_seconds)
    rate = num_frames / seconds
    return VideoInfo(path, width, height, num_frames, start_seconds, seconds, rate)


def read_frames(
    path: VideoPath, indices: Indices, short_side: int | None = None, limits: Limits = USUAL
) -> Frames:
    """See `Decoder.read_frames`."""
    path = Path(path)
    _check_size(path, timetable.opening(path), short_side, limits)
    table = _timetable(path, limits)
    return _read(path, table, _checked(path, indices, table), short_side, limits)


def read_frames_at(
    path: VideoPath, seconds: Times, short_side: int | None = None, limits: Limits = USUAL
) -> Frames:
    """See `Decoder.read_frames_at`."""
    path = Path(path)
    if len(seconds) == 0 or not all(0 <= time <= _MAX_SECONDS for time in seconds):
        raise ValueError(f"{path}: give at least one time, in seconds, from 0 to {_MAX_SECONDS:g}")
    start = timetable.opening(path)
    _check_size(path, start, short_side, limits)
    table = timetable.read(path)
    indices = np.array([table.index_at(start.tick_at(time)) for time in seconds])
    return _read(path, table, indices, short_side, limits)


def read_frames_around(
    path: VideoPath,
    indices: Indices,
    frames_per_second: float,
    seconds: float,
    within: tuple[int, int],
    short_side: int | None = None,
    limits: Limits = USUAL,
) -> tuple[list[list[float]], Frames]:
    """See `Decoder.read_frames_around`; times of the wanted frames and of those around them."""
    path = Path(path)
    _check_size(path, timetable.opening(path), short_side, limits)
    table = _timetable(path, limits)
    numbers, start = _checked(path, indices, table), table.opening
    wanted = [float(start.seconds(tick)) for tick in table.ticks[numbers].tolist()]
    first, last = (float(start.seconds(int(table.ticks[i]))) for i in (within[0], within[1] - 1))
    steps: set[int] = set()
    for time in wanted:  # at both ends of the part, what is around a frame lies inside it
        begin = min(max(time - seconds, first), max(first, last - 2 * seconds))
        end = min(begin + 2 * seconds, last)
        steps |= {*range(math.ceil(begin * frames_per_second), int(end * frames_per_second) + 1)}
    times = [step / frames_per_second for step in sorted(steps)]
    around = [table.index_at(start.tick_at(time)) for time in times]
    together = np.concatenate([numbers, np.array(around, np.int64).clip(within[0], within[1] - 1)])
    return [wanted, times], _read(path, table, together, short_side, limits)


def keyframes_near(path: VideoPath, indices: Indices, limits: Limits = USUAL) -> Keyframes:
    """See `Decoder.keyframes_near`."""
    path = Path(path)
    table = _timetable(path, limits)
    numbers = _checked(path, indices, table)
    nearest = table.nearest_keyframes(numbers)
    ticks_apart = np.abs(table.ticks[nearest] - table.ticks[numbers])
    return nearest, ticks_apart * float(table.opening.seconds_per_tick)


def frames_between(
    path: VideoPath,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
    limits: Limits = USUAL,
) -> range:
    """See `Decoder.frames_between`."""
    table = _timetable(Path(path), limits)
    start = table.opening
    first, end = table.index_at(start.tick_at(start_seconds)), len(table.ticks)
    if end_seconds is not None:  # a frame that comes just before the end is rounded to come then
        end_tick = start.tick_at(end_seconds - 2 * float(timetable.ROUNDING_SECONDS))
        end = int(np.searchsorted(table.ticks, end_tick, side="right"))
    return range(first, max(end, first + 1))


def stream_frames(
    path: VideoPath,
    frames_per_second: float,
    short_side: int | None = None,
    limits: Limits = USUAL,
) -> Iterator[tuple[float, Frame]]:
    """See `Decoder.stream_frames`."""
    path = Path(path)
    if not 0 < frames_per_second < math.inf:
        raise ValueError(
            f"{path}: {frames_per_second} frames a second are not possible; give more than 0"
        )
    start = timetable.opening(path)
    _check_size(path, start, short_side, limits)
    to_rgb = ToRGB(start.geometry, short_side)
    grid = Grid(start, frames_per_second)
    until = start.first_tick
    for steps, frame, until in grid.steps(picking.wanted_frames(path, start, grid.has_step)):
        _check_duration(path, start.seconds(until), limits)
        if steps:
            rgb = to_rgb(frame)
            yield from ((step / frames_per_second, rgb) for step in steps)
    timetable.warn_if_cut(path, start, until, "what comes before")


def check_count(path: Path, num_frames: int, limits: Limits) -> None:
    """Refuse more frames than one call may return."""
    if num_frames > limits.frames:
        raise ValueError(
            f"{path}: more than {limits.frames} frames, the limit; cut the video or request fewer"
        )


def _read(
    path: Path,
    table: Timetable,
    indices: Int64[np.ndarray, " T"],
    short_side: int | None,
    limits: Limits,
) -> Frames:
    """Read frames by index; one that cannot be decoded is replaced by the one before it."""
    check_count(path, len(indices), limits)
    targets = table.ticks[indices].tolist()
    to_rgb = ToRGB(table.opening.geometry, short_side)
    frames, num_replaced = {}, 0
    for target, frame in picking.pick(path, table, sorted(set(targets))):
        frames[target] = to_rgb(frame)
        num_replaced += frame.pts != target and len(table.keyframes) > 0
    if num_replaced:
        logger.warning(
            "%s: %d of the wanted frames cannot be decoded; the ones before them are used",
            path,
            num_replaced,
        )
    return np.stack([frames[target] for target in targets])


def _timetable(path: Path, limits: Limits) -> Timetable:
    table = timetable.read(path)
    _check_duration(path, table.duration_seconds, limits)
    return table


def _check_duration(path: Path, seconds: float | Fraction, limits: Limits) -> None:
    if seconds > limits.duration_seconds:
        raise ValueError(
            f"{path}: lasts {float(seconds):.0f} seconds or more, and the limit is "
            f"{limits.duration_seconds:g}; cut the video, or correct its times"
        )


def _check_size(path: Path, start: Opening, short_side: int | None, limits: Limits) -> None:
    """Refuse a narrow picture whose long side would become too long, before it is scaled."""
    width, height = start.geometry.size_shown(short_side)
    if width * height > limits.pixels:
        raise ValueError(container.too_large(path, width, height, limits.pixels))


def _checked(path: Path, indices: Indices, table: Timetable) -> Int64[np.ndarray, " T"]:
    numbers, num_frames = np.asarray(indices), len(table.ticks)
    if numbers.size == 0:
        raise ValueError(f"{path}: no frame was requested; give at least one index")
    if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer):
        raise ValueError(f"{path}: frames are numbered by whole numbers; give a list of those")
    numbers = numbers.astype(np.int64)
    if numbers.min() < 0 or numbers.max() >= num_frames:
        raise ValueError(
            f"{path}: frames {numbers.min()} to {numbers.max()} were requested; "
            f"the video has frames 0 to {num_frames - 1}"
        )
    return numbers
