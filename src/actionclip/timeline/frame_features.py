"""A video file becomes vision features at a steady rate, part by part; what was computed is kept.

Decoding runs ahead of the tower in a thread of its own. Parts lie in the feature cache, so that
another question to the same video decodes nothing, and an interrupted run goes on after its last
whole part. Never more than a few parts are in memory. Knows no windows and no labels.

Shapes:
    T: steps of a part   H W: pixels of a frame   S: pixels of a crop   E: width of the vision tower
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from actionclip import ahead
from actionclip.core import encode
from actionclip.core.cache import FeatureCache
from actionclip.model.actionclip import ActionCLIP

STEPS_PER_PART = 256
"""What an interruption costs at most."""
_BATCHES_AHEAD = 4

Frames = Iterator[tuple[float, UInt8[np.ndarray, "H W 3"]]]
StreamFrames = Callable[[Path, float, int | None], Frames]
"""Reads a whole video at a steady rate, as `decode.stream_frames` does."""
Part = tuple[int, Float[Tensor, "T E"]]
"""The number of its first step, and the features."""


def read(
    model: ActionCLIP,
    video: Path,
    frames_per_second: float,
    stream_frames: StreamFrames,
    on_progress: Callable[[int], None] = lambda num_steps: None,
) -> Iterator[Part]:
    """Give the features of a whole video, in order.

    Args:
        model: its vision tower looks at the frames that were not seen before.
        video: a file.
        frames_per_second: how many frames of each second are looked at.
        stream_frames: decodes the video.
        on_progress: told how many steps are there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a video that can be decoded.
    """
    cache = FeatureCache(encode.depends_on(model)) if video.is_file() else None
    key_of = _keys(cache, video, frames_per_second) if cache else None  # before it is decoded
    first_step = 0
    while cache and key_of and (features := cache.find(key_of(first_step))) is not None:
        on_progress(first_step + len(features))
        if len(features):
            yield first_step, features
        if len(features) < STEPS_PER_PART:
            return
        first_step += STEPS_PER_PART
    frames = stream_frames(video, frames_per_second, model.encoder.short_side)
    pictures = (frame for _, frame in itertools.islice(frames, first_step, None))
    batch_size = min(encode.max_frames(model), STEPS_PER_PART)
    with closing(_prefetch(pictures, batch_size)) as batches:
        encoded = _counted(encode.stream_features(model, batches), first_step, on_progress)
        with closing(_in_parts(encoded, batch_size)) as parts:
            for features in parts:
                if cache and key_of:
                    cache.add(key_of(first_step), features)
                if len(features):
                    yield first_step, features
                first_step += STEPS_PER_PART


def _keys(
    cache: FeatureCache, video: Path, frames_per_second: float
) -> Callable[[int], str] | None:
    """Hash the video; return what names its part from a step on."""
    try:
        content = cache.content(video)
    except OSError:
        return None  # the decoder says what is wrong

    def key(first_step: int) -> str:
        steps = [first_step, first_step + STEPS_PER_PART]
        return cache.key(content, {"frames_per_second": float(frames_per_second), "steps": steps})

    return key


def _prefetch(
    frames: Iterator[UInt8[np.ndarray, "H W 3"]], batch_size: int
) -> Generator[UInt8[np.ndarray, "T H W 3"]]:
    """Let a thread decode the next batches while this one is used."""

    def next_batch(_: int) -> np.ndarray | None:
        batch = list(itertools.islice(frames, batch_size))
        return np.stack(batch) if batch else None

    with ThreadPoolExecutor(1) as thread:
        ahead_of_us = ahead.work(next_batch, itertools.count(), thread, _BATCHES_AHEAD)
        with closing(ahead_of_us):
            while (batch := next(ahead_of_us)) is not None:
                yield batch


def _counted(
    batches: Generator[Tensor], num_steps: int, on_progress: Callable[[int], None]
) -> Generator[Tensor]:
    """Report how many steps are there after each batch."""
    with closing(batches):
        for batch in batches:
            num_steps += len(batch)
            on_progress(num_steps)
            yield batch


def _in_parts(batches: Generator[Tensor], batch_size: int) -> Generator[Float[Tensor, "T E"]]:
    """Join batches; the last part is shorter than the others, and may be empty."""
    with closing(batches):
        while True:
            part = list(itertools.islice(batches, STEPS_PER_PART // batch_size))
            features = torch.cat(part) if part else torch.empty(0, 0)
            yield features
            if len(features) < STEPS_PER_PART:
                return
