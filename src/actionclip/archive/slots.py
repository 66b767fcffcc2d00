"""Slots of a part of a video, as a timeline of the whole video has them, from stored features.

The timeline's own engine computes them. It begins so far before the part that no slot of it depends
on where; it goes on, and back, as far as a moment reaches. Moments of any threshold are then made
of the same slots.

Shapes:
    T: steps   E: width of a row of vision features
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from actionclip.archive.query import Query
from actionclip.archive.tables import Near, Tables
from actionclip.model.actionclip import ActionCLIP
from actionclip.timeline import engine
from actionclip.timeline.engine import Engine
from actionclip.timeline.moments import DECIMALS, Ended, Grouping, Moment, Slot
from actionclip.timeline.settings import Settings

_STEPS_PER_READ = 64
_ROUNDING = 1e-6
"""Seconds; times are sums of floats."""


class Part:
    """Slots around a window; more of them as they are needed."""

    def __init__(
        self, model: ActionCLIP, tables: Tables, query: Query, settings: Settings, near: Near
    ) -> None:
        """Compute those of a window."""
        self._model, self._tables, self._query = model, tables, query
        self._settings = settings
        self._video = near.video
        self._near = near
        self._num_steps_back = _STEPS_PER_READ // 2
        self._begin()

    def covers(self, near: Near) -> bool:
        """Whether the slots of a window are here."""
        return (
            bool(self._slots)
            and near.video == self._video
            and self._slots[0].start_seconds - _ROUNDING <= near.start_seconds
            and near.end_seconds <= self._slots[-1].end_seconds + _ROUNDING
        )

    def peak(self, near: Near) -> float:
        """Return the best score of the query within a window."""
        inside = (slot for slot in self._slots if _overlap(slot, near) > _ROUNDING)
        return max(float(slot.scores[0]) for slot in inside)

    def moment(self, near: Near, settings: Settings) -> Moment | None:
        """Return the moment of the query that shares most with a window; None if none does.

        Args:
            near: a window that is covered.
            settings: those of the slots, but for the scores that a moment reaches.
        """
        label = self._query.labels[0]
        least = round(settings.end_score_of(label), DECIMALS)
        while (begin := self._quiet_before(near, least)) is None:
            self._extend_back()
        while (end := self._quiet_after(near, least)) is None:
            self._extend()
        grouping = Grouping(self._query.labels, settings)
        events = [event for slot in self._slots[begin:end] for event in grouping.push(slot)]
        moments = [
            event.moment
            for event in (*events, *grouping.close())
            if isinstance(event, Ended) and event.moment.label == label
        ]
        best = max(moments, key=lambda moment: _overlap(moment, near), default=None)
        return best if best is not None and _overlap(best, near) > _ROUNDING else None

    def _quiet_before(self, near: Near, least: float) -> int | None:
        """Return where no moment is open before a window; None: further back than the slots."""
        open_since = near.start_seconds
        for index in range(len(self._slots) - 1, -1, -1):
            slot = self._slots[index]
            if slot.start_seconds >= near.start_seconds - _ROUNDING:
                continue
            if slot.scores[0] >= least:
                open_since = slot.start_seconds
            elif open_since - slot.start_seconds > self._settings.max_gap_seconds + _ROUNDING:
                return index
        return 0 if self._is_start else None

    def _quiet_after(self, near: Near, least: float) -> int | None:
        """Return where the last moment of a window has ended; None: further than the slots."""
        open_until = near.end_seconds
        for index, slot in enumerate(self._slots):
            if slot.end_seconds <= near.end_seconds + _ROUNDING:
                continue
            if slot.scores[0] >= least:
                open_until = slot.end_seconds
            elif slot.end_seconds - open_until > self._settings.max_gap_seconds + _ROUNDING:
                return index + 1
        return len(self._slots) if self._is_end else None

    def _begin(self) -> None:
        """Compute the slots from so many steps before the window until its end."""
        rate = self._settings.frames_per_second
        begin = max(0, round(self._near.start_seconds * rate) - self._num_steps_back)
        step, features = self._tables.steps(self._video, begin, begin + _STEPS_PER_READ)
        self._is_start = begin == 0 or step > begin
        exact_from = step if self._is_start else step + _steps_to_settle(self._settings)
        self._exact_from_seconds = exact_from / rate - _ROUNDING
        self._engine = Engine(self._model, self._query.labels, self._query.score, self._settings)
        self._slots, self._is_end = [], False
        self._push(step, features)
        while not self._is_end and not self.covers(self._near):
            self._extend()

    def _extend_back(self) -> None:
        self._num_steps_back *= 4
        self._begin()

    def _extend(self) -> None:
        step = self._next_step
        _, features = self._tables.steps(self._video, step, step + _STEPS_PER_READ)
        self._push(step, features)

    def _push(self, step: int, features: Float[Tensor, "T E"]) -> None:
        self._is_end = len(features) == 0
        events = self._engine.finish() if self._is_end else self._engine.push(step, features)
        self._next_step = step + len(features)
        self._slots += [
            event
            for event in events
            if isinstance(event, Slot) and event.start_seconds >= self._exact_from_seconds
        ]


def _steps_to_settle(settings: Settings) -> int:
    """Return after how many steps slots do not depend any more on where the engine began."""
    slots = max(settings.window_slots) + 2 * settings.smoothing_slots
    return engine.NUM_CUT_DISTANCES + 1 + slots * settings.stride_steps


def _overlap(part: Moment | Slot, near: Near) -> float:
    start = max(part.start_seconds, near.start_seconds)
    return min(part.end_seconds, near.end_seconds) - start
