"""Recordings that are joined in one file get one continuous clock: parts follow one another.

In a file made by `cat a.ts b.ts`, or recorded over a reconnection, the times of the packets start
again, go back, or jump ahead. Each such part is moved to where the part before it ends. B-frames,
which are stored out of display order, do not count as a jump.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from av.container import InputContainer
from av.format import Flags
from av.packet import Packet
from av.video.stream import VideoStream

_MAX_GAP_SECONDS = 10.0  # in a broadcast format, whose clock may jump; as in FFmpeg
_MAX_STORED_GAP_SECONDS = 30 * 3600.0
"""In other formats, where a long gap can be a still picture; as in FFmpeg."""
_JITTER_SECONDS = 0.1  # in a broadcast format, decoding times may go back this much without a jump
_COMPUTED_JITTER_SECONDS = 1.0  # in other formats, where decoding times may be guesses
_BEFORE_ALL = -(2**62)
_MAX_LEADING = 32
"""Packets after a keyframe that may be shown before it; codecs delay frames by 16 at most."""


class Clock:
    """Moves the parts of one stream of packets onto one clock; times are ticks of the stream."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        max_gap_seconds: float | None = None,
    ) -> None:
        """Start before the first packet.

        Args:
            container: an open file or connection.
            stream: its video stream.
            max_gap_seconds: a longer gap is a jump of the clock; by default what is usual in the
                format.
        """
        is_broadcast = bool(container.format.flags & Flags.ts_discont.value)
        usual_gap = _MAX_GAP_SECONDS if is_broadcast else _MAX_STORED_GAP_SECONDS
        jitter = _JITTER_SECONDS if is_broadcast else _COMPUTED_JITTER_SECONDS
        seconds_per_tick = stream.time_base or 1
        rate = stream.guessed_rate or stream.average_rate or 25
        self._max_gap = (max_gap_seconds or usual_gap) / seconds_per_tick
        self._jitter = jitter / seconds_per_tick
        self._frame_duration = max(1, round(1 / (rate * seconds_per_tick)))
        self._latest_pts: int | None = None
        """Of the present part, as stored."""
        self._next_dts: int | None = None
        self._last_dts = 0
        self._offset = 0
        self._end = _BEFORE_ALL
        """When the last frame ends, on the continuous clock."""
        self.starts: list[int] = []
        """When the parts after the first one begin, on the continuous clock."""

    def continuous(self, packets: Iterable[Packet]) -> Iterator[Packet]:
        """Yield the packets with times of one clock; those of the first part are not changed."""
        packets = iter(packets)
        waiting: deque[Packet] = deque()
        while packet := waiting.popleft() if waiting else next(packets, None):
            if self._jumps_to(packet):
                while _may_be_led(packet, waiting) and (following := next(packets, None)):
                    waiting.append(following)
                self._begin_part([packet, *(other for other in waiting if _leads(other, packet))])
            self._move(packet)
            yield packet

    def _jumps_to(self, packet: Packet) -> bool:
        """Return whether a packet begins another part."""
        if self._latest_pts is None or packet.is_discard:  # an edit list goes back to a keyframe
            return False
        key_pts = packet.pts if packet.is_keyframe else None
        if key_pts is not None and key_pts < self._latest_pts:
            return True  # what is stored before a keyframe is shown before it
        if packet.dts is None or self._next_dts is None:
            return False
        if key_pts is not None and key_pts == self._latest_pts:  # two may have one time
            return packet.dts <= self._last_dts and packet.dts < key_pts
        if packet.dts < self._last_dts - self._jitter:
            return True
        gap = packet.dts - self._next_dts
        if packet.pts is not None:  # after a still picture, decoding goes on when the next is shown
            gap = min(gap, packet.pts - self._latest_pts)
        return gap > self._max_gap

    def _begin_part(self, packets: list[Packet]) -> None:
        times = [packet.pts if packet.pts is not None else packet.dts for packet in packets]
        self._offset = self._end - min(time for time in times if time is not None)
        self._latest_pts = None
        self.starts.append(self._end)

    def _move(self, packet: Packet) -> None:
        """Move a packet by the offset of its part, and remember its times."""
        duration = packet.duration or self._frame_duration
        if packet.dts is not None:
            self._last_dts, self._next_dts = packet.dts, packet.dts + duration
            packet.dts += self._offset
        if packet.pts is not None:
            if not packet.is_discard:
                latest = packet.pts if self._latest_pts is None else self._latest_pts
                self._latest_pts = max(packet.pts, latest)
                self._end = max(self._end, packet.pts + self._offset + duration)
            packet.pts += self._offset


def _may_be_led(keyframe: Packet, following: deque[Packet]) -> bool:
    """Return whether pictures that come later in the file can be shown before a keyframe."""
    if keyframe.pts is None or keyframe.dts is None or keyframe.dts >= keyframe.pts:
        return False
    return len(following) < _MAX_LEADING and (not following or _leads(following[-1], keyframe))


def _leads(packet: Packet, keyframe: Packet) -> bool:
    """Return whether a packet, or one after it, can be shown before the keyframe."""
    if packet.dts is None or keyframe.dts is None or keyframe.pts is None:
        return False
    return keyframe.dts <= packet.dts < keyframe.pts
