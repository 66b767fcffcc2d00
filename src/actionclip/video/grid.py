"""Frames as they are decoded become frames at a steady rate: for each step the one then on screen.

Step `s` is at `s / frames_per_second` seconds of the file's clock (see timetable). Before the first
frame there are no steps; it also stands for the step that it comes in. One rule for files and
streams; it needs the next frame and never the end. Times are ticks. Knows no files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from av.video.frame import VideoFrame

from actionclip.video.timetable import ROUNDING_SECONDS, Opening


class Grid:
    """The steps of one video."""

    def __init__(self, start: Opening, frames_per_second: float) -> None:
        """Let the first step be at the first frame, or just before it."""
        self._start = start
        self._rate = Fraction(frames_per_second)

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
        tick, shown = next(frames)
        next_step = self._first_step(self._start.first_tick)
        while shown is not None:
            until, following = next(frames, (self._start.end_tick(tick, shown), None))
            steps = range(next_step, max(next_step, self._first_step(until)))
            yield steps, shown, until
            next_step = steps.stop
            tick, shown = until, following

    def _first_step(self, tick: int) -> int:
        """Give the number of the first step that a frame which comes on screen then can stand for.

        It is at the tick or after it; only the very first frame may come after its step.
        """
        if tick <= self._start.first_tick:
            return math.floor((self._start.start_seconds + ROUNDING_SECONDS) * self._rate)
        return math.ceil((self._start.seconds(tick) - ROUNDING_SECONDS) * self._rate)
