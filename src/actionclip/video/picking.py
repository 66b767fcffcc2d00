"""Wanted times become decoded frames of a video file, with the least decoding that is exact.

Reading starts at the keyframe before a wanted frame where that saves work; frames that are not
wanted and help no other are skipped; what then does not arrive as the packets announced is read
again from the start, without shortcuts. So the result is always that of decoding everything.
Times are ticks (see timetable). Knows nothing of indices or pixels.
"""

from __future__ import annotations

import bisect
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from actionclip.video import source
from actionclip.video.timetable import Opening

_LOOK_AHEAD = 32
"""So many packets tell which frame follows one on screen; codecs delay frames by 16 at most."""
_GAP_SECONDS = 0.25
"""Decoding through a gap shorter than this costs less than a seek."""
_KEYFRAME_SECONDS = 2.0
"""How far apart keyframes are taken to be in a file that does not list them."""
_NEVER = 2**63
"""A tick after all others."""

IsShown = Callable[[int, int], bool]
"""Whether a frame that is on screen from one tick until another, exclusive, is wanted."""


def pick(
    path: Path, start: Opening, targets: Sequence[int], keyframes: Sequence[int] = ()
) -> Iterator[tuple[int, VideoFrame]]:
    """Give for each target the frame on screen then, in any order.

    Args:
        path: a video file.
        start: what its first frame tells.
        targets: ticks, increasing, none before the first frame.
        keyframes: ticks where decoding can start, increasing, if they are known.
    """
    missing = set(targets)
    if start.is_seekable:
        with source.open_video(path) as (container, stream):
            for run in _runs(start, stream, targets, keyframes):
                for target, frame in _decode_run(path, start, container, stream, run, keyframes):
                    missing.discard(target)
                    yield target, frame
    if missing:
        yield from on_screen(source.timed_frames(path, start.is_counted), sorted(missing))


def wanted_frames(
    path: Path, start: Opening, is_wanted: IsShown
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode a whole file; frames that are not wanted may be left out."""
    if not start.is_seekable:
        yield from source.timed_frames(path, start.is_counted)
        return
    with source.open_video(path) as (container, stream):
        packets = (
            (packet, is_wanted(tick, shown_until))
            for packet, tick, shown_until in _look_ahead(source.packets(path, container, stream))
        )
        yield from source.with_ticks(_decode(stream, packets), is_counted=False)


def on_screen(
    frames: Iterable[tuple[int, VideoFrame]], targets: Iterable[int]
) -> Iterator[tuple[int, VideoFrame]]:
    """Give for each target, increasing, the last frame at or before it, or else the first frame."""
    targets = iter(targets)
    target = next(targets, None)
    shown = None
    for tick, frame in frames:
        while target is not None and target < tick and shown is not None:
            yield target, shown
            target = next(targets, None)
        if target is None:
            return
        shown = frame
    while target is not None and shown is not None:
        yield target, shown
        target = next(targets, None)


def _runs(
    start: Opening, stream: VideoStream, targets: Sequence[int], keyframes: Sequence[int]
) -> Iterator[list[int]]:
    """Part the targets where a seek to the next of them saves work."""
    gap = _GAP_SECONDS / start.seconds_per_tick
    run: list[int] = []
    last = start.first_tick
    for target in targets:
        if _keyframe_before(start, stream, target, keyframes) - last > gap:
            if run:
                yield run
            run = []
        run.append(target)
        last = target
    yield run


def _keyframe_before(
    start: Opening, stream: VideoStream, target: int, keyframes: Sequence[int]
) -> int:
    if keyframes:
        return keyframes[max(0, bisect.bisect_right(keyframes, target) - 1)]
    entry = stream.index_entries.search_timestamp(target)
    if entry >= 0:
        return stream.index_entries[entry].timestamp
    return target - int(_KEYFRAME_SECONDS / start.seconds_per_tick)


def _decode_run(
    path: Path,
    start: Opening,
    container: InputContainer,
    stream: VideoStream,
    run: Sequence[int],
    keyframes: Sequence[int],
) -> Iterator[tuple[int, VideoFrame]]:
    """Read a run from the keyframe before it; what does not come as announced is left out."""
    entry = _keyframe_before(start, stream, run[0], keyframes) if keyframes else -_NEVER
    packets = _packets_from(path, start, container, stream, run[0], entry)
    first = next(packets, None)
    if first is None:
        return
    served: dict[int, Sequence[int]] = {}  # tick of a frame -> targets

    def until_served() -> Iterator[tuple[Packet, bool]]:
        num_pending = len(run)
        for packet, tick, shown_until in _look_ahead(itertools.chain([first], packets)):
            here = run[bisect.bisect_left(run, tick) : bisect.bisect_left(run, shown_until)]
            if here:
                served[tick] = here
            yield packet, bool(here)
            num_pending -= len(here)
            if num_pending == 0:
                return

    # Where the keyframe does not come out itself, the pictures after it are only refreshed bit by
    # bit, and the first of them are not exact.
    is_exact = first.is_discard
    for frame in _decode(stream, until_served()):
        is_exact = is_exact or frame.pts == first.pts
        if is_exact and not frame.is_corrupt:
            for target in served.pop(frame.pts or 0, ()):
                yield target, frame


def _packets_from(
    path: Path,
    start: Opening,
    container: InputContainer,
    stream: VideoStream,
    tick: int,
    entry: int,
) -> Iterator[Packet]:
    """Give the packets from a keyframe between `entry` and a tick on; none if no seek leads there.

    Without an index a seek may lead far before it; what comes until then is not decoded.
    """
    for step_back in (0, 1, 5, 25):
        try:
            container.seek(tick - int(step_back / start.seconds_per_tick), stream=stream)
        except av.error.FFmpegError:
            return
        packets = source.packets(path, container, stream)
        for packet in packets:
            if packet.dts is not None and packet.dts > tick:
                break
            if packet.is_keyframe and packet.pts is not None and entry <= packet.pts <= tick:
                yield packet
                yield from packets
                return


def _look_ahead(packets: Iterable[Packet]) -> Iterator[tuple[Packet, int, int]]:
    """Give each packet, and the ticks at which its frame comes on screen and leaves it."""
    waiting: deque[Packet] = deque()
    ticks: list[int] = []  # when frames come on screen: of those waiting and some before

    def with_ticks(packet: Packet) -> tuple[Packet, int, int]:
        if packet.pts is None:
            return packet, 0, _NEVER  # perhaps at any time
        if packet.is_discard:
            return packet, 0, 0  # at no time
        following = bisect.bisect_right(ticks, packet.pts)
        return packet, packet.pts, ticks[following] if following < len(ticks) else _NEVER

    for packet in packets:
        if not packet.is_discard and packet.pts is not None:
            bisect.insort(ticks, packet.pts)
            del ticks[: -4 * _LOOK_AHEAD]
        waiting.append(packet)
        if len(waiting) > _LOOK_AHEAD:
            yield with_ticks(waiting.popleft())
    yield from map(with_ticks, waiting)


def _decode(stream: VideoStream, packets: Iterable[tuple[Packet, bool]]) -> Iterator[VideoFrame]:
    """Decode packets, skipping the frames that neither are wanted nor help others."""
    for packet, is_wanted in packets:
        stream.codec_context.skip_frame = "DEFAULT" if is_wanted else "NONREF"
        yield from source.decode(stream, packet)
    yield from source.decode(stream, None)
