"""Frames as they are decoded become frames at a steady rate: for each step the one then on screen.

Step `s` is `s / frames_per_second` seconds after the first frame. One rule for files and streams;
it needs the next frame and never the end. Times are ticks (see timetable). Knows no files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from av.video.frame import VideoFrame

from actionclip.video.timetable import Opening

ROUNDING_SECONDS = Fraction(1, 2000)
"""Matroska and Flash round times to milliseconds: a frame may come this much late."""


class Grid:
    """The steps of one video."""

    def __init__(self, start: Opening, frames_per_second: float) -> None:
        """Let the first step be at the first frame."""
        self._start = start
        self._rate = Fraction(frames_per_second)

    def seconds(self, tick: int) -> Fraction:
        """Say how long after the first frame a tick is."""
        return (tick - self._start.first_tick) * self._start.seconds_per_tick

    def has_step(self, tick: int, until: int) -> bool:
        """Say whether a frame that is on screen from one tick until another is there at a step."""
        return self._first_step(tick) < self._first_step(until)

    def steps(
        self, frames: Iterator[tuple[int, VideoFrame]]
    ) -> Iterator[tuple[range, VideoFrame, int]]:
        """Give each frame with its steps, perhaps none, and the tick at which it leaves the screen.

        Args:
            frames: at least one, with their ticks, in the order of showing.
        """
        num_steps = 0
        tick, shown = next(frames)
        while shown is not None:
            until, following = next(frames, (self._start.end_tick(tick, shown), None))
            steps = range(num_steps, max(num_steps, self._first_step(until)))
            yield steps, shown, until
            num_steps = steps.stop
            tick, shown = until, following

    def _first_step(self, tick: int) -> int:
        """Give the number of the first step at a tick or after it."""
        return max(0, math.ceil((self.seconds(tick) - ROUNDING_SECONDS) * self._rate))
