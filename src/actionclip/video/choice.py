"""Which stream of pictures is the video: the one that players show.

Covers are never chosen. Thumbnails and streams of one frame come last, whatever their flags say;
among the others the default flag decides, then the size of the pictures, then the length.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

_SECONDARY = (
    Disposition.timed_thumbnails
    | Disposition.still_image
    | Disposition.dependent
    | Disposition.metadata
)
_MAX_PACKETS = 200
"""A stream that gives no two frames for so many packets is no video."""


def by_preference(container: InputContainer) -> list[VideoStream]:
    """Give the streams of pictures without covers, the preferred one first.

    Nothing is read but what the header of the file says.
    """
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic  # the cover of a song
    ]
    return sorted(streams, key=_preference, reverse=True)  # equal ones keep their order


def first_playing(
    open_container: Callable[[], InputContainer], codec_options: Mapping[str, str]
) -> int:
    """Give the index of the preferred stream of those that give two frames, else one, else none.

    So a stream that is encrypted, empty, or a single picture without a flag is passed over.

    Args:
        open_container: opens the file, from its start; streams of pictures are in it.
        codec_options: for the decoders.
    """
    with open_container() as container:
        indices = [stream.index for stream in by_preference(container)]
    num_frames: dict[int, int] = {}
    for index in indices:
        num_frames[index] = _num_frames(open_container, index, codec_options)
        if num_frames[index] == 2:
            break
    return max(num_frames, key=lambda index: num_frames[index])


def first_arriving(container: InputContainer) -> tuple[int | None, list[Packet]]:
    """Choose while a connection is read, which cannot be read again.

    Returns:
        The index of the preferred stream of those that give two packets, or else of all; none
        where there are no pictures. And what was read of that stream meanwhile: nothing where
        there is no choice.
    """
    streams = by_preference(container)
    if len(streams) < 2:
        return (streams[0].index if streams else None), []
    packets: dict[int, list[Packet]] = {stream.index: [] for stream in streams}
    for packet in itertools.islice(container.demux(streams), _MAX_PACKETS):
        if packet.size:  # the end of a stream has none
            packets[packet.stream_index].append(packet)
        if len(packets[streams[0].index]) == 2:
            break
    playing = (stream.index for stream in streams if len(packets[stream.index]) >= 2)
    index = next(playing, streams[0].index)
    return index, packets[index]


def only(container: InputContainer, chosen: VideoStream) -> None:
    """Let the demuxer skip all other streams."""
    for stream in container.streams:
        if stream is not chosen:
            stream.discard = Discard.all


def _preference(stream: VideoStream) -> tuple[bool, bool, bool, int, float]:
    seconds = _seconds(stream)
    frame_seconds = 1 / (stream.average_rate or 1)
    is_still = stream.frames == 1 or 0 < seconds <= frame_seconds
    return (
        stream.codec_context is not None,  # known here
        not (stream.disposition & _SECONDARY or is_still),
        bool(stream.disposition & Disposition.default),
        stream.width * stream.height if stream.codec_context else 0,
        seconds,
    )


def _seconds(stream: VideoStream) -> float:
    """Give the length that the file announces for a stream; 0 where it does not."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))  # Matroska
    hours, minutes, seconds = map(float, tag.groups()) if tag else (0.0, 0.0, 0.0)
    return 3600 * hours + 60 * minutes + seconds


def _num_frames(
    open_container: Callable[[], InputContainer], index: int, codec_options: Mapping[str, str]
) -> int:
    """Count the frames that a stream gives at its start, 0…2."""
    num_frames = 0
    with open_container() as container:
        [stream] = [stream for stream in container.streams.video if stream.index == index]
        if stream.codec_context is None:
            return 0
        only(container, stream)
        stream.codec_context.options = dict(codec_options)
        stream.thread_count = 1
        with _errors_ignored():
            for packet in itertools.islice(container.demux(stream), _MAX_PACKETS):
                if packet.has_sidedata("encryption_info"):
                    return 0
                with _errors_ignored():
                    num_frames += len(stream.codec_context.decode(packet))
                if num_frames >= 2:
                    return 2
    return num_frames


@contextlib.contextmanager
def _errors_ignored() -> Iterator[None]:
    """Go on where a file is damaged, but not without memory."""
    try:
        yield
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError:
        pass
