"""Scores of slots become moments: where a label's score rises, lasts and falls.

Two thresholds decide (hysteresis): a moment reaches the upper one somewhere and lasts, in both
directions, as long as the score stays above the lower one. Labels are independent of each other.
Slots come one by one, and events are returned as soon as they are certain.

Shapes:
    N: labels
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from actionclip.timeline.settings import Settings

DECIMALS = 4
"""Of scores; below is the noise of float arithmetic, which must not decide anything."""
_ROUNDING_SECONDS = 1e-6
"""Tolerance of lengths: times are sums of floats."""


@dataclass(frozen=True)
class Moment:
    """A part of a video in which a label fits."""

    start_seconds: float
    """On the file's clock, as players show it; of a camera since its first frame."""
    end_seconds: float
    label: str
    score: float
    """The mean over its time, 0…1."""


@dataclass(frozen=True, eq=False)
class Slot:
    """A part of a video, one stride long, and its final scores."""

    start_seconds: float
    end_seconds: float
    scores: Float64[np.ndarray, " N"]
    """Of the labels, 0…1, to four decimals."""


@dataclass(frozen=True)
class Began:
    """A moment of a label began; its `Ended` follows."""

    start_seconds: float
    label: str


@dataclass(frozen=True)
class Ended:
    """A moment is over."""

    moment: Moment


Event = Slot | Began | Ended


class Grouping:
    """Groups slots into moments; holds only what is still open."""

    def __init__(self, labels: Sequence[str], settings: Settings) -> None:
        """Start with nothing open; the labels are in the order of the scores."""
        self._labels = list(labels)
        self._settings = settings
        self._start_scores = [settings.start_score_of(label) for label in labels]
        end_scores = [settings.end_score_of(label) for label in labels]
        self._end_scores = np.array(end_scores).round(DECIMALS)
        self._runs: dict[int, _Run] = {}
        """Open ones, by label index."""

    def push(self, slot: Slot) -> list[Began | Ended]:
        """Take the next slot; return which moments began or ended, in the order of the labels."""
        events: list[Began | Ended] = []
        lasting = set(np.flatnonzero(slot.scores >= self._end_scores).tolist())
        for index in sorted(lasting | self._runs.keys()):
            score = float(slot.scores[index])
            run = self._runs.setdefault(index, _Run(slot.start_seconds, slot.start_seconds))
            run.push(slot, score, is_in=index in lasting)
            if not run.is_announced and self._is_moment(index, run):
                run.is_announced = True
                events.append(Began(run.start_seconds, self._labels[index]))
            gap_seconds = slot.end_seconds - run.end_seconds
            if gap_seconds > self._settings.max_gap_seconds + _ROUNDING_SECONDS:
                events += self._end(index)
        return events

    def close(self) -> list[Began | Ended]:
        """End what is open, as at the end of the video."""
        return [event for index in sorted(self._runs) for event in self._end(index)]

    def _is_moment(self, index: int, run: _Run) -> bool:
        seconds = run.end_seconds - run.start_seconds
        is_long = seconds >= self._settings.min_seconds - _ROUNDING_SECONDS
        return is_long and run.highest >= self._start_scores[index]

    def _end(self, index: int) -> list[Ended]:
        run = self._runs.pop(index)
        if not run.is_announced:
            return []
        score = round(run.score_seconds / (run.end_seconds - run.start_seconds), DECIMALS)
        label = self._labels[index]
        return [Ended(Moment(run.start_seconds, run.end_seconds, label, score))]


@dataclass
class _Run:
    """Slots of one label that may become a moment."""

    start_seconds: float
    end_seconds: float
    highest: float = 0.0
    score_seconds: float = 0.0
    """Score times time, until the end."""
    gap_score_seconds: float = 0.0
    """Score times time since the end; it counts if the score comes back."""
    is_announced: bool = False

    def push(self, slot: Slot, score: float, *, is_in: bool) -> None:
        """Add the next slot, as a part or as a possible gap."""
        self.gap_score_seconds += score * (slot.end_seconds - slot.start_seconds)
        if is_in:
            self.score_seconds += self.gap_score_seconds
            self.gap_score_seconds = 0.0
            self.end_seconds = slot.end_seconds
            self.highest = max(self.highest, score)
