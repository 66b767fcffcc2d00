"""The engine: vision features of a video, step by step, become scores of slots and moments.

One engine serves files and streams. It never waits for the end, its memory depends on the longest
window and not on the length of the video, and its results do not depend on how many steps are
pushed at once: every slot is computed by itself, with the same shapes.

A scene is a run of steps without a gap and without a cut; no window leaves it. At its beginning and
at its end are shorter windows, down to half a length, so that the first and the last slots are not
only seen together with what is far from them; a scene that is shorter still is one window.

Shapes:
    T: steps   E: width of the vision tower   D: shared width   B: windows   N: labels
"""

from __future__ import annotations

import statistics
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional as F

from actionclip.core import context, encode
from actionclip.model.actionclip import ActionCLIP
from actionclip.timeline.moments import DECIMALS, Event, Grouping, Slot
from actionclip.timeline.settings import Settings
from actionclip.video import sampling

Score = Callable[[Float[Tensor, "B D"]], Float[Tensor, "B N"]]
"""Returns the scores of all labels, 0…1, for embeddings of clips."""
Window = tuple[int, int]
"""First slot of a scene, and the slot after the last."""

MIN_CUT_DISTANCE = 0.5
"""Cosine distance below which two frames belong to the same shot."""
MIN_CUT_RATIO = 2.0
"""How many times the median distance of the frames before it a cut has to be, so that a quick
movement, or a camera that is carried, is no cut."""
NUM_CUT_DISTANCES = 8
"""Distances of which the median is taken."""


class Engine:
    """Finds moments while a video goes by; every frame is projected once.

    Example:
        >>> engine = Engine(model, labels, score, Settings())
        >>> for step, vision_features in steps:
        ...     for event in engine.push(step, vision_features):
        ...         print(event)
        >>> events = engine.finish()
    """

    def __init__(
        self, model: ActionCLIP, labels: Sequence[str], score: Score, settings: Settings
    ) -> None:
        """Start before the first step; the labels are in the order of the scores.

        Raises:
            ValueError: the vision tower of the model mixes frames.
        """
        check(model)
        self._model = model
        self._score = score
        self._settings = settings
        self._grouping = Grouping(labels, settings)
        self._next_step: int | None = None
        self._scene: _Scene | None = None
        self._cuts = CutDetector()

    def push(self, step: int, vision_features: Float[Tensor, "T E"]) -> list[Event]:
        """Take consecutive steps, the first of this number; return the events that are certain.

        Steps that were left out since the last call are a gap: what is open ends before it. Events
        are scores of slots, beginnings and ends of moments, each once and in order.
        """
        events: list[Event] = []
        if self._next_step is not None and step > self._next_step:
            events += self.finish()
        for number, features in enumerate(vision_features, start=step):
            of_frame = context.of_frames(self._model, features)  # what is around shows cuts late
            if self._settings.cuts and self._cuts.is_cut(of_frame):
                events += self._group(self._end_scene())
            self._scene = self._scene or _Scene(number, self._model, self._score, self._settings)
            events += self._group(self._scene.push(features))
        self._next_step = step + len(vision_features)
        return events

    def finish(self) -> list[Event]:
        """End what is open; steps that are pushed afterwards start anew."""
        events = [*self._group(self._end_scene()), *self._grouping.close()]
        self._cuts = CutDetector()
        return events

    def _end_scene(self) -> list[Slot]:
        slots = self._scene.finish() if self._scene else []
        self._scene = None
        return slots

    def _group(self, slots: Sequence[Slot]) -> list[Event]:
        return [event for slot in slots for event in (slot, *self._grouping.push(slot))]


def check(model: ActionCLIP) -> None:
    """Make sure that the vision features of a frame do not depend on other frames.

    Raises:
        ValueError: they do.
    """
    prompts = [name for name in ("shift", "joint") if getattr(model.config, name)]
    if prompts:
        raise ValueError(
            f"the vision tower of this model sees several frames at once (visual prompt "
            f"{prompts[0]!r}), so that no frame can be cached for the next window; for timelines "
            "take a model that has only a temporal head"
        )


class CutDetector:
    """Tells for each frame in turn whether a new shot begins with it."""

    def __init__(self) -> None:
        self._last: Tensor | None = None
        self._distances: deque[float] = deque(maxlen=NUM_CUT_DISTANCES)

    def is_cut(self, vision_features: Float[Tensor, " E"]) -> bool:
        """Take the next frame; the first one is no cut."""
        features = F.normalize(vision_features, dim=0)
        last, self._last = self._last, features
        if last is None:
            return False
        distance = round(1 - float(last @ features), 3)  # below is the noise of float arithmetic
        usual = statistics.median_low(self._distances) if self._distances else 0.0
        self._distances.append(distance)
        return distance > max(MIN_CUT_DISTANCE, MIN_CUT_RATIO * usual)


def windows_ending_with(num_slots: int, lengths: Sequence[int]) -> list[Window]:
    """Return the windows that are complete as soon as a scene has this many slots.

    >>> windows_ending_with(3, lengths=[2, 4, 8])
    [(1, 3), (0, 3)]
    """
    return [
        (max(0, num_slots - length), num_slots) for length in lengths if 2 * num_slots >= length
    ]


def windows_at_the_end(num_slots: int, lengths: Sequence[int]) -> list[Window]:
    """Return the windows that are complete only because a scene ends after this many slots.

    >>> windows_at_the_end(6, lengths=[2, 4])
    [(5, 6), (3, 6), (4, 6)]
    >>> windows_at_the_end(1, lengths=[4])
    [(0, 1)]
    """
    windows: list[Window] = []
    for length in lengths:
        if 2 * num_slots < length:
            windows.append((0, num_slots))
        starts = range(max(0, num_slots - length) + 1, num_slots)
        windows += [(start, num_slots) for start in starts if 2 * (num_slots - start) >= length]
    return windows


def clip_steps(first_step: int, end_step: int, num_frames: int) -> list[int]:
    """Return the steps of a window that make its clip; a short window repeats some.

    >>> clip_steps(10, 18, num_frames=4)
    [10, 12, 14, 16]
    """
    middles = sampling.segment_middles(end_step - first_step, num_frames)
    return [first_step + int(middle) for middle in middles]


class _Scene:
    """Holds the frame features of a scene and the slots that are not final yet."""

    def __init__(
        self, first_step: int, model: ActionCLIP, score: Score, settings: Settings
    ) -> None:
        self._first_step = first_step
        self._model = model
        self._score = score
        self._settings = settings
        self._lengths = settings.window_slots
        self._stride = settings.stride_steps
        self._pending: list[Tensor] = []
        """Vision features of the slot that is not complete."""
        self._num_steps = 0
        """Steps that are projected."""
        self._frames: deque[Tensor] = deque(maxlen=max(self._lengths) * self._stride)
        """Frame features of the last of them."""
        self._num_slots = 0
        self._scores: defaultdict[int, list[Float64[np.ndarray, " N"]]] = defaultdict(list)
        """Of the windows so far, for each slot that later windows may still cover."""
        self._means: dict[int, Float64[np.ndarray, " N"]] = {}
        """Scores before smoothing: of the last slots that no later window covers."""
        self._num_means = 0
        self._num_smoothed = 0

    def push(self, vision_features: Float[Tensor, " E"]) -> list[Slot]:
        """Take the next step, and return the slots that are final with it."""
        self._pending.append(vision_features)
        if len(self._pending) < self._stride:
            return []
        self._complete_slot()
        self._score_windows(windows_ending_with(self._num_slots, self._lengths))
        return self._final_slots(self._num_slots + 1 - max(self._lengths), is_over=False)

    def finish(self) -> list[Slot]:
        """Return the slots that remain; the last one may be shorter."""
        windows: list[Window] = []
        if self._pending:
            self._complete_slot()
            windows = windows_ending_with(self._num_slots, self._lengths)
        self._score_windows(windows + windows_at_the_end(self._num_slots, self._lengths))
        return self._final_slots(self._num_slots, is_over=True)

    def _complete_slot(self) -> None:
        """Project the frames of a slot: always these together, whatever else was pushed."""
        self._frames.extend(encode.project_frames(self._model, torch.stack(self._pending)))
        self._num_steps += len(self._pending)
        self._pending = []
        self._num_slots += 1

    @torch.inference_mode()
    def _score_windows(self, windows: Sequence[Window]) -> None:
        """Add the scores of windows to the slots that they cover."""
        if not windows:
            return
        oldest = self._num_steps - len(self._frames)
        clips: list[Tensor] = []
        for first_slot, end_slot in windows:
            first_step = first_slot * self._stride
            end_step = min(end_slot * self._stride, self._num_steps)
            steps = clip_steps(first_step, end_step, self._model.config.num_frames)
            clips.append(torch.stack([self._frames[step - oldest] for step in steps]))
        embeddings = encode.embed_frame_features(self._model, torch.stack(clips))  # (B, D)
        scores = self._score(embeddings).cpu().double().numpy()  # (B, N)
        for (first_slot, end_slot), row in zip(windows, scores, strict=True):
            for slot in range(first_slot, end_slot):
                self._scores[slot].append(row)

    def _final_slots(self, num_certain: int, *, is_over: bool) -> list[Slot]:
        """Smooth the slots that no later window covers, as far as their neighbours are known."""
        while self._num_means < num_certain:
            rows = self._scores.pop(self._num_means)
            self._means[self._num_means] = np.asarray(sum(rows) / len(rows))
            self._num_means += 1
        reach, rate = self._settings.smoothing_slots, self._settings.frames_per_second
        num_final = self._num_slots if is_over else self._num_means - reach
        slots: list[Slot] = []
        for number in range(self._num_smoothed, num_final):
            neighbours = range(max(0, number - reach), min(number + reach + 1, self._num_means))
            scores = np.mean([self._means[neighbour] for neighbour in neighbours], axis=0)
            first_step = self._first_step + number * self._stride
            end_step = min(first_step + self._stride, self._first_step + self._num_steps)
            slots.append(Slot(first_step / rate, end_step / rate, scores.round(DECIMALS)))
            self._means.pop(number - reach, None)
            self._num_smoothed = number + 1
        return slots
