"""A video file becomes the times of its frames, and the places where decoding can start.

In most files the packets tell them, and nothing but the first frame is decoded; of the others
everything is decoded once. Sixteen bytes a frame are kept, no pixels. A tick is an integer time of
the stream, `seconds_per_tick` long.

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

from actionclip.video import diagnosis, source
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
"""Formats in which FFmpeg reads one file and no other that was appended, and how files begin."""
_UNANNOUNCED = Flags.ts_discont | Flags.no_timestamps
"""Of these formats no file says how long it is; FFmpeg guesses from its end or its bytes."""
_MICROSECONDS = 1_000_000
"""A second has so many; FFmpeg counts the times of containers in them."""
_PROGRESSIVE = 1  # AV_FIELD_PROGRESSIVE; 0 is unknown, above are the interlaced ones


@dataclass(frozen=True)
class Opening:
    """What the first frame of a video tells."""

    geometry: Geometry
    seconds_per_tick: Fraction
    first_tick: int
    start_seconds: Fraction
    """When the first frame comes on screen, on the file's clock."""
    announced_end_seconds: float
    """When the pictures end as the file says, on its clock; 0 where it does not say."""
    is_counted: bool
    """The file has no usable times: the tick of a frame is its number."""
    is_seekable: bool
    """The packets tell the times of the frames, and decoding can start at any keyframe."""

    def seconds(self, tick: int) -> Fraction:
        """Give the time of a tick on the file's clock."""
        return self.start_seconds + (tick - self.first_tick) * self.seconds_per_tick

    def tick_at(self, seconds: float | Fraction) -> int:
        """Give the tick of a time on the file's clock, the first one for what comes before it.

        Containers round times: a frame may come `ROUNDING_SECONDS` late.
        """
        since_start = Fraction(seconds) + ROUNDING_SECONDS - self.start_seconds
        return self.first_tick + max(0, math.floor(since_start / self.seconds_per_tick))

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
    has_leading_frames: bool = False
    """Some come after a keyframe in the file and are shown before it (open groups of pictures)."""

    @property
    def can_be_strict(self) -> bool:
        """A decoder that starts at a keyframe and complains has met damage.

        Where frames after a keyframe need some before it, it complains of them as well; only where
        frames may be missing, as their distances tell, is that worth reading the file again.
        """
        return not self.has_leading_frames or self.has_gaps

    @property
    def has_gaps(self) -> bool:
        """Frames may be missing: some are much farther apart than most."""
        apart = np.diff(self.ticks)
        return len(apart) > 0 and bool(apart.max() >= 1.5 * np.median(apart))

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
    start_seconds = _start_seconds(container, stream, frame, is_counted=is_counted)
    return Opening(
        geometry=Geometry.of(stream, frame),
        seconds_per_tick=(not is_counted and stream.time_base) or 1 / _frame_rate(stream),
        first_tick=(not is_counted and frame.pts) or 0,
        start_seconds=start_seconds,
        announced_end_seconds=_announced_end_seconds(container, stream, start_seconds),
        is_counted=is_counted,
        is_seekable=not is_counted
        and not is_interlaced
        and stream.codec.canonical_name in _PLAIN_CODECS,
    )


def timetable(path: Path) -> Timetable:
    """Read the times of all frames."""
    return _timetable(path, *source.version(path))


def warn_if_cut(path: Path, start: Opening, end_tick: int, what: str) -> None:
    """Warn where a file announces more than the `what` that could be read until a tick.

    Sound may be longer than the pictures: a file whose sound lasts as long as announced is whole.
    """
    seconds = float(start.seconds(end_tick))
    announced = start.announced_end_seconds
    if _is_much_less(seconds, announced) and _is_much_less(_sound_end_seconds(path), announced):
        logger.warning(
            "%s: the pictures end after %.1f of the %.1f seconds that the file announces; "
            "%s could be read",
            path,
            seconds,
            announced,
            what,
        )


def _is_much_less(seconds: float, announced: float) -> bool:
    return announced > 1.02 * seconds + 0.5


def _sound_end_seconds(path: Path) -> float:
    """Read all packets but those of the pictures to learn when the last of them ends."""
    end_seconds = 0.0
    with source.open_video(path) as (container, pictures):
        others = [stream for stream in container.streams if stream.type in ("audio", "subtitle")]
        if not others:
            return 0.0
        for stream in others:
            stream.discard = Discard.default
        pictures.discard = Discard.all
        origin = (container.start_time or 0) / _MICROSECONDS
        with contextlib.suppress(av.error.FFmpegError):  # it breaks off
            for packet in container.demux(others):
                if packet.pts is not None and packet.time_base:
                    end = (packet.pts + (packet.duration or 0)) * packet.time_base
                    end_seconds = max(end_seconds, float(end) - origin)
    return end_seconds


def _start_seconds(
    container: InputContainer, stream: VideoStream, frame: VideoFrame, *, is_counted: bool
) -> Fraction:
    """Say when the first frame comes on screen, on the file's clock."""
    tick = stream.start_time if is_counted else frame.pts
    if tick is None or container.start_time is None or not stream.time_base:
        return Fraction(0)
    since_start = round(tick * stream.time_base * _MICROSECONDS) - container.start_time
    return Fraction(max(0, since_start), _MICROSECONDS)


def _announced_end_seconds(
    container: InputContainer, stream: VideoStream, start_seconds: Fraction
) -> float:
    """Say when the pictures end as the file says; 0 where it does not say."""
    if container.format.flags & _UNANNOUNCED.value or not container.duration:
        return 0.0
    of_all = container.duration / _MICROSECONDS
    if not stream.duration or not stream.time_base:
        return of_all
    return min(of_all, float(start_seconds + stream.duration * stream.time_base))


@functools.lru_cache(maxsize=16)
def _opening(path: Path, *version: int) -> Opening:
    with source.open_video(path) as (container, stream):
        stream.thread_count = 1  # several would want several pictures before they give the first
        frame = next(source.frames(path, container, stream), None)
        if frame is None:
            raise ValueError(f"{path}: {diagnosis.why_no_frame(path)}")
        return opening_with(container, stream, frame)


@functools.lru_cache(maxsize=16)
def _timetable(path: Path, *version: int) -> Timetable:
    start = opening(path)
    table = (start.is_seekable and _from_packets(path, start)) or _from_frames(path, start)
    warn_if_cut(path, start, table.end_tick, f"{len(table.ticks)} frames")
    return table


def _from_packets(path: Path, start: Opening) -> Timetable | None:
    """Read the times of the packets; None where they do not tell the times of the frames."""
    ticks, keyframes = array("q"), array("q")
    last_tick, last_duration = start.first_tick, 0
    end_of_data = 0
    has_leading_frames = False
    with source.open_video(path) as (container, stream):
        clock = Clock(container, stream)
        for packet in source.packets(path, container, stream, clock):
            if packet.pts is None or clock.starts:  # by a seek the clock would not be known
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
    _warn_if_joined(path, container.format.name, end_of_data)
    return Timetable(
        shown,
        np.unique(np.array(keyframes, np.int64)),
        last_tick + last_duration,
        has_leading_frames,
    )


def _warn_if_joined(path: Path, format: str, end_of_data: int) -> None:
    """Warn where another file begins after the data of the one that was read."""
    beginning = _BEGINNINGS.get(format)
    if not beginning or end_of_data >= path.stat().st_size:
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
            path.stat().st_size,
        )


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
