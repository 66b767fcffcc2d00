"""Settings of a timeline: seconds and scores as a user gives them, and the same in steps.

Step `s` of a timeline is the frame on screen at second `s / frames_per_second` of the file; a slot
is a stride of steps, and everything that is longer is a whole number of slots.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

_END_RATIO = 0.6


@dataclass(frozen=True)
class Settings:
    """How windows are laid over a video, and how their scores become moments."""

    frames_per_second: float = 4.0
    """How many frames of each second are encoded."""
    window_seconds: tuple[float, ...] = (2.0,)
    """Lengths of the windows; with several, a score is the mean over all of them."""
    stride_seconds: float | None = None
    """From one window to the next, and the resolution of scores and moments; by default one of the
    encoded frames."""
    smoothing_seconds: float = 0.0
    """Length of a moving average over the scores; 0 for none."""
    start_score: float = 0.5
    """A moment reaches this score somewhere."""
    end_score: float | None = None
    """A moment lasts, in both directions, as long as its score is no lower; by default six
    tenths of the score that it has to reach."""
    start_scores: Mapping[str, float] = field(default_factory=dict)
    """Labels whose moments have to reach a score of their own; the end score goes with it."""
    min_seconds: float = 0.5
    """Shorter moments are left out."""
    max_gap_seconds: float = 0.5
    """A moment goes on over a lower score if it lasts no longer than this."""
    cuts: bool = True
    """Let no window reach over a change of shot."""

    def __post_init__(self) -> None:
        if not self.window_seconds:
            raise ValueError("window_seconds: give at least one length")
        shortest = min(self.window_seconds)
        stride = self.stride_seconds
        for name, value in (
            ("frames_per_second", self.frames_per_second),
            ("stride_seconds", 1.0 if stride is None else stride),
            ("window_seconds", shortest),
        ):
            _require(name, value, 0 < value < math.inf, "more than 0")
        for name in ("smoothing_seconds", "min_seconds", "max_gap_seconds"):
            value = getattr(self, name)
            _require(name, value, 0 <= value < math.inf, "0 or more")
        for name, value in {"start_score": self.start_score, **self.start_scores}.items():
            _require(name, value, 0 < value <= 1, "more than 0, and 1 at most")
        wanted = f"0 to {self.start_score}, the score that a moment reaches"
        _require("end_score", self.end_score, 0 <= self._end_ratio <= 1, wanted)
        if stride and stride * self.frames_per_second < 0.5:
            raise ValueError(
                f"stride_seconds: {stride} is less than the time between two of "
                f"{self.frames_per_second} frames a second; take longer strides or more frames"
            )
        stride = stride or 1 / self.frames_per_second
        if shortest < stride:
            raise ValueError(
                f"window_seconds: {shortest} is shorter than the stride of {stride}, so that "
                "something would not be seen; take shorter strides, or more frames a second"
            )

    def reaching(self, threshold: float | Literal["auto"], fitted: Mapping[str, float]) -> Settings:
        """Return the settings with another score that moments reach.

        Args:
            threshold: a score for all labels; "auto": `fitted` for its labels, and the present
                `start_score` for others.
            fitted: scores by label, fitted on held-out clips.
        """
        if threshold == "auto":
            return dataclasses.replace(self, start_scores=dict(fitted))
        return dataclasses.replace(self, start_score=threshold)

    @property
    def stride_steps(self) -> int:
        """Steps of a slot."""
        return round((self.stride_seconds or 0) * self.frames_per_second) or 1

    @property
    def window_slots(self) -> tuple[int, ...]:
        """Slots of a window, for each of the lengths."""
        slot_seconds = self.stride_steps / self.frames_per_second
        return tuple(round(seconds / slot_seconds) or 1 for seconds in self.window_seconds)

    @property
    def smoothing_slots(self) -> int:
        """Slots on either side of one that its smoothed score is the mean of."""
        return round(self.smoothing_seconds * self.frames_per_second / self.stride_steps / 2)

    def start_score_of(self, label: str) -> float:
        """Return the score that a moment of a label reaches somewhere."""
        return self.start_scores.get(label, self.start_score)

    def end_score_of(self, label: str) -> float:
        """Return the score that a moment of a label has throughout."""
        return self.start_score_of(label) * self._end_ratio

    @property
    def _end_ratio(self) -> float:
        return _END_RATIO if self.end_score is None else self.end_score / self.start_score


def _require(name: str, value: float | None, is_possible: bool, wanted: str) -> None:
    if not is_possible:
        raise ValueError(f"{name}: {value} is not possible; give {wanted}")
