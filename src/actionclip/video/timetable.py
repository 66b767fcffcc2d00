"""A video file becomes its timetable: when each frame is shown, and where decoding can start.

In most files the packets hold the times, and only the first frame is decoded; other files are
decoded once. The timetable takes sixteen bytes a frame. A tick is an integer time of the stream,
`seconds_per_tick` long.

Seconds count on the file's clock, which is that of players: second 0 is where the file begins, with
sound or pictures, whichever comes first. Pictures that begin later have their first frame at
`start_seconds`; before it there is no frame.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import mmap
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.format import Flags
from av.stream import Discard
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import Int64

from actionclip.video import container, diagnosis
from actionclip.video.clock import Clock
from actionclip.video.pixels import Geometry

logger = logging.getLogger(__name__)

ROUNDING_SECONDS = Fraction(1, 2000)
"""Matroska and Flash round times to milliseconds: a frame may come this much late."""
_PLAIN_CODECS = frozenset(
    ["av1", "h264", "hevc", "mjpeg", "mpeg1video", "mpeg2video", "mpeg4", "vp9"]
)
"""A packet is a frame, and the packets where decoding can start are marked."""
_BEGINNINGS = {
    "flv": re.compile(rb"FLV\x01[\x01\x04\x05]\x00\x00\x00\x09"),
    "mov,mp4,m4a,3gp,3g2,mj2": re.compile(rb"\x00\x00\x00.ftyp[\w ]{4}", re.DOTALL),
}
"""Formats of which FFmpeg does not read a second file that was appended, and how files begin."""
_UNANNOUNCED = Flags.ts_discont | Flags.no_timestamps
"""Files of these formats do not announce their length; FFmpeg guesses it."""
_MICROSECONDS = 1_000_000  # in a second; FFmpeg's unit for times of containers
_PROGRESSIVE = 1  # AV_FIELD_PROGRESSIVE; 0 is unknown, above are the interlaced ones


@dataclass(frozen=True)
class Opening:
    """What the first frame of a video reveals."""

    geometry: Geometry
    seconds_per_tick: Fraction
    first_tick: int
    start_seconds: Fraction
    """When the first frame comes on screen, on the file's clock."""
    announced_end_seconds: float
    """When the pictures end by the header of the file, on its clock; 0 if unknown."""
    is_counted: bool
    """The file has no usable times: the tick of a frame is its number."""
    is_seekable: bool
    """The packets hold the times of the frames, and decoding can start at any keyframe."""

    def seconds(self, tick: int) -> Fraction:
        """Return the time of a tick on the file's clock."""
        return self.start_seconds + (tick - self.first_tick) * self.seconds_per_tick

    def tick_at(self, seconds: float | Fraction) -> int:
        """Return the tick of a time on the file's clock, the first tick for all before it.

        Containers round times: a frame may come `ROUNDING_SECONDS` late.
        """
        since_start = Fraction(seconds) + ROUNDING_SECONDS - self.start_seconds
        return self.first_tick + max(0, math.floor(since_start / self.seconds_per_tick))

    def end_tick(self, tick: int, frame: VideoFrame) -> int:
        """Return when the frame shown from a tick on would leave the screen."""
        return tick + (1 if self.is_counted else max(1, frame.duration))


@dataclass(frozen=True, eq=False)
class Timetable:
    """When each frame of a video is shown."""

    opening: Opening
    ticks: Int64[np.ndarray, " T"]
    """In display order; at least one."""
    keyframes: Int64[np.ndarray, " K"]
    """Ticks of the frames where decoding can start, increasing; empty if unknown."""
    end_tick: int
    """When the last frame ends."""
    has_leading_frames: bool = False
    """Some come after a keyframe in the file and are shown before it (open groups of pictures)."""

    @property
    def duration_seconds(self) -> float:
        """From the start of the first frame to the end of the last."""
        return float((self.end_tick - self.opening.first_tick) * self.opening.seconds_per_tick)

    @property
    def can_be_strict(self) -> bool:
        """A decoder that starts at a keyframe and reports damage has met damage.

        Where frames after a keyframe need some before it, it reports those as well; that is worth
        reading the file again only where frames may be missing, as their distances show.
        """
        return not self.has_leading_frames or self.has_gaps

    @property
    def has_gaps(self) -> bool:
        """Frames may be missing: some are much farther apart than most."""
        apart = np.diff(self.ticks)
        return len(apart) > 0 and bool(apart.max() >= 1.5 * np.median(apart))

    def index_at(self, tick: int) -> int:
        """Return the index of the frame on screen at a tick."""
        return max(0, int(np.searchsorted(self.ticks, tick, side="right")) - 1)

    def nearest_keyframes(self, indices: Int64[np.ndarray, " T"]) -> Int64[np.ndarray, " T"]:
        """Return for each frame the nearest in time where decoding can start, the earlier of two.

        Where those are unknown, each frame is its own.
        """
        shown = np.flatnonzero(np.isin(self.ticks, self.keyframes))
        if len(shown) == 0:
            return indices
        ticks = self.ticks[shown]
        halfway = (ticks[:-1] + ticks[1:]) / 2
        return shown[np.searchsorted(halfway, self.ticks[indices])]


class Grid:
    """Resamples frames to a steady rate: for each step the frame then on screen.

    Step `s` is at `s / frames_per_second` seconds of the file's clock. The first step is at the
    first frame, or just before it. One rule for files and streams: it needs the next frame only.
    """

    def __init__(self, opening: Opening, frames_per_second: float) -> None:
        """Set the clock and the rate."""
        self._opening = opening
        self._rate = Fraction(frames_per_second)

    def has_step(self, tick: int, until: int) -> bool:
        """Return whether a frame on screen from one tick until another is shown at a step."""
        return self._first_step(tick) < self._first_step(until)

    def steps(
        self, frames: Iterator[tuple[int, VideoFrame]]
    ) -> Iterator[tuple[range, VideoFrame, int]]:
        """Yield each frame with its steps, perhaps none, and the tick until which it is shown.

        Args:
            frames: at least one, with their ticks, in display order.
        """
        tick, shown = next(frames)
        next_step = self._first_step(self._opening.first_tick)
        while shown is not None:
            until, following = next(frames, (self._opening.end_tick(tick, shown), None))
            steps = range(next_step, max(next_step, self._first_step(until)))
            yield steps, shown, until
            next_step = steps.stop
            tick, shown = until, following

    def _first_step(self, tick: int) -> int:
        """Return the first step of a frame that comes on screen at a tick.

        It is at the tick or after it; only the very first frame may come after its step.
        """
        if tick <= self._opening.first_tick:
            return math.floor((self._opening.start_seconds + ROUNDING_SECONDS) * self._rate)
        return math.ceil((self._opening.seconds(tick) - ROUNDING_SECONDS) * self._rate)


def opening(path: Path) -> Opening:
    """Decode the first frame of a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a video that can be decoded.
    """
    return _opening(path, *container.version(path))


def read(path: Path) -> Timetable:
    """Read the times of all frames of a file; raises as `opening` does."""
    return _read(path, *container.version(path))


def opening_with(source: InputContainer, stream: VideoStream, frame: VideoFrame) -> Opening:
    """Return what a decoded first frame reveals."""
    decoder = stream.codec_context
    # In these formats some times are missing, or are those of decoding.
    is_vague = source.format.name in ("avi", "mpeg") and decoder.has_b_frames
    is_counted = frame.pts is None or stream.start_time is None or is_vague
    # A packet may be half a frame.
    is_interlaced = frame.interlaced_frame or decoder.field_order > _PROGRESSIVE
    start_seconds = Fraction(0)
    tick = stream.start_time if is_counted else frame.pts
    if tick is not None and source.start_time is not None and stream.time_base:
        since_start = round(tick * stream.time_base * _MICROSECONDS) - source.start_time
        start_seconds = Fraction(max(0, since_start), _MICROSECONDS)
    announced = 0.0
    if source.duration and not source.format.flags & _UNANNOUNCED.value:
        announced = source.duration / _MICROSECONDS
        if stream.duration and stream.time_base:
            announced = min(announced, float(start_seconds + stream.duration * stream.time_base))
    frame_rate = stream.guessed_rate or stream.average_rate or Fraction(25)
    return Opening(
        geometry=Geometry.of(stream, frame),
        seconds_per_tick=(not is_counted and stream.time_base) or 1 / frame_rate,
        first_tick=(not is_counted and frame.pts) or 0,
        start_seconds=start_seconds,
        announced_end_seconds=announced,
        is_counted=is_counted,
        is_seekable=not is_counted
        and not is_interlaced
        and stream.codec.canonical_name in _PLAIN_CODECS,
    )


def warn_if_cut(path: Path, start: Opening, end_tick: int, what: str) -> None:
    """Warn if the file announces more than the `what` that could be read until a tick.

    Sound may be longer than the pictures: a file whose sound lasts as long as announced is whole.
    """
    seconds = float(start.seconds(end_tick))
    announced = start.announced_end_seconds

    def is_cut_at(seconds: float) -> bool:
        return announced > 1.02 * seconds + 0.5

    if is_cut_at(seconds) and is_cut_at(_sound_end_seconds(path)):
        logger.warning(
            "%s: the pictures end after %.1f of the %.1f seconds that the file announces; "
            "%s could be read",
            path,
            seconds,
            announced,
            what,
        )


def _sound_end_seconds(path: Path) -> float:
    """Return when the last packet of sound or subtitles ends; all of them are read."""
    end_seconds = 0.0
    with container.open_video(path) as (source, pictures):
        others = [stream for stream in source.streams if stream.type in ("audio", "subtitle")]
        if not others:
            return 0.0
        for stream in others:
            stream.discard = Discard.default
        pictures.discard = Discard.all
        origin = (source.start_time or 0) / _MICROSECONDS
        with contextlib.suppress(av.error.FFmpegError):  # the file breaks off
            for packet in source.demux(others):
                if packet.pts is not None and packet.time_base:
                    end = (packet.pts + (packet.duration or 0)) * packet.time_base
                    end_seconds = max(end_seconds, float(end) - origin)
    return end_seconds


@functools.lru_cache(maxsize=16)
def _opening(path: Path, *version: int) -> Opening:
    with container.open_video(path) as (source, stream):
        stream.thread_count = 1  # several would need several pictures to return the first
        frame = next(container.frames(path, source, stream), None)
        if frame is None:
            raise ValueError(f"{path}: {diagnosis.why_no_frame(path)}")
        return opening_with(source, stream, frame)


@functools.lru_cache(maxsize=16)
def _read(path: Path, *version: int) -> Timetable:
    start = opening(path)
    table = (start.is_seekable and _from_packets(path, start)) or _from_frames(path, start)
    warn_if_cut(path, start, table.end_tick, f"{len(table.ticks)} frames")
    return table


def _from_packets(path: Path, start: Opening) -> Timetable | None:
    """Read the times of the packets; None where they are not the times of the frames."""
    ticks, keyframes = array("q"), array("q")
    last_tick, last_duration = start.first_tick, 0
    end_of_data = 0
    has_leading_frames = False
    with container.open_video(path) as (source, stream):
        clock = Clock(source, stream)
        for packet in container.packets(path, source, stream, clock):
            if packet.pts is None or clock.starts:  # after a seek the clock would be unknown
                return None
            end_of_data = max(end_of_data, (packet.pos or 0) + packet.size)
            has_leading_frames |= bool(keyframes) and packet.pts < keyframes[-1]
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
    _warn_if_joined(path, source.format.name, end_of_data)
    keys = np.unique(np.array(keyframes, np.int64))
    return Timetable(start, shown, keys, last_tick + last_duration, has_leading_frames)


def _warn_if_joined(path: Path, format: str, end_of_data: int) -> None:
    """Warn if another file begins after the data of the one that was read."""
    beginning = _BEGINNINGS.get(format)
    num_bytes = path.stat().st_size
    if not beginning or end_of_data >= num_bytes:
        return
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        found = beginning.search(content, end_of_data)
    if found:
        logger.warning(
            "%s: only the first %d of %d bytes can be read, for another file was appended to them; "
            "join recordings with `ffmpeg -f concat`",
            path,
            found.start(),
            num_bytes,
        )


def _from_frames(path: Path, start: Opening) -> Timetable:
    """Decode everything to learn the times of the frames."""
    ticks = array("q")
    end_tick = start.first_tick
    for tick, frame in container.timed_frames(path, start.is_counted):
        ticks.append(tick)
        end_tick = max(end_tick, start.end_tick(tick, frame))
    return Timetable(start, np.array(ticks, np.int64), np.empty(0, np.int64), end_tick)
