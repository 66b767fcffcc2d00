"""The engine: vision features of a video, step by step, become scores of slots and moments.

One engine serves files and streams. It never waits for the end, its memory depends on the longest
window and not on the video, and its answers do not depend on how the steps are handed over:
whatever comes at once, a slot is computed by itself, with the same shapes. Knows no files, no
pixels and no words; how an embedding becomes scores is handed in.

Shapes:
    T: steps handed over   E: width of the vision tower   D: shared width
    B: windows   N: labels
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from actionclip.model.actionclip import ActionCLIP
from actionclip.timeline import windows
from actionclip.timeline.cuts import CutDetector
from actionclip.timeline.moments import DECIMALS, Event, Grouping, Slot
from actionclip.timeline.settings import Settings

Score = Callable[[Float[Tensor, "B D"]], Float[Tensor, "B N"]]
"""Gives the scores of all labels, 0…1, for embeddings of clips."""


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
        """Begin before the first step.

        Args:
            model: projects frames and makes embeddings of windows.
            labels: in the order of the scores.
            score: compares embeddings of clips with these labels.
            settings: windows and thresholds.

        Raises:
            ValueError: the vision tower of the model looks at several frames at once.
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
        """Take steps that follow each other, and say what has become certain.

        Steps that were left out since the last call are a gap: what is open ends before it.

        Args:
            step: the number of the first of them; higher than all before.
            vision_features: of one frame for each step.

        Returns:
            Scores of slots, and beginnings and ends of moments, each once and in order.
        """
        events: list[Event] = []
        if self._next_step is not None and step > self._next_step:
            events += self.finish()
        for number, features in enumerate(vision_features, start=step):
            if self._settings.cuts and self._cuts.is_cut(features):
                events += self._group(self._end_scene())
            self._scene = self._scene or _Scene(number, self._model, self._score, self._settings)
            events += self._group(self._scene.push(features))
        self._next_step = step + len(vision_features)
        return events

    def finish(self) -> list[Event]:
        """End what is open; what is pushed afterwards begins anew."""
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
    """Make sure that what the vision tower says of a frame does not depend on other frames.

    Raises:
        ValueError: it does.
    """
    prompts = [name for name in ("shift", "joint") if getattr(model.config, name)]
    if prompts:
        raise ValueError(
            f"the vision tower of this model looks at several frames at once (visual prompt "
            f"{prompts[0]!r}), so that no frame can be kept for the next window; for timelines "
            "take a model that has only a temporal head"
        )


class _Scene:
    """Steps without a gap or a cut: holds their frame features and the slots not yet final."""

    def __init__(
        self, first_step: int, model: ActionCLIP, score: Score, settings: Settings
    ) -> None:
        self._first_step = first_step
        self._model = model
        self._score = score
        self._settings = settings
        self._new: list[Tensor] = []
        """Vision features of the slot that is not complete."""
        self._num_steps = 0
        """Steps that are projected."""
        self._frames: deque[Tensor] = deque(
            maxlen=max(settings.window_slots) * settings.stride_steps
        )
        """Frame features of the last of them."""
        self._num_slots = 0
        self._sums: deque[_Sum] = deque()
        """Scores of the slots that later windows may still cover."""
        self._means: deque[Float64[np.ndarray, " N"]] = deque(
            maxlen=2 * settings.smoothing_slots + 1
        )
        """Scores before smoothing: of the last slots that no later window covers."""
        self._num_means = 0
        self._num_given = 0

    def push(self, vision_features: Float[Tensor, " E"]) -> list[Slot]:
        """Take the next step, and give the slots that are final with it."""
        self._new.append(vision_features)
        if len(self._new) < self._settings.stride_steps:
            return []
        self._complete_slot()
        lengths = self._settings.window_slots
        self._see(windows.ending_with(self._num_slots, lengths))
        return self._give(self._num_slots + 1 - max(lengths), is_over=False)

    def finish(self) -> list[Slot]:
        """Give the slots that remain; the last one may be shorter."""
        lengths = self._settings.window_slots
        found = []
        if self._new:
            self._complete_slot()
            found = windows.ending_with(self._num_slots, lengths)
        self._see(found + windows.at_the_end(self._num_slots, lengths))
        return self._give(self._num_slots, is_over=True)

    @torch.inference_mode()
    def _complete_slot(self) -> None:
        """Project the frames of a slot: always these together, whatever else is at hand."""
        vision_features = torch.stack(self._new).to(self._model.logit_scale.device)  # (T, E)
        self._frames.extend(self._model.project(vision_features[None])[0])
        self._num_steps += len(self._new)
        self._new = []
        self._num_slots += 1
        self._sums.append(_Sum())

    @torch.inference_mode()
    def _see(self, found: Sequence[windows.Window]) -> None:
        """Add the scores of windows to the slots that they cover."""
        if not found:
            return
        stride = self._settings.stride_steps
        first_kept = self._num_steps - len(self._frames)
        clips: list[Tensor] = []
        for first_slot, end_slot in found:
            end_step = min(end_slot * stride, self._num_steps)
            steps = windows.clip_steps(first_slot * stride, end_step, self._model.config.num_frames)
            clips.append(torch.stack([self._frames[step - first_kept] for step in steps]))
        embeddings = self._model.embed_frame_features(torch.stack(clips))  # (B, D)
        scores = self._score(embeddings).cpu().double().numpy()  # (B, N)
        for (first_slot, end_slot), row in zip(found, scores, strict=True):
            for slot in range(first_slot, end_slot):
                self._sums[slot - self._num_means].add(row)

    def _give(self, num_certain: int, *, is_over: bool) -> list[Slot]:
        """Smooth what no later window covers, as far as its neighbours are known."""
        slots: list[Slot] = []
        reach = self._settings.smoothing_slots
        while self._num_means < num_certain:
            self._means.append(self._sums.popleft().mean())
            self._num_means += 1
            if self._num_given + reach < self._num_means:
                slots.append(self._smoothed())
        while is_over and self._num_given < self._num_slots:
            slots.append(self._smoothed())
        return slots

    def _smoothed(self) -> Slot:
        """Make the next slot of the means around it."""
        number = self._num_given
        self._num_given += 1
        settings = self._settings
        first_kept = self._num_means - len(self._means)
        start = max(0, number - settings.smoothing_slots - first_kept)
        end = number + settings.smoothing_slots + 1 - first_kept
        around = list(itertools.islice(self._means, start, end))
        first_step = number * settings.stride_steps
        end_step = min(first_step + settings.stride_steps, self._num_steps)
        return Slot(
            (self._first_step + first_step) / settings.frames_per_second,
            (self._first_step + end_step) / settings.frames_per_second,
            np.mean(around, axis=0).round(DECIMALS),
        )


class _Sum:
    """The scores of the windows that cover a slot."""

    def __init__(self) -> None:
        self._scores: Float64[np.ndarray, " N"] | float = 0.0
        self._num_windows = 0

    def add(self, scores: Float64[np.ndarray, " N"]) -> None:
        self._scores = self._scores + scores
        self._num_windows += 1

    def mean(self) -> Float64[np.ndarray, " N"]:
        return np.asarray(self._scores / self._num_windows)
