"""A video's features, part by part, become the windows that a search compares with a query.

Windows are as long as a timeline's and overlap by half; none reaches over a change of shot, and a
shot that is shorter is one window. A window in which nothing changes, such as a black intro or a
frozen picture, shows no action and is left out.

Shapes:
    T: steps of a part   E: width of a row of vision features   F: width of frame features
    D: width of an embedding
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from actionclip.core import context, encode
from actionclip.model.actionclip import ActionCLIP
from actionclip.timeline import engine
from actionclip.timeline.settings import Settings

STILL_DISTANCE = 0.003
"""Cosine distance of successive frames up to which nothing changes; a frozen picture that was
compressed stays below, a camera without a tripod and somebody who moves do not."""


class Window(NamedTuple):
    """A part of a video and its embedding."""

    first_step: int
    end_step: int
    """Exclusive."""
    embedding: Float[Tensor, " D"]
    """Of length one, on the CPU."""


class Windows:
    """Cuts one video into windows; its memory does not depend on the length of the video.

    Example:
        >>> windows = Windows(model, Settings())
        >>> for step, features in parts:
        ...     rows += windows.push(step, features)
        >>> rows += windows.finish()
    """

    def __init__(self, model: ActionCLIP, settings: Settings) -> None:
        """Start before the first step; of the settings, rate, window, stride and cuts count."""
        self._model = model
        self._length = settings.window_slots[0] * settings.stride_steps
        self._cuts = engine.CutDetector() if settings.cuts else None
        self._first_step = 0
        """Of the frames in memory."""
        self._frames: list[Tensor] = []
        """Frame features of the shot, from the first that a later window may need."""
        self._changes: list[float] = []
        """How far each of them is from the one before it; the first of a shot has none: 0."""
        self._last: Tensor | None = None
        self._num_covered = 0
        """Of the frames in memory, those that a window covers."""

    def push(self, step: int, features: Float[Tensor, "T E"]) -> list[Window]:
        """Take consecutive steps, the first of this number; return the windows complete so far."""
        clips: list[tuple[int, int, Tensor]] = []
        frames = encode.project_frames(self._model, features)  # (T, F)
        for number, (row, frame) in enumerate(zip(features, frames, strict=True), start=step):
            of_frame = context.of_frames(self._model, row)
            if self._cuts and self._cuts.is_cut(of_frame):
                clips += self._end_shot()
            of_frame = F.normalize(of_frame, dim=0)
            if not self._frames:
                self._first_step = number
            last, self._last = self._last, of_frame
            self._changes.append(0.0 if last is None else 1 - float(last @ of_frame))
            self._frames.append(frame)
            if len(self._frames) == self._length:
                clips += self._window()
                half = max(1, self._length // 2)
                del self._frames[:half], self._changes[:half]
                self._first_step += half
                self._num_covered = len(self._frames)
        return self._embed(clips)

    def finish(self) -> list[Window]:
        """Return the windows that are left, after the last step."""
        return self._embed(self._end_shot())

    def _end_shot(self) -> list[tuple[int, int, Tensor]]:
        clips = self._window() if len(self._frames) > self._num_covered else []
        self._frames, self._changes, self._last, self._num_covered = [], [], None, 0
        return clips

    def _window(self) -> list[tuple[int, int, Tensor]]:
        """Return the window of the frames in memory, if anything changes in it."""
        changes = self._changes[1:]  # the first is from the frame before the window
        if changes and max(changes) <= STILL_DISTANCE:
            return []
        steps = engine.clip_steps(0, len(self._frames), self._model.config.num_frames)
        clip = torch.stack([self._frames[step] for step in steps])  # (T, F)
        return [(self._first_step, self._first_step + len(self._frames), clip)]

    def _embed(self, clips: list[tuple[int, int, Tensor]]) -> list[Window]:
        if not clips:
            return []
        stacked = torch.stack([clip for _, _, clip in clips])
        embeddings = encode.embed_frame_features(self._model, stacked).float().cpu()
        return [Window(*clips[row][:2], embedding) for row, embedding in enumerate(embeddings)]
