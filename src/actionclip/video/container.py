"""A video file or connection becomes the packets and decoded frames of its video stream.

Only regular files of this machine are opened: FFmpeg may use the protocol `file` and no other, and
a folder, a pipe, a device or a playlist is refused. The video stream is the one that players show:
never a cover; thumbnails and streams of one frame come last, whatever their flags; among the others
the default flag decides, then the size of the pictures, then the length.
"""

from __future__ import annotations

import functools
import itertools
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from actionclip.video import diagnosis
from actionclip.video.clock import Clock

logger = logging.getLogger(__name__)

_PLAYLISTS = frozenset(["concat", "dash", "hls", "imf", "sdp"])
FORMATS = ",".join(sorted(av.formats_available - _PLAYLISTS))
"""Formats that hold their own data: files named by a playlist are never opened."""
_LARGE_PICTURE = 1280 * 720
"""Smaller pictures are decoded by one thread: sharing them costs more than it saves."""
_MAX_DAMAGED = 0.1  # a larger share of packets that cannot be decoded gives a warning
_MAX_PACKETS = 200  # a stream that gives no two frames for so many packets is not the video
_SECONDARY = (
    Disposition.timed_thumbnails
    | Disposition.still_image
    | Disposition.dependent
    | Disposition.metadata
)
DAMAGED: list[VideoFrame] = []
"""What `decode` returns for a damaged packet; compared by identity, a sound one may give none."""

codec_options: dict[str, str] = {}
"""For all decoders of this process."""


def limit_pixels(pixels: int) -> None:
    """Refuse larger pictures in this process from now on, before memory is allocated for them."""
    codec_options["max_pixels"] = str(pixels)


def too_large(path: str | Path, width: int, height: int, pixels: int) -> str:
    """Return the message for pictures with too many pixels."""
    return f"{path}: pictures of {width}×{height} are over the limit of {pixels} pixels; scale them"


@contextmanager
def open_video(
    path: Path, *, is_strict: bool = False
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file and select its video stream; the other streams are not read.

    Args:
        path: a video file.
        is_strict: let `decode` return `DAMAGED` where it would conceal damage.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be decoded as a video; the message says why.
    """
    with _open(path) as container:
        is_ambiguous = len(_by_preference(container)) > 1
        index = _first_playing(path, *version(path)) if is_ambiguous else None
        stream = select_stream(path, container, index)
        if is_strict:
            stream.codec_context.options = {**codec_options, "err_detect": "explode"}
        yield container, stream


def version(path: Path) -> tuple[int, ...]:
    """Return numbers that change when the file changes, or when the path leads to another one."""
    try:
        status = path.stat()
    except OSError:
        return ()  # opening it raises the error
    return status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino


def select_stream(
    name: str | Path, container: InputContainer, index: int | None = None
) -> VideoStream:
    """Prepare one video stream for decoding, and let the demuxer skip all other streams.

    Args:
        name: of the file, for messages.
        container: an open file or connection.
        index: of the stream; by default the one preferred by what the header says.

    Raises:
        ValueError: there is none, or it cannot be decoded here; the message says why.
    """
    streams = _by_preference(container)
    if not streams:
        raise ValueError(f"{name}: {diagnosis.why_no_pictures(name, container)}")
    selected = next((stream for stream in streams if stream.index == index), streams[0])
    if selected.codec_context is None:
        raise ValueError(f"{name}: {diagnosis.why_no_codec(name)}")
    if max_pixels := int(codec_options.get("max_pixels", 0)):
        if selected.width * selected.height > max_pixels:
            raise ValueError(too_large(name, selected.width, selected.height, max_pixels))
        if selected.width == 0:  # a limit that is exceeded while opening leaves the size unknown
            raise ValueError(f"{name}: {diagnosis.why_no_size(name, max_pixels)}")
    selected.codec_context.options = dict(codec_options)
    _skip_others(container, selected)
    if selected.width * selected.height >= _LARGE_PICTURE:
        selected.thread_type = "AUTO"
    else:
        selected.thread_count = 1
    return selected


def first_arriving(container: InputContainer) -> tuple[int | None, list[Packet]]:
    """Choose a stream of a connection, which cannot be read twice.

    Returns:
        The index of the preferred stream of those that give two packets, or else of all; None
        where there are no pictures. And the packets of that stream that were read for it: none
        where there is no choice.
    """
    streams = _by_preference(container)
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


def packets(
    path: Path, container: InputContainer, stream: VideoStream, clock: Clock | None = None
) -> Iterator[Packet]:
    """Yield the packets from the present position on, in decoding order, with times of one clock.

    Where the file breaks off they end, with a warning.

    Raises:
        ValueError: they are encrypted.
    """
    clock = clock or Clock(container, stream)
    # The last packet, which ends the decoding, has no data.
    with_data = (packet for packet in container.demux(stream) if packet.size > 0)
    try:
        for packet in clock.continuous(with_data):
            if packet.has_sidedata("encryption_info"):
                raise ValueError(f"{path}: {diagnosis.ENCRYPTED}")
            yield packet
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError as error:
        logger.warning("%s: cannot be read to its end (%s); what comes before is used", path, error)


def decode(stream: VideoStream, packet: Packet | None) -> list[VideoFrame]:
    """Return the frames that are complete after one more packet, or all that remain for None.

    A packet that is damaged beyond decoding gives `DAMAGED`.
    """
    try:
        return stream.codec_context.decode(packet)
    except av.error.MemoryError:
        raise  # not the packet's fault
    except av.error.FFmpegError:
        return DAMAGED


def frames(path: Path, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Decode everything from the present position on, in display order.

    Many packets that cannot be decoded give a warning.
    """
    num_packets = num_damaged = num_frames = 0
    for packet in packets(path, container, stream):
        decoded = decode(stream, packet)
        num_packets += 1
        num_damaged += decoded is DAMAGED
        num_frames += len(decoded)
        yield from decoded
    yield from decode(stream, None)
    if num_frames and num_damaged > _MAX_DAMAGED * num_packets:
        logger.warning(
            "%s: %d of %d coded pictures cannot be decoded (damaged, or of another recording with "
            "another codec); the rest is used",
            path,
            num_damaged,
            num_packets,
        )


def with_ticks(frames: Iterable[VideoFrame], is_counted: bool) -> Iterator[tuple[int, VideoFrame]]:
    """Yield frames with their times in ticks, or with their numbers where they are counted.

    A time that is missing, or not after the one before it, becomes the next tick.
    """
    tick = None
    for frame in frames:
        following = 0 if tick is None else tick + 1
        if is_counted or frame.pts is None:
            tick = following
        else:
            tick = frame.pts if tick is None else max(frame.pts, following)
        yield tick, frame


def timed_frames(path: Path, is_counted: bool) -> Iterator[tuple[int, VideoFrame]]:
    """Decode a whole file in display order, with ticks, or with numbers if counted."""
    with open_video(path) as (container, stream):
        yield from with_ticks(frames(path, container, stream), is_counted)


def _open(path: Path) -> InputContainer:
    try:
        is_there = path.exists()
    except OSError as error:
        raise ValueError(f"{path}: {diagnosis.why_not_found(error)}") from error
    if not is_there:
        raise FileNotFoundError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise ValueError(f"{path}: this is a folder; give a video file")
    if not path.is_file():
        raise ValueError(f"{path}: not a regular file (a pipe or a device?); save it to a file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty (0 bytes); copy or record it again")
    try:
        return av.open(
            str(path.absolute()),  # absolute, so that a file named "http:x" is a file
            mode="r",
            options=codec_options,
            container_options={"protocol_whitelist": "file", "format_whitelist": FORMATS},
            metadata_errors="replace",
        )
    except av.error.MemoryError:
        raise
    except (av.error.FFmpegError, OSError) as error:
        raise ValueError(f"{path}: {diagnosis.why_not_opened(path, error)}") from error


def _by_preference(container: InputContainer) -> list[VideoStream]:
    """Return the video streams but covers, the preferred one first, by what the header says."""
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic  # the cover of a song
    ]
    return sorted(streams, key=_preference, reverse=True)  # equal ones keep their order


def _preference(stream: VideoStream) -> tuple[bool, bool, bool, int, float]:
    seconds = _announced_seconds(stream)
    is_still = stream.frames == 1 or 0 < seconds <= 1 / (stream.average_rate or 1)
    return (
        stream.codec_context is not None,  # the codec is known here
        not (stream.disposition & _SECONDARY or is_still),
        bool(stream.disposition & Disposition.default),
        stream.width * stream.height if stream.codec_context else 0,
        seconds,
    )


def _announced_seconds(stream: VideoStream) -> float:
    """Return the length that the file announces for a stream; 0 where it announces none."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))  # Matroska
    hours, minutes, seconds = map(float, tag.groups()) if tag else (0.0, 0.0, 0.0)
    return 3600 * hours + 60 * minutes + seconds


@functools.lru_cache(maxsize=16)
def _first_playing(path: Path, *version: int) -> int:
    """Return the index of the preferred stream of those that give two frames, else one, else none.

    So a stream that is encrypted, empty, or a single picture without a flag is passed over.
    """
    with _open(path) as container:
        indices = [stream.index for stream in _by_preference(container)]
    num_frames: dict[int, int] = {}
    for index in indices:
        with _open(path) as container:
            num_frames[index] = _num_first_frames(container, index)
        if num_frames[index] == 2:
            break
    return max(num_frames, key=lambda index: num_frames[index])


def _num_first_frames(container: InputContainer, index: int) -> int:
    """Count the frames at the start of a stream, 0…2."""
    [stream] = [stream for stream in container.streams.video if stream.index == index]
    if stream.codec_context is None:
        return 0
    _skip_others(container, stream)
    stream.codec_context.options = dict(codec_options)
    stream.thread_count = 1
    num_frames = 0
    try:
        for packet in itertools.islice(container.demux(stream), _MAX_PACKETS):
            if packet.has_sidedata("encryption_info"):
                return 0
            num_frames += len(decode(stream, packet))
            if num_frames >= 2:
                return 2
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError:
        pass  # the file breaks off
    return num_frames


def _skip_others(container: InputContainer, selected: VideoStream) -> None:
    for stream in container.streams:
        if stream is not selected:
            stream.discard = Discard.all
