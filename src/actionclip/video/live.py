"""One connection to an address becomes frames at a steady rate as they arrive, until it is lost.

The steps are those of a file that holds the same pictures. A camera or a server that is silent for
too long is lost, and where its clock jumps the steps start again from 0. Runs in the limited
process (see `worker`), for a `Connection`.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import math
import os
import time
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from actionclip.video import container, decode, timetable
from actionclip.video.clock import Clock
from actionclip.video.connection import Address, ConnectionLostError, LiveFrames
from actionclip.video.decode import Limits
from actionclip.video.pixels import ToRGB
from actionclip.video.timetable import Grid

_ENDLESS = Limits(duration_seconds=math.inf)


def live_frames(
    address: Address,
    frames_per_second: float,
    short_side: int | None,
    *,
    in_real_time: bool,
    timeout_seconds: float,
) -> LiveFrames:
    """Read what an address sends, at a steady rate.

    Args:
        address: where to read.
        frames_per_second: how many frames to return for each second.
        short_side: scale the frames to this short side; by default they are not scaled.
        in_real_time: return the frames of a file no sooner than their times. What comes from a
            pipe, a camera or a server of unknown length is returned as it arrives in any case.
        timeout_seconds: how long a camera or a server may be silent; a longer gap in its times is
            a jump of its clock.

    Yields:
        Steps, increasing by 1, and the frame on screen at each. They count from second 0 of the
        file's clock (see `timetable`), and from 0 after the clock of a camera or a server jumped.

    Raises:
        ConnectionLostError: a camera or a server sends nothing more.
        ValueError: a file or a pipe holds no video.
    """
    if address.kind == "file":
        timed = decode.stream_frames(address.text, frames_per_second, short_side, _ENDLESS)
        frames = ((round(seconds * frames_per_second), frame) for seconds, frame in timed)
        yield from _paced(frames, frames_per_second) if in_real_time else frames
        return
    try:
        with _open(address, timeout_seconds) as source:
            index, arrived = container.first_arriving(source)
            stream = container.select_stream(address.text, source, index)
            is_file = _is_file(source)
            is_endless = address.is_endless and not is_file
            arrivals = _Arrivals(source, stream, arrived, timeout_seconds, is_endless=is_endless)
            frames = arrivals.frames(frames_per_second, short_side)
            yield from _paced(frames, frames_per_second) if is_file and in_real_time else frames
    except (av.error.FFmpegError, ValueError, OSError) as error:
        why = _described(error, timeout_seconds).removeprefix(f"{address.text}: ")
        if address.is_endless:
            raise ConnectionLostError(why) from error
        raise ValueError(f"{address.text}: {why}") from error
    if address.is_endless and (arrivals.why_lost or not is_file):
        raise ConnectionLostError(arrivals.why_lost or "the other side closed it")


class _Arrivals:
    """The frames of an open container."""

    def __init__(
        self,
        source: InputContainer,
        stream: VideoStream,
        arrived: Iterable[Packet],
        timeout_seconds: float,
        *,
        is_endless: bool,
    ) -> None:
        self._source = source
        self._stream = stream
        self._arrived = arrived
        self._timeout_seconds = timeout_seconds
        self._is_endless = is_endless
        self._clock = Clock(source, stream, timeout_seconds if is_endless else None)
        self.why_lost: str | None = None
        """Known after the last frame; None where it came to its end."""

    def frames(self, frames_per_second: float, short_side: int | None) -> LiveFrames:
        decoded = self._decoded()
        first = next(decoded, None)
        if first is None:
            raise ValueError(self.why_lost or "it holds no frame that can be decoded")
        start = timetable.opening_with(self._source, self._stream, first)
        to_rgb = ToRGB(start.geometry, short_side)
        timed = container.with_ticks(itertools.chain([first], decoded), start.is_counted)
        for num_jumps, run in itertools.groupby(timed, key=self._num_jumps):
            tick, frame = next(run)
            if num_jumps:
                start = dataclasses.replace(start, first_tick=tick, start_seconds=Fraction(0))
            grid = Grid(start, frames_per_second)
            for steps, shown, _ in grid.steps(itertools.chain([(tick, frame)], run)):
                if steps:
                    rgb = to_rgb(shown)
                    yield from ((step, rgb) for step in steps)

    def _num_jumps(self, timed: tuple[int, VideoFrame]) -> int:
        """Count the jumps of the clock before a frame; a file or a pipe has one clock."""
        tick, _ = timed
        return bisect.bisect_right(self._clock.starts, tick) if self._is_endless else 0

    def _decoded(self) -> Iterator[VideoFrame]:
        """Decode what arrives; where it breaks off, all that came before is returned."""
        demuxed = itertools.chain(self._arrived, self._source.demux(self._stream))
        packets = (packet for packet in demuxed if packet.size)
        try:
            for packet in self._clock.continuous(packets):
                yield from container.decode(self._stream, packet)
        except av.error.FFmpegError as error:
            self.why_lost = _described(error, self._timeout_seconds)
        yield from container.decode(self._stream, None)


def _open(address: Address, timeout_seconds: float) -> InputContainer:
    url = address.url
    if address.kind == "pipe" and address.descriptor is None:
        url = f"pipe:{os.open(address.text, os.O_RDONLY)}"  # waits until somebody writes
    formats = {} if address.kind == "camera" else {"format_whitelist": container.FORMATS}
    if url.startswith(("http:", "https:")):
        formats["format_whitelist"] += ",hls"
    return av.open(
        url,
        format=address.format,
        options=container.codec_options,
        container_options={
            "protocol_whitelist": address.protocols,
            **formats,
            **address.options,
        },
        timeout=timeout_seconds if address.is_endless else None,
        metadata_errors="replace",
    )


def _is_file(source: InputContainer) -> bool:
    """Return whether a server announced a size; for a playlist, a duration."""
    if source.format.name == "hls":
        return source.duration is not None
    return source.size > 0


def _paced(frames: LiveFrames, frames_per_second: float) -> LiveFrames:
    """Yield each frame no sooner than its time."""
    begin = None
    for step, frame in frames:
        seconds = step / frames_per_second
        if begin is None:
            begin = time.monotonic() - seconds
        time.sleep(max(0.0, begin + seconds - time.monotonic()))
        yield step, frame


def _described(error: Exception, timeout_seconds: float) -> str:
    match error:
        case av.error.ExitError() | TimeoutError():
            return f"nothing came for {timeout_seconds:g} seconds"
        case av.error.InvalidDataError():
            return "what comes is not a video that can be read"
        case av.error.FFmpegError(strerror=str(words)) | OSError(strerror=str(words)):
            return words[0].lower() + words[1:]
    return str(error)
