"""An address becomes frames at a steady rate as they come, until it ends or the connection is lost.

One connection, from its first frame to its last; the steps are those of a file that holds the same
pictures. A connection that is silent for too long counts as lost, and where its clock jumps the
steps begin anew. Knows nothing of connecting again. Runs in the decoding process, which can be
killed.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import time
from collections.abc import Iterator, Sequence

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import UInt8

from actionclip.video import choice, decode, source, timetable
from actionclip.video.addresses import Address
from actionclip.video.grid import Grid
from actionclip.video.pixels import ToRGB

Frames = Iterator[tuple[int, UInt8[np.ndarray, "H W 3"]]]
"""Steps 0, 1, 2, … and the frames then on screen; after a jump of the clock again from 0."""


class ConnectionLostError(Exception):
    """Nothing comes any more, or nothing that can be used; the message says why."""


def live_frames(
    address: Address,
    frames_per_second: float,
    short_side: int | None,
    *,
    in_real_time: bool,
    timeout_seconds: float,
) -> Frames:
    """Read what an address gives, at a steady rate.

    Args:
        address: where to read.
        frames_per_second: how many frames to give for each second.
        short_side: scale the frames to this short side; by default they keep their size.
        in_real_time: give the frames of a file no sooner than their times say. What comes from a
            pipe, a camera or a server of unknown length is given as it comes in any case.
        timeout_seconds: a camera or a server may be silent for so long, and a clock that leaves
            out more has jumped.

    Yields:
        0, 1, 2, …, and the frame on screen at that step; after a jump again from 0.

    Raises:
        ConnectionLostError: a camera or a server gives nothing more.
        ValueError: a file or a pipe gives no video.
    """
    if address.kind == "file":
        timed = decode.stream_frames(address.text, frames_per_second, short_side)
        frames = enumerate(frame for _, frame in timed)
        yield from _paced(frames, frames_per_second) if in_real_time else frames
        return
    try:
        with _open(address, timeout_seconds) as container:
            index, arrived = choice.first_arriving(container)
            stream = source.choose_pictures(address.text, container, index)
            connection = _Connection(container, stream, timeout_seconds, arrived)
            frames = connection.frames(frames_per_second, short_side)
            is_file = _is_file(container)
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
    ) -> None:
        self._container = container
        self._stream = stream
        self._timeout_seconds = timeout_seconds
        self._arrived = arrived
        self.why_lost: str | None = None
        """Known after the last frame; nothing where it came to its end."""

    def frames(self, frames_per_second: float, short_side: int | None) -> Frames:
        decoded = self._decoded()
        first = next(decoded, None)
        if first is None:
            raise ValueError(self.why_lost or "it holds no frame that can be decoded")
        start = timetable.opening_with(self._container, self._stream, first)
        to_rgb = ToRGB(start.geometry, short_side)
        with_ticks = source.with_ticks(itertools.chain([first], decoded), start.is_counted)
        jumps = _Jumps(self._timeout_seconds / start.seconds_per_tick)
        for _, run in itertools.groupby(with_ticks, key=jumps.count):
            tick, frame = next(run)
            grid = Grid(dataclasses.replace(start, first_tick=tick), frames_per_second)
            for steps, shown, _ in grid.steps(itertools.chain([(tick, frame)], run)):
                if steps:
                    rgb = to_rgb(shown)
                    yield from ((step, rgb) for step in steps)

    def _decoded(self) -> Iterator[VideoFrame]:
        """Decode what comes; where it breaks off, what came before is given out whole."""
        try:
            for packet in itertools.chain(self._arrived, self._container.demux(self._stream)):
                if packet.size:
                    yield from source.decode(self._stream, packet)
        except av.error.FFmpegError as error:
            self.why_lost = _explained(error, self._timeout_seconds)
        yield from source.decode(self._stream, None)


class _Jumps:
    """Counts how often times go on somewhere else: a camera began anew, or its counter did."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._last: int | None = None
        self._num_jumps = 0

    def count(self, timed: tuple[int, VideoFrame]) -> int:
        tick, _ = timed
        if self._last is not None and abs(tick - self._last) > self._longest:
            self._num_jumps += 1
        self._last = tick
        return self._num_jumps


def _open(address: Address, timeout_seconds: float) -> InputContainer:
    url = address.url
    if address.kind == "pipe" and address.descriptor is None:
        url = f"pipe:{os.open(address.text, os.O_RDONLY)}"  # waits until somebody writes
    formats = {"format_whitelist": address.formats} if address.formats else {}
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


def _paced(frames: Frames, frames_per_second: float) -> Frames:
    """Give each frame no sooner than its time."""
    begin = 0.0
    for step, frame in frames:
        if step == 0:
            begin = time.monotonic()
        time.sleep(max(0.0, begin + step / frames_per_second - time.monotonic()))
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
