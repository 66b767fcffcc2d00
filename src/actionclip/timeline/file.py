"""A video file and labels become a timeline: the moments of each label, and the score curves.

The frames become vision features at a steady rate, part by part; a thread decodes the next frames
meanwhile. Parts are stored in the feature cache, so that another question to the same video decodes
nothing, and an interrupted run resumes after its last whole part. Only a few parts are in memory.

Shapes:
    T: steps of a part   H W: pixels of a frame   E: width of the vision tower
    M: slots   N: labels
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from actionclip import prefetch
from actionclip.core import context, encode
from actionclip.core.cache import FeatureCache
from actionclip.model.actionclip import ActionCLIP
from actionclip.timeline import engine
from actionclip.timeline.engine import Engine, Score
from actionclip.timeline.moments import Ended, Event, Moment, Slot
from actionclip.timeline.settings import Settings
from actionclip.video.decoder import SHARED_DECODER

_NUM_PREFETCHED_BATCHES = 4

Frames = Iterator[tuple[float, UInt8[np.ndarray, "H W 3"]]]
StreamFrames = Callable[[Path, float, int | None], Frames]
"""Reads a whole video at a steady rate, as `decode.stream_frames` does."""
Part = tuple[int, Float[Tensor, "T E"]]
"""The number of its first step, `seconds * frames_per_second`, and the features."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """The moments and the scores of a video."""

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
    """Find the moments of each label in a video; the labels are in the order of the scores.

    `on_progress` is called with how many frames are encoded so far, or found in the cache.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the video cannot be decoded, or the model cannot be used for timelines.
    """
    engine.check(model)  # before anything is decoded
    rate = settings.frames_per_second
    events: list[Event] = []
    finder = Engine(model, labels, score, settings)
    for step, features in vision_features(model, video, rate, stream_frames, on_progress):
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


def vision_features(
    model: ActionCLIP,
    video: Path,
    frames_per_second: float,
    stream_frames: StreamFrames,
    on_progress: Callable[[int], None] = lambda num_steps: None,
    *,
    is_cached: bool = True,
) -> Iterator[Part]:
    """Yield the features of a whole video in order; see `find`.

    Without `is_cached` the feature cache is neither read nor written.
    """
    is_cached = is_cached and video.is_file()
    cache = FeatureCache(encode.depends_on(model)) if is_cached else None
    key_of = _part_keys(cache, video, frames_per_second) if cache else None  # before decoding
    num_steps = 0  # since the first one with a picture
    while cache and key_of:
        first_step = cache.find(key_of(num_steps, "first step"))
        features = cache.find(key_of(num_steps, "features"))
        if first_step is None or features is None:
            break
        num_steps += len(features)
        on_progress(num_steps)
        if len(features):
            yield int(first_step.item()), features
        if len(features) < context.STEPS_PER_PART:
            return
    per_step = context.frames_per_step(model, frames_per_second)
    stream = stream_frames(video, frames_per_second * per_step, model.encoder.short_side)
    first_step, frames = _numbered(stream, frames_per_second, per_step)
    memory = context.memory_frames(model, frames_per_second)
    frames = itertools.islice(frames, max(0, num_steps * per_step - memory), None)
    batch_size = min(encode.max_frames(model), context.STEPS_PER_PART) * per_step
    part = torch.empty(0, 0)
    with (
        closing(_prefetch(frames, batch_size)) as batches,
        closing(context.encode_steps(model, batches, frames_per_second, num_steps)) as encoded,
    ):
        is_last = False
        while not is_last:
            while len(part) < context.STEPS_PER_PART and not is_last:
                rows = next(encoded, None)
                is_last = rows is None
                if rows is not None:
                    part = torch.cat([part, rows]) if len(part) else rows
                    on_progress(num_steps + len(part))
            features, part = part[: context.STEPS_PER_PART], part[context.STEPS_PER_PART :]
            step = first_step + num_steps
            if cache and key_of:
                cache.add(key_of(num_steps, "first step"), torch.tensor([[float(step)]]))
                cache.add(key_of(num_steps, "features"), features)
            if len(features):
                yield step, features
            num_steps += len(features)


def _numbered(
    stream: Frames, steps_per_second: float, per_step: int
) -> tuple[int, Iterator[context.Frame]]:
    """Return the number of the first step, and frames numbered from it on.

    A first frame between two steps stands for the step before it as well.
    """
    first = next(stream, None)
    if first is None:
        return 0, iter(())
    seconds, picture = first
    first_step, num_before = divmod(round(seconds * steps_per_second * per_step), per_step)
    pictures = itertools.chain(
        itertools.repeat(picture, num_before + 1), (frame for _, frame in stream)
    )
    return first_step, enumerate(pictures)


def _part_keys(
    cache: FeatureCache, video: Path, frames_per_second: float
) -> Callable[[int, str], str] | None:
    """Hash the video; return what makes the keys of the part after so many steps."""
    try:
        content = cache.content(video)
    except OSError:
        return None  # the decoder reports it

    def key(num_before: int, what: str) -> str:
        steps = [num_before, num_before + context.STEPS_PER_PART]
        rate = float(frames_per_second)
        return cache.key(content, {"frames_per_second": rate, "steps": steps, "what": what})

    return key


def _prefetch(frames: Iterator[context.Frame], batch_size: int) -> Generator[list[context.Frame]]:
    """Decode the next batches in a thread while one is used."""

    def next_batch(_: int) -> list[context.Frame]:
        return list(itertools.islice(frames, batch_size))

    with ThreadPoolExecutor(1) as thread:
        batches = prefetch.ordered_map(
            next_batch, itertools.count(), thread, _NUM_PREFETCHED_BATCHES
        )
        with closing(batches):
            while batch := next(batches):
                yield batch
