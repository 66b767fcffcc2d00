"""A video file and labels become a timeline: the moments of each label, and the score curves.

Knows no text: how labels are compared with a clip is handed in.

Shapes:
    M: slots   N: labels   B: windows   D: shared width
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from actionclip.model.actionclip import ActionCLIP
from actionclip.timeline import engine, frame_features
from actionclip.timeline.engine import Engine, Score
from actionclip.timeline.frame_features import StreamFrames
from actionclip.timeline.moments import Ended, Event, Moment, Slot
from actionclip.timeline.settings import Settings
from actionclip.video.decoder import SHARED_DECODER


@dataclass(frozen=True, eq=False)
class Timeline:
    """What was found in a video."""

    labels: Sequence[str]
    settings: Settings
    moments: Sequence[Moment]
    """By their beginnings; moments of different labels may overlap."""
    slot_seconds: Float64[np.ndarray, "M 2"]
    """Start and end of each slot."""
    scores: Float64[np.ndarray, "M N"]
    """Of each label in each slot."""

    @property
    def duration_seconds(self) -> float:
        """Until the end of the last slot."""
        return float(self.slot_seconds[:, 1].max(initial=0))


def find(
    model: ActionCLIP,
    video: Path,
    labels: Sequence[str],
    score: Score,
    settings: Settings,
    stream_frames: StreamFrames = SHARED_DECODER.stream_frames,
    on_progress: Callable[[int], None] = lambda num_steps: None,
) -> Timeline:
    """Find the moments of each label in a video.

    Args:
        model: looks at the frames; what it said of them before is looked up.
        video: a file.
        labels: in the order of the scores.
        score: gives the scores of the labels, 0…1, for embeddings of clips.
        settings: of windows and thresholds.
        stream_frames: decodes the video.
        on_progress: told how many frames have been looked at.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the video cannot be decoded, or the model cannot be used for timelines.
    """
    engine.check(model)  # before anything is decoded
    rate = settings.frames_per_second
    events: list[Event] = []
    finder = Engine(model, labels, score, settings)
    for step, features in frame_features.read(model, video, rate, stream_frames, on_progress):
        events += finder.push(step, features)
    events += finder.finish()
    slots = [event for event in events if isinstance(event, Slot)]
    moments = [event.moment for event in events if isinstance(event, Ended)]
    return Timeline(
        labels,
        settings,
        sorted(moments, key=lambda moment: (moment.start_seconds, labels.index(moment.label))),
        np.array([(slot.start_seconds, slot.end_seconds) for slot in slots]).reshape(-1, 2),
        np.array([slot.scores for slot in slots]).reshape(-1, len(labels)),
    )
