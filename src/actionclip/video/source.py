"""A path becomes an open stream of pictures, or one sentence that says why not.

Only regular files of this machine are opened: FFmpeg may use the protocol `file` and no other,
and a folder, a pipe, a device or a playlist is refused. Knows nothing of times or indices.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from actionclip.video import choice, diagnosis
from actionclip.video.clock import Clock

logger = logging.getLogger(__name__)

_PLAYLISTS = frozenset(["concat", "dash", "hls", "imf", "sdp"])
FORMATS = ",".join(sorted(av.formats_available - _PLAYLISTS))
"""Formats that are files of their own: what a playlist names is never opened."""
_LARGE_PICTURE = 1280 * 720
"""Smaller pictures are decoded by one thread: handing them to several costs more than it gains."""

_MUCH = 0.1
"""A larger share of packets that cannot be decoded is worth a warning."""

NOTHING: list[VideoFrame] = []
"""What `decode` gives for a damaged packet; compared by identity, for a sound one may give none."""

codec_options: dict[str, str] = {}
"""For all decoders of this process."""


def limit_pixels(pixels: int) -> None:
    """Refuse larger pictures in this process from now on, before memory is taken for them."""
    codec_options["max_pixels"] = str(pixels)


def too_large(path: str | Path, width: int, height: int, pixels: int) -> str:
    """Say that pictures have more pixels than they may."""
    return f"{path}: pictures of {width}×{height} are over the limit of {pixels} pixels; scale them"


@contextmanager
def open_video(
    path: Path, *, is_strict: bool = False
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the stream of pictures that players show; the other streams are not read.

    Args:
        path: a video file.
        is_strict: let `decode` give `NOTHING` where it would conceal damage.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a video that can be decoded here; the message says why.
    """
    with _open(path) as container:
        is_ambiguous = len(choice.by_preference(container)) > 1
        index = _first_playing(path, *version(path)) if is_ambiguous else None
        stream = choose_pictures(path, container, index)
        if is_strict:
            stream.codec_context.options = {**codec_options, "err_detect": "explode"}
        yield container, stream


def version(path: Path) -> tuple[int, ...]:
    """Return numbers that change when the file does, or when the path leads to another one."""
    try:
        status = path.stat()
    except OSError:
        return ()  # opening it will say so
    return status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino


def choose_pictures(
    name: str | Path, container: InputContainer, index: int | None = None
) -> VideoStream:
    """Make one stream of pictures ready to be decoded, and let the others be.

    Args:
        name: of the file, for messages.
        container: an open file or connection.
        index: of the stream; by default the one that is preferred by what the header says.

    Raises:
        ValueError: there is none, or it cannot be decoded here; the message says why.
    """
    pictures = choice.by_preference(container)
    if not pictures:
        raise ValueError(f"{name}: {diagnosis.why_no_pictures(name, container)}")
    chosen = next((stream for stream in pictures if stream.index == index), pictures[0])
    if chosen.codec_context is None:
        raise ValueError(f"{name}: {diagnosis.why_no_codec(name)}")
    _check_size(name, chosen)
    chosen.codec_context.options = dict(codec_options)
    choice.only(container, chosen)
    if chosen.width * chosen.height >= _LARGE_PICTURE:
        chosen.thread_type = "AUTO"
    else:
        chosen.thread_count = 1
    return chosen


def packets(
    path: Path, container: InputContainer, stream: VideoStream, clock: Clock | None = None
) -> Iterator[Packet]:
    """Give the coded pictures from the present position on, in the order of decoding.

    Their times are those of one clock. Where the file breaks off they end, with a warning.

    Raises:
        ValueError: they are encrypted.
    """
    clock = clock or Clock(container, stream)
    try:
        for packet in clock.continuous(filter(_has_data, container.demux(stream))):
            if packet.has_sidedata("encryption_info"):
                raise ValueError(f"{path}: {diagnosis.ENCRYPTED}")
            yield packet
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError as error:
        logger.warning("%s: cannot be read to its end (%s); what comes before is used", path, error)


def decode(stream: VideoStream, packet: Packet | None) -> list[VideoFrame]:
    """Give the frames that are finished after one more packet, or all that remain for None.

    A packet that is damaged beyond decoding gives none, and that is `NOTHING`.
    """
    try:
        return stream.codec_context.decode(packet)
    except av.error.MemoryError:
        raise  # not the packet's fault
    except av.error.FFmpegError:
        return NOTHING


def frames(path: Path, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Decode everything from the present position on, in the order of showing.

    A warning says where much of it cannot be decoded.
    """
    num_packets = num_damaged = num_frames = 0
    for packet in packets(path, container, stream):
        decoded = decode(stream, packet)
        num_packets += 1
        num_damaged += decoded is NOTHING
        num_frames += len(decoded)
        yield from decoded
    yield from decode(stream, None)
    if num_frames and num_damaged > _MUCH * num_packets:
        logger.warning(
            "%s: %d of %d coded pictures cannot be decoded (damaged, or of another recording with "
            "another codec); the rest is used",
            path,
            num_damaged,
            num_packets,
        )


def with_ticks(frames: Iterable[VideoFrame], is_counted: bool) -> Iterator[tuple[int, VideoFrame]]:
    """Give frames with their times in ticks, or where they are counted with their numbers.

    A time that is missing, or is not after the one before it, becomes the next tick.
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
    """Decode a whole file, in the order of showing: ticks, or numbers if counted, and frames."""
    with open_video(path) as (container, stream):
        yield from with_ticks(frames(path, container, stream), is_counted)


def _open(path: Path) -> InputContainer:
    _check_is_filled_file(path)
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


@functools.lru_cache(maxsize=16)
def _first_playing(path: Path, *version: int) -> int:
    return choice.first_playing(lambda: _open(path), codec_options)


def _has_data(packet: Packet) -> bool:
    return packet.size > 0  # the last one, which ends the decoding, has none


def _check_is_filled_file(path: Path) -> None:
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


def _check_size(path: str | Path, stream: VideoStream) -> None:
    """Refuse pictures over the limit; where it is met while opening, their size stays unknown."""
    if "max_pixels" not in codec_options:
        return
    pixels = int(codec_options["max_pixels"])
    if stream.width * stream.height > pixels:
        raise ValueError(too_large(path, stream.width, stream.height, pixels))
    if stream.width == 0:
        raise ValueError(f"{path}: {diagnosis.why_no_size(path, pixels)}")
