"""An address becomes frames at a steady rate as they come, until it ends or the connection is lost.

One connection, from its first frame to its last; the steps are those of a file that holds the same
pictures. A camera or a server that is silent for too long counts as lost, and where its clock jumps
the steps begin anew. Knows nothing of connecting again. Runs in the decoding process, which can be
killed.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from actionclip.video import choice, decode, source, timetable
from actionclip.video.clock import Clock
from actionclip.video.connection import Address, ConnectionLostError, LiveFrames
from actionclip.video.grid import Grid
from actionclip.video.pixels import ToRGB


def live_frames(
    address: Address,
    frames_per_second: float,
    short_side: int | None,
    *,
    in_real_time: bool,
    timeout_seconds: float,
) -> LiveFrames:
    """Read what an address gives, at a steady rate.

    Args:
        address: where to read.
        frames_per_second: how many frames to give for each second.
        short_side: scale the frames to this short side; by default they keep their size.
        in_real_time: give the frames of a file no sooner than their times say. What comes from a
            pipe, a camera or a server of unknown length is given as it comes in any case.
        timeout_seconds: a camera or a server may be silent for so long, and a clock of it that
            leaves out more has jumped.

    Yields:
        Steps, increasing by 1, and the frame on screen at each. They count from second 0 of the
        file's clock (see timetable), and after the clock of a camera or a server jumped from 0.

    Raises:
        ConnectionLostError: a camera or a server gives nothing more.
        ValueError: a file or a pipe gives no video.
    """
    if address.kind == "file":
        timed = decode.stream_frames(address.text, frames_per_second, short_side)
        frames = ((round(seconds * frames_per_second), frame) for seconds, frame in timed)
        yield from _paced(frames, frames_per_second) if in_real_time else frames
        return
    try:
        with _open(address, timeout_seconds) as container:
            index, arrived = choice.first_arriving(container)
            stream = source.choose_pictures(address.text, container, index)
            is_file = _is_file(container)
            is_endless = address.is_endless and not is_file
            connection = _Connection(
                container, stream, timeout_seconds, arrived, is_endless=is_endless
            )
            frames = connection.frames(frames_per_second, short_side)
            yield from _paced(frames, frames_per_second) if is_file and in_real_time else frames
    except (av.error.FFmpegError, ValueError, OSError) as error:
        why = _explained(error, timeout_seconds).removeprefix(f"{address.text}: ")
        if address.is_endless:
            raise ConnectionLostError(why) from error
        raise ValueError(f"{address.text}: {why}") from error
    if address.is_endless and (connection.why_lost or not is_file):
        raise ConnectionLostError(connection.why_lost or "the other side closed it")


class _Connection:
    """What comes from an open container."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        timeout_seconds: float,
        arrived: Sequence[Packet],
        *,
        is_endless: bool,
    ) -> None:
        self._container = container
        self._stream = stream
        self._timeout_seconds = timeout_seconds
        self._arrived = arrived
        self._is_endless = is_endless
        self._clock = Clock(container, stream, timeout_seconds if is_endless else None)
        self.why_lost: str | None = None
        """Known after the last frame; nothing where it came to its end."""

    def frames(self, frames_per_second: float, short_side: int | None) -> LiveFrames:
        decoded = self._decoded()
        first = next(decoded, None)
        if first is None:
            raise ValueError(self.why_lost or "it holds no frame that can be decoded")
        start = timetable.opening_with(self._container, self._stream, first)
        to_rgb = ToRGB(start.geometry, short_side)
        timed = source.with_ticks(itertools.chain([first], decoded), start.is_counted)
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
        """Count the jumps of the clock before a frame; what comes to an end has one clock."""
        tick, _ = timed
        return bisect.bisect_right(self._clock.starts, tick) if self._is_endless else 0

    def _decoded(self) -> Iterator[VideoFrame]:
        """Decode what comes; where it breaks off, what came before is given out whole."""
        demuxed = itertools.chain(self._arrived, self._container.demux(self._stream))
        packets = (packet for packet in demuxed if packet.size)
        try:
            for packet in self._clock.continuous(packets):
                yield from source.decode(self._stream, packet)
        except av.error.FFmpegError as error:
            self.why_lost = _explained(error, self._timeout_seconds)
        yield from source.decode(self._stream, None)


def _open(address: Address, timeout_seconds: float) -> InputContainer:
    url = address.url
    if address.kind == "pipe" and address.descriptor is None:
        url = f"pipe:{os.open(address.text, os.O_RDONLY)}"  # waits until somebody writes
    formats = {} if address.kind == "camera" else {"format_whitelist": source.FORMATS}
    if url.startswith(("http:", "https:")):
        formats["format_whitelist"] += ",hls"
    return av.open(
        url,
        format=address.format,
        options=source.codec_options,
        container_options={
            "protocol_whitelist": address.protocols,
            **formats,
            **address.options,
        },
        timeout=timeout_seconds if address.is_endless else None,
        metadata_errors="replace",
    )


def _is_file(container: InputContainer) -> bool:
    """Say whether a server told how much it has; of a playlist, how long it is."""
    if container.format.name == "hls":
        return container.duration is not None
    return container.size > 0


def _paced(frames: LiveFrames, frames_per_second: float) -> LiveFrames:
    """Give each frame no sooner than its time."""
    begin = None
    for step, frame in frames:
        seconds = step / frames_per_second
        if begin is None:
            begin = time.monotonic() - seconds
        time.sleep(max(0.0, begin + seconds - time.monotonic()))
        yield step, frame


def _explained(error: Exception, timeout_seconds: float) -> str:
    match error:
        case av.error.ExitError() | TimeoutError():
            return f"nothing came for {timeout_seconds:g} seconds"
        case av.error.InvalidDataError():
            return "what comes is not a video that can be read"
        case av.error.FFmpegError(strerror=str(words)) | OSError(strerror=str(words)):
            return words[0].lower() + words[1:]
    return str(error)
