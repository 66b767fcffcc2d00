"""Wanted times become decoded frames of a video file, with the least decoding that is exact.

Reading starts at the keyframe before a wanted frame where that saves work; frames that are neither
wanted nor needed by others are skipped. What then does not arrive as the packets announced, or
follows damage, which decoders conceal with whatever frames they have, is read again from the start,
without shortcuts. So the result always equals that of decoding everything, whatever else is wanted.
Times are ticks (see `timetable`).
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from actionclip.video import container
from actionclip.video.timetable import Opening, Timetable

_LOOK_AHEAD = 32
"""Packets that reveal which frame follows one on screen; codecs delay frames by 16 at most."""
_GAP_SECONDS = 0.25  # decoding through a gap shorter than this costs less than a seek
_NEVER = 2**63  # a tick after all others


class _DamagedError(Exception):
    """A packet is damaged, or frames that it needs are missing."""


def pick(path: Path, table: Timetable, targets: Sequence[int]) -> Iterator[tuple[int, VideoFrame]]:
    """Yield for each target the frame on screen then: in order, but for what is read again.

    Args:
        path: a video file.
        table: its timetable.
        targets: ticks, increasing, none before the first frame.
    """
    missing = set(targets)
    if len(table.keyframes):
        with container.open_video(path, is_strict=table.can_be_strict) as (source, stream):
            seeker = _Seeker(path, table, source, stream)
            for run in seeker.runs(targets):
                for target, frame in seeker.decode_run(run):
                    missing.discard(target)
                    yield target, frame
    if missing:
        timed = container.timed_frames(path, table.opening.is_counted)
        yield from on_screen(timed, sorted(missing))


def wanted_frames(
    path: Path, start: Opening, is_wanted: Callable[[int, int], bool]
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode a whole file; frames that are not wanted may be left out.

    Args:
        path: a video file.
        start: its opening.
        is_wanted: whether a frame is that is on screen from one tick until another, exclusive.
    """
    if not start.is_seekable:
        yield from container.timed_frames(path, start.is_counted)
        return
    last = -_NEVER
    with container.open_video(path, is_strict=True) as (source, stream):
        packets = (
            (packet, is_wanted(tick, until) or not may_be_skipped)
            for packet, tick, until, may_be_skipped in _look_ahead(
                stream, container.packets(path, source, stream)
            )
        )
        try:
            for last, frame in container.with_ticks(_decode(stream, packets), is_counted=False):
                yield last, frame
            return
        except _DamagedError:
            pass
    for tick, frame in container.timed_frames(path, start.is_counted):
        if tick > last:
            yield tick, frame


def on_screen(
    frames: Iterable[tuple[int, VideoFrame]], targets: Iterable[int]
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield for each target, increasing, the last frame at or before it, or else the first."""
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


class _Seeker:
    """Decodes parts of an open file, each from a keyframe on."""

    def __init__(
        self, path: Path, table: Timetable, source: InputContainer, stream: VideoStream
    ) -> None:
        self._path = path
        self._source = source
        self._stream = stream
        self._first_tick = table.opening.first_tick
        self._seconds_per_tick = table.opening.seconds_per_tick
        self._keyframes: list[int] = table.keyframes.tolist()
        self._may_skip = not table.has_gaps

    def runs(self, targets: Sequence[int]) -> Iterator[list[int]]:
        """Split the targets where a seek to the next of them saves work."""
        gap = _GAP_SECONDS / self._seconds_per_tick
        run: list[int] = []
        last = self._first_tick
        for target in targets:
            if self._keyframe_before(target) - last > gap:
                if run:
                    yield run
                run = []
            run.append(target)
            last = target
        yield run

    def decode_run(self, run: Sequence[int]) -> Iterator[tuple[int, VideoFrame]]:
        """Decode a run from the keyframe before it; what does not come as announced is left out."""
        packets = self._packets_from(run[0])
        first = next(packets, None)
        if first is None:
            return
        served: dict[int, Sequence[int]] = {}  # tick of a frame -> targets

        def until_served() -> Iterator[tuple[Packet, bool]]:
            num_pending = len(run)
            timed = _look_ahead(self._stream, itertools.chain([first], packets))
            for packet, tick, shown_until, _ in timed:
                here = run[bisect.bisect_left(run, tick) : bisect.bisect_left(run, shown_until)]
                if here:
                    served[tick] = here
                yield packet, bool(here) or not self._may_skip
                num_pending -= len(here)
                if num_pending == 0:
                    return

        # Where the keyframe does not come out itself, the pictures after it are only refreshed bit
        # by bit, and the first of them are not exact.
        is_exact = first.is_discard
        with contextlib.suppress(_DamagedError):
            for frame in _decode(self._stream, until_served()):
                is_exact = is_exact or frame.pts == first.pts
                if is_exact and frame.is_corrupt:
                    return
                if is_exact:
                    for target in served.pop(frame.pts or 0, ()):
                        yield target, frame

    def _keyframe_before(self, target: int) -> int:
        return self._keyframes[max(0, bisect.bisect_right(self._keyframes, target) - 1)]

    def _packets_from(self, tick: int) -> Iterator[Packet]:
        """Yield the packets from the keyframe before a tick on; none if no seek leads there.

        Without an index a seek may lead far before it; what comes until then is not decoded.
        """
        entry = self._keyframe_before(tick)
        for step_back in (0, 1, 5, 25):
            try:
                start = tick - int(step_back / self._seconds_per_tick)
                self._source.seek(start, stream=self._stream)
            except av.error.FFmpegError:
                return
            packets = container.packets(self._path, self._source, self._stream)
            for packet in packets:
                if packet.dts is not None and packet.dts > tick:
                    break
                if packet.is_keyframe and packet.pts is not None and entry <= packet.pts <= tick:
                    yield packet
                    yield from packets
                    return


def _look_ahead(
    stream: VideoStream, packets: Iterable[Packet]
) -> Iterator[tuple[Packet, int, int, bool]]:
    """Yield each packet, when its frame is shown from and until, and whether it may be skipped.

    From shortly before a gap, where frames may be missing, until the next keyframe none may be
    skipped: how a decoder fills the gap depends on all the others.
    """
    waiting: deque[Packet] = deque()
    ticks: list[int] = []  # when frames come on screen: of those waiting and some before
    rate = stream.guessed_rate or stream.average_rate
    longest = 1.5 / (rate * stream.time_base) if rate and stream.time_base else _NEVER
    is_near_gap = False

    def times(packet: Packet) -> tuple[int, int]:
        if packet.pts is None:
            return 0, _NEVER  # perhaps at any time
        if packet.is_discard:
            return 0, 0  # at no time
        following = bisect.bisect_right(ticks, packet.pts)
        return packet.pts, ticks[following] if following < len(ticks) else _NEVER

    def with_times(packet: Packet) -> tuple[Packet, int, int, bool]:
        nonlocal is_near_gap
        if packet.is_keyframe:
            is_near_gap = False
        if len(waiting) >= _LOOK_AHEAD // 2:
            tick, until = times(waiting[_LOOK_AHEAD // 2 - 1])
            is_near_gap = is_near_gap or longest < until - tick < _NEVER - tick
        return packet, *times(packet), not is_near_gap

    for packet in packets:
        if not packet.is_discard and packet.pts is not None:
            bisect.insort(ticks, packet.pts)
            del ticks[: -4 * _LOOK_AHEAD]
        waiting.append(packet)
        if len(waiting) > _LOOK_AHEAD:
            yield with_times(waiting.popleft())
    while waiting:
        yield with_times(waiting.popleft())


def _decode(stream: VideoStream, packets: Iterable[tuple[Packet, bool]]) -> Iterator[VideoFrame]:
    """Decode packets, skipping the frames that are neither wanted nor needed by others.

    Raises:
        _DamagedError: a packet is damaged; what follows would depend on the frames skipped.
    """
    for packet, is_wanted in packets:
        stream.codec_context.skip_frame = "DEFAULT" if is_wanted else "NONREF"
        frames = container.decode(stream, packet)
        if packet.is_corrupt or frames is container.DAMAGED:
            raise _DamagedError
        yield from frames
    yield from container.decode(stream, None)
