"""A video file becomes the times of its frames, and the places where decoding can start.

In most files the packets tell them, and nothing but the first frame is decoded; of the others
everything is decoded once. Sixteen bytes a frame are kept, no pixels. A tick is an integer time of
the stream, `seconds_per_tick` long.
"""

from __future__ import annotations

import functools
import logging
from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import Int64

from actionclip.video import source
from actionclip.video.pixels import Geometry

logger = logging.getLogger(__name__)

_PLAIN_CODECS = frozenset(
    ["av1", "h264", "hevc", "mjpeg", "mpeg1video", "mpeg2video", "mpeg4", "vp9"]
)
"""A packet is a frame, and the packets where decoding can start are marked."""
_PROGRESSIVE = 1  # AV_FIELD_PROGRESSIVE; 0 is unknown, above are the interlaced ones


@dataclass(frozen=True)
class Opening:
    """What the first frame of a video tells."""

    geometry: Geometry
    seconds_per_tick: Fraction
    first_tick: int
    announced_seconds: float
    """How long the file says it is; 0 where it does not say."""
    is_counted: bool
    """The file has no usable times: the tick of a frame is its number."""
    is_seekable: bool
    """The packets tell the times of the frames, and decoding can start at any keyframe."""

    def end_tick(self, tick: int, frame: VideoFrame) -> int:
        """Say when the frame shown from a tick on would leave the screen."""
        return tick + (1 if self.is_counted else max(1, frame.duration))


@dataclass(frozen=True, eq=False)
class Timetable:
    """When each frame of a video is shown."""

    ticks: Int64[np.ndarray, " T"]
    """In the order of showing; at least one."""
    keyframes: Int64[np.ndarray, " K"]
    """Ticks of the frames where decoding can start, increasing; none where that is not known."""
    end_tick: int
    """When the last frame ends."""

    def nearest_keyframes(self, indices: Int64[np.ndarray, " T"]) -> Int64[np.ndarray, " T"]:
        """Give for each frame the nearest in time where decoding can start, the earlier of two.

        Where those are not known, each frame is given itself.
        """
        shown = np.flatnonzero(np.isin(self.ticks, self.keyframes))
        if len(shown) == 0:
            return indices
        ticks = self.ticks[shown]
        halfway = (ticks[:-1] + ticks[1:]) / 2
        return shown[np.searchsorted(halfway, self.ticks[indices])]


def opening(path: Path) -> Opening:
    """Decode the first frame and say what it tells."""
    return _opening(path, *source.version(path))


def opening_with(container: InputContainer, stream: VideoStream, frame: VideoFrame) -> Opening:
    """Say what the first frame tells, once it is decoded."""
    decoder = stream.codec_context
    # These tell times of some frames only, or of decoding instead of showing.
    is_vague = container.format.name in ("avi", "mpeg") and decoder.has_b_frames
    is_counted = frame.pts is None or stream.start_time is None or is_vague
    # A packet may be half a frame.
    is_interlaced = frame.interlaced_frame or decoder.field_order > _PROGRESSIVE
    return Opening(
        geometry=Geometry.of(stream, frame),
        seconds_per_tick=(not is_counted and stream.time_base) or 1 / _frame_rate(stream),
        first_tick=(not is_counted and frame.pts) or 0,
        announced_seconds=(container.duration or 0) / 1_000_000,
        is_counted=is_counted,
        is_seekable=not is_counted
        and not is_interlaced
        and stream.codec.canonical_name in _PLAIN_CODECS,
    )


def timetable(path: Path) -> Timetable:
    """Read the times of all frames."""
    return _timetable(path, *source.version(path))


def warn_if_cut(path: Path, start: Opening, end_tick: int, what: str) -> None:
    """Warn where a file announces more than the `what` that could be read until a tick."""
    seconds = float((end_tick - start.first_tick) * start.seconds_per_tick)
    if start.announced_seconds > 1.02 * seconds + 0.5:
        logger.warning(
            "%s: the pictures end after %.1f of the %.1f seconds that the file announces; "
            "%s could be read",
            path,
            seconds,
            start.announced_seconds,
            what,
        )


@functools.lru_cache(maxsize=16)
def _opening(path: Path, size: int, modified: int) -> Opening:
    with source.open_video(path) as (container, stream):
        stream.thread_count = 1  # several would want several pictures before they give the first
        frame = next(source.frames(path, container, stream), None)
        if frame is None:
            raise ValueError(f"{path}: no frame can be decoded; copy or record the video again")
        return opening_with(container, stream, frame)


@functools.lru_cache(maxsize=16)
def _timetable(path: Path, size: int, modified: int) -> Timetable:
    start = opening(path)
    table = (start.is_seekable and _from_packets(path, start)) or _from_frames(path, start)
    warn_if_cut(path, start, table.end_tick, f"{len(table.ticks)} frames")
    return table


def _from_packets(path: Path, start: Opening) -> Timetable | None:
    """Read the times of the packets; None where they do not tell the times of the frames."""
    ticks, keyframes = array("q"), array("q")
    last_tick, last_duration = start.first_tick, 0
    with source.open_video(path) as (container, stream):
        for packet in source.packets(path, container, stream):
            if packet.pts is None:
                return None
            if packet.is_keyframe:
                keyframes.append(packet.pts)
            if packet.pts >= start.first_tick and not packet.is_discard:
                ticks.append(packet.pts)
                last_tick, last_duration = max(
                    (last_tick, last_duration), (packet.pts, max(1, packet.duration or 0))
                )
    shown = np.unique(np.array(ticks, np.int64))
    if len(shown) < len(ticks):
        return None  # two packets at one time
    return Timetable(shown, np.unique(np.array(keyframes, np.int64)), last_tick + last_duration)


def _from_frames(path: Path, start: Opening) -> Timetable:
    """Decode everything to learn the times of the frames."""
    ticks = array("q")
    end_tick = start.first_tick
    for tick, frame in source.timed_frames(path, is_counted=start.is_counted):
        ticks.append(tick)
        end_tick = max(end_tick, start.end_tick(tick, frame))
    return Timetable(np.array(ticks, np.int64), np.empty(0, np.int64), end_tick)


def _frame_rate(stream: VideoStream) -> Fraction:
    return stream.guessed_rate or stream.average_rate or Fraction(25)
